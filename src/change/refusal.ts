/** Every reason why a change is not made, not decided, or not taken back. */
export type ChangeRefusal =
  // Who asks
  | { kind: 'self-approval' }
  | { kind: 'not-an-approver' }
  | { kind: 'approvers-unknown' }
  | { kind: 'approved-already' }
  | { kind: 'decided-already'; how: string; by: string | null }
  | { kind: 'too-late' }
  | { kind: 'not-yours' }
  | { kind: 'nothing-to-undo'; how: string }
  | { kind: 'no-such-change' }
  | { kind: 'too-many-open'; max: number }
  // What is asked for
  | { kind: 'no-such-process'; host: string; what: string; nearest: string | null }
  | { kind: 'bad-name'; what: string }
  | { kind: 'bad-adj'; given: string }
  | { kind: 'same-value'; adj: number }
  | { kind: 'no-default'; adj: number; needed: number | null }
  | { kind: 'init' }
  | { kind: 'too-many-processes'; count: number; max: number }
  | { kind: 'needs-end-date' }
  | { kind: 'nothing-killable' }
  | { kind: 'out-of-helper-range'; adj: number; min: number; max: number }
  | { kind: 'not-protected'; what: string }
  | { kind: 'keep-needs-no-end' }
  | { kind: 'host-without-tag'; host: string; tag: string }
  // What the host says
  | { kind: 'host-away'; sentence: string }
  | { kind: 'no-helper'; sentence: string }
  | { kind: 'helper-version' }
  | { kind: 'rebooted' }
  | { kind: 'process-gone' }
  | { kind: 'process-replaced' }
  | { kind: 'value-changed'; now: string }
  | { kind: 'kept-process' }
  | { kind: 'not-a-process' }
  | { kind: 'no-capability' }
  | { kind: 'read-only' }
  | { kind: 'not-written' }
  | { kind: 'bad-request'; reason: string }
  | { kind: 'no-systemd' }
  | { kind: 'no-unit' }
  | { kind: 'interrupted' };

/** Whether it was tried and could not be done, rather than not begun for a good reason. */
export function isFailure({ kind }: ChangeRefusal): boolean {
  return [
    'host-away',
    'no-helper',
    'helper-version',
    'no-capability',
    'read-only',
    'not-written',
    'bad-request',
    'no-systemd',
    'interrupted',
  ].includes(kind);
}
