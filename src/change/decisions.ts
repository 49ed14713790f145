import type { Change } from './change.ts';
import type { Stranger } from './account.ts';
import type { ChangeRefusal } from './refusal.ts';

export type Decision = { kind: 'accepted'; next: Change } | { kind: 'refused'; refusal: ChangeRefusal };

/**
 * Whether somebody is among the approvers now; `unknown`: it could not be found out, which counts as no; `groups-not-permitted`: nor
 * ever will, while the bot may not read user groups; `no-approvers`: the configuration names none.
 */
export type Standing = 'may' | 'may-not' | 'unknown' | 'groups-not-permitted' | 'no-approvers' | { stranger: Stranger };

export interface ApprovalRequest {
  by: string;
  nowMs: number;
  standing: Standing;
  selfApproval: boolean;
  /** Of those who approved before, who may still approve now. */
  stillMay: readonly string[];
}

/** Somebody says yes: accepted as one of the approvals, or as the last one, which makes it `approved`. */
export function decideApproval(change: Change, request: ApprovalRequest): Decision {
  const { by, nowMs, standing } = request;
  const over = refuseDecided(change, nowMs);
  if (over) return over;
  if (by === change.proposedBy && !request.selfApproval) return no({ kind: 'self-approval' });
  const why = refuseStanding(standing);
  if (why) return no(why);
  if (change.approvals.some((one) => one.by === by)) return no({ kind: 'approved-already' });
  const standingOnes = change.approvals.filter((one) => request.stillMay.includes(one.by));
  const approvals = [...standingOnes, { by, atMs: nowMs }];
  const isEnough = approvals.length >= change.quorum;
  return yes({ ...change, approvals, state: isEnough ? { kind: 'approved', atMs: nowMs } : change.state });
}

/** Somebody says no: an approver, or the proposer who takes it back. */
export function decideDecline(change: Change, request: { by: string; nowMs: number; standing: Standing }): Decision {
  const { by, nowMs, standing } = request;
  const over = refuseDecided(change, nowMs);
  if (over) return over;
  const why = refuseStopping(standing, by === change.proposedBy, { kind: 'not-an-approver' });
  if (why) return no(why);
  return yes({ ...change, state: { kind: 'declined', atMs: nowMs, by } });
}

/** Nobody decided in time. Refused while there is time, or when somebody did. */
export function decideExpiry(change: Change, nowMs: number): Decision {
  if (change.state.kind !== 'proposed') return no(decidedAlready(change));
  if (nowMs < change.expiresAtMs) return no({ kind: 'decided-already', how: 'open', by: null });
  return yes({ ...change, state: { kind: 'expired', atMs: nowMs } });
}

/** One process of the bot takes it in hand; saved before the host is touched, with the revision that makes it the only one. */
export function decideBegin(change: Change, doing: { owner: string; nowMs: number; latestMs: number }): Decision {
  const { state } = change;
  if (state.kind !== 'approved') return no(decidedAlready(change));
  const { owner, nowMs } = doing;
  // Long after the yes the proof is no longer true; who wants it still can propose it again.
  if (nowMs - state.atMs > doing.latestMs)
    return yes({ ...change, state: { kind: 'failed', atMs: nowMs, why: { kind: 'interrupted' } } });
  return yes({ ...change, state: { kind: 'applying', owner, atMs: nowMs } });
}

/**
 * The way back begins: asked for by the proposer or by somebody who may approve, or by the bot itself when the time is over
 * (`standing: 'may'`).
 */
export function decideUndo(
  change: Change,
  request: { by: string; nowMs: number; standing: Standing; owner: string },
): Decision {
  const { by, nowMs, standing, owner } = request;
  if (change.state.kind !== 'applied') return no({ kind: 'nothing-to-undo', how: change.state.kind });
  const why = refuseStopping(standing, by === change.proposedBy, { kind: 'not-yours' });
  if (why) return no(why);
  return yes({ ...change, state: { kind: 'undoing', askedBy: by, owner, atMs: nowMs } });
}

/** null: this standing lets approve. */
export function refuseStanding(standing: Standing): ChangeRefusal | null {
  if (typeof standing === 'object') return { kind: 'stranger', why: standing.stranger };
  switch (standing) {
    case 'may':
      return null;
    case 'may-not':
      return { kind: 'not-an-approver' };
    case 'unknown':
      return { kind: 'approvers-unknown' };
    case 'groups-not-permitted':
      return { kind: 'groups-not-permitted' };
    case 'no-approvers':
      return { kind: 'no-approvers' };
  }
}

/** To stop, or to put back what was, takes less: whose it is may, and where nobody is named every person of the workspace. */
export function refuseStopping(standing: Standing, isOwn: boolean, mayNot: ChangeRefusal): ChangeRefusal | null {
  if (typeof standing === 'object') {
    const isUnsure = standing.stranger === 'unreadable' || standing.stranger === 'not-permitted';
    return isOwn && isUnsure ? null : { kind: 'stranger', why: standing.stranger };
  }
  if (isOwn || standing === 'no-approvers') return null;
  return standing === 'may-not' ? mayNot : refuseStanding(standing);
}

function refuseDecided(change: Change, nowMs: number): Decision | null {
  if (change.state.kind !== 'proposed') return no(decidedAlready(change));
  return nowMs >= change.expiresAtMs ? no({ kind: 'too-late' }) : null;
}

function decidedAlready({ state, approvals }: Change): ChangeRefusal {
  if (state.kind === 'expired') return { kind: 'too-late' };
  const by = state.kind === 'declined' ? state.by : (approvals.at(-1)?.by ?? null);
  return { kind: 'decided-already', how: state.kind, by };
}

function yes(next: Change): Decision {
  return { kind: 'accepted', next };
}

function no(refusal: ChangeRefusal): Decision {
  return { kind: 'refused', refusal };
}
