import type { BatchDecision, BatchView, SavedBatch } from '../app/store-port.ts';
import type { Batch } from '../app/ports.ts';
import type { Kill } from '../incident/incident.ts';
import { isSameDeath, momentOf } from '../incident/death-key.ts';
import { foldDeaths, mergeKill, placeOf } from '../incident/fold-deaths.ts';
import { problemOf, serviceOf } from '../incident/service.ts';
import { isByKernel } from '../oom/by-kernel.ts';
import { columnText, slicesOf } from './column-text.ts';
import { saveDrillKills } from './drills.ts';
import { loadOpenAbout, saveIncident } from './incidents.ts';
import { insertDeliveries } from './ledger-entries.ts';
import { keepQuery, keepRowsQuery } from './compiled-query-cache.ts';
import type { Database, Tables, Trx } from './schema.ts';

const ROWS_PER_STATEMENT = 100;

interface Known {
  id: number;
  incidentId: string | null;
  kill: Kill;
}

/** Saves one batch in one transaction. The same death told twice is one kill; later facts about it are kept without counting again. */
export function saveBatch(
  database: Database,
  batch: Batch,
  decide: (view: BatchView) => BatchDecision,
): Promise<SavedBatch> {
  return database.transact(async (trx) => {
    await database.lock(trx, `host ${batch.host}`);
    await savePositions(trx, batch);
    await insertDeliveries(trx, batch.deliveries ?? []);
    await saveDrillKills(trx, batch.drilled ?? []);
    if (batch.kills.length === 0) return { fresh: [], amended: [], incidents: [] };

    const told = foldDeaths(batch.kills);
    const known = await loadKnown(trx, batch.host, told);
    const fresh = told.filter((kill) => known(kill) === undefined);
    const changed = told.flatMap((kill) => {
      const before = known(kill);
      const merged = before === undefined ? null : mergeKill(before.kill, kill);
      return before === undefined || merged === null ? [] : [{ ...before, now: merged }];
    });
    if (fresh.length + changed.length === 0) return { fresh: [], amended: [], incidents: [] };

    const amended = changed.map(({ kill, now, incidentId }) => ({ was: kill, now, incidentId }));
    // As they were before: by comparison shows what later facts change.
    const nowOpen = await loadOpenAbout(database, trx, batch.host, {
      problems: fresh.map(problemOf),
      ids: amended.flatMap(({ incidentId }) => incidentId ?? []),
    });
    for (const { id, now } of changed) await updateKill(database, trx, id, now);
    const decision = decide({ host: batch.host, nowOpen, fresh, amended });

    const incidents = [];
    for (const incident of decision.incidents) incidents.push(await saveIncident(trx, incident));
    await insertKills(trx, fresh, decision.placed);
    await insertDeliveries(trx, decision.deliveries);
    return { fresh, amended: changed.map(({ now }) => now), incidents };
  });
}

const PUT_POSITIONS = keepRowsQuery((db, rows: { host: string; source: string; value: string }[]) =>
  db
    .insertInto('positions')
    .values(rows.map(({ host, source, value }) => ({ host, source, value })))
    .onConflict((on) => on.columns(['host', 'source']).doUpdateSet((row) => ({ value: row.ref('excluded.value') }))),
);

async function savePositions(trx: Trx, { host, positions }: Batch): Promise<void> {
  // The last word on a source counts; PostgreSQL takes each row once in a statement.
  const last = new Map(positions.map((position) => [columnText(position.source), position]));
  const rows = [...last].map(([source, position]) => ({
    host,
    source,
    value: JSON.stringify({ source: position.source, value: position.value }),
  }));
  for (const slice of slicesOf(rows, ROWS_PER_STATEMENT)) await PUT_POSITIONS(trx, slice);
}

function knownBy(column: 'moment' | 'key') {
  return keepRowsQuery((db, rows: { host: string; value: string }[]) =>
    db
      .selectFrom('kills')
      .select(['id', 'incident_id', 'body'])
      .where('host', '=', rows[0]?.host ?? '')
      .where(
        column,
        'in',
        rows.map(({ value }) => value),
      ),
  );
}

const BY_MOMENT = knownBy('moment');
const BY_KEY = knownBy('key');

/** Looks for these kills on record; gives how to find one of them there. */
async function loadKnown(trx: Trx, host: string, kills: readonly Kill[]): Promise<(kill: Kill) => Known | undefined> {
  const moments = [...new Set(kills.flatMap(({ key }) => momentOf(key) ?? []))].map((value) => ({ host, value }));
  const keys = kills.flatMap(({ key }) => (momentOf(key) === null ? [{ host, value: columnText(key) }] : []));
  const rows: { id: number; incident_id: string | null; body: string }[] = [];
  for (const slice of slicesOf(moments, ROWS_PER_STATEMENT)) rows.push(...(await BY_MOMENT(trx, slice)).rows);
  for (const slice of slicesOf(keys, ROWS_PER_STATEMENT)) rows.push(...(await BY_KEY(trx, slice)).rows);
  const known = Map.groupBy(
    rows.map(({ id, incident_id, body }): Known => ({ id, incidentId: incident_id, kill: JSON.parse(body) as Kill })),
    ({ kill }) => placeOf(kill),
  );
  return (kill) => {
    const near = known.get(placeOf(kill)) ?? [];
    return near.find((one) => one.kill.key === kill.key) ?? near.find((one) => isSameDeath(one.kill.key, kill.key));
  };
}

type KillFacts = Pick<Tables['kills'], 'boot_id' | 'killer' | 'outcome' | 'source' | 'service' | 'body'>;
type NewRow = Omit<Tables['kills'], 'id'>;

const UPDATE = keepQuery((db, { id, boot_id, killer, outcome, source, service, body }: KillFacts & { id: number }) =>
  db.updateTable('kills').set({ boot_id, killer, outcome, source, service, body }).where('id', '=', id),
);

const INSERT = keepRowsQuery((db, rows: NewRow[]) =>
  db.insertInto('kills').values(
    rows.map(({ host, key, moment, boot_id, at_ms, killer, outcome, source, service, incident_id, body }) => ({
      host,
      key,
      moment,
      boot_id,
      at_ms,
      killer,
      outcome,
      source,
      service,
      incident_id,
      body,
    })),
  ),
);

function factColumns(kill: Kill): KillFacts {
  return {
    boot_id: kill.bootId,
    killer: isByKernel(kill.record) ? 'kernel' : kill.record.killer,
    outcome: kill.record.outcome,
    source: columnText(kill.source),
    service: columnText(serviceOf(kill)),
    body: JSON.stringify(kill),
  };
}

async function updateKill({ killCache }: Database, trx: Trx, id: number, kill: Kill): Promise<void> {
  killCache?.forget(kill.host, kill.key);
  await UPDATE(trx, { id, ...factColumns(kill) });
}

async function insertKills(trx: Trx, kills: Kill[], placed: Record<string, string>): Promise<void> {
  const rows = kills.map((kill): NewRow => ({
    host: kill.host,
    key: columnText(kill.key),
    moment: momentOf(kill.key),
    at_ms: kill.atMs,
    incident_id: placed[kill.key] ?? null,
    ...factColumns(kill),
  }));
  for (const slice of slicesOf(rows, ROWS_PER_STATEMENT)) await INSERT(trx, slice);
}
