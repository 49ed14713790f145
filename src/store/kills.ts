import { sql } from 'kysely';
import type { Expression, ExpressionBuilder, SqlBool } from 'kysely';
import type { CounterReading, HostKills, KillCount, KillTime } from '../app/store-port.ts';
import type { KillQuery, Position } from '../app/ports.ts';
import type { Killer } from '../oom/report.ts';
import type { Kill } from '../incident/incident.ts';
import { columnText } from './column-text.ts';
import type { Reader, Tables } from './schema.ts';

export async function loadKills(db: Reader, query: KillQuery): Promise<Kill[]> {
  const rows = await db
    .selectFrom('kills')
    .select('body')
    .where((at) => matches(at, query))
    .orderBy('at_ms', 'desc')
    .orderBy('id', 'desc')
    .limit(query.limit)
    .execute();
  return rows.map((row) => JSON.parse(row.body) as Kill);
}

export async function loadKillsOfIncident(db: Reader, incidentId: string, limit: number): Promise<Kill[]> {
  const rows = await db
    .selectFrom('kills')
    .select('body')
    .where('incident_id', '=', incidentId)
    .orderBy('at_ms', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
  return rows.map((row) => JSON.parse(row.body) as Kill);
}

export async function countKills(db: Reader, query: KillQuery): Promise<KillCount[]> {
  // A literal, not a parameter: PostgreSQL does not take two parameters for the same expression in `group by`.
  const hourMs = sql<number>`at_ms / 3600000 * 3600000`;
  return db
    .selectFrom('kills')
    .select((at) => ['host', 'service', hourMs.as('hourMs'), at.fn.countAll<number>().as('count')])
    .where((at) => matches(at, query))
    .where('outcome', '=', 'killed')
    .groupBy(['host', 'service', hourMs])
    .orderBy(hourMs, 'desc')
    .orderBy('host')
    .orderBy('service')
    .limit(query.limit)
    .execute();
}

export function loadKillTimes(db: Reader, query: KillQuery): Promise<KillTime[]> {
  return db
    .selectFrom('kills')
    .select(['host', 'service', 'at_ms as atMs'])
    .where((at) => matches(at, query))
    .where('outcome', '=', 'killed')
    .orderBy('at_ms', 'desc')
    .orderBy('host')
    .orderBy('service')
    .limit(query.limit)
    .execute();
}

/**
 * The different values of a column, from one to the next in the index that begins with it: `distinct` and `group by` would read every
 * kill, however few names there are.
 */
function namesOf(column: 'service' | 'host') {
  const name = sql.ref(column);
  return sql`names (name) as (
      select min(${name}) from kills
      union all
      select (select min(${name}) from kills where ${name} > names.name) from names where names.name is not null
    )`;
}

export async function loadServices(db: Reader, limit: number): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    with recursive ${namesOf('service')} select name from names where name <> '' limit ${limit}`.execute(db);
  return rows.map((row) => row.name);
}

export async function loadHostKills(db: Reader, sinceMs: number): Promise<HostKills[]> {
  const { rows } = await sql<HostKills>`
    with recursive ${namesOf('host')},
    newest (name, at_ms) as (
      select name, (select at_ms from kills where host = name and outcome = 'killed' order by at_ms desc limit 1) from names
    )
    select name as host, at_ms as "lastAtMs",
      (select count(*) from kills where host = name and kills.at_ms >= ${sinceMs} and outcome = 'killed') as count
    from newest where at_ms is not null order by name`.execute(db);
  return rows;
}

function matches(at: ExpressionBuilder<Tables, 'kills'>, query: KillQuery): Expression<SqlBool> {
  const parts: Expression<SqlBool>[] = [];
  if (query.hosts !== null) parts.push(query.hosts.length === 0 ? sql<SqlBool>`1 = 0` : at('host', 'in', query.hosts));
  if (query.sinceMs !== null) parts.push(at('at_ms', '>=', query.sinceMs));
  if (query.untilMs !== null) parts.push(at('at_ms', '<', query.untilMs));
  if (query.service !== null) parts.push(at('service', '=', columnText(query.service)));
  return parts.length === 0 ? sql<SqlBool>`1 = 1` : at.and(parts);
}

export async function countKernelKills(db: Reader, host: string, bootId: string): Promise<number> {
  const { count, pruned } = await db
    .selectFrom('kills')
    .select((at) => [
      at.fn.countAll<number>().as('count'),
      at
        .selectFrom('counters')
        .select('pruned')
        .where('counters.host', '=', host)
        .where('counters.boot_id', '=', bootId)
        .where('counters.killer', '=', 'kernel')
        .as('pruned'),
    ])
    .where('host', '=', host)
    .where('boot_id', '=', bootId)
    .where('killer', '=', 'kernel')
    .where('outcome', '=', 'killed')
    // These stand for the very difference that is looked for.
    .where('source', '!=', 'counter')
    .executeTakeFirstOrThrow();
  return count + (pruned ?? 0);
}

export async function loadPositions(db: Reader, host: string): Promise<Position[]> {
  const rows = await db.selectFrom('positions').select('value').where('host', '=', host).orderBy('source').execute();
  return rows.map((row) => JSON.parse(row.value) as Position);
}

export async function saveCounter(db: Reader, reading: CounterReading): Promise<void> {
  const { host, bootId, killer, counter, parsed, atMs } = reading;
  await db
    .insertInto('counters')
    .values({ host, boot_id: bootId, killer, counter, parsed, at_ms: atMs })
    .onConflict((on) => on.columns(['host', 'boot_id', 'killer']).doUpdateSet({ counter, parsed, at_ms: atMs }))
    .execute();
}

export async function loadCounter(
  db: Reader,
  host: string,
  bootId: string,
  killer: Killer,
): Promise<CounterReading | null> {
  const row = await db
    .selectFrom('counters')
    .select(['host', 'boot_id as bootId', 'killer', 'counter', 'parsed', 'at_ms as atMs'])
    .where('host', '=', host)
    .where('boot_id', '=', bootId)
    .where('killer', '=', killer)
    .executeTakeFirst();
  return row ?? null;
}
