import { identifyCgroup } from '../oom/proc/cgroup.ts';
import { containerLabel, type ContainerName } from '../oom/proc/container-name.ts';
import type { DeathFacts, UnitEnd } from '../cause/death-facts.ts';
import { serviceOf } from './service.ts';
import type { Kill } from './incident.ts';

/** Whose death is asked about, and between which moments it may have been. */
export interface WhyAsk {
  what: string;
  sinceMs: number;
  untilMs: number;
}

/** A process as it was seen, alive now or in the last snapshot. */
export interface SeenProcess {
  pid: number;
  name: string;
  cgroup: string | null;
  startedAtMs: number;
}

/** All that is known when it is decided. */
export interface WhyEvidence {
  /** Kills of that host on record, of that time and a little around it, newest first. */
  kills: readonly Kill[];
  /** False: there are more than were read. */
  allKills: boolean;
  alive: readonly SeenProcess[];
  /** Matches in the last snapshot that are no longer alive. */
  gone: readonly SeenProcess[];
  containers: readonly ContainerName[];
  unit: string | null;
  /** null: the host did not answer. */
  facts: DeathFacts | null;
  /** When this boot began, by our clock. */
  bootAtMs: number | null;
  /** The kernel's count of its kills, less those on record: 0 since the boot began, and since the host is watched. null: not known. */
  missingSinceBoot: number | null;
  missingSinceWatched: number | null;
  watchedSinceMs: number | null;
  /** Its log is followed now; how often lines may have been lost since that began. null: this process does not watch it. */
  watching: { gaps: number } | null;
  /** Kills in its unit that are on record, of any time. */
  unitKills: number;
}

/** What stands between us and a "no". */
export type Missing =
  | { kind: 'host-away' }
  | { kind: 'before-boot'; bootAtMs: number }
  | { kind: 'before-watch'; watchedSinceMs: number | null }
  | { kind: 'no-counter' }
  | { kind: 'unexplained'; count: number }
  | { kind: 'more-recorded' }
  | { kind: 'nameless'; count: number }
  | { kind: 'other-killers'; names: readonly string[] }
  | { kind: 'unit-counts'; count: number }
  | { kind: 'systemd-says' }
  | { kind: 'nobody-called' };

export type Verdict =
  /** `by`: what ties the kill to the question. */
  | { kind: 'yes'; kill: Kill; by: 'pid' | 'name' | 'unit' | 'container'; count: number }
  /** systemd saw an OOM kill in the unit that is not on record. */
  | { kind: 'yes-by-systemd'; unit: UnitEnd }
  | { kind: 'alive'; processes: readonly SeenProcess[]; sinceMs: number; proof: Proof | null }
  | { kind: 'no'; proof: Proof; others: readonly Kill[]; isKnown: boolean }
  | { kind: 'unknown'; missing: readonly Missing[]; others: readonly Kill[] };

/** Why it is certain that nothing was missed between these moments. */
export interface Proof {
  sinceMs: number;
  untilMs: number;
  counter: number;
  /** Kills of that time, all of them on record. */
  kills: number;
  groupOomKills: number | null;
}

/** Times of death and clocks are a little uncertain. */
const AROUND_MS = 5_000;

/** Was it the OOM killer? Never a no where something of that time could have been missed. */
export function decideWhy(ask: WhyAsk, evidence: WhyEvidence): Verdict {
  const { kills, facts, alive, gone } = evidence;
  const deadly = kills.filter(({ record }) => record.outcome === 'killed');
  const matches = deadly.flatMap((kill) => {
    const by = matchOf(ask.what, kill, evidence);
    return by === null ? [] : [{ kill, by }];
  });
  const [match] = matches;
  if (match !== undefined) return { kind: 'yes', kill: match.kill, by: match.by, count: matches.length };
  const end = facts?.unit ?? null;
  const endedAtMs =
    end?.endedSeconds == null || evidence.bootAtMs === null ? null : evidence.bootAtMs + end.endedSeconds * 1_000;
  const isOfThen = endedAtMs === null || (endedAtMs >= ask.sinceMs - AROUND_MS && endedAtMs <= ask.untilMs + AROUND_MS);
  if (end !== null && end.result === 'oom-kill' && isOfThen) return { kind: 'yes-by-systemd', unit: end };

  const others = deadly.filter(({ atMs }) => atMs >= ask.sinceMs - AROUND_MS && atMs <= ask.untilMs + AROUND_MS);
  const missing = missingFor(ask, evidence);
  const proof: Proof | null =
    missing.length > 0 || facts?.oomKills == null
      ? null
      : {
          sinceMs: ask.sinceMs,
          untilMs: ask.untilMs,
          counter: facts.oomKills,
          kills: others.length,
          groupOomKills: facts.groupOomKills,
        };
  const older = alive.filter(({ startedAtMs }) => startedAtMs <= ask.sinceMs + AROUND_MS);
  const youngest = Math.max(0, ...alive.map(({ startedAtMs }) => startedAtMs));
  if (alive.length > 0 && older.length === alive.length && gone.length === 0)
    return { kind: 'alive', processes: alive, sinceMs: youngest, proof };
  const isKnown = alive.length > 0 || gone.length > 0 || end !== null;
  // A slip in the name must not turn a kill into a no.
  if (proof !== null && !isKnown && others.length > 0 && !/^\d+$/.test(ask.what))
    return { kind: 'unknown', missing: [{ kind: 'nobody-called' }], others };
  if (proof !== null) return { kind: 'no', proof, others, isKnown: isKnown || /^\d+$/.test(ask.what) };
  return { kind: 'unknown', missing: missing.length > 0 ? missing : [{ kind: 'no-counter' }], others };
}

