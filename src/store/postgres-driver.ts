import { setTimeout as sleep } from 'node:timers/promises';
import {
  CompiledQuery,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
} from 'kysely';
import type pg from 'pg';

/** How long a lost connection is tried again before whoever asked is told. A restart of PostgreSQL takes a second or two. */
const PATIENCE_MS = 10_000;
const FIRST_PAUSE_MS = 25;
const PAUSE_MAX_MS = 1_000;

// postgresql.org/docs/current/errcodes-appendix.html: class 08 and these say that the session is over or cannot begin now.
const LOST_STATES = new Set(['57P01', '57P02', '57P03', '57P05', '25P03', '53300']);
const STARTING_UP = '57P03';
const LOST_CODES = new Set(
  'ECONNREFUSED ECONNRESET ECONNABORTED EPIPE ETIMEDOUT EHOSTUNREACH ENETUNREACH ENETDOWN EAI_AGAIN'.split(' '),
);
// pg 8 gives these no code.
const LOST_WORDS =
  /^(?:Connection terminated|Client has encountered a connection error|Client was closed|timeout e|Query read t)/;

/** Whether the connection to the server is gone, or could not be made: nothing is said about the work itself. */
export function isLost(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof AggregateError) return error.errors.length > 0 && error.errors.every(isLost);
  const code = codeOf(error);
  return code === null
    ? LOST_WORDS.test(error.message)
    : LOST_CODES.has(code) || LOST_STATES.has(code) || /^08[0-9A-Z]{3}$/.test(code);
}

export function codeOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}

/** Tries again with growing pauses while the connection is lost, for a bounded time. `mayAgain` false: it is told at once. */
export async function outlast<T>(
  signal: AbortSignal,
  work: () => Promise<T>,
  mayAgain: (error: unknown) => boolean = isLost,
): Promise<T> {
  const untilMs = performance.now() + PATIENCE_MS;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, PAUSE_MAX_MS)) {
    try {
      return await work();
    } catch (error) {
      if (!isLost(error) || !mayAgain(error) || signal.aborted || performance.now() + pauseMs > untilMs) throw error;
      await sleep(pauseMs, undefined, { signal }).catch(() => Promise.reject(error));
    }
  }
}

interface Held extends DatabaseConnection {
  client: pg.PoolClient;
  inTransaction: boolean;
  isBad: boolean;
}

/**
 * Kysely over a pool whose connections may go at any moment, in use or idle: the loss is an error of the query under way and never
 * an event without a listener. Reads outside a transaction, and the beginning of one, are tried again on another connection.
 */
export function postgresDialect(pool: pg.Pool, signal: AbortSignal): Dialect {
  let wasConnected = false;
  let heldCount = 0;
  let onIdle: () => void = ignore;

  async function connect(): Promise<pg.PoolClient> {
    // Before the first connection a wrong address is told at once.
    const client = await outlast(
      signal,
      () => pool.connect(),
      (error) => wasConnected || codeOf(error) === STARTING_UP,
    );
    wasConnected = true;
    return client;
  }

  function release(held: Held): void {
    held.client.release(held.isBad);
  }

  async function ask(held: Held, sql: string, parameters: readonly unknown[]): Promise<pg.QueryResult> {
    try {
      return await held.client.query(sql, [...parameters]);
    } catch (error) {
      held.isBad ||= isLost(error);
      throw error;
    }
  }

  /** For what changes nothing: on another connection where this one is lost. */
  function askAgain(held: Held, sql: string, parameters: readonly unknown[]): Promise<pg.QueryResult> {
    return outlast(signal, async () => {
      if (held.isBad) {
        const client = await connect();
        release(held);
        held.client = client;
        held.isBad = false;
      }
      return ask(held, sql, parameters);
    });
  }

  async function acquire(): Promise<Held> {
    heldCount += 1;
    try {
      const held: Held = {
        client: await connect(),
        inTransaction: false,
        isBad: false,
        executeQuery: async <R>({ query, sql, parameters }: CompiledQuery): Promise<QueryResult<R>> => {
          const isRead = query.kind === 'SelectQueryNode' && !held.inTransaction;
          const { command, rowCount, rows } = await (isRead ? askAgain : ask)(held, sql, parameters);
          const isWrite = /^(?:INSERT|UPDATE|DELETE|MERGE)$/.test(command);
          return { rows: rows as R[], ...(isWrite ? { numAffectedRows: BigInt(rowCount ?? 0) } : {}) };
        },
        streamQuery: () => {
          throw new Error('rows are not streamed from PostgreSQL here');
        },
      };
      return held;
    } catch (error) {
      letGo();
      throw error;
    }
  }

  function letGo(): void {
    heldCount -= 1;
    if (heldCount === 0) onIdle();
  }

  const driver: Driver = {
    init: () => Promise.resolve(),
    acquireConnection: acquire,
    beginTransaction: async (connection) => {
      await askAgain(connection as Held, 'begin', []);
      (connection as Held).inTransaction = true;
    },
    commitTransaction: (connection) => endTransaction(connection as Held, 'commit'),
    rollbackTransaction: (connection) => endTransaction(connection as Held, 'rollback'),
    releaseConnection: (connection) => {
      release(connection as Held);
      letGo();
      return Promise.resolve();
    },
    destroy: async () => {
      // A pool that is ended while it connects never answers the one who waits for that connection (pg 8.23).
      const idle = new Promise<void>((resolve) => (onIdle = resolve));
      if (heldCount > 0) await idle;
      await pool.end();
    },
  };

  async function endTransaction(held: Held, how: 'commit' | 'rollback'): Promise<void> {
    await ask(held, how, []);
    held.inTransaction = false;
  }

  return {
    createDriver: () => driver,
    createQueryCompiler: () => new PostgresQueryCompiler(),
    createAdapter: () => new PostgresAdapter(),
    createIntrospector: (db) => new PostgresIntrospector(db),
  };
}

function ignore(): void {
  // Nobody waits for the last connection.
}
