import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises';
import { CompiledQuery } from 'kysely';
import type { Database, Reader, Trx } from './schema.ts';

/** How long transactions may be gathered into one commit; also how long the event loop may stand still. */
const GROUP_MS = 8;
/** How long another program may hold the file before those who wait are told. Waiting here lets the event loop run. */
const BUSY_MS = 5000;
const BUSY_PAUSE_MS = 50;

const SAVEPOINT = CompiledQuery.raw('savepoint job');
const ROLL_BACK = CompiledQuery.raw('rollback to job');
const RELEASE = CompiledQuery.raw('release job');

/**
 * Transactions that wait at the same time share one commit, so a storm on many hosts costs one write to the disk, not many.
 * Each but the first is a savepoint of its own: one that throws takes nothing else with it. None is reported done before the commit.
 * `onUndone`: something that was written is not there any more. `onRest`: nothing waits, and those who waited were told.
 */
export function groupCommit(
  db: Reader,
  { onUndone, onRest }: { onUndone: () => void; onRest: () => void },
): Database['transact'] {
  interface Job {
    /** `isAlone`: nothing else is in the transaction yet. */
    run: (trx: Trx, isAlone: boolean) => Promise<void>;
    settle: (fault: unknown) => void;
  }
  const waiting: Job[] = [];
  let draining = false;

  async function drain(): Promise<void> {
    draining = true;
    let busySinceMs: number | null = null;
    while (waiting.length > 0) {
      const group: Job[] = [];
      let fault: unknown;
      try {
        await db.transaction().execute(async (trx) => {
          const endMs = performance.now() + GROUP_MS;
          for (
            let job = waiting.shift();
            job !== undefined;
            job = performance.now() < endMs ? waiting.shift() : undefined
          ) {
            group.push(job);
            await job.run(trx, group.length === 1);
          }
        });
      } catch (error) {
        fault = error;
        onUndone();
      }
      if (fault !== undefined && group.length === 0) {
        busySinceMs ??= performance.now();
        if (performance.now() - busySinceMs < BUSY_MS) {
          await sleep(BUSY_PAUSE_MS);
          continue;
        }
        group.push(...waiting.splice(0));
      }
      busySinceMs = null;
      for (const job of group) job.settle(fault);
      await immediate();
    }
    draining = false;
    onRest();
  }

  function transact<T>(work: (trx: Trx) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      let outcome: { result: T } | { error: unknown };
      waiting.push({
        run: async (trx, isAlone) => {
          if (isAlone) {
            // What it throws undoes the transaction, and nobody else's work with it.
            outcome = { result: await work(trx) };
            return;
          }
          await trx.executeQuery(SAVEPOINT);
          try {
            outcome = { result: await work(trx) };
          } catch (error) {
            outcome = { error };
            onUndone();
            // Where SQLite has rolled back everything (disk full), the reason is the error, not the missing savepoint.
            await trx.executeQuery(ROLL_BACK).catch(() => Promise.reject(error));
          }
          await trx.executeQuery(RELEASE);
        },
        settle: (fault) => {
          if (fault !== undefined) reject(fault);
          else if ('error' in outcome) reject(outcome.error);
          else resolve(outcome.result);
        },
      });
      if (!draining) void drain();
    });
  }

  return transact;
}
