import { sql, type Selectable } from 'kysely';
import {
  NOTHING_TOLD,
  type AlertMember,
  type Attempt,
  type FailedRow,
  type LedgerPatch,
  type LedgerRow,
  type PatchResult,
  type Posted,
  type QueueLength,
  type Told,
} from '../app/ledger.ts';
import type { NewDelivery } from '../app/ports.ts';
import { keepQuery } from './compiled-query-cache.ts';
import { outlineOf } from './incidents.ts';
import { insertDeliveries } from './ledger-entries.ts';
import type { Database, Reader, Tables, Trx } from './schema.ts';

/** So many rows are looked at together: no backlog of words keeps a new incident waiting. */
const INCIDENTS_MAX = 400;
const OTHERS_MAX = 300;
const NOTHING = JSON.stringify(NOTHING_TOLD);

function openRows(db: Reader, destination: string, nowMs: number) {
  return (
    db
      .selectFrom('ledger as row')
      .leftJoin('ledger as parent', (join) =>
        join
          .onRef('parent.destination', '=', 'row.destination')
          .onRef('parent.key', '=', 'row.incident_id')
          .on('row.kind', '=', 'reply'),
      )
      .selectAll('row')
      .select(['parent.key as parent_key', 'parent.ts as parent_ts', 'parent.told as parent_told'])
      .where('row.destination', '=', destination)
      .where('row.open', '=', 1)
      .where('row.failed_at_ms', 'is', null)
      .where((at) => at.or([at('row.not_before_ms', '<=', nowMs), at('row.attempt', 'is not', null)]))
      // A reply waits behind the message of its incident.
      .where((at) => at.or([at('parent.key', 'is', null), at('parent.ts', 'is not', null)]))
  );
}

const INCIDENTS = keepQuery((db, { destination, nowMs }: { destination: string; nowMs: number }) =>
  openRows(db, destination, nowMs)
    .where('row.kind', '=', 'incident')
    .orderBy(sql`case when row.ts is null then 0 else 1 end`)
    .orderBy('row.id')
    .limit(INCIDENTS_MAX),
);
const OTHERS = keepQuery((db, { destination, nowMs }: { destination: string; nowMs: number }) =>
  openRows(db, destination, nowMs)
    .where('row.kind', '<>', 'incident')
    // What a webhook was not told of at all goes before what is to be completed there.
    .orderBy(sql`case when row.kind = 'card' then 0 when row.shown < 0 then 1 else 2 end`)
    .orderBy('row.id')
    .limit(OTHERS_MAX),
);

export async function loadLedger(db: Reader, destination: string, nowMs: number): Promise<LedgerRow[]> {
  const incidents = await INCIDENTS(db, { destination, nowMs });
  const others = await OTHERS(db, { destination, nowMs });
  return [...incidents.rows, ...others.rows].map((row) => ({
    ...ledgerRow(row),
    parent:
      row.parent_key === null
        ? null
        : { ts: row.parent_ts, alone: (JSON.parse(row.parent_told ?? NOTHING) as Told).alone },
  }));
}

function ledgerRow(row: Selectable<Tables['ledger']>): LedgerRow {
  return {
    destination: row.destination,
    key: row.key,
    kind: row.kind,
    incidentId: row.incident_id,
    changeId: row.change_id,
    body: row.body,
    wanted: row.wanted,
    ts: row.ts,
    shown: row.shown,
    told: JSON.parse(row.told) as Told,
    attempt: row.attempt === null ? null : (JSON.parse(row.attempt) as Attempt),
    attempts: row.attempts,
    notBeforeMs: row.not_before_ms,
    createdAtMs: row.created_at_ms,
    parent: null,
  };
}

