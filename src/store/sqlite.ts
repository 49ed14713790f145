import { existsSync, mkdirSync, openSync, closeSync, chmodSync, statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { SQLInputValue, StatementSync } from 'node:sqlite';
import { Kysely, SqliteDialect } from 'kysely';
import type { SqliteDatabase, SqliteStatement } from 'kysely';
import { groupCommit } from './group-commit.ts';
import { openKillCache } from './kill-cache.ts';
import type { Database, Tables } from './schema.ts';

// SQLite waits with the event loop standing still; the longer wait is in gather-transactions.ts.
const BUSY_TIMEOUT_MS = 100;
const STATEMENTS_MAX = 200;
/** Pages in the write-ahead log (4 KiB each) from which on they are copied into the file once nobody waits. A kill writes about 20. */
const CHECKPOINT_PAGES = 500;
/** From so many on a commit copies them itself: in a storm that never rests. */
const CHECKPOINT_AT_ONCE_PAGES = 8_000;
/** Behind the last commit: the messages about what it saved are on their way by then. */
const CHECKPOINT_AFTER_MS = 2_000;
/** With less room left the disk counts as full. */
const ROOM_BYTES_MIN = 1024 * 1024;
/** `temp_store`: a transaction of more than 64 KiB would else make a file in /var/tmp to be able to roll back to a savepoint. */
const WRITING = `pragma journal_mode = wal; pragma synchronous = full; pragma temp_store = memory;
  pragma wal_autocheckpoint = ${CHECKPOINT_AT_ONCE_PAGES}`;

/**
 * Opens or makes the one database file of this process. Throws one sentence that says what is wrong with it.
 * Only one process may write; any number may read beside it.
 */
export function openSqlite(file: string, readOnly: boolean): Database {
  const place = `The database ${file}`;
  if (readOnly && !existsSync(file)) throw new Error(`${place} does not exist yet; start \`oombot run\` first.`);
  let release: (() => void) | null = null;
  try {
    if (!readOnly) {
      makePrivate(path.dirname(file), file, `${file}.lock`);
      release = lockFile(file);
    }
    const raw = new DatabaseSync(file, { readOnly, timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: true });
    try {
      // The first statement reads the file's head, so a file that is no database is found out here.
      raw.exec(readOnly ? 'pragma schema_version' : WRITING);
      // The lock proves that nobody else lives: owners of before are gone.
      if (!readOnly && raw.prepare("select 1 from sqlite_schema where name = 'leases'").get() !== undefined) {
        raw.exec('delete from leases; delete from owners');
      }
    } catch (error) {
      raw.close();
      throw error;
    }
    return databaseOf(raw, { file, place, readOnly, release });
  } catch (error) {
    release?.();
    throw explain(place, error);
  }
}

function databaseOf(
  raw: DatabaseSync,
  { file, place, readOnly, release }: { file: string; place: string; readOnly: boolean; release: (() => void) | null },
): Database {
  const db = new Kysely<Tables>({ dialect: new SqliteDialect({ database: adapt(raw, place, readOnly) }) });
  const killCache = readOnly ? null : openKillCache();
  const transact = groupCommit(db, { onUndone: () => killCache?.clear(), onRest: openCheckpoints(raw) });
  return {
    db,
    transact,
    urgent: null,
    leases: null,
    // Transactions run one after the other in the one process that writes.
    lock: () => Promise.resolve(),
    tryLock: () => Promise.resolve(true),
    hasRowLocks: false,
    faultOfDisk: () => faultOfDisk(file, place),
    killCache,
    auditKey: null,
    countingKey: 'integer primary key autoincrement',
    close: async () => {
      // Behind all that wait.
      await transact(() => Promise.resolve()).catch(() => undefined);
      await db.destroy();
      release?.();
    },
  };
}

/**
 * Copies the write-ahead log into the file when nothing else is to do: a commit that does it keeps a kill waiting. Gives what is
 * to be called when nothing waits.
 */
function openCheckpoints(raw: DatabaseSync): () => void {
  let timer: NodeJS.Timeout | null = null;

  function checkpoint(): void {
    timer = null;
    if (!raw.isOpen) return;
    if (raw.isTransaction) return soon();
    try {
      // sqlite.org/pragma.html#pragma_wal_checkpoint
      const { log } = raw.prepare('pragma wal_checkpoint(noop)').get() as { log: number };
      if (log >= CHECKPOINT_PAGES) raw.exec('pragma wal_checkpoint(passive)');
    } catch {
      // What keeps it from that (a full disk) is told by the next commit.
    }
  }
  function soon(): void {
    timer ??= setTimeout(checkpoint, CHECKPOINT_AFTER_MS).unref();
  }

  return soon;
}

/** A little still fits into what the write-ahead log had before: then it is too late to say so. */
async function faultOfDisk(file: string, place: string): Promise<string | null> {
  try {
    const { bavail, bfree, bsize } = await statfs(path.dirname(file));
    const free = (process.getuid?.() === 0 ? bfree : bavail) * bsize;
    return free < ROOM_BYTES_MIN ? `${place} ${SENTENCES[13]}` : null;
  } catch {
    return null; // What is wrong there is told by the next write.
  }
}

// `mkdirSync` with `recursive` never returns where a folder can be entered but not made, as below /proc (Node 24.21).
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(path.dirname(folder));
  mkdirSync(folder, { mode: 0o700 });
}

