import { titleOf } from '../../cause/cause-facts.ts';
import { parseDeathFacts, type DeathFacts } from '../../cause/death-facts.ts';
import { findTarget, unitOf } from '../../change/find-target.ts';
import { isUnitName } from '../../change/host-command.ts';
import type { Incident, Kill, ProcessIdentity } from '../../incident/incident.ts';
import { decideWhy, type SeenProcess, type WhyAsk, type WhyEvidence } from '../../incident/why.ts';
import { describeWhy } from '../../notice/answer/why-notice.ts';
import { sizingOf } from '../../notice/incident/incident-size.ts';
import { shellWord } from '../../notice/host-text.ts';
import { identifyCgroup } from '../../oom/proc/cgroup.ts';
import { containerLabel, nameOfGroup, type ContainerName } from '../../oom/proc/container-name.ts';
import type { ProcScan } from '../../oom/proc/proc-scan.ts';
import { programOf } from '../../size/size.ts';
import type { HostLink } from '../host-link.ts';
import { countedKills } from '../counted-kills.ts';
import type { LiveScans } from '../live-scan.ts';
import type { Snapshot } from '../store-port.ts';
import { countedTimes } from '../watch/unexplained-cgroups.ts';
import type { AnswersWorld } from './answers-world.ts';
import type { Handlers } from './handlers.ts';
import type { Targets } from './targets.ts';
import { spanOf } from './when-words.ts';
import { readCounts, type ReadFacts } from './why-counts.ts';

const SCAN_MS = 10_000;
const DAY_MS = 24 * 60 * 60_000;
const MINUTE_MS = 60_000;
/** Between a kill and its line on record: the counter is ahead for so long at most. */
const SETTLE_MS = 6_000;
const SETTLE_LOOK_MS = 250;
const INCIDENTS_MAX = 50;

/** Whether something was killed for memory, with the proof. */
export function openWhyAnswer(world: AnswersWorld, targets: Targets, scans: LiveScans): Handlers['answerWhy'] {
  const { store, fleet, clock } = world;

  return async ({ host: asked, what, when }) => {
    const target = await targets.host(asked);
    if (target.kind === 'refused') return target;
    const host = target.name;
    const link = fleet.link(host);
    const snapshot = await store.snapshot(host);
    // Beside the scan, for the unit that it was seen in last; the scan may know better.
    const guess = unitFor(
      what,
      snapshot?.processes.filter((one) => isCalled(what, one, snapshot.containers ?? [])) ?? [],
    );
    const early = readFacts(link, guess);
    const live = await scans.read(host, SCAN_MS);
    const scan = live.kind === 'scan' ? live.scan : null;
    const scannedAtMs = live.kind === 'scan' ? live.atMs : clock.nowMs();
    const bootAtMs = scan === null ? null : scannedAtMs - scan.uptimeSeconds * 1_000;
    const containers = [...(scan?.containers ?? []), ...(snapshot?.containers ?? [])];
    const gone = goneOf(what, snapshot, scan, containers, bootAtMs);
    const alive = scan === null || bootAtMs === null ? [] : aliveOf(what, scan, bootAtMs);
    const unit = unitFor(what, [...alive, ...gone]);

    let read = live.kind === 'away' ? null : await early;
    if (scan !== null && (read === null || unit !== guess)) read = await readFacts(link, unit);
    let counts = await readCounts(world, host, read);
    // A kill is counted before its line can be on record.
    const settledAtMs = clock.nowMs() + SETTLE_MS;
    while (clock.nowMs() < Math.min(settledAtMs, counts.aheadUntilMs)) {
      await clock.sleep(SETTLE_LOOK_MS);
      if (!counts.isOlder && (await countedKills(store, host, read?.facts.bootId ?? '')) === counts.known) continue;
      read = (await readFacts(link, unit)) ?? read;
      counts = await readCounts(world, host, read);
    }
    const facts = read?.facts ?? null;
    // What happens from then on is in no count.
    const nowMs = read?.sinceMs ?? clock.nowMs();
    const first = spanOf(when, nowMs) ?? { sinceMs: Math.max(bootAtMs ?? 0, nowMs - DAY_MS), untilMs: nowMs };
    const ask: WhyAsk = { what, ...(when === null ? narrowed(first, facts, bootAtMs, gone, snapshot) : first) };
    const kills = counts.kills.filter(({ atMs, atErrorMs }) => {
      const around = MINUTE_MS + atErrorMs;
      return atMs >= ask.sinceMs - around && atMs <= ask.untilMs + around;
    });
    const watch = world.watchState(host);
    const evidence: WhyEvidence = {
      kills,
      allKills: counts.isWhole,
      alive,
      gone,
      containers,
      unit,
      facts,
      bootAtMs,
      missingSinceBoot: counts.missingSinceBoot,
      missingSinceWatched: counts.missingSinceWatched,
      watchedSinceMs: counts.watchedSinceMs,
      watching: watch?.kind === 'watching' ? { gaps: watch.gaps } : null,
      unitKills: counts.kills
        .filter(({ record }) => unit !== null && record.identity?.unit === unit)
        .reduce((sum, kill) => sum + countedTimes(kill), 0),
    };
    const verdict = decideWhy(ask, evidence);
    const incident = verdict.kind === 'yes' ? await incidentOf(host, verdict.kill) : null;
    const named = containers.find((one) => [one.name, containerLabel(one), one.id].includes(what)) ?? null;
    const sized = verdict.kind === 'yes' ? sizedName(verdict.kill, scan, incident) : null;
    const inspect = inspectCommand(named);
    return { kind: 'notice', notice: describeWhy({ host, ask, verdict, facts, incident, bootAtMs, inspect, sized }) };
  };

  async function readFacts(link: HostLink | null, unit: string | null): Promise<ReadFacts | null> {
    const sinceMs = clock.nowMs();
    const text = await link?.why(unit);
    const facts = text == null ? null : parseDeathFacts(text);
    return facts === null ? null : { facts, sinceMs };
  }

  async function incidentOf(host: string, kill: Kill): Promise<Incident | null> {
    const incidents = await store.incidents(host, INCIDENTS_MAX);
    return incidents.find((incident) => incident.kills.some(({ key }) => key === kill.key)) ?? null;
  }
}

