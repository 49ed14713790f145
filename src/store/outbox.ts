import type { DeliveryOutcome, FailedDelivery, NewDelivery, QueueLength } from '../app/store-port.ts';
import type { Delivery, Posted } from '../app/ports.ts';
import { slicesOf } from './column-text.ts';
import { keepRowsQuery } from './compiled-query-cache.ts';
import type { Database, Reader, Tables, Trx } from './schema.ts';

type Row = Pick<
  Tables['outbox'],
  'incident_id' | 'channel' | 'kind' | 'body' | 'attempts' | 'not_before_ms' | 'in_flight'
> & { id: number };

function waitingKey(delivery: { kind: string; incidentId: string; channel: string }): string | null {
  return delivery.kind === 'incident' ? `${delivery.incidentId} ${delivery.channel}` : null;
}

const ROWS_PER_STATEMENT = 50;
type NewRow = Pick<Row, 'incident_id' | 'channel' | 'kind' | 'body' | 'not_before_ms'> & { waiting_key: string | null };

const INSERT = keepRowsQuery((db, rows: NewRow[]) =>
  db
    .insertInto('outbox')
    .values(
      rows.map(({ incident_id, channel, kind, body, not_before_ms, waiting_key }) => ({
        incident_id,
        channel,
        kind,
        body,
        not_before_ms,
        waiting_key,
        attempts: 0,
        in_flight: 0,
      })),
    )
    .onConflict((on) => on.column('waiting_key').doNothing()),
);

/** Queues deliveries in order. An incident's own message that still waits for a channel stays where it is: its text is made when it is sent. */
export async function insertDeliveries(trx: Reader, deliveries: NewDelivery[]): Promise<void> {
  const rows = deliveries.map((delivery): NewRow => ({
    incident_id: delivery.incidentId === '' ? null : delivery.incidentId,
    channel: delivery.channel,
    kind: delivery.kind,
    body: delivery.body,
    not_before_ms: delivery.notBeforeMs,
    waiting_key: waitingKey(delivery),
  }));
  for (const slice of slicesOf(rows, ROWS_PER_STATEMENT)) await INSERT(trx, slice);
}

export function claimDeliveries(
  database: Database,
  channel: string,
  owner: string,
  nowMs: number,
  limit: number,
  kind?: Delivery['kind'],
): Promise<Delivery[]> {
  return database.transact(async (trx) => {
    const rows = await trx
      .selectFrom('outbox')
      .selectAll()
      .where('channel', '=', channel)
      .$if(kind !== undefined, (query) => query.where('kind', '=', kind ?? 'incident'))
      .where('in_flight', '=', 0)
      .where('failed_at_ms', 'is', null)
      .where('not_before_ms', '<=', nowMs)
      .where((at) =>
        at.not(
          at.exists(
            at
              .selectFrom('outbox as earlier')
              .select('earlier.id')
              .whereRef('earlier.incident_id', '=', 'outbox.incident_id')
              .whereRef('earlier.channel', '=', 'outbox.channel')
              .whereRef('earlier.id', '<', 'outbox.id')
              .where('earlier.failed_at_ms', 'is', null),
          ),
        ),
      )
      .orderBy('id')
      .limit(limit)
      .$if(database.hasRowLocks, (query) => query.forUpdate().skipLocked())
      .execute();
    return take(trx, rows, owner);
  });
}

/** What owners without a live lease have left in flight becomes this owner's. */
export function adoptDeliveries(database: Database, owner: string, nowMs: number): Promise<Delivery[]> {
  return database.transact(async (trx) => {
    const rows = await trx
      .selectFrom('outbox')
      .selectAll()
      .where('in_flight', '=', 1)
      .where('claimed_by', '!=', owner)
      .where('claimed_by', 'not in', (at) => at.selectFrom('owners').select('owner').where('expires_ms', '>', nowMs))
      .orderBy('id')
      .$if(database.hasRowLocks, (query) => query.forUpdate().skipLocked())
      .execute();
    return take(trx, rows, owner);
  });
}

async function take(trx: Trx, rows: Row[], owner: string): Promise<Delivery[]> {
  if (rows.length === 0) return [];
  await trx
    .updateTable('outbox')
    .set({ in_flight: 1, claimed_by: owner, waiting_key: null })
    .where(
      'id',
      'in',
      rows.map((row) => row.id),
    )
    .execute();
  return rows.map((row) => ({ ...deliveryOf(row), inFlight: true }));
}

