import type { Stranger } from './account.ts';

/** Every reason why a change is not made, not decided, or not taken back. */
export type ChangeRefusal =
  // Who asks
  | { kind: 'self-approval' }
  | { kind: 'not-an-approver' }
  | { kind: 'approvers-unknown' }
  | { kind: 'groups-not-permitted' }
  | { kind: 'no-approvers' }
  | { kind: 'local-workspace'; host: string }
  | { kind: 'stranger'; why: Stranger }
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
  /** The helper only lowers, and puts back what it lowered. `line`: does by hand what it would not. */
  | { kind: 'no-raise'; line: string | null }
  | { kind: 'no-host-log' }
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
    'no-raise',
    'no-host-log',
    'read-only',
    'not-written',
    'bad-request',
    'no-systemd',
    'interrupted',
  ].includes(kind);
}

/** Every reason why a question or an order gets no for an answer. */
export type Refusal =
  /** `tagged`: it is no host but a tag, of these hosts. */
  | { kind: 'unknown-host'; host: string; nearest: string | null; known: string[]; tagged?: string[] }
  | { kind: 'unknown-target'; target: string; nearest: string | null; known: string[] }
  | { kind: 'unknown-destination'; given: string; nearest: string | null; known: string[] }
  | { kind: 'no-kill-known'; host: string; watchedSinceMs: number | null }
  | { kind: 'host-unreachable'; host: string; sinceMs: number | null; reason: string }
  | { kind: 'too-slow'; host: string; waitedMs: number }
  | { kind: 'scores-unread'; host: string; reason: string }
  | { kind: 'not-allowed'; what: string; whoMay: string }
  /** `what` completes "You can’t …". */
  | { kind: 'stranger'; what: string; why: Stranger }
  | { kind: 'unknown-word'; word: string; nearest: string | null }
  | { kind: 'incomplete'; verb: string; wanted: string; example: string }
  | { kind: 'bad-value'; name: string; given: string; expected: string }
  | { kind: 'no-report-found'; lineCount: number }
  | { kind: 'host-exists'; host: string }
  | { kind: 'host-from-file'; host: string }
  | { kind: 'host-key-unread'; address: string; reason: string }
  | { kind: 'host-key-changed'; host: string; confirmed: string; found: string }
  | { kind: 'not-muted'; target: string }
  | { kind: 'stale'; what: string }
  | { kind: 'no-such-incident'; id: string; isAmbiguous: boolean }
  | { kind: 'incident-closed'; atMs: number }
  | { kind: 'needs-window'; command: string }
  | { kind: 'unknown-action' }
  | { kind: 'change'; why: ChangeRefusal }
  /** `line`: brings what is missing there. */
  | { kind: 'no-drill'; host: string; reason: string; line: string | null }
  | { kind: 'busy' }
  | { kind: 'fault'; reference: string };
