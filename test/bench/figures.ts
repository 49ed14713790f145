import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** A kill with its incident and messages: about 20 pages of SQLite's. */
const KILL_BYTES = 20 * 4_096;

/** What a commit of a kill's size costs at the least on this disk at this moment. `folder`: where its file is made. */
export function openFloor(folder: string): { commitMs: () => number } {
  const db = new DatabaseSync(path.join(folder, 'floor.db'));
  db.exec('pragma journal_mode = wal; pragma synchronous = full; create table pages (body blob)');
  const insert = db.prepare('insert into pages values (zeroblob(?))');
  return {
    commitMs: () => {
      const startedAt = performance.now();
      insert.run(KILL_BYTES);
      return performance.now() - startedAt;
    },
  };
}

/** By nearest rank: so many of the values are no larger. NaN of none. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? Number.NaN;
}

/** `p50 1.20 ms, p99 4.00 ms`. */
export function spread(times: readonly number[]): string {
  return `p50 ${ms(quantile(times, 0.5))}, p99 ${ms(quantile(times, 0.99))}`;
}

export function ms(value: number): string {
  return `${value.toFixed(2)} ms`;
}
