import { newsFor } from '../deliveries.ts';
import type { Change } from '../../change/change.ts';
import { processRequest } from '../../change/host-command.ts';
import { concludeUndo } from '../../change/outcome.ts';
import type { ChangeRefusal } from '../../change/refusal.ts';
import { driftFrom, ruleSubject, type Rule } from '../../change/rule.ts';
import type { ProcessFacts, ProcScan } from '../../oom/proc/proc-scan.ts';
import { describeDrift, describeShownDrift } from '../../notice/change/change-answers.ts';
import { changeRefusalText } from '../../notice/change/change-refusal-text.ts';
import { changeEntry } from './change-record.ts';
import { OWN_NAME } from './change-executor.ts';
import type { ChangeWorld } from './change-world.ts';
import { askHelper, refFor } from './host-requests.ts';
import { appliedOn } from './every-applied.ts';
import { openRuleWidening } from './widen-rules.ts';

export interface RuleReconciler {
  /** On how many hosts a rule is not kept now, each rule counted by itself: it could not be, or is only to be told of. */
  drifted: () => number;
  close: () => Promise<void>;
}

const EVERY_MS = 15_000;
const SCAN_MS = 12_000;
const SHOWN_AGAIN_MS = 10 * 60_000;
const MENDED_AT_ONCE_MAX = 64;
const TROUBLE_FIRST_MS = 60_000;
const TROUBLE_MAX_MS = 60 * 60_000;