const WRITE = keepQuery((db, v: Record<string, string | number | null>) =>
  db
    .updateTable('ledger')
    .set({
      ts: v['ts'] as string | null,
      shown: v['shown'] as number,
      told: v['told'] as string,
      attempt: v['attempt'] as string | null,
      tried_by: v['triedBy'] as string | null,
      attempts: v['attempts'] as number,
      not_before_ms: v['notBeforeMs'] as number,
      failed_reason: v['failedReason'] as string | null,
      failed_at_ms: v['failedAtMs'] as number | null,
      sent_at_ms: sql<number | null>`coalesce(${v['sentAtMs']}, sent_at_ms)`,
      open: sql<number>`case when wanted > ${v['doneUpTo']} then 1 else 0 end`,
    })
    .where('destination', '=', v['destination'] as string)
    .where('key', '=', v['key'] as string)
    .where((at) => at.or([at('tried_by', 'is', null), at('tried_by', 'in', [v['owner'], v['seenOwner']] as string[])]))
    // An update that waited for a row is checked again against that row alone (PostgreSQL, read committed), not against leases taken
    // meanwhile: this keeps a late write from undoing what a successor noted.
    .where((at) => at.or([at('ts', 'is', null), at('ts', 'in', [v['ts'], v['seenTs']] as string[])]))
    .where((at) =>
      at.or([
        // Where a message stands that nobody else knows of is noted, whoever serves the destination now.
        sql<boolean>`(ts is null and cast(${v['ts']} as text) is not null)`,
        at.not(
          at.exists(
            at
              .selectFrom('leases')
              .select('leases.name')
              .where('leases.kind', '=', 'channel')
              .whereRef('leases.name', '=', 'ledger.destination')
              .where('leases.owner', '<>', v['owner'] as string)
              .where('leases.expires_ms', '>', v['nowMs'] as number),
          ),
        ),
      ]),
    ),
);

export function saveLedger(
  database: Database,
  owner: string,
  nowMs: number,
  patches: readonly LedgerPatch[],
  more: readonly NewDelivery[],
): Promise<PatchResult[]> {
  return database.transact(async (trx) => {
    const results: PatchResult[] = [];
    for (const patch of patches) results.push(await write(trx, owner, nowMs, patch));
    await insertDeliveries(trx, more);
    return results;
  });
}

async function write(trx: Trx, owner: string, nowMs: number, patch: LedgerPatch): Promise<PatchResult> {
  const { destination, key } = patch;
  const values = {
    destination,
    key,
    owner,
    nowMs,
    ts: patch.ts,
    shown: patch.shown,
    told: JSON.stringify(patch.told),
    attempt: patch.attempt === null ? null : JSON.stringify(patch.attempt),
    triedBy: patch.attempt?.owner ?? null,
    attempts: patch.attempts,
    notBeforeMs: patch.notBeforeMs,
    failedReason: patch.failed?.reason.replaceAll('\0', '') ?? null,
    failedAtMs: patch.failed?.atMs ?? null,
    sentAtMs: patch.sentAtMs,
    doneUpTo: patch.doneUpTo ?? -1,
    seenOwner: patch.seenOwner ?? owner,
    seenTs: patch.seenTs,
  };
  if (await isWritten()) return 'saved';
  const there = await trx
    .selectFrom('ledger')
    .select('id')
    .where('destination', '=', destination)
    .where('key', '=', key)
    .executeTakeFirst();
  if (there === undefined) return 'missing';
  // PostgreSQL shows each statement what was committed before it began: the row may have come after the first one.
  return (await isWritten()) ? 'saved' : 'taken';

  async function isWritten(): Promise<boolean> {
    return ((await WRITE(trx, values)).numAffectedRows ?? 0n) > 0n;
  }
}

