import type { NewDelivery, UpdateResult } from '../app/store-port.ts';
import type { Incident, Kill } from '../incident/incident.ts';
import { columnText } from './column-text.ts';
import { insertDeliveries } from './outbox.ts';
import type { Database, Reader, Tables, Trx } from './schema.ts';

const OPEN_MAX = 200;

type Row = Tables['incidents'];
type Body = Omit<Incident, 'kills' | 'revision'>;

/** Incidents of a host that are not closed, oldest first, locked until the transaction ends. */
export async function loadOpenIncidents(database: Database, trx: Reader, host: string): Promise<Incident[]> {
  const rows = await trx
    .selectFrom('incidents')
    .selectAll()
    .where('host', '=', host)
    .where('closed_at_ms', 'is', null)
    .orderBy('last_at_ms', 'desc')
    .limit(OPEN_MAX)
    .$if(database.hasRowLocks && trx.isTransaction, (query) => query.forUpdate())
    .execute();
  return Promise.all(rows.toReversed().map((row) => withKills(trx, row)));
}

export async function hostsWithOpenIncidents(db: Reader): Promise<string[]> {
  const rows = await db.selectFrom('incidents').select('host').distinct().where('closed_at_ms', 'is', null).execute();
  return rows.map((row) => row.host);
}

export async function loadIncident(db: Reader, id: string): Promise<Incident | null> {
  const row = await db.selectFrom('incidents').selectAll().where('id', '=', id).executeTakeFirst();
  return row === undefined ? null : withKills(db, row);
}

export async function loadIncidents(db: Reader, host: string, limit: number): Promise<Incident[]> {
  const rows = await db
    .selectFrom('incidents')
    .selectAll()
    .where('host', '=', host)
    .orderBy('last_at_ms', 'desc')
    .orderBy('id')
    .limit(limit)
    .execute();
  return Promise.all(rows.map((row) => withKills(db, row)));
}

/** Writes an incident and counts its revision up. Throws when it is not the stored one: callers hold the lock of its host. */
export async function saveIncident(trx: Trx, incident: Incident): Promise<Incident> {
  const saved = { ...incident, revision: incident.revision + 1 };
  if (incident.revision === 0) await trx.insertInto('incidents').values(rowOf(saved)).execute();
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
      return { kind: 'conflict', current: await loadIncident(trx, incident.id) };
    }
    await insertDeliveries(trx, deliveries);
    return { kind: 'saved', incident: saved };
  });
}

async function replace(trx: Trx, expectedRevision: number, next: Incident): Promise<boolean> {
  const { id, ...values } = rowOf(next);
  const done = await trx
    .updateTable('incidents')
    .set(values)
    .where('id', '=', id)
    .where('revision', '=', expectedRevision)
    .executeTakeFirst();
  return done.numUpdatedRows === 1n;
}

function rowOf(incident: Incident): Row {
  const { kills, revision, ...body } = incident;
  return {
    id: incident.id,
    host: incident.host,
    last_at_ms: incident.lastAtMs,
    closed_at_ms: incident.closedAtMs,
    revision,
    // Kills are many kilobytes each and have rows of their own.
    kill_keys: JSON.stringify(kills.map((kill) => kill.key)),
    body: JSON.stringify(body),
  };
}

async function withKills(db: Reader, row: Row): Promise<Incident> {
  const keys = JSON.parse(row.kill_keys) as string[];
  const kills = new Map<string, Kill>();
  if (keys.length > 0) {
    const rows = await db
      .selectFrom('kills')
      .select('body')
      .where('host', '=', row.host)
      .where('key', 'in', keys.map(columnText))
      .execute();
    for (const { body } of rows) {
      const kill = JSON.parse(body) as Kill;
      kills.set(kill.key, kill);
    }
  }
  return {
    ...(JSON.parse(row.body) as Body),
    revision: row.revision,
    kills: keys.flatMap((key) => kills.get(key) ?? []),
  };
}
