import type { BackState, Incident, Kill } from '../incident/incident.ts';
import { describeReturn } from '../notice/thread-notice.ts';
import { parseProcScan } from '../oom/proc-scan.ts';
import type { DeliveryLog } from './delivery-world.ts';
import type { Fleet, HostLink } from './host-link.ts';
import { mutedUntil } from './mute-target.ts';
import type { Clock } from './ports.ts';
import { writeReply } from './reply-body.ts';
import type { NewDelivery, SavedBatch, Store } from './store-port.ts';

export interface ReturnWorld {
  store: Store;
  fleet: Fleet;
  clock: Clock;
  log: DeliveryLog;
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
/** What died longer ago is history. */
const FRESH_MS = 60_000;
const LOOPS_FROM = 3;
const LOOP_WINDOW_MS = 10 * 60_000;
const INCIDENTS_AT_ONCE = 200;

/** Answers "is it back?" by looking: at the unit, or for a process of that name which started after the death. */
export function openReturnWatch(world: ReturnWorld): ReturnWatch {
  const { store, fleet, clock, log } = world;
  const closing = new AbortController();
  const watched = new Map<string, Promise<void>>();

  function see(saved: SavedBatch): void {
    const nowMs = clock.nowMs();
    for (const incident of saved.incidents) {
      const last = incident.kills.at(-1);
      const isNews = last !== undefined && last.record.pid !== null && nowMs - last.atMs < FRESH_MS;
      if (!isNews || watched.has(incident.id) || watched.size >= INCIDENTS_AT_ONCE) continue;
      watched.set(
        incident.id,
        follow(incident.id)
          .catch((error: unknown) => {
            if (!closing.signal.aborted)
              log.warn({ err: error, host: incident.host }, 'Whether a service is back could not be found out');
          })
          .finally(() => watched.delete(incident.id)),
      );
    }
  }

  async function follow(id: string): Promise<void> {
    let look = 0;
    let deaths = 0;
    while (look < LOOKS_MS.length) {
      await clock.sleep(LOOKS_MS[look] ?? 0, closing.signal);
      const incident = await store.incident(id);
      const kill = incident?.kills.findLast((one) => one.record.pid !== null);
      if (incident === null || kill === undefined || incident.closedAtMs !== null) return;
      // It died again meanwhile: the question begins anew.
      look = incident.killCount > deaths && deaths > 0 ? 0 : look + 1;
      deaths = incident.killCount;
      if (look <= 1) await showAgain(incident);
      const back = await lookAt(incident, kill, look === LOOKS_MS.length);
      if (back === null || sameBack(back, incident.back)) continue;
      await tell(incident, back);
      if (back.kind === 'restarted') return;
    }
  }

  async function lookAt(incident: Incident, kill: Kill, isLast: boolean): Promise<BackState | null> {
    const link = fleet.link(incident.host);
    const bootAtMs = world.bootAtMs(incident.host);
    if (link === null || bootAtMs === null || link.state().kind !== 'connected') return null;
    const found = (await lookAtUnit(link, kill, bootAtMs)) ?? (await lookAtProcesses(link, kill, bootAtMs));
    const recent = incident.kills.filter((one) => kill.atMs - one.atMs <= LOOP_WINDOW_MS);
    if (recent.length >= LOOPS_FROM && found?.kind === 'restarted') return { kind: 'loop', restarts: recent.length };
    // One missing look says little; several do.
    return found?.kind === 'down' && !isLast && clock.nowMs() - kill.atMs < FRESH_MS ? null : found;
  }

  /** By now it can be said who is next: the message is edited, if there is one. */
  async function showAgain(incident: Incident): Promise<void> {
    const posted = await store.postedOf(incident.id);
    if (posted.length === 0 || (await isMuted(incident))) return;
    await store.enqueue([messageOf(incident)]);
    world.wake();
  }

  async function isMuted(incident: Incident): Promise<boolean> {
    const nowMs = clock.nowMs();
    return mutedUntil(await store.mutes(nowMs), incident, nowMs) !== null;
  }

  function messageOf(incident: Incident): NewDelivery {
    return {
      incidentId: incident.id,
      channel: world.channelOf(incident),
      kind: 'incident',
      body: null,
      notBeforeMs: clock.nowMs(),
    };
  }

  async function tell(incident: Incident, back: BackState): Promise<void> {
    const changed: Incident = { ...incident, back };
    const message = messageOf(incident);
    const notice = describeReturn(changed);
    const reply: NewDelivery[] =
      notice === null ? [] : [{ ...message, kind: 'reply', body: writeReply({ notice, upToKill: null }) }];
    const posted = await store.postedOf(incident.id);
    // An incident that was never told (muted, history) is not told because it came back.
    const isSilent = posted.length === 0 || (await isMuted(incident));
    const result = await store.updateIncident(changed, isSilent ? [] : [message, ...reply]);
    if (result.kind === 'saved') world.wake();
    else if (result.current !== null && result.current.closedAtMs === null) await tell(result.current, back);
  }

  return {
    see,
    close: async () => {
      closing.abort();
      await Promise.all(watched.values());
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

async function lookAtProcesses(link: HostLink, kill: Kill, bootAtMs: number): Promise<BackState | null> {
  const text = await link.scan('all');
  const scan = text === null ? null : parseProcScan(text);
  if (scan === null || scan.kind !== 'scan' || !scan.complete || !scan.seesAll) return null;
  const born = scan.processes
    .filter((one) => one.name === kill.record.name && one.pid !== kill.record.pid)
    .map((one) => ({ pid: one.pid, atMs: bootAtMs + (one.startTicks / scan.clockTicksPerSecond) * 1_000 }));
  const next = born.filter((one) => one.atMs >= kill.atMs - kill.atErrorMs).toSorted((a, b) => a.atMs - b.atMs)[0];
  if (next !== undefined)
    return { kind: 'restarted', afterMs: Math.max(0, Math.round(next.atMs - kill.atMs)), pid: next.pid };
  // Others of its name that lived on: one worker of a pool is missing, which is no outage.
  return born.length > 0 ? null : { kind: 'down', sinceMs: kill.atMs };
}

function sameBack(a: BackState, b: BackState): boolean {
  return a.kind === b.kind && (a.kind !== 'loop' || b.kind !== 'loop' || a.restarts === b.restarts);
}
