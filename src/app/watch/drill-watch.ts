import { drillIdOf, isKillOfDrill, type Drill, type DrillKill } from '../../incident/drill.ts';
import type { Kill } from '../../incident/incident.ts';
import type { Clock } from '../ports.ts';
import type { DrillStore } from '../store-port.ts';

/** What was seen of the kill of a drill that is under way. */
export interface DrillProgress {
  killedAtMs: number | null;
  seenAtMs: number | null;
  recordedAtMs: number | null;
}

export const NOTHING_SEEN: DrillProgress = { killedAtMs: null, seenAtMs: null, recordedAtMs: null };

/** Tells kills of drills from others. Only what a drill of this record announced is one; all else is a real kill. */
export interface DrillWatch {
  /** Reads the drills of a host whose log may be read again; before its first line. */
  load: (host: string) => Promise<void>;
  /** A drill is about to be asked for; `onProgress` hears of its kill until it is told otherwise. */
  expect: (drill: Drill, onProgress: (progress: DrillProgress) => void) => () => void;
  tellApart: (kills: readonly Kill[]) => { kills: Kill[]; drilled: DrillKill[] };
  /** These are on record. */
  recorded: (drilled: readonly DrillKill[]) => void;
}

/** A log is read again for as long as it is kept; a lasting journal for about this long. */
const AGAIN_MS = 90 * 24 * 60 * 60_000;
const KNOWN_MAX = 20_000;

export function openDrillWatch(store: DrillStore, clock: Clock): DrillWatch {
  /** By id; `key`: of the death that was taken for it. */
  const known = new Map<string, { drill: Pick<Drill, 'id' | 'host' | 'askedAtMs'>; key: string | null }>();
  const underWay = new Map<string, { progress: DrillProgress; onProgress: (progress: DrillProgress) => void }>();

  async function load(host: string): Promise<void> {
    for (const { id, askedAtMs, killKey } of await store.drills(host, clock.nowMs() - AGAIN_MS))
      if (!underWay.has(id)) learn({ id, host, askedAtMs }, killKey);
  }

  function learn(drill: Pick<Drill, 'id' | 'host' | 'askedAtMs'>, key: string | null): void {
    known.set(drill.id, { drill, key });
    const oldest = known.keys().next();
    if (known.size > KNOWN_MAX && !oldest.done) known.delete(oldest.value);
  }

  function expect(drill: Drill, onProgress: (progress: DrillProgress) => void): () => void {
    learn(drill, null);
    underWay.set(drill.id, { progress: NOTHING_SEEN, onProgress });
    return () => void underWay.delete(drill.id);
  }

  function note(id: string, more: Partial<DrillProgress>): void {
    const one = underWay.get(id);
    if (one === undefined) return;
    one.progress = { ...one.progress, ...more };
    one.onProgress(one.progress);
  }

  function take(kill: Kill): DrillKill | null {
    const id = drillIdOf(kill);
    const one = id === null ? undefined : known.get(id);
    if (id === null || one === undefined || !isKillOfDrill(kill, one.drill, one.key)) return null;
    if (one.key === null) {
      one.key = kill.key;
      const askedAtMs = one.drill.askedAtMs ?? kill.seenAtMs;
      // Clocks of two machines: it died neither before it was asked for nor after it was seen.
      const killedAtMs = Math.min(kill.seenAtMs, Math.max(askedAtMs, kill.atMs));
      note(id, { killedAtMs, seenAtMs: kill.seenAtMs });
    }
    return { id, host: kill.host, bootId: kill.bootId, key: kill.key };
  }

  return {
    load,
    expect,
    tellApart: (all) => {
      const kills: Kill[] = [];
      const drilled: DrillKill[] = [];
      for (const kill of all) {
        const own = take(kill);
        if (own === null) kills.push(kill);
        else drilled.push(own);
      }
      return { kills, drilled };
    },
    recorded: (drilled) => {
      for (const { id } of drilled)
        if (underWay.get(id)?.progress.recordedAtMs === null) note(id, { recordedAtMs: clock.nowMs() });
    },
  };
}
