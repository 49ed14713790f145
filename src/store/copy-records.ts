import { sql, type Kysely } from 'kysely';
import { migrate } from './migrations.ts';
import { openDatabase } from './store.ts';
import type { Database, Tables } from './schema.ts';

/** What others point at comes first. */
const FIRST = ['incidents', 'changes'];
/** Who works now, and Kysely's own notes on the tables: nothing that a copy takes along. */
const LEFT_OUT = new Set(['owners', 'leases', 'kysely_migration', 'kysely_migration_lock']);
const ROWS_AT_ONCE = 200;

export interface CopiedTable {
  table: string;
  rows: number;
}

/**
 * Copies all records to an empty database of either kind, in one transaction there, then counts and compares what arrived. Gives the
 * rows of each table. Throws one sentence when another oombot works on either, the new one is not empty, or what arrived differs.
 */
export async function copyRecords(fromUrl: string, toUrl: string, nowMs: number): Promise<CopiedTable[]> {
  const toPostgres = toUrl.startsWith('postgres');
  const [from, fromPlace] = openDatabase(fromUrl, true);
  try {
    await migrate(from, fromPlace, true);
    const [to, toPlace] = openDatabase(toUrl, false);
    try {
      await migrate(to, toPlace, false);
      await refuseLive(from, fromPlace, nowMs);
      const tables = await tablesOf(from.db);
      return await to.db.transaction().execute(async (trx) => {
        await refuseFilled(trx, toPlace, tables);
        const copied: CopiedTable[] = [];
        for (const { name, columns } of tables) copied.push(await copyTable(from.db, trx, name, columns, toPostgres));
        if (toPostgres) await setCounters(trx, tables);
        return copied;
      });
    } finally {
      await to.close();
    }
  } finally {
    await from.close();
  }
}

async function tablesOf(db: Database['db']): Promise<{ name: string; columns: string[] }[]> {
  const all = (await db.introspection.getTables()).filter(({ name }) => !LEFT_OUT.has(name));
  return all
    .map(({ name, columns }) => ({ name, columns: columns.map((column) => column.name) }))
    .toSorted((a, b) => rank(a.name) - rank(b.name) || a.name.localeCompare(b.name));
}

function rank(table: string): number {
  const at = FIRST.indexOf(table);
  return at < 0 ? FIRST.length : at;
}

async function refuseLive(from: Database, place: string, nowMs: number): Promise<void> {
  const live = await from.db.selectFrom('owners').select('owner').where('expires_ms', '>', nowMs).limit(1).execute();
  if (live.length > 0) throw new Error(`${place} is in use: stop every oombot first, then wait a minute.`);
}

/** A row that the migrations themselves write (the head of an empty audit log) is replaced. */
async function refuseFilled(trx: Kysely<Tables>, place: string, tables: readonly { name: string }[]): Promise<void> {
  for (const { name } of tables) {
    if ((await countRows(trx, name)) === 0) continue;
    if (['kills', 'incidents', 'audit', 'changes', 'rules', 'added_hosts'].includes(name))
      throw new Error(`${place} already has records (${name}): name an empty database.`);
    await sql`delete from ${sql.table(name)}`.execute(trx);
  }
}

async function copyTable(
  from: Kysely<Tables>,
  to: Kysely<Tables>,
  table: string,
  columns: readonly string[],
  toPostgres: boolean,
): Promise<CopiedTable> {
  const names = sql.join(columns.map((column) => sql.ref(column)));
  const key = columns.includes('id') ? 'id' : null;
  // Identity columns of PostgreSQL take a given number only so; SQLite does not know the words.
  const overriding = toPostgres ? sql`overriding system value` : sql``;
  let rows = 0;
  for (let offset = 0; ; offset += ROWS_AT_ONCE) {
    const order = key === null ? sql.join(columns.map((column) => sql.ref(column))) : sql.ref(key);
    const page = await sql<Record<string, unknown>>`
      select ${names} from ${sql.table(table)} order by ${order} limit ${ROWS_AT_ONCE} offset ${offset}`.execute(from);
    if (page.rows.length > 0) {
      const values = sql.join(page.rows.map((row) => sql`(${sql.join(columns.map((column) => row[column]))})`));
      await sql`insert into ${sql.table(table)} (${names}) ${overriding} values ${values}`.execute(to);
    }
    rows += page.rows.length;
    if (page.rows.length < ROWS_AT_ONCE) break;
  }
  const arrived = await countRows(to, table);
  const expected = await countRows(from, table);
  if (arrived !== rows || expected !== rows)
    throw new Error(
      `Of ${expected} rows of ${table} ${arrived} arrived: nothing was kept. Stop every oombot, and try again.`,
    );
  return { table, rows };
}

async function countRows(db: Kysely<Tables>, table: string): Promise<number> {
  const { rows } = await sql<{ count: number | string }>`select count(*) as count from ${sql.table(table)}`.execute(db);
  return Number(rows[0]?.count ?? 0);
}

/** PostgreSQL counts its identity columns on from the highest that was copied. */
async function setCounters(trx: Kysely<Tables>, tables: readonly { name: string; columns: string[] }[]): Promise<void> {
  for (const { name, columns } of tables) {
    if (!columns.includes('id')) continue;
    const { rows } = await sql<{ sequence: string | null }>`
      select pg_get_serial_sequence(${name}, 'id') as sequence`.execute(trx);
    const sequence = rows[0]?.sequence ?? null;
    if (sequence === null) continue;
    await sql`select setval(${sequence}::regclass, coalesce((select max(id) from ${sql.table(name)}), 0) + 1, false)`.execute(
      trx,
    );
  }
}