function makePrivate(folder: string, ...files: string[]): void {
  makeFolder(folder);
  for (const file of files) {
    // SQLite gives -wal and -shm the mode of the file. A file that is there is not opened here:
    // closing it would drop the locks that this process may hold on it (fcntl(2), "Record locking").
    if (!existsSync(file)) closeSync(openSync(file, 'a', 0o600));
    else if ((statSync(file).mode & 0o077) !== 0) chmodSync(file, 0o600);
  }
}

// An exclusive transaction on an empty file beside the database: the kernel ends it with the process, however that ends,
// and readers of the database do not meet it. `locking_mode = exclusive` on the database itself would shut them out.
function lockFile(file: string): () => void {
  const lock = new DatabaseSync(`${file}.lock`, { timeout: 0 });
  try {
    lock.exec('pragma journal_mode = memory; begin exclusive');
  } catch (error) {
    lock.close();
    if (codeOf(error) !== 5) throw error;
    throw new Error(
      `Another oombot is running with the database ${file}; stop it first, or let both share a PostgreSQL (DATABASE_URL).`,
      { cause: error },
    );
  }
  return () => lock.close();
}

/** What kysely asks of a driver, over `node:sqlite`. */
function adapt(raw: DatabaseSync, place: string, readOnly: boolean): SqliteDatabase {
  const statements = new Map<string, SqliteStatement>();

  function guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw explain(place, error);
    }
  }

  function wrap(statement: StatementSync): SqliteStatement {
    return {
      reader: statement.columns().length > 0,
      all: (parameters) => guard(() => statement.all(...(parameters as SQLInputValue[]))),
      run: (parameters) => guard(() => statement.run(...(parameters as SQLInputValue[]))),
      iterate: (parameters) => statement.iterate(...(parameters as SQLInputValue[])) as IterableIterator<unknown>,
    };
  }

  return {
    close: () => raw.close(),
    prepare: (text) => {
      // A full disk has already rolled back (sqlite.org/lang_transaction.html); failing here would hide why.
      if (text === 'rollback' && !raw.isTransaction) text = 'select 1';
      // Taking the write lock first makes "busy" come before any work, and only there.
      if (text === 'begin' && !readOnly) text = 'begin immediate';
      const known = statements.get(text);
      if (known !== undefined) return known;
      if (statements.size >= STATEMENTS_MAX) statements.clear();
      const statement = guard(() => wrap(raw.prepare(text)));
      statements.set(text, statement);
      return statement;
    },
  };
}

function codeOf(error: unknown): number | null {
  // The low byte is the primary result code, sqlite.org/rescode.html
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number'
    ? error.errcode & 0xff
    : null;
}

const SENTENCES: Record<number, string> = {
  5: 'is locked by another program; close it and try again.',
  8: 'cannot be written; give this user the right to write it, or name another file.',
  10: 'cannot be read or written: the disk reports an error.',
  11: 'is damaged; restore it from a copy, or move it away to start anew.',
  13: 'cannot grow: the disk is full.',
  14: 'cannot be opened; check that it is a file which this user may read and write.',
  26: 'is not an SQLite database; move it away or name another file.',
};
const FILE_SENTENCES: Record<string, string> = {
  EACCES: 'cannot be made or opened: permission denied. Give this user the right to write there, or name another file.',
  EPERM: 'cannot be made private: it belongs to another user. Start oombot as that user, or name another file.',
  ENOENT: 'cannot be made: its folder cannot be made. Name another file.',
  EROFS: 'cannot be made: the file system is read-only. Name another file.',
  ENOTDIR: 'cannot be made: a part of its path is a file, not a folder.',
  EEXIST: 'cannot be made: a part of its path is a file, not a folder.',
  ENOSPC: 'cannot be made: the disk is full.',
};

function explain(place: string, error: unknown): unknown {
  const code = codeOf(error);
  const sentence =
    code !== null
      ? SENTENCES[code]
      : error instanceof Error && 'code' in error && typeof error.code === 'string'
        ? FILE_SENTENCES[error.code]
        : undefined;
  return sentence === undefined ? error : new Error(`${place} ${sentence}`, { cause: error });
}
