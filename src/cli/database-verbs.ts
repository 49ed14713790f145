import { existsSync } from 'node:fs';
import path from 'node:path';
import { loadConfig } from '../config/config.ts';
import { systemClock } from '../run/system-clock.ts';
import { copyRecords } from '../store/copy-records.ts';
import { backUpSqlite } from '../store/sqlite-backup.ts';

const EXIT_USAGE = 2;
const DATABASE = /^(?:sqlite:.+|postgres(?:ql)?:\/\/.+)$/;

/** The verb `backup`: the whole record as it is at this moment, in one file. Gives the exit status. */
export async function backUp(file: string): Promise<number> {
  const { database } = loadConfig();
  if (database.kind === 'postgres') {
    process.stderr.write(
      'oombot backup: the database is PostgreSQL: use pg_dump, for example pg_dump -Fc -f oombot.dump\n',
    );
    return EXIT_USAGE;
  }
  if (existsSync(file)) {
    process.stderr.write(`oombot backup: ${file} exists already, and is not overwritten\n`);
    return EXIT_USAGE;
  }
  if (!existsSync(path.dirname(path.resolve(file)))) {
    process.stderr.write(
      `oombot backup: there is no folder ${path.dirname(file)}: make it first, or name another file\n`,
    );
    return EXIT_USAGE;
  }
  const { kills, incidents } = await backUpSqlite(path.resolve(database.path), path.resolve(file));
  process.stdout.write(`${file}: ${kills} kills, ${incidents} incidents, integrity checked.\n`);
  return 0;
}

/** The verb `migrate-database`. Gives the exit status. */
export async function migrateDatabase(from: string, to: string): Promise<number> {
  for (const url of [from, to]) {
    if (DATABASE.test(url)) continue;
    process.stderr.write('oombot migrate-database: name both databases as sqlite:PATH or postgres://USER@HOST/NAME\n');
    return EXIT_USAGE;
  }
  const copied = await copyRecords(from, to, systemClock.nowMs());
  const width = Math.max(...copied.map(({ table }) => table.length));
  for (const { table, rows } of copied) process.stdout.write(`${table.padEnd(width)}  ${rows}\n`);
  process.stdout.write('All rows arrived and were counted there. Set "database" in oombot.yaml, then start oombot.\n');
  return 0;
}