/** Processes that are meant and live now. */
function aliveOf(what: string, scan: ProcScan, bootAtMs: number): SeenProcess[] {
  const target = findTarget(scan, what);
  const named = scan.processes.filter(({ name }) => name.toLowerCase() === what.toLowerCase());
  const found = target.kind === 'found' ? target.processes : named;
  return found.map(({ pid, name, cgroup, startTicks }) => ({
    pid,
    name,
    cgroup,
    startedAtMs: bootAtMs + (startTicks / scan.clockTicksPerSecond) * 1_000,
  }));
}

/** Processes that were there at the last snapshot of this boot, and are not any more. */
function goneOf(
  what: string,
  snapshot: Snapshot | null,
  scan: ProcScan | null,
  containers: readonly ContainerName[],
  bootAtMs: number | null,
): SeenProcess[] {
  if (snapshot === null || scan === null || snapshot.bootId !== scan.bootId || bootAtMs === null) return [];
  const living = new Map(scan.processes.map((one) => [one.pid, one.startTicks]));
  return snapshot.processes
    .filter((one) => living.get(one.pid) !== one.startTicks && isCalled(what, one, containers))
    .map(({ pid, name, cgroup, startTicks }) => ({
      pid,
      name,
      cgroup,
      startedAtMs: bootAtMs + (startTicks / scan.clockTicksPerSecond) * 1_000,
    }));
}

function isCalled(what: string, { pid, name, cgroup }: ProcessIdentity, containers: readonly ContainerName[]): boolean {
  if (/^\d{1,7}$/.test(what)) return pid === Number(what);
  const lower = what.toLowerCase();
  const { unit, container } = identifyCgroup(cgroup ?? '/');
  const named = nameOfGroup(containers, cgroup);
  return (
    name.toLowerCase() === lower.slice(0, 15) ||
    [lower, `${lower}.service`].includes(unit?.toLowerCase() ?? '') ||
    (container !== null && what.length >= 8 && container.startsWith(what)) ||
    (named !== null && [named.name, containerLabel(named)].includes(what))
  );
}

/** The unit that systemd is asked about: what was typed, else where these processes live or lived, if that is one. */
function unitFor(what: string, seen: readonly Pick<ProcessIdentity, 'cgroup'>[]): string | null {
  if (/\.(?:service|scope|socket|mount|swap)$/.test(what)) return isUnitName(what) ? what : null;
  const units = new Set(seen.map((one) => unitOf(one)).filter((unit) => unit !== null && isUnitName(unit)));
  const [unit = null] = units;
  if (units.size > 0) return units.size === 1 ? unit : null;
  return /^\d+$/.test(what) || !isUnitName(`${what}.service`) ? null : `${what}.service`;
}

/** Where it is known when it died, nothing else needs to be proven. */
function narrowed(
  span: { sinceMs: number; untilMs: number },
  facts: DeathFacts | null,
  bootAtMs: number | null,
  gone: readonly SeenProcess[],
  snapshot: Snapshot | null,
): { sinceMs: number; untilMs: number } {
  const unit = facts?.unit ?? null;
  const isDown = unit !== null && ['inactive', 'failed'].includes(unit.activeState);
  if (isDown && unit.endedSeconds !== null && bootAtMs !== null) {
    const endedAtMs = bootAtMs + unit.endedSeconds * 1_000;
    return {
      sinceMs: Math.max(bootAtMs, endedAtMs - MINUTE_MS),
      untilMs: Math.min(span.untilMs, endedAtMs + MINUTE_MS),
    };
  }
  return gone.length > 0 && snapshot !== null ? { ...span, sinceMs: snapshot.atMs } : span;
}

/** What was killed, as `size` can be asked about it: it knows the program, which runs or whose last kill tells; null: it cannot. */
function sizedName({ record, who }: Kill, scan: ProcScan | null, incident: Incident | null): string | null {
  const name = titleOf(record.name ?? '');
  const unit = record.identity?.unit ?? null;
  if (programOf({ name, unit, commandLine: who?.commandLine ?? null }) === null) return null;
  const isThere = scan?.processes.some((one) => titleOf(one.name) === name) === true;
  return isThere || (incident !== null && sizingOf(incident)?.tasks.name === name) ? name : null;
}

function inspectCommand(named: ContainerName | null): string | null {
  const name = shellWord(named?.name ?? null);
  const program = named?.engine ?? null;
  if (program === 'kubernetes') {
    const [namespace, pod] = (named?.name ?? '').split('/').map(shellWord);
    return namespace && pod ? `kubectl -n ${namespace} describe pod ${pod}` : null;
  }
  if (name === null || (program !== 'docker' && program !== 'podman' && program !== 'nerdctl')) return null;
  return `${program} inspect -f '{{json .State}}' ${name}`;
}
