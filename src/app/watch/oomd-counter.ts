import { sayName } from '../../cause/cause-words.ts';
import type { Kill } from '../../incident/incident.ts';
import { identifyCgroup } from '../../oom/proc/cgroup.ts';
import { KILLS_MAX } from '../counted-kills.ts';
import type { HostFacts, HostLink, OomdKills } from '../host-link.ts';
import type { CounterReading } from '../store-port.ts';
import {
  counterRecord,
  lookUntilSure,
  unexplained,
  type CounterWorld,
  type KillCounter,
  type Missing,
} from './kill-counter.ts';

// What systemd counts of systemd-oomd's kills (ManagedOOMKills, systemd 259), beside the kills that a log told. It stands in PID 1's
// memory for each unit that is loaded, follows a kill a little later, and begins anew with a unit's next group. So only a sum that
// grows tells of kills; one that falls is the new base. It misses a kill of a unit that is restarted before the next look and never
// tells one that was not.

const KILLER = 'systemd-oomd';
/** A kill is told before systemd has counted it; what was told so shortly before the base may be what was counted since. */
const TOLD_BEFORE_MS = 60_000;

interface Seen extends Missing {
  units: OomdKills['units'];
}

/** Compares systemd's count of systemd-oomd's kills with those on record, as `openKillCounter` does with the kernel's. */
export function openOomdCounter(link: HostLink, facts: HostFacts, world: CounterWorld): KillCounter {
  const { store, clock } = world;
  const { host } = link;
  const { bootId } = facts;
  /** The count of this boot stands beside the kernel's, under a name of its own. */
  const counted = `${bootId}/${KILLER}`;
  /** At the base; null: that was read by another process, or before a restart. */
  let unitsAtBase: OomdKills['units'] | null = null;

  async function told(base: CounterReading): Promise<Kill[]> {
    const all = { hosts: [host], service: null, sinceMs: null, untilMs: null, limit: KILLS_MAX };
    return (await store.kills(all)).filter(
      (kill) =>
        kill.bootId === bootId &&
        kill.source !== 'counter' &&
        kill.record.outcome === 'killed' &&
        (kill.record.killer === KILLER || kill.record.alsoBy === KILLER) &&
        kill.seenAtMs >= base.atMs - TOLD_BEFORE_MS,
    );
  }

  async function look(): Promise<Seen | null> {
    if (bootId === null) return null;
    const now = await link.oomdKills();
    if (now === null) return null;
    const base = await store.counter(host, counted);
    const grown = base === null ? 0 : now.sum - base.counter;
    const missing = base === null || grown <= 0 ? 0 : grown - (await told(base)).length;
    if (base !== null && missing > 0) return { base, missing, atMs: now.readAtMs, units: now.units };
    await store.saveCounter({ host, bootId: counted, counter: now.sum, parsed: 0, atMs: now.readAtMs });
    unitsAtBase = now.units;
    return null;
  }

  /** The units whose count grew and of which nothing was told, one for each missing kill; none where that is not certain. */
  async function whereMissing({ base, missing, units }: Seen): Promise<string[]> {
    if (unitsAtBase === null) return [];
    const before = new Map(unitsAtBase.map(({ unit, kills }) => [unit, kills]));
    const tellings = (await told(base)).map(({ record }) => record.identity?.unit ?? null);
    const grown = units.flatMap(({ unit, kills }) => {
      const count = kills - (before.get(unit) ?? 0) - tellings.filter((one) => one === unit).length;
      return Array.from({ length: Math.max(0, Math.min(count, missing)) }, () => unit);
    });
    return grown.length === missing ? grown : [];
  }

  return {
    compare: async (signal) => {
      const seen = await lookUntilSure(look, world, signal);
      if (seen === null || bootId === null) return [];
      const where = await whereMissing(seen);
      return Array.from({ length: seen.sure }, (_, index) => {
        const unit = where[index] ?? null;
        const place = unit === null ? '' : ` in ${sayName(unit)}`;
        const text = `systemd counted a kill by ${KILLER}${place} that no log tells of.`;
        const record = counterRecord(KILLER, null, text);
        if (unit !== null) record.identity = identifyCgroup(`/${unit}`);
        return unexplained(seen.base, {
          index,
          readAtMs: seen.atMs,
          nowMs: clock.nowMs(),
          record,
          bootId,
          of: 'oomd-counter',
        });
      });
    },
    settle: async (kills) => {
      const base = bootId === null ? null : await store.counter(host, counted);
      if (base !== null)
        await store.saveCounter({ ...base, counter: base.counter + kills.length, atMs: clock.nowMs() });
    },
  };
}
