import { judgeIncident } from '../../incident/judge-incident.ts';
import type { HistoryFacts } from '../../cause/history-facts.ts';
import type { HostFacts } from '../../cause/host-facts.ts';
import { parseHostLook } from '../../cause/read-host-facts.ts';
import type { Incident } from '../../incident/incident.ts';
import { messageFor } from '../deliveries.ts';
import type { Clock, Log, NewDelivery } from '../ports.ts';
import type { Fleet } from '../host-link.ts';
import { historyOf } from './history-facts.ts';
import { isAnnounced } from '../is-announced.ts';
import type { SavedBatch, Store } from '../store-port.ts';
import { withTimeout } from '../with-timeout.ts';

export interface CauseWorld {
  store: Store;
  fleet: Fleet;
  clock: Clock;
  log: Log;
  channelOf: (incident: Incident) => string;
  wake: () => void;
}

export interface CauseWatch {
  /** Kills were recorded: looks at their host, so that the cause can be told better. */
  see: (saved: SavedBatch) => void;
  close: () => Promise<void>;
}

/** The message goes first. */
const FIRST_LOOK_MS = 300;
/** By now it should have been posted; if it was not when the facts came, it is edited now. */
const LATE_EDIT_MS = 3_000;
/** Whether a group stands at its limit again, only a little later tells. */
const SECOND_LOOK_MS = 15_000;
const LOOK_WITHIN_MS = 2_500;
/** Of older kills a look says little. */
const FRESH_MS = 60_000;
/** In a storm the last look at a host will do. */
const LOOK_EVERY_MS = 20_000;
const LOOKS_AT_ONCE = 100;

/**
 * After a kill, looks once at its host (twice when a group was full) and at earlier kills of the service, keeps the facts with the
 * incident, judges its cause anew and edits its message.
 */
export function openCauseWatch(world: CauseWorld): CauseWatch {
  const { store, fleet, clock, log } = world;
  const closing = new AbortController();
  const watched = new Map<string, Promise<void>>();
  const lookedAtMs = new Map<string, number>();

  function see(saved: SavedBatch): void {
    const fresh = new Set(saved.fresh.map((kill) => kill.key));
    const nowMs = clock.nowMs();
    for (const incident of saved.incidents) {
      const isNews = incident.kills.some((kill) => fresh.has(kill.key) && nowMs - kill.atMs < FRESH_MS);
      if (isNews && incident.closedAtMs === null) begin(incident, nowMs);
    }
  }

  function begin(incident: Incident, nowMs: number): void {
    const { id } = incident;
    for (const [other, atMs] of lookedAtMs) if (nowMs - atMs >= LOOK_EVERY_MS) lookedAtMs.delete(other);
    if (watched.has(id) || watched.size >= LOOKS_AT_ONCE || lookedAtMs.has(id)) return;
    lookedAtMs.set(id, nowMs);
    watched.set(
      id,
      follow(incident)
        .catch((error: unknown) => {
          if (!closing.signal.aborted)
            log.warn({ err: error, host: incident.host }, 'Host facts could not be added to an incident');
        })
        .finally(() => watched.delete(id)),
    );
  }

  async function follow({ id, host, domain }: Incident): Promise<void> {
    for (const afterMs of domain === 'memcg' ? [FIRST_LOOK_MS, SECOND_LOOK_MS] : [FIRST_LOOK_MS]) {
      await clock.sleep(afterMs, closing.signal);
      const incident = await store.incident(id);
      if (incident === null || incident.closedAtMs !== null) return;
      const [facts, history] = await Promise.all([
        lookAt(host, incident),
        historyOf(store, incident, { nowMs: clock.nowMs(), changes: [] }),
      ]);
      await tell(incident, facts, history);
      await clock.sleep(LATE_EDIT_MS, closing.signal);
      await editIfBehind(id);
    }
  }

  /** The message may have been on its way, without the facts, when they were saved. */
  async function editIfBehind(id: string): Promise<void> {
    const incident = await store.incident(id);
    if (incident === null || incident.closedAtMs !== null) return;
    const isBehind = (await store.postedOf(id)).some((posted) => posted.revision < incident.revision);
    if (!isBehind || !(await isAnnounced(store, incident, clock.nowMs()))) return;
    const result = await store.updateIncident(incident, [messageOf(incident)]);
    if (result.kind === 'saved') world.wake();
  }

  async function lookAt(host: string, incident: Incident): Promise<HostFacts | null> {
    const link = fleet.link(host);
    const record = incident.kills.at(-1)?.record;
    if (link === null || record === undefined || link.state().kind !== 'connected') return null;
    const subject = {
      unit: record.identity?.unit ?? null,
      group: record.domain === 'memcg' ? record.oomMemcg : null,
    };
    const looked = await withTimeout(clock, LOOK_WITHIN_MS, () => link.collectFacts(subject));
    if (looked.kind === 'late' || looked.value === null) return null;
    return parseHostLook(looked.value, subject, clock.nowMs());
  }

  async function tell(incident: Incident, facts: HostFacts | null, history: HistoryFacts): Promise<void> {
    const seen: Incident = { ...incident, hostFacts: facts ?? incident.hostFacts ?? null, history };
    const cause = judgeIncident(seen) ?? incident.cause;
    const changed: Incident = { ...seen, cause };
    // The first facts may make the undo of what is advised exact; later ones are worth an edit only when they say something else.
    const isSame = JSON.stringify(cause) === JSON.stringify(incident.cause);
    if (isSame && facts === null) return;
    const isNews = !isSame || incident.hostFacts == null;
    const result = await store.updateIncident(
      changed,
      isNews && (await isAnnounced(store, incident, clock.nowMs())) ? [messageOf(incident)] : [],
    );
    if (result.kind === 'saved') world.wake();
    else if (result.current !== null && result.current.closedAtMs === null) await tell(result.current, facts, history);
  }

  function messageOf(incident: Incident): NewDelivery {
    return messageFor(incident.id, world.channelOf(incident), clock.nowMs());
  }

  return {
    see,
    close: async () => {
      closing.abort();
      await Promise.all(watched.values());
    },
  };
}