export async function sentSince(db: Reader, destination: string, sinceMs: number): Promise<number[]> {
  const rows = await db
    .selectFrom('ledger')
    .select(['ts', 'told', 'attempt', 'sent_at_ms as sentAtMs'])
    .where('destination', '=', destination)
    .where((at) => at.or([at('sent_at_ms', '>', sinceMs), at('tried_by', 'is not', null)]))
    .orderBy('sent_at_ms')
    .limit(INCIDENTS_MAX)
    .execute();
  const times = new Set<number>();
  for (const { ts, told, attempt, sentAtMs } of rows) {
    if (sentAtMs !== null) times.add(sentAtMs);
    // A row keeps only when it was last sent: what its thread was told hides its own message.
    const { evidence, alone, outcome } = JSON.parse(told) as Told;
    if (ts !== null && ((evidence && alone) || outcome !== null)) times.add(Number(ts) * 1_000);
    if (attempt !== null) times.add((JSON.parse(attempt) as Attempt).sinceMs);
  }
  return [...times].filter((atMs) => atMs > sinceMs).toSorted((a, b) => a - b);
}

export async function queueLengths(db: Reader): Promise<QueueLength[]> {
  return db
    .selectFrom('ledger')
    .select((at) => [
      'destination as channel',
      at.fn.countAll<number>().filterWhere('attempt', 'is', null).filterWhere('failed_at_ms', 'is', null).as('waiting'),
      at.fn.countAll<number>().filterWhere('attempt', 'is not', null).as('inFlight'),
      at.fn.countAll<number>().filterWhere('failed_at_ms', 'is not', null).as('failed'),
      at.fn.min<number | null>('not_before_ms').filterWhere('failed_at_ms', 'is', null).as('nextAtMs'),
      at.fn
        .min<number | null>('created_at_ms')
        .filterWhere('kind', '=', 'incident')
        .filterWhere('ts', 'is', null)
        .as('untoldSinceMs'),
    ])
    .where('open', '=', 1)
    .groupBy('destination')
    .orderBy('destination')
    .execute();
}

export async function failedDeliveries(db: Reader, limit: number): Promise<FailedRow[]> {
  const rows = await db
    .selectFrom('ledger')
    .selectAll()
    .where('failed_at_ms', 'is not', null)
    .orderBy('failed_at_ms', 'desc')
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    channel: row.destination,
    key: row.key,
    incidentId: row.incident_id,
    attempts: row.attempts,
    reason: row.failed_reason ?? '',
    failedAtMs: row.failed_at_ms ?? 0,
  }));
}

export async function loadPosted(db: Reader, incidentId: string): Promise<Posted[]> {
  const rows = await db
    .selectFrom('ledger')
    .select(['incident_id', 'destination', 'ts', 'shown'])
    .where('incident_id', '=', incidentId)
    .where('kind', '=', 'incident')
    .where('ts', 'is not', null)
    .orderBy('destination')
    .execute();
  return rows.map((row) => ({ incidentId, channel: row.destination, ts: row.ts ?? '', revision: row.shown }));
}

const MEMBERS = keepQuery((db, { destination, alert, limit }: { destination: string; alert: string; limit: number }) =>
  db
    .selectFrom('ledger as row')
    .innerJoin('incidents', 'incidents.id', 'row.incident_id')
    .selectAll('row')
    .select(['incidents.body as incident', 'incidents.revision as revision', 'incidents.problem as problem'])
    .where('row.destination', '=', destination)
    .where('row.kind', '=', 'event')
    .where('row.ts', '=', alert)
    .orderBy('row.id')
    .limit(limit),
);

export async function alertMembers(
  db: Reader,
  destination: string,
  alert: string,
  limit: number,
): Promise<AlertMember[]> {
  const { rows } = await MEMBERS(db, { destination, alert, limit });
  return rows.map((row) => ({ row: ledgerRow(row), incident: outlineOf({ ...row, body: row.incident }) }));
}

export async function alertsSince(db: Reader, destination: string, sinceMs: number, limit: number) {
  const rows = await db
    .selectFrom('ledger')
    .select(['key', 'ts', 'created_at_ms as createdAtMs'])
    .where('destination', '=', destination)
    .where('kind', '=', 'event')
    .where('ts', 'is not', null)
    .where('created_at_ms', '>=', sinceMs)
    .orderBy('created_at_ms', 'desc')
    .limit(limit)
    .execute();
  return rows.map(({ key, ts, createdAtMs }) => ({ key, alert: ts ?? '', createdAtMs }));
}
