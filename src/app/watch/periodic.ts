import type { Clock, Log } from '../ports.ts';

export interface Periodic {
  /** Does it again and again until the signal aborts; sooner, `afterKillMs` behind it, when a kill was recorded. */
  repeat: (
    until: AbortSignal,
    waitMs: () => number,
    work: () => Promise<void> | void,
    afterKillMs?: number | null,
  ) => Promise<void>;
  /** A kill was recorded. */
  killed: () => void;
}

/** What is done on one host now and then. A fault ends only one turn of it. */
export function openPeriodic(host: string, { clock, log }: { clock: Clock; log: Log }): Periodic {
  let kills = new AbortController();

  async function repeat(
    until: AbortSignal,
    waitMs: () => number,
    work: () => Promise<void> | void,
    afterKillMs: number | null = null,
  ): Promise<void> {
    while (!until.aborted) {
      const kill = kills.signal;
      const wake = afterKillMs === null ? until : AbortSignal.any([until, kill]);
      await clock.sleep(waitMs(), wake).catch(() => undefined);
      if (afterKillMs !== null && kill.aborted && !until.aborted) {
        await clock.sleep(afterKillMs, until).catch(() => undefined);
        if (kills.signal === kill) kills = new AbortController();
      }
      if (until.aborted) return;
      try {
        await work();
      } catch (error) {
        if (!until.aborted) log.warn({ err: error, host }, 'A periodic task of a host failed; retrying');
      }
    }
  }

  return { repeat, killed: () => kills.abort() };
}
