import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import { outlast } from './postgres-driver.ts';
import type { Reader, Trx } from './schema.ts';

const KEEP_MS = 24 * 60 * 60_000;
const CLOSE_MS = 2_000;

export interface Receipt {
  /** The last statement of a transaction: its row is there if and only if the transaction was committed. */
  write: (trx: Trx) => Promise<void>;
  /** Whether it was, asked on another connection after the answer to a commit was lost. Throws when that cannot be found out. */
  isThere: () => Promise<boolean>;
  giveBack: () => void;
}

/**
 * What a transaction leaves behind to be known again by. `txid_status` does not do: after a crash PostgreSQL may give the number
 * of a transaction that it lost to another one.
 */
export function openReceipts(db: Reader, signal: AbortSignal): { take: () => Receipt; close: () => Promise<void> } {
  const owner = randomUUID();
  const free: string[] = [];
  let made = 0;

  function take(): Receipt {
    const slot = free.pop() ?? `${owner} ${(made += 1)}`;
    const token = randomUUID();
    return {
      write: async (trx) => {
        // What wrote nothing needs no receipt.
        await sql`insert into receipts (slot, token, at_ms) select ${slot}, ${token}, ${Date.now()}::bigint
          where txid_current_if_assigned() is not null
          on conflict (slot) do update set token = excluded.token, at_ms = excluded.at_ms`.execute(trx);
      },
      isThere: () => lookUp(slot, token),
      giveBack: () => free.push(slot),
    };
  }

  async function lookUp(slot: string, token: string): Promise<boolean> {
    try {
      return await outlast(signal, async () => {
        // Waits for the session that still holds the row: it may not know yet that nobody listens.
        const { rows } = await sql<{ token: string }>`insert into receipts (slot, token, at_ms) values (${slot}, '', 0)
          on conflict (slot) do update set at_ms = receipts.at_ms returning token`.execute(db);
        return rows[0]?.token === token;
      });
    } catch (error) {
      throw new Error('PostgreSQL does not tell whether it took the last transaction.', { cause: error });
    }
  }

  async function close(): Promise<void> {
    if (made === 0) return;
    const before = Date.now() - KEEP_MS;
    const gone = sql`delete from receipts where slot like ${`${owner} %`} or at_ms < ${before}::bigint`.execute(db);
    await Promise.race([gone, sleep(CLOSE_MS, undefined, { ref: false })]).catch(() => undefined);
  }

  return { take, close };
}
