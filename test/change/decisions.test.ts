import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Change, ChangeState } from '../../src/change/change.ts';
import {
  decideApproval,
  decideBegin,
  decideDecline,
  decideExpiry,
  decideUndo,
  type Decision,
  type Standing,
} from '../../src/change/decisions.ts';
import { quorumFor, standingOf, toldDirectly, type ApprovalPolicy } from '../../src/change/policy.ts';
import { aChange, PROPOSED_AT_MS } from '../support/a-change.ts';

const NOW = PROPOSED_AT_MS + 60_000;
const STATES: ChangeState[] = [
  { kind: 'proposed' },
  { kind: 'approved', atMs: NOW },
  { kind: 'applying', owner: 'o1', atMs: NOW },
  { kind: 'applied', atMs: NOW, untilMs: null, undoFailed: null, tryAgainAtMs: 0 },
  { kind: 'refused', atMs: NOW, why: { kind: 'process-gone' } },
  { kind: 'failed', atMs: NOW, why: { kind: 'no-capability' } },
  { kind: 'unknown', atMs: NOW, during: 'apply', askedBy: 'UANN' },
  { kind: 'declined', atMs: NOW, by: 'UBEN' },
  { kind: 'expired', atMs: NOW },
  { kind: 'undoing', askedBy: 'UANN', owner: 'o1', atMs: NOW },
  { kind: 'undone', atMs: NOW, askedBy: 'UANN' },
];

function approval(by: string, given: Partial<Parameters<typeof decideApproval>[1]> = {}) {
  return { by, nowMs: NOW, standing: 'may' as Standing, selfApproval: false, stillMay: [], ...given };
}

function refusal(decision: Decision): string {
  return decision.kind === 'refused' ? decision.refusal.kind : 'accepted';
}

function next(decision: Decision): Change {
  if (decision.kind === 'refused') throw new Error(decision.refusal.kind);
  return decision.next;
}

describe('approving', () => {
  it('by somebody else makes it approved', () => {
    const approved = next(decideApproval(aChange(), approval('UBEN')));

    expect(approved.state).toEqual({ kind: 'approved', atMs: NOW });
    expect(approved.approvals).toEqual([{ by: 'UBEN', atMs: NOW }]);
  });

  it.each<[string, Change, Parameters<typeof decideApproval>[1], string]>([
    ['by the proposer', aChange(), approval('UANN'), 'self-approval'],
    ['by somebody who may not', aChange(), approval('UBEN', { standing: 'may-not' }), 'not-an-approver'],
    ['when the group cannot be read', aChange(), approval('UBEN', { standing: 'unknown' }), 'approvers-unknown'],
    ['too late', aChange(), approval('UBEN', { nowMs: aChange().expiresAtMs }), 'too-late'],
    [
      'twice by one',
      aChange({ quorum: 2, approvals: [{ by: 'UBEN', atMs: 1 }] }),
      approval('UBEN'),
      'approved-already',
    ],
    [
      'of what is declined',
      aChange({ state: { kind: 'declined', atMs: 1, by: 'UCAT' } }),
      approval('UBEN'),
      'decided-already',
    ],
    ['of what has expired', aChange({ state: { kind: 'expired', atMs: 1 } }), approval('UBEN'), 'too-late'],
  ])('is refused %s', (_, change, request, why) => {
    expect(refusal(decideApproval(change, request))).toBe(why);
  });

  it('by the proposer counts where the configuration says so', () => {
    expect(next(decideApproval(aChange(), approval('UANN', { selfApproval: true }))).state.kind).toBe('approved');
  });

  it('waits for the second of two, and drops one who was removed from the approvers meanwhile', () => {
    const first = next(decideApproval(aChange({ quorum: 2 }), approval('UBEN')));
    expect(first.state.kind).toBe('proposed');

    expect(next(decideApproval(first, approval('UCAT', { stillMay: ['UBEN'] }))).state.kind).toBe('approved');
    const without = next(decideApproval(first, approval('UCAT', { stillMay: [] })));
    expect(without.state.kind).toBe('proposed');
    expect(without.approvals.map((one) => one.by)).toEqual(['UCAT']);
  });
});

describe('a change is decided once', () => {
  it.each(STATES.filter((state) => state.kind !== 'proposed'))('not when it is $kind', (state) => {
    const change = aChange({ state });

    expect(decideApproval(change, approval('UBEN')).kind).toBe('refused');
    expect(decideDecline(change, { by: 'UBEN', nowMs: NOW, standing: 'may' }).kind).toBe('refused');
    expect(decideExpiry(change, change.expiresAtMs + 1).kind).toBe('refused');
  });

  it('whatever comes in whatever order: one outcome, and only approved ones ever begin', () => {
    const step = fc.record({
      what: fc.constantFrom('approve', 'decline', 'expire', 'begin', 'undo'),
      by: fc.constantFrom('UANN', 'UBEN', 'UCAT'),
      standing: fc.constantFrom<Standing>('may', 'may-not', 'unknown'),
      afterMs: fc.nat(3_600_000),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), fc.integer({ min: 1, max: 3 }), (steps, quorum) => {
        let change = aChange({ quorum });
        let decided = 0;
        for (const { what, by, standing, afterMs } of steps) {
          const nowMs = PROPOSED_AT_MS + afterMs;
          const before = change.state.kind;
          const decision =
            what === 'approve'
              ? decideApproval(change, approval(by, { nowMs, standing, stillMay: ['UBEN', 'UCAT'] }))
              : what === 'decline'
                ? decideDecline(change, { by, nowMs, standing })
                : what === 'expire'
                  ? decideExpiry(change, nowMs)
                  : what === 'begin'
                    ? decideBegin(change, { owner: 'o1', nowMs, latestMs: Infinity })
                    : decideUndo(change, { by, nowMs, standing, owner: 'o1' });
          if (decision.kind === 'refused') continue;
          change = decision.next;
          if (before === 'proposed' && change.state.kind !== 'proposed') decided += 1;
          if (change.state.kind === 'applying') expect(before).toBe('approved');
          expect(change.approvals.every((one) => one.by !== 'UANN')).toBe(true);
          if (change.state.kind === 'approved')
            expect(new Set(change.approvals.map((one) => one.by)).size).toBeGreaterThanOrEqual(quorum);
        }
        expect(decided).toBeLessThanOrEqual(1);
      }),
      { numRuns: 500 },
    );
  });
});

