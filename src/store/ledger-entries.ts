import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import { NOTHING_TOLD, type Attempt } from '../app/ledger.ts';
import type { NewDelivery } from '../app/ports.ts';
import { columnText, slicesOf } from './column-text.ts';
import { keepQuery, keepRowsQuery } from './compiled-query-cache.ts';
import type { Reader, Tables, Trx } from './schema.ts';

const ROWS_PER_STATEMENT = 50;
const NOTHING = JSON.stringify(NOTHING_TOLD);

type NewRow = Pick<
  Tables['ledger'],
  'destination' | 'key' | 'kind' | 'incident_id' | 'change_id' | 'body' | 'not_before_ms' | 'attempt'
>;

function insertRows(db: Reader, rows: NewRow[]) {
  return db.insertInto('ledger').values(
    rows.map(({ destination, key, kind, incident_id, change_id, body, not_before_ms, attempt }) => ({
      destination,
      key,
      kind,
      incident_id,
      change_id,
      body,
      attempt,
      wanted: 1,
      open: 1,
      shown: -1,
      told: NOTHING,
      attempts: 0,
      not_before_ms,
      created_at_ms: not_before_ms,
    })),
  );
}

/** What stands there is to be brought up to date; what was given up is tried anew. */
const ASK = keepRowsQuery((db, rows: NewRow[]) =>
  insertRows(db, rows).onConflict((on) =>
    on.columns(['destination', 'key']).doUpdateSet((row) => ({
      wanted: sql<number>`ledger.wanted + 1`,
      open: 1,
      body: row.ref('excluded.body'),
      attempts: sql<number>`case when ledger.failed_at_ms is null then ledger.attempts else 0 end`,
      not_before_ms: sql<number>`case when ledger.failed_at_ms is null then ledger.not_before_ms else excluded.not_before_ms end`,
      failed_reason: null,
      failed_at_ms: null,
    })),
  ),
);

/** What was asked for before is not asked for again: a batch may be saved twice when its commit is in doubt. */
const ASK_ONCE = keepRowsQuery((db, rows: NewRow[]) =>
  insertRows(db, rows).onConflict((on) => on.columns(['destination', 'key']).doNothing()),
);

/** Puts into the ledger what is to be shown. */
export async function insertDeliveries(trx: Reader, deliveries: readonly NewDelivery[]): Promise<void> {
  const rows = deliveries.map((delivery) => ({ row: rowOf(delivery), isStanding: isStanding(delivery) }));
  for (const [ask, standing] of [
    [ASK, true],
    [ASK_ONCE, false],
  ] as const) {
    // One statement must not name a row twice (PostgreSQL); the last word counts.
    const mine = rows.filter((one) => one.isStanding === standing).map(({ row }) => row);
    const last = [...new Map(mine.map((row) => [JSON.stringify([row.destination, row.key]), row])).values()];
    for (const slice of slicesOf(last, ROWS_PER_STATEMENT)) await ask(trx, slice);
  }
}

/** The card of a new change in one place: a channel, or a user id for a direct message. */
export async function insertCard(trx: Trx, changeId: string, destination: string, atMs: number): Promise<void> {
  const row = { destination, key: `change-${changeId}`, kind: 'card' as const, body: null, attempt: null };
  await ASK_ONCE(trx, [{ ...row, incident_id: null, change_id: changeId, not_before_ms: atMs }]);
}

/** Every place that shows the change is to show it as it is; `repair`: also where it seems up to date. */
export async function showChange(trx: Reader, changeId: string, repair = false): Promise<void> {
  await trx
    .updateTable('ledger')
    .set({ wanted: sql<number>`wanted + 1`, open: 1, failed_reason: null, failed_at_ms: null })
    .$if(repair, (query) => query.set({ shown: -1 }))
    .where('change_id', '=', changeId)
    .execute();
}

const WAKE_WEBHOOKS = keepQuery((db, { id }: { id: string }) =>
  db
    .updateTable('ledger')
    .set({ wanted: sql<number>`wanted + 1`, open: 1, failed_reason: null, failed_at_ms: null })
    .where('incident_id', '=', id)
    .where('kind', '=', 'event'),
);

/** Every webhook that was told of the incident is to hear what is so now. */
export async function wakeWebhooks(trx: Reader, incidentId: string): Promise<void> {
  await WAKE_WEBHOOKS(trx, { id: incidentId });
}

function rowOf(delivery: NewDelivery): NewRow {
  const key = keyOf(delivery);
  const attempt: Attempt | null =
    delivery.lookSinceMs === undefined
      ? null
      : { owner: '', mark: key, threadTs: null, sinceMs: delivery.lookSinceMs, after: null };
  return {
    destination: delivery.channel,
    key,
    kind: delivery.kind,
    incident_id: delivery.incidentId === '' ? null : delivery.incidentId,
    change_id: null,
    body: delivery.body,
    not_before_ms: delivery.notBeforeMs,
    attempt: attempt === null ? null : JSON.stringify(attempt),
  };
}

function isStanding({ kind, body }: NewDelivery): boolean {
  return kind === 'incident' || kind === 'event' || (kind === 'news' && newsKey(body) !== null);
}

/** Replies and news have the name of what they say: the same asked for twice is one. */
function keyOf({ kind, incidentId, body, channel, notBeforeMs }: NewDelivery): string {
  if (kind === 'incident' || kind === 'event') return incidentId;
  const key = kind === 'news' ? newsKey(body) : null;
  if (key !== null) return `news-${columnText(key)}`;
  const said = JSON.stringify([incidentId, channel, body, kind === 'news' ? notBeforeMs : 0]);
  return `${kind}-${createHash('sha256').update(said).digest('hex').slice(0, 24)}`;
}

function newsKey(body: string | null): string | null {
  if (body === null) return null;
  try {
    const read: unknown = JSON.parse(body);
    return typeof read === 'object' && read !== null && 'key' in read && typeof read.key === 'string' ? read.key : null;
  } catch {
    return null; // Not JSON: it has no key.
  }
}
