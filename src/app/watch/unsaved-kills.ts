import { isSameDeath } from '../../incident/death-key.ts';
import { foldDeaths, placeOf } from '../../incident/fold-deaths.ts';
import type { ToldAs } from '../../incident/grouping.ts';
import type { Incident, Kill } from '../../incident/incident.ts';
import type { Clock, Mute } from '../ports.ts';
import type { HostStore, IncidentStore, KillStore, SavedBatch } from '../store-port.ts';
import { withTimeout } from '../with-timeout.ts';
import { assignIncidents, type Placing } from './assign-incidents.ts';

const STORE_WITHIN_MS = 3_000;
/** One death has the same time in two logs, as nearly as their clocks agree. */
const AROUND_MS = 60_000;
/** What is remembered of one host for the time when the store cannot be read. */
const DEATHS_MAX = 1_000;
const OPEN_MAX = 200;
const KILLS_MAX = 1_000;

export interface UnsavedWorld {
  store: Pick<IncidentStore, 'openIncidents'> & Pick<HostStore, 'mutes'> & Pick<KillStore, 'kills'>;
  clock: Clock;
  onUnsaved?: (incident: Incident, channel: string) => void;
}

/** What is told of one host's kills while the store does not take them. */
export interface UnsavedKills {
  /** Tells from memory what these open, all that wait for the store. Never throws. */
  tell: (waiting: readonly Kill[]) => Promise<void>;
  /** As which incident a kill was told: under that name it goes on record. null: it was not told. */
  toldAs: (kill: Kill) => ToldAs | null;
  /** These are open on record, as a save that may have failed found them. */
  find: (nowOpen: readonly Incident[]) => void;
  /** These are on record. */
  see: (saved: SavedBatch) => void;
}

/** Nothing told yet. What is on record is asked of the store, and remembered for when it cannot be asked. */
export function openUnsavedKills(
  host: string,
  placing: Omit<Placing, 'mutes' | 'nowMs' | 'toldAs'>,
  { store, clock, onUnsaved }: UnsavedWorld,
): UnsavedKills {
  const told = new Map<string, ToldAs>();
  /** Places of deaths on record. */
  const recorded = new Set<string>();
  /** Open incidents on record, without their kills. */
  const open = new Map<string, Incident>();

  function toldAs(kill: Kill): ToldAs | null {
    return told.get(placeOf(kill)) ?? null;
  }

  /** null: the store does not say. */
  async function ask<T>(what: () => Promise<T[]>): Promise<T[] | null> {
    try {
      const done = await withTimeout(clock, STORE_WITHIN_MS, what);
      return done.kind === 'done' ? done.value : null;
    } catch {
      return null;
    }
  }

  async function tell(waiting: readonly Kill[]): Promise<void> {
    const deaths = foldDeaths(waiting.filter((kill) => !recorded.has(placeOf(kill))));
    if (deaths.length === 0) return;
    const times = deaths.map(({ atMs }) => atMs);
    const span = { sinceMs: Math.min(...times) - AROUND_MS, untilMs: Math.max(...times) + AROUND_MS };
    // At once: a kill that nobody heard of waits for them.
    const [known, onRecord, mutes] = await Promise.all([
      ask(() => store.kills({ hosts: [host], service: null, ...span, limit: KILLS_MAX })),
      ask(() => store.openIncidents(host)),
      ask<Mute>(() => store.mutes(clock.nowMs())),
    ]);
    // A save may have succeeded meanwhile, and opened more.
    const nowOpen = [
      ...new Map([...(onRecord ?? []), ...open.values()].map((incident) => [incident.id, incident])).values(),
    ];
    const fresh = deaths.filter(
      (kill) => !recorded.has(placeOf(kill)) && !(known ?? []).some(({ key }) => isSameDeath(key, kill.key)),
    );
    const isOpen = new Set(nowOpen.map(({ id }) => id));
    const decision = assignIncidents(
      { host, nowOpen, fresh, amended: [] },
      { ...placing, nowMs: clock.nowMs(), mutes: mutes ?? [], toldAs },
    );
    for (const { incidentId, channel } of decision.deliveries) {
      const incident = decision.incidents.find(({ id }) => id === incidentId);
      if (incident === undefined || isOpen.has(incidentId)) continue;
      note(fresh, decision.placed, incidentId);
      onUnsaved?.(incident, channel);
    }
  }

  /** Its first kill gave it its name. */
  function note(kills: readonly Kill[], placed: Readonly<Record<string, string>>, id: string): void {
    const its = kills.filter(({ key }) => placed[key] === id);
    const opener = its.find((kill) => toldAs(kill)?.opens) ?? its.find((kill) => placing.newId(kill) === id);
    for (const kill of its) told.set(placeOf(kill), { id, opens: kill === opener });
  }

  function see({ fresh, amended, incidents }: SavedBatch): void {
    for (const kill of [...fresh, ...amended]) {
      told.delete(placeOf(kill));
      recorded.add(placeOf(kill));
    }
    keepNewest(told, DEATHS_MAX);
    keepNewest(recorded, DEATHS_MAX);
    find(incidents);
  }

  function find(nowOpen: readonly Incident[]): void {
    for (const incident of nowOpen) {
      open.delete(incident.id);
      if (incident.closedAtMs === null) open.set(incident.id, { ...incident, kills: [] });
    }
    keepNewest(open, OPEN_MAX);
  }

  return { tell, toldAs, find, see };
}

function keepNewest(known: Map<string, unknown> | Set<string>, most: number): void {
  for (const key of known.keys()) {
    if (known.size <= most) return;
    known.delete(key);
  }
}
