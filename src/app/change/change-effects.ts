import type { Change } from '../../change/change.ts';
import { unitOf } from '../../change/find-target.ts';
import { matchRule, narrowRule, ruleOf, ruleSubject, widenRule } from '../../change/rule.ts';
import { changeEntry } from './change-record.ts';
import type { ChangeWorld } from './change-world.ts';
import type { HostLink } from '../host-link.ts';

const SCAN_MS = 15_000;
const WIDEN_TRIES = 5;

/**
 * A lasting change with the processes that got its value since: children that were forked, and all of them after a restart. Those are
 * put back as well. null: the host does not tell now.
 */
export async function withNewcomers(
  world: ChangeWorld,
  link: HostLink,
  change: Change,
): Promise<{ change: Change; bootId: string } | null> {
  if (link.state().kind !== 'connected') return null;
  const unit = change.dropIn?.unit ?? null;
  const base = change.processes[0];
  if ((unit === null && !change.keep) || base === undefined) return { change, bootId: change.bootId };
  const live = await world.scans.read(change.host, SCAN_MS);
  if (live.kind !== 'scan') return null;
  const { scan } = live;
  const sameBoot = scan.bootId === change.bootId;
  const known = sameBoot ? change.processes : [];
  const kept = change.keep ? matchRule(ruleOf(change), scan) : [];
  const newcomers = scan.processes
    .filter((one) => one.oomScoreAdj === change.to && (kept.includes(one) || (unit !== null && unitOf(one) === unit)))
    .filter((one) => !known.some((was) => was.pid === one.pid && was.startTicks === one.startTicks))
    .map(({ pid, startTicks, name, uid }) => {
      return { pid, startTicks, name, uid, from: base.from, to: change.to, state: 'written' as const };
    });
  return { change: { ...change, bootId: scan.bootId, processes: [...known, ...newcomers] }, bootId: scan.bootId };
}

/** What follows from a change that is applied: a rule is made, or what it takes back is over. */
export async function afterApplied(world: ChangeWorld, change: Change): Promise<void> {
  const { store, clock } = world;
  if (change.widens) await widen(world, change, change.widens);
  else if (
    change.keep &&
    change.undoes === null &&
    !(await store.rules()).some((rule) => rule.changeId === change.id)
  ) {
    const { id, host, to, proposedBy, channel } = change;
    await store.putRule({
      id: `r${id}`,
      revision: 0,
      hosts: [host],
      ...ruleOf(change),
      adj: to,
      widened: [],
      state: 'active',
      madeBy: proposedBy,
      madeAtMs: clock.nowMs(),
      changeId: id,
      channel,
    });
    await store.appendAudit(changeEntry(change, 'make-rule', proposedBy, clock.nowMs()));
  }
  if (change.undoes !== null) await endTakenBack(world, change, change.undoes);
}

/** A rule without its change would set again what was put back. */
export async function endRuleOf({ store, clock }: ChangeWorld, changeId: string, actor: string): Promise<void> {
  for (const rule of await store.rules()) {
    const next = narrowRule(rule, changeId);
    if (next === null || (await store.putRule(next)) === null) continue;
    const details = { rule: rule.id, target: ruleSubject(rule) };
    const isOver = next.state === 'ended';
    const host = rule.hosts.find((one) => isOver || !next.hosts.includes(one)) ?? null;
    const action = isOver ? 'rule: ended' : 'rule: narrowed';
    await store.appendAudit({ atMs: clock.nowMs(), actor, action, host, details });
  }
}

/** Tried again when somebody changed the rule meanwhile; one that has ended stays so. */
async function widen({ store, clock }: ChangeWorld, change: Change, ruleId: string): Promise<void> {
  for (let tries = 0; tries < WIDEN_TRIES; tries += 1) {
    const rule = (await store.rules()).find((one) => one.id === ruleId);
    if (rule === undefined || rule.widened.some((one) => one.changeId === change.id)) return;
    if ((await store.putRule(widenRule(rule, change))) === null) continue;
    await store.appendAudit(changeEntry(change, 'rule: widened', change.proposedBy, clock.nowMs(), { rule: ruleId }));
    return;
  }
}

async function endTakenBack(world: ChangeWorld, change: Change, id: string): Promise<void> {
  const { store, clock } = world;
  await endRuleOf(world, id, change.proposedBy);
  const before = await store.change(id);
  if (before?.state.kind !== 'applied') return;
  const nowMs = clock.nowMs();
  const next: Change = { ...before, state: { kind: 'undone', atMs: nowMs, askedBy: change.proposedBy } };
  await store.updateChange(next, [changeEntry(next, 'undo: undone', change.proposedBy, nowMs, { by: change.id })]);
}
