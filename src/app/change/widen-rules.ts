import { newsFor } from '../deliveries.ts';
import type { ProcScan } from '../../oom/proc/proc-scan.ts';
import { candidatesFor, ruleSubject, type Rule } from '../../change/rule.ts';
import type { ChangeRefusal } from '../../change/refusal.ts';
import { toldDirectly } from '../../change/policy.ts';
import { describeNotWidened } from '../../notice/change/change-answers.ts';
import { changeRefusalText } from '../../notice/change/change-refusal-text.ts';
import { changeEntry } from './change-record.ts';
import { OWN_NAME } from './change-executor.ts';
import type { ChangeWorld } from './change-world.ts';
import { draftChange } from './propose-change.ts';

export interface RuleWidening {
  /** Hosts of the rule's tag where it was neither approved nor proposed yet, as far as is known without asking the store. */
  hostsFor: (rule: Rule) => string[];
  /** Proposes the rule for a host of its tag where something matches: a card, as any. Once per host, whatever comes of it. */
  propose: (rule: Rule, host: string, live: { scan: ProcScan; atMs: number }) => Promise<void>;
}

/** A tag may have hundreds of hosts; people can read so many cards. */
const WAITING_MAX = 20;
const TRY_AGAIN_MS = 10 * 60_000;

/** A rule never widens by itself: on another host of its tag a change is proposed, and people decide. */
export function openRuleWidening(world: ChangeWorld): RuleWidening {
  const { store, fleet, clock } = world;
  const proposed = new Set<string>();
  /** When what could not be proposed may be tried again. */
  const notBefore = new Map<string, number>();

  function hostsFor(rule: Rule): string[] {
    const { tag } = rule;
    if (tag === null) return [];
    return fleet
      .hosts()
      .filter(({ name, tags }) => tags.includes(tag) && !rule.hosts.includes(name))
      .map(({ name }) => name)
      .filter((host) => !proposed.has(idFor(rule, host)) && (notBefore.get(idFor(rule, host)) ?? 0) <= clock.nowMs());
  }

  async function propose(rule: Rule, host: string, live: { scan: ProcScan; atMs: number }): Promise<void> {
    const link = fleet.link(host);
    const processes = candidatesFor(rule, live.scan);
    // Nothing to change is no proposal; it becomes one when the value is another.
    if (link === null || processes.every((one) => one.oomScoreAdj === rule.adj)) return;
    const id = idFor(rule, host);
    if ((await store.change(id)) !== null) {
      proposed.add(id);
      return;
    }
    const waiting = (await store.openChanges()).filter((one) => one.widens && one.state.kind === 'proposed');
    const isActive = (await store.rules()).some((one) => one.id === rule.id && one.state === 'active');
    if (waiting.length >= WAITING_MAX || !isActive) return;
    const { tag, commandLine, onDrift } = rule;
    const wanted = {
      what: rule.unit !== null && rule.name === null ? rule.unit : ruleSubject(rule),
      adj: rule.adj,
      forMs: null,
      why: `rule ${rule.id} on tag ${tag ?? ''}: this host has the tag`,
      keep: true,
      terms: { tag, commandLine, onDrift },
      widening: { rule, processes },
    };
    // In the name of who made the rule: somebody else must approve, as before.
    const by = { userId: rule.madeBy, channel: rule.channel, incidentId: null };
    const drafted = await draftChange({ ...world, newId: () => id }, link, live, null, wanted, by);
    if (drafted.kind === 'change') {
      const entry = changeEntry(drafted.change, 'propose', OWN_NAME, clock.nowMs(), {
        rule: rule.id,
        proof: drafted.change.proof,
      });
      // The id is taken once: a second proposal of it is refused by the record.
      await store.addChange(drafted.change, entry, toldDirectly(world.approvals(), rule.madeBy));
      proposed.add(id);
      world.wake();
      return;
    }
    const isFirst = !notBefore.has(id);
    notBefore.set(id, clock.nowMs() + TRY_AGAIN_MS);
    if (isFirst && drafted.kind === 'refused') await tellRefusal(rule, host, drafted.why);
  }

  async function tellRefusal(rule: Rule, host: string, why: ChangeRefusal): Promise<void> {
    const atMs = clock.nowMs();
    const details = { rule: rule.id, target: ruleSubject(rule), refusal: why.kind };
    await store.appendAudit({ atMs, actor: OWN_NAME, action: 'propose: no', host, details });
    const notice = describeNotWidened(rule, host, changeRefusalText(why));
    await store.enqueue([newsFor(rule.channel, { notice }, atMs)]);
    world.wake();
  }

  return { hostsFor, propose };
}

/** One change for a rule and a host, for ever. */
function idFor(rule: Rule, host: string): string {
  return `${rule.id}.${host}`;
}
