import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

/**
 * Copies a SQLite database that may be written to meanwhile: `vacuum into` reads one moment of it and never waits for the bot. Gives
 * what the copy holds. Throws one sentence; then no copy is left.
 */
export function backUpSqlite(from: string, to: string): Promise<{ kills: number; incidents: number }> {
  if (!existsSync(from)) throw new Error(`The database ${from} does not exist yet; start \`oombot run\` first.`);
  let source: DatabaseSync | null = null;
  let isOurs = false;
  try {
    // Nobody else can read it from its first byte on; SQLite fills a file that is there and empty.
    writeFileSync(to, '', { mode: 0o600, flag: 'wx' });
    isOurs = true;
    source = new DatabaseSync(from, { readOnly: true, timeout: 10_000 });
    source.prepare('vacuum into ?').run(to);
    return Promise.resolve(checkCopy(to));
  } catch (error) {
    if (isOurs) rmSync(to, { force: true });
    throw new Error(`${to} was not written: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  } finally {
    source?.close();
  }
}

function checkCopy(file: string): { kills: number; incidents: number } {
  const copy = new DatabaseSync(file, { readOnly: true });
  try {
    const verdict = copy.prepare('pragma integrity_check').get()?.['integrity_check'];
    if (verdict !== 'ok') throw new Error(`the copy is damaged: ${String(verdict)}`);
    return { kills: count(copy, 'kills'), incidents: count(copy, 'incidents') };
  } finally {
    copy.close();
  }
}

function count(database: DatabaseSync, table: 'kills' | 'incidents'): number {
  return Number(database.prepare(`select count(*) as count from ${table}`).get()?.['count'] ?? 0);
}
