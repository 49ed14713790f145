import type { NewDelivery } from '../app/ports.ts';
import type { UpdateResult } from '../app/store-port.ts';
import type { Incident, Kill } from '../incident/incident.ts';
import { columnText, slicesOf } from './column-text.ts';
import { keepQuery, keepRowsQuery } from './compiled-query-cache.ts';
import { insertDeliveries, wakeWebhooks } from './ledger-entries.ts';
import type { Database, Reader, Tables, Trx } from './schema.ts';

const OPEN_MAX = 200;
const KEYS_PER_STATEMENT = 500;

type Row = Tables['incidents'];
type Body = Omit<Incident, 'kills' | 'revision' | 'problem'>;

const OPEN = keepQuery((db, { host, at, id }: { host: string; at: number; id: string }) =>
  openOf(db, host)
    .where((row) => row.or([row('last_at_ms', '>', at), row.and([row('last_at_ms', '=', at), row('id', '>', id)])]))
    .orderBy('last_at_ms')
    .orderBy('id')
    .limit(OPEN_MAX),
);

function openBy(column: 'problem' | 'id', isLocked: boolean) {
  return keepRowsQuery((db, rows: { host: string; value: string }[]) => {
    const query = openOf(db, rows[0]?.host ?? '').where(
      column,
      'in',
      rows.map(({ value }) => value),
    );
    return isLocked ? query.forUpdate() : query;
  });
}

const OPEN_BY = { problem: openBy('problem', false), id: openBy('id', false) };
const LOCKED_BY = { problem: openBy('problem', true), id: openBy('id', true) };

function openOf(db: Reader, host: string) {
  return db.selectFrom('incidents').selectAll().where('host', '=', host).where('closed_at_ms', 'is', null);
}

const NEWEST = keepQuery((db, { host, limit }: { host: string; limit: number }) =>
  db
    .selectFrom('incidents')
    .selectAll()
    .where('host', '=', host)
    .orderBy('last_at_ms', 'desc')
    .orderBy('id')
    .limit(limit),
);

const BY_ID = keepQuery((db, { id }: { id: string }) => db.selectFrom('incidents').selectAll().where('id', '=', id));

/** Incidents of a host that are not closed, by last kill, oldest first: those behind `after`. */
export async function loadOpenIncidents(
  database: Database,
  host: string,
  after: Pick<Incident, 'id' | 'lastAtMs'> | null,
): Promise<Incident[]> {
  const { rows } = await OPEN(database.db, {
    host,
    at: after?.lastAtMs ?? Number.MIN_SAFE_INTEGER,
    id: after?.id ?? '',
  });
  return withKills(database, database.db, rows);
}

/** Open incidents of a host with one of these problems or ids, by last kill, oldest first; locked until the transaction ends. */
export async function loadOpenAbout(
  database: Database,
  trx: Trx,
  host: string,
  about: { problems: readonly string[]; ids: readonly string[] },
): Promise<Incident[]> {
  const load = database.hasRowLocks ? LOCKED_BY : OPEN_BY;
  const found = new Map<string, Row>();
  for (const [column, values] of [
    ['problem', about.problems],
    ['id', about.ids],
  ] as const) {
    const wanted = [...new Set(values)].map((value) => ({ host, value: columnText(value) }));
    for (const slice of slicesOf(wanted, KEYS_PER_STATEMENT))
      for (const row of (await load[column](trx, slice)).rows) found.set(row.id, row);
  }
  const rows = [...found.values()].toSorted((a, b) => a.last_at_ms - b.last_at_ms || (a.id < b.id ? -1 : 1));
  return withKills(database, trx, rows);
}

export async function hostsWithOpenIncidents(db: Reader): Promise<string[]> {
  const rows = await db.selectFrom('incidents').select('host').distinct().where('closed_at_ms', 'is', null).execute();
  return rows.map((row) => row.host);
}

export async function loadIncident(database: Database, db: Reader, id: string): Promise<Incident | null> {
  const { rows } = await BY_ID(db, { id });
  const [incident = null] = await withKills(database, db, rows);
  return incident;
}

/** `prefix` has only letters, digits and dashes. */
export async function loadIncidentsCalled(database: Database, prefix: string, limit: number): Promise<Incident[]> {
  const rows = await database.db
    .selectFrom('incidents')
    .select('id')
    .where('id', 'like', `${prefix}%`)
    .orderBy('last_at_ms', 'desc')
    .orderBy('id')
    .limit(limit)
    .execute();
  const found = await Promise.all(rows.map(({ id }) => loadIncident(database, database.db, id)));
  return found.filter((incident) => incident !== null);
}