/** What ties a kill to the words that were asked; null: nothing. */
function matchOf(
  what: string,
  kill: Kill,
  { unit, gone, containers, facts }: WhyEvidence,
): 'pid' | 'name' | 'unit' | 'container' | null {
  const { record, who } = kill;
  if (/^\d+$/.test(what) && !isContainerWord(what, kill)) {
    if (record.pid === Number(what)) return 'pid';
    return null;
  }
  const lower = what.toLowerCase();
  // The kernel keeps 15 bytes of a name.
  if (record.name !== null && [lower, lower.slice(0, 15)].includes(record.name.toLowerCase())) return 'name';
  const identity = record.identity ?? (who?.cgroup == null ? null : identifyCgroup(who.cgroup));
  const units = [lower, `${lower}.service`, ...(unit === null ? [] : [unit.toLowerCase()])];
  const itsUnit = identity?.unit?.toLowerCase() ?? null;
  if (itsUnit !== null && units.includes(itsUnit)) return 'unit';
  // Userspace killers name the process alone; systemd knows whose it was.
  const main = facts?.unit?.name === unit ? (facts?.unit?.mainPid ?? null) : null;
  if (unit !== null && main !== null && main === record.pid && kill.bootId === facts?.bootId) return 'unit';
  if (serviceOf(kill).toLowerCase() === lower) return 'unit';
  if (isContainerWord(what, kill)) return 'container';
  const ids = new Set(containers.filter((one) => [one.name, containerLabel(one)].includes(what)).map(({ id }) => id));
  if ([identity?.container, identity?.pod].some((id) => id != null && ids.has(id))) return 'container';
  const groups = new Set(gone.map(({ cgroup }) => cgroup).filter((path) => path !== null && path !== '/'));
  return record.taskMemcg !== null && groups.has(record.taskMemcg) ? 'unit' : null;
}

function isContainerWord(what: string, { record, container }: Kill): boolean {
  const { container: id = null } = record.identity ?? {};
  if (id !== null && (id === what || (what.length >= 8 && id.startsWith(what)))) return true;
  return container != null && [container.name, containerLabel(container)].includes(what);
}

function missingFor(ask: WhyAsk, evidence: WhyEvidence): Missing[] {
  const { facts, bootAtMs, kills, watching } = evidence;
  if (facts === null || bootAtMs === null) return [{ kind: 'host-away' }];
  const { watchedSinceMs, missingSinceBoot, missingSinceWatched } = evidence;
  const nameless = kills.filter(
    ({ record, source }) =>
      source === 'counter' || (record.outcome === 'killed' && record.pid === null && record.name === null),
  );
  const isWatchedSince = watchedSinceMs !== null && watchedSinceMs <= ask.sinceMs + AROUND_MS;
  const whole = missingSinceBoot === 0;
  const found: Missing[] = [];
  if (ask.sinceMs < bootAtMs - AROUND_MS) found.push({ kind: 'before-boot', bootAtMs });
  if (facts.oomKills === null || missingSinceBoot === null) found.push({ kind: 'no-counter' });
  else if (!whole && !isWatchedSince) found.push({ kind: 'before-watch', watchedSinceMs });
  else if (!whole && missingSinceWatched !== 0)
    found.push({ kind: 'unexplained', count: Math.abs(missingSinceWatched ?? missingSinceBoot) });
  if (!evidence.allKills) found.push({ kind: 'more-recorded' });
  if (nameless.length > 0) found.push({ kind: 'nameless', count: nameless.length });
  // Userspace killers are in no counter: their kills are known by their logs alone.
  if (facts.killers.length > 0 && (watching === null || watching.gaps > 0 || !isWatchedSince))
    found.push({ kind: 'other-killers', names: facts.killers });
  const { unit, groupOomKills } = facts;
  const counted = Math.max(groupOomKills ?? 0, unit?.oomKills ?? 0, unit?.managedOomKills ?? 0);
  if (counted > evidence.unitKills) found.push({ kind: 'unit-counts', count: counted - evidence.unitKills });
  if (unit?.result === 'oom-kill') found.push({ kind: 'systemd-says' });
  return found;
}