export function settleDelivery(database: Database, id: number, outcome: DeliveryOutcome): Promise<boolean> {
  return database.transact(async (trx) => {
    const row = await trx
      .selectFrom('outbox')
      .selectAll()
      .where('id', '=', id)
      .where('in_flight', '=', 1)
      .$if(database.hasRowLocks, (query) => query.forUpdate())
      .executeTakeFirst();
    if (row === undefined) return false;

    switch (outcome.kind) {
      case 'done':
        await trx.deleteFrom('outbox').where('id', '=', id).execute();
        if (outcome.posted !== null) await savePosted(trx, outcome.posted);
        break;
      case 'retry':
        await putBack(trx, row, outcome.notBeforeMs);
        break;
      case 'failed':
        await trx
          .updateTable('outbox')
          .set({ in_flight: 0, claimed_by: null, attempts: row.attempts + 1 })
          .set({ failed_reason: outcome.reason.replaceAll('\0', ''), failed_at_ms: outcome.atMs })
          .where('id', '=', id)
          .execute();
        break;
    }
    return true;
  });
}

// It keeps its place in front; one that was queued behind it in the meantime would say the same.
async function putBack(trx: Trx, row: Row, notBeforeMs: number): Promise<void> {
  const key = waitingKey(deliveryOf(row));
  if (key !== null) await trx.deleteFrom('outbox').where('waiting_key', '=', key).execute();
  await trx
    .updateTable('outbox')
    .set({ in_flight: 0, claimed_by: null, waiting_key: key })
    .set({ attempts: row.attempts + 1, not_before_ms: notBeforeMs })
    .where('id', '=', row.id)
    .execute();
}

async function savePosted(trx: Trx, posted: Posted): Promise<void> {
  const { incidentId, channel, ts, revision } = posted;
  await trx
    .insertInto('posted')
    .values({ incident_id: incidentId, channel, ts, revision })
    .onConflict((on) => on.columns(['incident_id', 'channel']).doUpdateSet({ ts, revision }))
    .execute();
}

export async function queueLengths(db: Reader): Promise<QueueLength[]> {
  return db
    .selectFrom('outbox')
    .select((at) => [
      'channel',
      at.fn.countAll<number>().filterWhere('in_flight', '=', 0).filterWhere('failed_at_ms', 'is', null).as('waiting'),
      at.fn.countAll<number>().filterWhere('in_flight', '=', 1).as('inFlight'),
      at.fn.countAll<number>().filterWhere('failed_at_ms', 'is not', null).as('failed'),
      at.fn
        .min<number | null>('not_before_ms')
        .filterWhere('in_flight', '=', 0)
        .filterWhere('failed_at_ms', 'is', null)
        .as('nextAtMs'),
    ])
    .groupBy('channel')
    .orderBy('channel')
    .execute();
}

export async function failedDeliveries(db: Reader, limit: number): Promise<FailedDelivery[]> {
  const rows = await db
    .selectFrom('outbox')
    .selectAll()
    .where('failed_at_ms', 'is not', null)
    .orderBy('failed_at_ms', 'desc')
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    ...deliveryOf(row),
    reason: row.failed_reason ?? '',
    failedAtMs: row.failed_at_ms ?? 0,
  }));
}

export async function loadPosted(db: Reader, by: { incidentId: string } | { channel: string; ts: string }) {
  const rows = await db
    .selectFrom('posted')
    .select(['incident_id as incidentId', 'channel', 'ts', 'revision'])
    .where((at) => ('ts' in by ? at.and({ channel: by.channel, ts: by.ts }) : at('incident_id', '=', by.incidentId)))
    .orderBy('channel')
    .execute();
  return rows satisfies Posted[];
}

export async function forgetPosted(db: Reader, incidentId: string, channel: string): Promise<void> {
  await db.deleteFrom('posted').where('incident_id', '=', incidentId).where('channel', '=', channel).execute();
}

function deliveryOf(row: Row): Delivery {
  return {
    id: row.id,
    incidentId: row.incident_id ?? '',
    channel: row.channel,
    kind: row.kind,
    body: row.body,
    attempts: row.attempts,
    notBeforeMs: row.not_before_ms,
    inFlight: row.in_flight === 1,
  };
}
