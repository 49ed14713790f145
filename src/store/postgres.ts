import { Kysely, PostgresDialect, sql } from 'kysely';
import pg from 'pg';
import type { Database, Tables, Trx } from './schema.ts';

const POOL_MAX = 8;
const CONNECT_TIMEOUT_MS = 10_000;
const STATEMENT_TIMEOUT_MS = 30_000;
const TRIES_MAX = 4;
const INT8 = 20;

/** Opens a pool on a `postgres://` address. The address, which holds a password, never gets into a message. */
export function openPostgres(url: string, readOnly: boolean): Database {
  const pool = new pg.Pool({
    connectionString: url,
    max: POOL_MAX,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    application_name: 'oombot',
    ...(readOnly ? { options: '-c default_transaction_read_only=on' } : {}),
    // int8 comes as text by default; ours are times, sizes and counts far below 2^53.
    types: {
      getTypeParser: (oid: number, format?: 'text' | 'binary') => (oid === INT8 ? Number : parserOf(oid, format)),
    },
  });
  // A connection that dies while idle is taken out of the pool; without a listener that would end the process.
  pool.on('error', () => undefined);
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });

  const running = new Set<Promise<unknown>>();

  function transact<T>(work: (trx: Trx) => Promise<T>): Promise<T> {
    const result = tryTransaction(work);
    const settled = result.catch(() => undefined).finally(() => running.delete(settled));
    running.add(settled);
    return result;
  }

  async function tryTransaction<T>(work: (trx: Trx) => Promise<T>): Promise<T> {
    for (let tried = 1; ; tried += 1) {
      try {
        return await db.transaction().execute(work);
      } catch (error) {
        if (tried >= TRIES_MAX || !isRepeatable(error)) throw error;
      }
    }
  }

  return {
    db,
    transact,
    lock: async (trx, name) => {
      await sql`select pg_advisory_xact_lock(hashtextextended(${`oombot ${name}`}, 0))`.execute(trx);
    },
    hasRowLocks: true,
    killCache: null,
    countingKey: 'bigint generated always as identity primary key',
    close: async () => {
      // A pool that is ended while it connects never answers the one who waits for that connection (pg 8.23).
      await Promise.all(running);
      await db.destroy();
    },
  };
}

function parserOf(oid: number, format?: 'text' | 'binary') {
  return format === 'binary' ? pg.types.getTypeParser(oid, 'binary') : pg.types.getTypeParser(oid, 'text');
}

/** Serialization failure and deadlock: PostgreSQL rolled back and asks to try again. */
function isRepeatable(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === '40001' || error.code === '40P01');
}
