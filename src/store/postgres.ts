import { Kysely, sql } from 'kysely';
import pg from 'pg';
import { codeOf, isLost, outlast, postgresDialect } from './postgres-driver.ts';
import { openReceipts } from './receipts.ts';
import type { Database, Tables, Trx } from './schema.ts';

const POOL_MAX = 8;
/** Beside the others: what people wait for must not queue behind what thousands of hosts save when they are connected, and leases behind neither. */
const URGENT_POOL_MAX = 3;
const LEASES_POOL_MAX = 1;
const CONNECT_TIMEOUT_MS = 10_000;
const STATEMENT_TIMEOUT_MS = 30_000;
/** A server that is silent for longer than a statement may take is gone. */
const SILENT_MS = STATEMENT_TIMEOUT_MS + 5_000;
const LEFT_OPEN_MS = 20_000;
const KEEP_ALIVE_AFTER_MS = 10_000;
const TRIES_MAX = 4;
const INT8 = 20;

type Session = Pick<Database, 'db' | 'transact' | 'close'>;

/** Opens pools on a `postgres://` address. The address, which holds a password, never gets into a message. */
export function openPostgres(url: string, readOnly: boolean): Database {
  const everything = openSession(url, readOnly, POOL_MAX);
  const urgent = openSession(url, readOnly, URGENT_POOL_MAX);
  const leases = openSession(url, readOnly, LEASES_POOL_MAX);
  return {
    ...everything,
    urgent,
    leases,
    lock: async (trx, name) => {
      await sql`select pg_advisory_xact_lock(hashtextextended(${`oombot ${name}`}, 0))`.execute(trx);
    },
    tryLock: async (trx, name) => {
      const key = `oombot ${name}`;
      const { rows } = await sql<{
        got: boolean;
      }>`select pg_try_advisory_xact_lock(hashtextextended(${key}, 0)) as got`.execute(trx);
      return rows[0]?.got === true;
    },
    hasRowLocks: true,
    faultOfDisk: () => Promise.resolve(null),
    killCache: null,
    auditKey: null,
    countingKey: 'bigint generated always as identity primary key',
    close: async () => {
      await Promise.all([everything.close(), urgent.close(), leases.close()]);
    },
  };
}

function openSession(url: string, readOnly: boolean, max: number): Session {
  const pool = new pg.Pool({
    connectionString: url,
    max,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: SILENT_MS,
    // Ends what a bot left open that is gone: its locks would keep the others waiting.
    idle_in_transaction_session_timeout: LEFT_OPEN_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
    application_name: 'oombot',
    ...(readOnly ? { options: '-c default_transaction_read_only=on' } : {}),
    // int8 comes as text by default; ours are times, sizes and counts far below 2^53.
    types: {
      getTypeParser: (oid: number, format?: 'text' | 'binary') => (oid === INT8 ? Number : parserOf(oid, format)),
    },
  });
  // A connection that dies while idle is taken out of the pool, one in use fails its query; without listeners either ends the process.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  const closing = new AbortController();
  const db = new Kysely<Tables>({ dialect: postgresDialect(pool, closing.signal) });
  const receipts = openReceipts(db, closing.signal);
  const running = new Set<Promise<unknown>>();

  function transact<T>(work: (trx: Trx) => Promise<T>): Promise<T> {
    const result = tryTransaction(work);
    const settled = result.catch(() => undefined).finally(() => running.delete(settled));
    running.add(settled);
    return result;
  }

  /** Repeated where PostgreSQL rolled it back, or is asked and says so: never a second time after a commit. */
  function tryTransaction<T>(work: (trx: Trx) => Promise<T>): Promise<T> {
    let tried = 0;
    return outlast(closing.signal, async () => {
      for (;;) {
        let done: { result: T } | undefined;
        const receipt = receipts.take();
        try {
          await db.transaction().execute(async (trx) => {
            const result = await work(trx);
            await receipt.write(trx);
            done = { result };
          });
        } catch (error) {
          tried += 1;
          if (isLost(error) && done !== undefined) {
            if (!(await receipt.isThere())) throw error;
          } else if (tried >= TRIES_MAX || !isRepeatable(error)) throw error;
          else done = undefined;
        } finally {
          receipt.giveBack();
        }
        if (done !== undefined) return done.result;
      }
    });
  }

  return {
    db,
    transact,
    close: async () => {
      closing.abort();
      await Promise.all(running);
      if (!readOnly) await receipts.close();
      await db.destroy();
    },
  };
}

function parserOf(oid: number, format?: 'text' | 'binary') {
  return format === 'binary' ? pg.types.getTypeParser(oid, 'binary') : pg.types.getTypeParser(oid, 'text');
}

/** Serialization failure and deadlock: PostgreSQL rolled back and asks to try again. */
function isRepeatable(error: unknown): boolean {
  return ['40001', '40P01'].includes(codeOf(error) ?? '');
}