export async function loadIncidents(database: Database, host: string, limit: number): Promise<Incident[]> {
  const { rows } = await NEWEST(database.db, { host, limit });
  return withKills(database, database.db, rows);
}

/** Writes an incident and counts its revision up. Throws when it is not the stored one: callers hold the lock of its host. */
export async function saveIncident(trx: Trx, incident: Incident): Promise<Incident> {
  const saved = { ...incident, revision: incident.revision + 1 };
  if (incident.revision === 0) await INSERT(trx, rowOf(saved));
  else if (!(await replace(trx, incident.revision, saved))) {
    throw new Error(`incident ${incident.id} is not stored with revision ${incident.revision}`);
  }
  return saved;
}

/** Saves a change with its deliveries, or nothing when the stored revision is another. */
export function updateIncident(
  database: Database,
  incident: Incident,
  deliveries: NewDelivery[],
): Promise<UpdateResult> {
  return database.transact(async (trx) => {
    const saved = { ...incident, revision: incident.revision + 1 };
    if (!(await replace(trx, incident.revision, saved))) {
      return { kind: 'conflict', current: await loadIncident(database, trx, incident.id) };
    }
    await insertDeliveries(trx, deliveries);
    await wakeWebhooks(trx, saved.id);
    return { kind: 'saved', incident: saved };
  });
}

const INSERT = keepQuery((db, { id, host, last_at_ms, closed_at_ms, revision, kill_keys, problem, body }: Row) =>
  db.insertInto('incidents').values({ id, host, last_at_ms, closed_at_ms, revision, kill_keys, problem, body }),
);

const REPLACE = keepQuery(
  (
    db,
    { id, expected, host, last_at_ms, closed_at_ms, revision, kill_keys, problem, body }: Row & { expected: number },
  ) =>
    db
      .updateTable('incidents')
      .set({ host, last_at_ms, closed_at_ms, revision, kill_keys, problem, body })
      .where('id', '=', id)
      .where('revision', '=', expected),
);

async function replace(trx: Trx, expectedRevision: number, next: Incident): Promise<boolean> {
  const done = await REPLACE(trx, { ...rowOf(next), expected: expectedRevision });
  return done.numAffectedRows === 1n;
}

function rowOf(incident: Incident): Row {
  const { kills, revision, problem, ...body } = incident;
  return {
    id: incident.id,
    host: incident.host,
    last_at_ms: incident.lastAtMs,
    closed_at_ms: incident.closedAtMs,
    revision,
    // Kills are many kilobytes each and have rows of their own.
    kill_keys: JSON.stringify(kills.map((kill) => kill.key)),
    problem: columnText(problem),
    body: JSON.stringify(body),
  };
}

/** An incident as its row has it. */
export function outlineOf(row: Pick<Row, 'body' | 'revision' | 'problem'>): Omit<Incident, 'kills'> {
  return { ...(JSON.parse(row.body) as Body), revision: row.revision, problem: row.problem };
}

/** All incidents are of one host. */
async function withKills(database: Database, db: Reader, rows: readonly Row[]): Promise<Incident[]> {
  const keysOf = rows.map((row) => JSON.parse(row.kill_keys) as string[]);
  const [host = ''] = rows.map((row) => row.host);
  const kills = await loadKillsByKey(database, db, host, keysOf.flat());
  return rows.map((row, at) => ({
    ...outlineOf(row),
    kills: (keysOf[at] ?? []).flatMap((key) => kills.get(key) ?? []),
  }));
}

async function loadKillsByKey(
  { killCache }: Database,
  db: Reader,
  host: string,
  keys: readonly string[],
): Promise<Map<string, Kill>> {
  const kills = new Map<string, Kill>();
  const missing: string[] = [];
  for (const key of keys) {
    const known = killCache?.get(host, key);
    if (known === undefined) missing.push(key);
    else kills.set(key, known);
  }
  const edition = killCache?.edition() ?? 0;
  for (const slice of slicesOf(missing, KEYS_PER_STATEMENT)) {
    const { rows } = await BODIES(
      db,
      slice.map((key) => ({ host, key: columnText(key) })),
    );
    for (const { body } of rows) {
      const kill = JSON.parse(body) as Kill;
      kills.set(kill.key, kill);
      killCache?.put(kill, body.length, edition);
    }
  }
  return kills;
}

const BODIES = keepRowsQuery((db, keys: { host: string; key: string }[]) =>
  db
    .selectFrom('kills')
    .select('body')
    .where('host', '=', keys[0]?.host ?? '')
    .where(
      'key',
      'in',
      keys.map(({ key }) => key),
    ),
);