describe('declining', () => {
  it('is for approvers, and for the proposer who takes it back', () => {
    expect(next(decideDecline(aChange(), { by: 'UBEN', nowMs: NOW, standing: 'may' })).state.kind).toBe('declined');
    expect(next(decideDecline(aChange(), { by: 'UANN', nowMs: NOW, standing: 'may-not' })).state.kind).toBe('declined');
    expect(refusal(decideDecline(aChange(), { by: 'UCAT', nowMs: NOW, standing: 'may-not' }))).toBe('not-an-approver');
    expect(refusal(decideDecline(aChange(), { by: 'UCAT', nowMs: NOW, standing: 'unknown' }))).toBe(
      'approvers-unknown',
    );
  });
});

describe('beginning', () => {
  const approved = aChange({ state: { kind: 'approved', atMs: NOW } });

  it('is for one process, and not long after the yes', () => {
    expect(next(decideBegin(approved, { owner: 'o1', nowMs: NOW, latestMs: 60_000 })).state).toMatchObject({
      kind: 'applying',
    });
    expect(next(decideBegin(approved, { owner: 'o1', nowMs: NOW + 60_001, latestMs: 60_000 })).state).toEqual({
      kind: 'failed',
      atMs: NOW + 60_001,
      why: { kind: 'interrupted' },
    });
  });
});

describe('undoing', () => {
  const applied = aChange({ state: { kind: 'applied', atMs: NOW, untilMs: null, undoFailed: null, tryAgainAtMs: 0 } });

  it('is for the proposer and for approvers', () => {
    expect(next(decideUndo(applied, { by: 'UANN', nowMs: NOW, standing: 'may-not', owner: 'o' })).state.kind).toBe(
      'undoing',
    );
    expect(next(decideUndo(applied, { by: 'UBEN', nowMs: NOW, standing: 'may', owner: 'o' })).state.kind).toBe(
      'undoing',
    );
    expect(refusal(decideUndo(applied, { by: 'UBEN', nowMs: NOW, standing: 'may-not', owner: 'o' }))).toBe('not-yours');
    expect(refusal(decideUndo(applied, { by: 'UBEN', nowMs: NOW, standing: 'unknown', owner: 'o' }))).toBe(
      'approvers-unknown',
    );
  });

  it.each(STATES.filter((state) => state.kind !== 'applied'))('not of what is $kind', (state) => {
    expect(refusal(decideUndo(aChange({ state }), { by: 'UANN', nowMs: NOW, standing: 'may', owner: 'o' }))).toBe(
      'nothing-to-undo',
    );
  });
});

describe('who may approve', () => {
  const policy: ApprovalPolicy = {
    approvers: ['UBEN', 'SDBA'],
    quorum: 1,
    selfApproval: false,
    directMessages: true,
    guests: false,
    external: false,
    expireAfterMs: 1,
  };

  it.each<[string, readonly string[] | null, Standing]>([
    ['UBEN', null, 'may'],
    ['UCAT', ['UCAT'], 'may'],
    ['UCAT', ['UDAN'], 'may-not'],
    ['UCAT', null, 'unknown'],
    ['oombot', ['UCAT'], 'may-not'],
    ['SDBA', ['SDBA'], 'may-not'],
  ])('%s, with the group being %j: %s', (who, members, standing) => {
    expect(standingOf(who, policy, new Map([['SDBA', members]]))).toBe(standing);
  });

  it('is told in a direct message where it is a person, not a group and not who proposed it', () => {
    const named = { ...policy, approvers: ['UBEN', 'SDBA', 'WCAT', 'UBEN'] };

    expect(toldDirectly(named, 'UANN')).toEqual(['UBEN', 'WCAT']);
    expect(toldDirectly(named, 'UBEN')).toEqual(['WCAT']);
    expect(toldDirectly({ ...named, selfApproval: true }, 'UBEN')).toEqual(['UBEN', 'WCAT']);
    expect(toldDirectly({ ...named, directMessages: false }, 'UANN')).toEqual([]);
    expect(toldDirectly({ ...named, approvers: 'anyone' }, 'UANN')).toEqual([]);
    expect(toldDirectly({ ...named, approvers: Array.from({ length: 50 }, (_, at) => `U${at}`) }, 'UANN')).toHaveLength(
      20,
    );
  });

  it('is anybody where the configuration names no one; a risky change needs two', () => {
    expect(standingOf('UANY', { ...policy, approvers: 'anyone' }, new Map())).toBe('may');
    expect([quorumFor(policy, false), quorumFor(policy, true), quorumFor({ ...policy, quorum: 3 }, true)]).toEqual([
      1, 2, 3,
    ]);
  });
});
