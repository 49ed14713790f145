import type { BackState, Incident, Kill } from '../../incident/incident.ts';
import { deathsOf } from '../../incident/pattern.ts';
import { serviceOf } from '../../incident/service.ts';
import { describeReturn } from '../../notice/incident/thread-notice.ts';
import { identifyCgroup } from '../../oom/proc/cgroup.ts';
import type { ProcessFacts } from '../../oom/proc/proc-scan.ts';
import type { Identity } from '../../oom/report.ts';
import { messageFor, replyFor } from '../deliveries.ts';
import { everyOpen } from '../every-open.ts';
import type { Clock, Log } from '../ports.ts';
import type { Fleet, HostLink } from '../host-link.ts';
import type { LiveScan, LiveScans } from '../live-scan.ts';
import { isAnnounced } from '../is-announced.ts';
import { whoIsNext } from '../ranking.ts';
import type { SavedBatch, Store } from '../store-port.ts';

export interface ReturnWorld {
  store: Store;
  fleet: Fleet;
  scans: LiveScans;
  clock: Clock;
  log: Log;
  channelOf: (incident: Incident) => string;
  /** When the host was booted by our clock; null: not known now. */
  bootAtMs: (host: string) => number | null;
  wake: () => void;
}

export interface ReturnWatch {
  /** Kills were recorded: looks whether what died comes back. */
  see: (saved: SavedBatch) => void;
  close: () => Promise<void>;
}

/** After a kill, systemd restarts at once or after RestartSec; people take longer. Then the question closes itself. */
const LOOKS_MS = [3_000, 10_000, 30_000, 2 * 60_000, 10 * 60_000] as const;
/** Of what died just now, one look without it says little. */
const FRESH_MS = 60_000;
const LOOPS_FROM = 3;
const LOOP_WINDOW_MS = 10 * 60_000;
const INCIDENTS_AT_ONCE = 200;
/** After a restart or a lost link, incidents that are still open are looked at again. */
const RECONNECTED_EVERY_MS = 15_000;

/** A host that has just run out of memory may be slow. */
const SCAN_WITHIN_MS = 10_000;
/** One scan answers both questions of a look. */
const SCAN_AGE_MS = 2_000;

/** What a look found out; null: nothing new. */
interface Finding {
  back: BackState | null;
  next: Incident['next'];
}

/** Answers "who is next?" after each kill, and "is it back?" by looking: at the unit, or for a process of that name which started after the death. */
export function openReturnWatch(world: ReturnWorld): ReturnWatch {
  const { store, fleet, scans, clock, log } = world;
  const closing = new AbortController();
  const watched = new Map<string, Promise<void>>();

  function see(saved: SavedBatch): void {
    const fresh = new Set(saved.fresh.map((kill) => kill.key));
    for (const incident of saved.incidents) if (incident.kills.some((kill) => fresh.has(kill.key))) begin(incident);
  }

  function begin(incident: Incident): void {
    if (incident.closedAtMs !== null || watched.has(incident.id) || watched.size >= INCIDENTS_AT_ONCE) return;
    watched.set(
      incident.id,
      follow(incident.id)
        .catch((error: unknown) => {
          if (!closing.signal.aborted)
            log.warn({ err: error, host: incident.host }, 'Could not determine whether a service is back');
        })
        .finally(() => watched.delete(incident.id)),
    );
  }

  async function keepResuming(): Promise<void> {
    let connectedSinceMs = new Map<string, number>();
    while (!closing.signal.aborted) {
      const now = new Map<string, number>();
      for (const { name } of fleet.hosts()) {
        const state = fleet.link(name)?.state();
        if (state?.kind !== 'connected' || world.bootAtMs(name) === null) continue;
        if (connectedSinceMs.get(name) === state.sinceMs || (await resume(name))) now.set(name, state.sinceMs);
      }
      connectedSinceMs = now;
      await clock.sleep(RECONNECTED_EVERY_MS, closing.signal).catch(() => undefined);
    }
  }

  /** Looks at what a channel was told and is not known to be back. False: that could not be read. */
  async function resume(host: string): Promise<boolean> {
    try {
      for await (const incident of everyOpen(store, host)) {
        const isAnswered = incident.back.kind === 'restarted' || incident.back.kind === 'loop';
        if (!isAnswered && (await store.postedOf(incident.id)).length > 0) begin(incident);
      }
      return true;
    } catch (error) {
      log.warn({ err: error, host }, 'Open incidents could not be read');
      return false;
    }
  }

  async function follow(id: string): Promise<void> {
    let look = 0;
    let deaths = 0;
    while (look < LOOKS_MS.length) {
      await clock.sleep(LOOKS_MS[look] ?? 0, closing.signal);
      const incident = await store.incident(id);
      // A group that was killed as a whole has no pid in the log; its unit can be asked all the same.
      const kill = incident?.kills.findLast(({ record }) => record.pid !== null || record.identity?.unit != null);
      if (incident === null || kill === undefined || incident.closedAtMs !== null) return;
      // It died again meanwhile: the question begins anew.
      look = incident.killCount > deaths && deaths > 0 ? 0 : look + 1;
      deaths = incident.killCount;
      const back = await lookAt(incident, kill, look === LOOKS_MS.length);
      const finding: Finding = {
        back: back === null || sameBack(back, incident.back) ? null : back,
        next:
          incident.next === null && (await isAnnounced(store, incident, clock.nowMs()))
            ? await askWhoIsNext(incident)
            : null,
      };
      if (finding.back !== null || finding.next !== null) await tell(incident, finding);
      if (finding.back?.kind === 'restarted') return;
    }
  }

  async function lookAt(incident: Incident, kill: Kill, isLast: boolean): Promise<BackState | null> {
    const link = fleet.link(incident.host);
    const bootAtMs = world.bootAtMs(incident.host);
    if (link === null || bootAtMs === null || link.state().kind !== 'connected') return null;
    const found =
      (await lookAtUnit(link, kill, bootAtMs)) ?? lookAtProcesses(await scanOf(incident.host), kill, bootAtMs);
    const recent = incident.kills.filter(
      (one) => serviceOf(one) === serviceOf(kill) && kill.atMs - one.atMs <= LOOP_WINDOW_MS,
    );
    const deaths = deathsOf(recent.map((one) => one.atMs));
    if (deaths >= LOOPS_FROM && found?.kind === 'restarted') return { kind: 'loop', restarts: deaths };
    // One missing look says little; several do.
    return found?.kind === 'down' && !isLast && clock.nowMs() - kill.atMs < FRESH_MS ? null : found;
  }

  function scanOf(host: string): Promise<LiveScan> {
    return scans.read(host, SCAN_WITHIN_MS, SCAN_AGE_MS);
  }

  async function askWhoIsNext(incident: Incident): Promise<Incident['next']> {
    const live = await scanOf(incident.host);
    return live.kind === 'scan' ? whoIsNext(incident, live) : null;
  }

  async function tell(incident: Incident, { back, next }: Finding): Promise<void> {
    const changed: Incident = { ...incident, back: back ?? incident.back, next: next ?? incident.next };
    const [channel, nowMs] = [world.channelOf(incident), clock.nowMs()];
    const notice = back === null ? null : describeReturn(changed);
    const reply = notice === null ? [] : [replyFor(incident.id, channel, { notice }, nowMs)];
    const result = await store.updateIncident(
      changed,
      (await isAnnounced(store, incident, nowMs)) ? [messageFor(incident.id, channel, nowMs), ...reply] : [],
    );
    if (result.kind === 'saved') world.wake();
    else if (result.current !== null && result.current.closedAtMs === null) await tell(result.current, { back, next });
  }

  const resuming = keepResuming();
  return {
    see,
    close: async () => {
      closing.abort();
      await Promise.all([resuming, ...watched.values()]);
    },
  };
}

