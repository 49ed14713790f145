import { appliedOn } from '../change/every-applied.ts';
import type { Change } from '../../change/change.ts';
import { refuseStanding, refuseStopping } from '../../change/decisions.ts';
import { ruleSubject } from '../../change/rule.ts';
import type { ChangeRefusal } from '../../change/refusal.ts';
import { toldDirectly } from '../../change/policy.ts';
import { describeProposed, describeRuleEdited, describeRules } from '../../notice/change/change-answers.ts';
import type { Approvers } from '../change/approvers.ts';
import { changeEntry } from '../change/change-record.ts';
import type { ChangeWorld } from '../change/change-world.ts';
import type { Answer, Requester, Handlers } from './handlers.ts';
import type { Targets } from './targets.ts';

type RuleHandlers = Pick<Handlers, 'unprotect' | 'answerRules' | 'editRule'>;

/** Standing protections, and the way back. */
export function openRuleAnswers(
  world: ChangeWorld,
  targets: Targets,
  approvers: Approvers,
  protect: Handlers['protect'],
): RuleHandlers {
  const { store, clock } = world;

  /** The road back is the same: proposed, approved, applied. What oombot set goes back to what was there, anything else to 0. */
  async function unprotect(
    ask: { host: string; what: string; why: string | null },
    requester: Requester,
  ): Promise<Answer> {
    const target = await targets.host(ask.host);
    if (target.kind === 'refused') return target;
    const mayNot = await approvers.refuseProposal(requester.userId, target.name);
    if (mayNot !== null) return refuse(mayNot);
    const active = await appliedOn(store, target.name);
    const before = active.findLast((one) => isMeant(one, ask.what));
    if (before === undefined) {
      const asked = {
        host: target.name,
        what: ask.what,
        adj: 0,
        forMs: null,
        why: ask.why,
        keep: false,
        incidentId: null,
      };
      return protect(asked, requester);
    }
    const change = takeBack(before, ask.why, requester.userId);
    const saved = await store.addChange(
      change,
      changeEntry(change, 'propose', requester.userId, clock.nowMs(), { undoes: before.id }),
      toldDirectly(world.approvals(), requester.userId),
    );
    world.wake();
    return { kind: 'notice', notice: describeProposed(saved) };
  }

  function takeBack(before: Change, why: string | null, userId: string): Change {
    const nowMs = clock.nowMs();
    const policy = world.approvals();
    const processes = before.processes
      .filter((one) => one.state === 'written')
      .map((one) => ({ ...one, from: one.to, to: one.from, state: 'untouched' as const }));
    const { dropIn } = before;
    return {
      ...before,
      id: world.newId(),
      revision: 0,
      processes,
      dropIn: dropIn === null ? null : { ...dropIn, from: dropIn.to, to: dropIn.from, state: 'untouched' },
      to: Math.min(...processes.map((one) => one.to)),
      forMs: null,
      why,
      keep: false,
      terms: null,
      widens: null,
      proposedBy: userId,
      proposedAtMs: nowMs,
      incidentId: null,
      expiresAtMs: nowMs + policy.expireAfterMs,
      quorum: policy.quorum,
      approvals: [],
      // The proof of the change that is taken back, the other way round.
      proof: {
        ...before.proof,
        before: before.proof.after,
        after: before.proof.before,
        notes: [{ kind: 'more-likely' }],
      },
      undoes: before.id,
      state: { kind: 'proposed' },
    };
  }

  async function answerRules({ host: asked }: { host: string | null }): Promise<Answer> {
    const target = asked === null ? null : await targets.host(asked);
    if (target?.kind === 'refused') return target;
    const host = target?.name ?? null;
    const rules = (await store.rules()).filter((rule) => host === null || rule.hosts.includes(host));
    const active = await appliedOn(store, host);
    return { kind: 'notice', notice: describeRules(host, rules, active) };
  }

  async function editRule(
    { rule: id, to }: Parameters<Handlers['editRule']>[0],
    requester: Requester,
  ): Promise<Answer> {
    const rule = (await store.rules()).find((one) => one.id === id || ruleSubject(one) === id);
    if (rule === undefined) return { kind: 'refused', refusal: { kind: 'stale', what: 'That rule' } };
    const standing = (await approvers.standings([requester.userId])).get(requester.userId)?.standing ?? 'unknown';
    const readOnly = to === 'active' ? rule.hosts.find(world.isReadOnly) : undefined;
    if (readOnly !== undefined) return refuse({ kind: 'local-workspace', host: readOnly });
    // To resume changes values again, so it takes an approver; to stop, the maker will do.
    const mayNot =
      to === 'active'
        ? refuseStanding(standing)
        : refuseStopping(standing, requester.userId === rule.madeBy, { kind: 'not-an-approver' });
    if (mayNot !== null) return refuse(mayNot);
    const saved = await store.putRule({ ...rule, state: to });
    if (saved === null) return { kind: 'refused', refusal: { kind: 'stale', what: 'That rule' } };
    const details = { rule: rule.id, target: ruleSubject(rule) };
    const host = rule.hosts[0] ?? null;
    await store.appendAudit({ atMs: clock.nowMs(), actor: requester.userId, action: `rule: ${to}`, host, details });
    return { kind: 'notice', notice: describeRuleEdited(saved) };
  }

  return { unprotect, answerRules, editRule };
}

function isMeant({ subject, unit, processes, undoes }: Change, what: string): boolean {
  if (undoes !== null) return false;
  const word = what.toLowerCase();
  return (
    [subject, unit ?? '', (unit ?? '').replace(/\.service$/, '')].some((name) => name.toLowerCase() === word) ||
    processes.some((one) => String(one.pid) === what || one.name.toLowerCase() === word)
  );
}

function refuse(why: ChangeRefusal): Answer {
  return { kind: 'refused', refusal: { kind: 'change', why } };
}
