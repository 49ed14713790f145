import type { Incident } from '../incident/incident.ts';
import { describeIncident, type IncidentContext } from '../notice/incident-notice.ts';
import type { Notice } from '../notice/notice.ts';
import type { DeliveryLog } from './delivery-world.ts';
import { nextRows } from './incident-answers.ts';
import type { LiveScans } from './live-scan.ts';
import type { Clock } from './ports.ts';
import { seenBefore } from './seen-before.ts';
import type { Store } from './store-port.ts';

export interface MessagesWorld {
  store: Pick<Store, 'killTimes' | 'postedOf' | 'enqueue'>;
  scans: LiveScans;
  clock: Clock;
  log: DeliveryLog;
  channelOf: (incident: Incident) => string;
  wake: () => void;
  protect: boolean;
}

export interface IncidentMessages {
  /** The incident's message as it should read now. Never waits for the host: who is next comes with an edit of its own. */
  describe: (incident: Incident) => Promise<Notice>;
}

/** A host that has just run out of memory may be slow. */
const SCAN_WITHIN_MS = 10_000;
/** An older ranking is not shown, and not asked for again more often. */
const FRESH_MS = 60_000;
/** Nobody asks who is next about what died long ago. */
const NEWS_MS = 10 * 60_000;
const INCIDENTS_KEPT = 1_000;

/** Makes the messages of incidents, and has them edited once it can be said who is next. */
export function openIncidentMessages(world: MessagesWorld): IncidentMessages {
  const { store, scans, clock, log } = world;
  const known = new Map<string, { next: IncidentContext['next']; askedAtMs: number }>();

  async function askWhoIsNext(incident: Incident): Promise<void> {
    const live = await scans.read(incident.host, SCAN_WITHIN_MS);
    if (live.kind !== 'scan') return;
    const next = { rows: nextRows(incident, live), atMs: live.atMs };
    known.set(incident.id, { next, askedAtMs: clock.nowMs() });
    const channel = world.channelOf(incident);
    await store.enqueue([
      { incidentId: incident.id, channel, kind: 'incident', body: null, notBeforeMs: clock.nowMs() },
    ]);
    world.wake();
  }

  function nextOf(incident: Incident, isPosted: boolean): IncidentContext['next'] {
    const nowMs = clock.nowMs();
    const asked = known.get(incident.id);
    const isStale = asked === undefined || nowMs - asked.askedAtMs > FRESH_MS;
    if (isPosted && isStale && nowMs - incident.lastAtMs < NEWS_MS) {
      for (const [oldest] of known) if (known.size >= INCIDENTS_KEPT) known.delete(oldest);
      known.set(incident.id, { next: null, askedAtMs: nowMs });
      askWhoIsNext(incident).catch((error: unknown) => {
        log.warn({ err: error, host: incident.host }, 'Who is next could not be found out');
      });
    }
    return asked?.next ?? null;
  }

  return {
    describe: async (incident) => {
      const [past, posted] = await Promise.all([seenBefore(store, incident), store.postedOf(incident.id)]);
      const next = nextOf(incident, posted.length > 0);
      return describeIncident(incident, { nowMs: clock.nowMs(), seenBefore: past, next, protect: world.protect });
    },
  };
}