async function lookAtUnit(link: HostLink, kill: Kill, bootAtMs: number): Promise<BackState | null> {
  const unit = kill.record.identity?.unit ?? null;
  if (unit === null || !unit.endsWith('.service')) return null;
  const state = await link.unit(unit);
  if (state === null) return null;
  if (!state.isActive) return { kind: 'down', sinceMs: kill.atMs };
  const sinceMs = state.activeSinceBootMs === null ? null : bootAtMs + state.activeSinceBootMs;
  if (sinceMs === null || sinceMs <= kill.atMs - kill.atErrorMs) return null; // a child of it died: is it back by name?
  return { kind: 'restarted', afterMs: Math.max(0, Math.round(sinceMs - kill.atMs)), pid: state.mainPid };
}

function lookAtProcesses(live: LiveScan, kill: Kill, bootAtMs: number): BackState | null {
  if (live.kind !== 'scan' || !live.scan.complete || !live.scan.seesAll) return null;
  const { scan } = live;
  const namesakes = scan.processes.filter((one) => one.name === kill.record.name && one.pid !== kill.record.pid);
  const next = namesakes
    .filter((one) => isSameService(kill, one))
    .map((one) => ({ pid: one.pid, atMs: bootAtMs + (one.startTicks / scan.clockTicksPerSecond) * 1_000 }))
    .filter((one) => one.atMs >= kill.atMs - kill.atErrorMs)
    .toSorted((a, b) => a.atMs - b.atMs)[0];
  if (next !== undefined)
    return { kind: 'restarted', afterMs: Math.max(0, Math.round(next.atMs - kill.atMs)), pid: next.pid };
  // Others of its name that lived on, one worker of a pool is missing, or are somebody else's: that is not known to be an outage.
  return namesakes.length > 0 ? null : { kind: 'down', sinceMs: kill.atMs };
}

/** Of the same user and the same unit, container or pod; a name alone says too little. */
function isSameService({ record, who }: Kill, one: ProcessFacts): boolean {
  const uid = record.uid ?? who?.uid ?? null;
  const path = record.taskMemcg ?? who?.cgroup ?? null;
  const home = record.identity === null ? null : nameOf(record.identity);
  const wanted = home ?? placeOf(path);
  return (uid === null || uid === one.uid) && wanted !== null && wanted === placeOf(one.cgroup);
}

/** What a cgroup belongs to, else its path; null for the root group, which everybody may be in. */
function placeOf(path: string | null): string | null {
  if (path === null || path === '/') return null;
  return nameOf(identifyCgroup(path)) ?? path;
}

function nameOf({ pod, container, unit }: Identity): string | null {
  return pod ?? container ?? unit;
}

function sameBack(a: BackState, b: BackState): boolean {
  return a.kind === b.kind && (a.kind !== 'loop' || b.kind !== 'loop' || a.restarts === b.restarts);
}