/** Keeps what rules say, and closes changes whose processes have ended; a restart is found within half a minute. For ever. */
export function openRuleReconciler(world: ChangeWorld): RuleReconciler {
  const { store, fleet, scans, clock, log } = world;
  const stop = new AbortController();
  /** Rules that could not be kept on a host: told once, and tried ever more rarely, until it works again. */
  const troubled = new Map<string, { tries: number; againAtMs: number }>();
  /** Rule and host where drift is shown: which processes were told of, so that each is told once. */
  const shown = new Map<string, { ids: Set<string>; quietUntilMs: number }>();
  /** Rule and host where a process had another value at the last look and was not put right. */
  const drifting = new Set<string>();
  const widening = openRuleWidening(world);
  const loop = keepLooking();

  async function keepLooking(): Promise<void> {
    while (!stop.signal.aborted) {
      await clock.sleep(EVERY_MS, stop.signal).catch(() => undefined);
      if (stop.signal.aborted) return;
      try {
        await lookAtAll();
      } catch (error) {
        log.error({ err: error }, 'Rules could not be checked');
      }
    }
  }

  async function lookAtAll(): Promise<void> {
    const rules = (await store.rules()).filter((rule) => rule.state === 'active');
    const kept = new Set(rules.flatMap((rule) => rule.hosts.map((host) => keyOf(rule, host))));
    for (const key of drifting) if (!kept.has(key)) drifting.delete(key);
    const inForce = await appliedOn(store, null);
    const wider = new Map(rules.map((rule) => [rule, widening.hostsFor(rule)]));
    const hosts = new Set([
      ...rules.flatMap((rule) => rule.hosts),
      ...[...wider.values()].flat(),
      ...inForce.map((change) => change.host),
    ]);
    await Promise.all(
      [...hosts].map(async (host) => {
        if (!world.isMine(host) || fleet.link(host)?.state().kind !== 'connected') return;
        const live = await scans.read(host, SCAN_MS);
        // A scan that was cut says nothing of who is gone.
        if (live.kind !== 'scan' || !live.scan.complete || stop.signal.aborted) return;
        for (const rule of rules) if (rule.hosts.includes(host)) await keep(rule, host, live.scan);
        for (const rule of rules) if (wider.get(rule)?.includes(host)) await widening.propose(rule, host, live);
        for (const change of inForce) if (change.host === host) await closeEnded(change, live.scan);
      }),
    );
  }

  async function keep(rule: Rule, host: string, scan: ProcScan): Promise<void> {
    const drifted = driftFrom(rule, host, scan).slice(0, MENDED_AT_ONCE_MAX);
    const key = keyOf(rule, host);
    if (drifted.length === 0) drifting.delete(key);
    if (rule.onDrift === 'show') {
      if (drifted.length > 0) drifting.add(key);
      return show(rule, host, drifted);
    }
    const trouble = troubled.get(key);
    if (trouble !== undefined && clock.nowMs() < trouble.againAtMs) return;
    const mended: ProcessFacts[] = [];
    let why: ChangeRefusal | null = null;
    // What could not be done before is tried with one process.
    for (const one of trouble === undefined ? drifted : drifted.slice(0, 1)) {
      const answer = await reconcile(rule, host, scan.bootId, one, trouble !== undefined);
      if (answer === 'mended') mended.push(one);
      // It ended, or changed, since the look: the next one sees.
      else if (
        answer !== null &&
        !['process-gone', 'process-replaced', 'value-changed', 'rebooted'].includes(answer.kind)
      ) {
        why = answer;
        // The others would be refused alike.
        if (isOfHost(answer)) break;
      }
    }
    if (mended.length > 0) await tell(rule, host, mended, null);
    if (why === null) {
      troubled.delete(key);
      drifting.delete(key);
    } else {
      drifting.add(key);
      const tries = (trouble?.tries ?? 0) + 1;
      const restMs = Math.min(TROUBLE_MAX_MS, TROUBLE_FIRST_MS * 2 ** Math.min(10, tries - 1));
      troubled.set(key, { tries, againAtMs: clock.nowMs() + restMs });
      if (trouble === undefined) await tell(rule, host, [], why);
    }
  }

  async function show(rule: Rule, host: string, drifted: readonly ProcessFacts[]): Promise<void> {
    const key = keyOf(rule, host);
    const before = shown.get(key);
    // Of a service that starts many it is told in one message, now and then.
    if (before !== undefined && clock.nowMs() < before.quietUntilMs) return;
    const now = new Map(drifted.map((one) => [`${one.pid}:${one.startTicks}:${one.oomScoreAdj}`, one]));
    const fresh = [...now].filter(([id]) => before?.ids.has(id) !== true);
    const [first] = fresh;
    const quietUntilMs = first === undefined ? 0 : clock.nowMs() + SHOWN_AGAIN_MS;
    shown.set(key, { ids: new Set(now.keys()), quietUntilMs });
    if (first === undefined) return;
    const seen = fresh.map(([, { pid, oomScoreAdj }]) => ({ pid, adj: oomScoreAdj }));
    const atMs = clock.nowMs();
    const news = newsFor(rule.channel, { notice: describeShownDrift(rule, host, seen) }, atMs);
    // Marked on record as well: a bot that was started anew does not tell it again.
    if (!(await store.enqueueOnce(`drift ${key} ${first[0]}`, atMs, [news]))) return;
    const details = { rule: rule.id, target: ruleSubject(rule), from: seen[0]?.adj, to: rule.adj };
    await store.appendAudit({ atMs, actor: OWN_NAME, action: 'drift', host, details });
    world.wake();
  }

  /** null: not known; the next look tells. */
  async function reconcile(
    rule: Rule,
    host: string,
    bootId: string,
    { pid, startTicks, name, oomScoreAdj }: ProcessFacts,
    isRepeat: boolean,
  ): Promise<'mended' | ChangeRefusal | null> {
    const link = fleet.link(host);
    // The rule may have been ended or paused while the host was looked at.
    const isActive = (await store.rules()).some((one) => one.id === rule.id && one.state === 'active');
    if (link === null || !isActive) return null;
    const details = {
      rule: rule.id,
      target: ruleSubject(rule),
      pid,
      startTicks,
      name,
      from: oomScoreAdj,
      to: rule.adj,
    };
    const entry = { atMs: clock.nowMs(), actor: OWN_NAME, action: 'mend', host, details };
    // That it is tried is on record; each further try of what did not work is not worth an entry, what works is.
    const before = isRepeat ? null : await store.appendAudit(entry);
    const ref = await refFor(link, before?.hash ?? null);
    const want = { bootId, pid, startTicks, from: oomScoreAdj, to: rule.adj, ref };
    const asked = await askHelper(link, processRequest(want), { pid });
    if (asked.kind === 'no') return asked.why;
    if (asked.kind === 'unknown') return null;
    if (asked.answer.kind === 'refused') return asked.answer.why;
    if (asked.answer.kind !== 'written' || asked.answer.now !== rule.adj) return null;
    if (isRepeat) await store.appendAudit(entry);
    return 'mended';
  }

  async function tell(
    rule: Rule,
    host: string,
    mended: readonly ProcessFacts[],
    why: ChangeRefusal | null,
  ): Promise<void> {
    const pids = mended.map((one) => one.pid);
    const notice = describeDrift(rule, host, pids, why === null ? null : changeRefusalText(why));
    await store.enqueue([newsFor(rule.channel, { notice }, clock.nowMs())]);
    world.wake();
  }

  /** A change that cannot last is over with its processes. */
  async function closeEnded(change: Change, scan: ProcScan): Promise<void> {
    if (change.dropIn !== null || change.keep || change.processes.length === 0) return;
    const lives = change.processes.some(
      ({ pid, startTicks }) =>
        scan.bootId === change.bootId && scan.processes.some((one) => one.pid === pid && one.startTicks === startTicks),
    );
    if (lives) return;
    const processes = change.processes.map(() => 'gone' as const);
    const over = concludeUndo(change, { processes, dropIn: null, why: null }, clock.nowMs(), OWN_NAME);
    await store.updateChange(over, [changeEntry(over, 'over', OWN_NAME, clock.nowMs())]);
    world.wake();
  }

  async function close(): Promise<void> {
    stop.abort();
    await loop;
  }

  return { drifted: () => drifting.size, close };
}

function keyOf(rule: Rule, host: string): string {
  return `${rule.id} ${host}`;
}

/** What stands in the way is the host's, not one process's. */
function isOfHost({ kind }: ChangeRefusal): boolean {
  return ['host-away', 'no-helper', 'helper-version', 'no-capability', 'read-only'].includes(kind);
}
