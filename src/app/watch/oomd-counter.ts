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
  /** Where the missing ones were, one for each; null: not certain. */
  where: readonly string[] | null;
  now: OomdKills;
}

/** Compares systemd's count of systemd-oomd's kills with those on record, as `openKillCounter` does with the kernel's. */
export function openOomdCounter(link: HostLink, facts: HostFacts, world: CounterWorld): KillCounter {
  const { store, clock } = world;
  const { host } = link;
  const { bootId } = facts;
  /** At the base; null: that was read by another process, or before a restart. */
  let atBase: OomdKills | null = null;
  /** What the last comparison found missing. */
  let last: Seen | null = null;

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
    const base = await store.counter(host, bootId, KILLER);
    const grown = base === null ? 0 : now.sum - base.counter;
    if (base !== null && grown > 0) {
      const tellings = await told(base);
      const where = whereMissing(now, tellings);
      const missing = where?.length ?? grown - tellings.length;
      if (missing > 0) return { base, missing, where, atMs: now.readAtMs, now };
    }
    await takeAsBase(bootId, now.sum, now);
    return null;
  }

  async function takeAsBase(boot: string, counter: number, now: OomdKills): Promise<void> {
    await store.saveCounter({ host, bootId: boot, killer: KILLER, counter, parsed: 0, atMs: now.readAtMs });
    atBase = counter === now.sum ? now : null;
  }

  /** The units whose count grew by more than was told of them. null: the units at the base, or of a telling, are not known. */
  function whereMissing(now: OomdKills, tellings: readonly Kill[]): string[] | null {
    const units = tellings.map(({ record }) => record.identity?.unit ?? null);
    if (atBase === null || units.includes(null) || !isWhole(now) || !isWhole(atBase)) return null;
    const before = new Map(atBase.units.map(({ unit, kills }) => [unit, kills]));
    return now.units.flatMap(({ unit, kills }) => {
      const untold = kills - (before.get(unit) ?? 0) - units.filter((one) => one === unit).length;
      return Array.from({ length: Math.max(0, untold) }, () => unit);
    });
  }

  return {
    compare: async (signal) => {
      const seen = await lookUntilSure(look, world, signal);
      last = seen;
      if (seen === null) return [];
      return Array.from({ length: seen.sure }, (_, index) => {
        const unit = seen.where?.[index] ?? null;
        const place = unit === null ? '' : ` in ${sayName(unit)}`;
        const text = `systemd counted a kill by ${KILLER}${place} that is in no log.`;
        const record = counterRecord(KILLER, null, text);
        if (unit !== null) record.identity = identifyCgroup(`/${unit}`);
        return unexplained(seen.base, { index, readAtMs: seen.atMs, nowMs: clock.nowMs(), record });
      });
    },
    // All that grew is told now, by a log or by these.
    settle: async (kills) => {
      if (last !== null) await takeAsBase(last.base.bootId, last.now.sum - (last.missing - kills.length), last.now);
    },
  };
}

/** Not all units are listed where they are very many. */
function isWhole({ sum, units }: OomdKills): boolean {
  return units.reduce((total, { kills }) => total + kills, 0) === sum;
}
