import type { BatchDecision, BatchView, SavedBatch } from '../app/store-port.ts';
import type { Batch } from '../app/ports.ts';
import type { Kill } from '../incident/incident.ts';
import { serviceOf } from '../incident/service.ts';
import { columnText, slicesOf } from './column-text.ts';
import { loadOpenIncidents, saveIncident } from './incidents.ts';
import { insertDeliveries } from './outbox.ts';
import type { Database, Trx } from './schema.ts';

const ROWS_PER_STATEMENT = 100;

interface Known {
  id: number;
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
    if (batch.kills.length === 0) return { fresh: [], amended: [], incidents: [] };

    const told = foldByKey(batch.kills);
    const known = await loadKnown(trx, batch.host, [...told.keys()]);
    const fresh = [...told.values()].filter((kill) => !known.has(kill.key));
    const changed = [...told.values()].flatMap((kill) => {
      const before = known.get(kill.key);
      const merged = before === undefined ? null : mergeKill(before.kill, kill);
      return before === undefined || merged === null ? [] : [{ id: before.id, kill: merged }];
    });
    if (fresh.length + changed.length === 0) return { fresh: [], amended: [], incidents: [] };

    const amended = changed.map((one) => one.kill);
    for (const { id, kill } of changed) await updateKill(trx, id, kill);
    const nowOpen = await loadOpenIncidents(database, trx, batch.host);
    const decision = decide({ host: batch.host, nowOpen, fresh, amended });

    const incidents = [];
    for (const incident of decision.incidents) incidents.push(await saveIncident(trx, incident));
    await insertKills(trx, fresh, decision.placed);
    await insertDeliveries(trx, decision.deliveries);
    return { fresh, amended, incidents };
  });
}

async function savePositions(trx: Trx, batch: Batch): Promise<void> {
  for (const { source, value } of batch.positions) {
    await trx
      .insertInto('positions')
      .values({ host: batch.host, source: columnText(source), value: JSON.stringify({ source, value }) })
      .onConflict((on) => on.columns(['host', 'source']).doUpdateSet((row) => ({ value: row.ref('excluded.value') })))
      .execute();
  }
}

function foldByKey(kills: Kill[]): Map<string, Kill> {
  const told = new Map<string, Kill>();
  for (const kill of kills) {
    const before = told.get(kill.key);
    told.set(kill.key, before === undefined ? kill : (mergeKill(before, kill) ?? before));
  }
  return told;
}

async function loadKnown(trx: Trx, host: string, keys: string[]): Promise<Map<string, Known>> {
  const known = new Map<string, Known>();
  for (const slice of slicesOf(keys, ROWS_PER_STATEMENT)) {
    const rows = await trx
      .selectFrom('kills')
      .select(['id', 'body'])
      .where('host', '=', host)
      .where('key', 'in', slice.map(columnText))
      .execute();
    for (const row of rows) {
      const kill = JSON.parse(row.body) as Kill;
      known.set(kill.key, { id: row.id, kill });
    }
  }
  return known;
}

async function updateKill(trx: Trx, id: number, kill: Kill): Promise<void> {
  const values = {
    killer: kill.record.killer,
    outcome: kill.record.outcome,
    source: columnText(kill.source),
    service: columnText(serviceOf(kill)),
    body: JSON.stringify(kill),
  };
  await trx.updateTable('kills').set(values).where('id', '=', id).execute();
}

async function insertKills(trx: Trx, kills: Kill[], placed: Record<string, string>): Promise<void> {
  const rows = kills.map((kill) => {
    return {
      host: kill.host,
      key: columnText(kill.key),
      boot_id: kill.bootId,
      at_ms: kill.atMs,
      killer: kill.record.killer,
      outcome: kill.record.outcome,
      source: columnText(kill.source),
      service: columnText(serviceOf(kill)),
      incident_id: placed[kill.key] ?? null,
      body: JSON.stringify(kill),
    };
  });
  for (const slice of slicesOf(rows, ROWS_PER_STATEMENT)) await trx.insertInto('kills').values(slice).execute();
}

/**
 * What is known of one death after it was told again; null: nothing new. The first source keeps the word, but for one that
 * not every local user can write to, and later facts come from the source that told it.
 */
function mergeKill(before: Kill, next: Kill): Kill | null {
  const isProven = next.verified && !before.verified;
  const isLater =
    next.source === before.source &&
    next.verified === before.verified &&
    next.record.evidence.length >= before.record.evidence.length;
  const merged = {
    ...before,
    ...(isProven || isLater ? { source: next.source, verified: next.verified, record: next.record } : {}),
    who: before.who ?? next.who,
  };
  return factsOf(merged) === factsOf(before) ? null : merged;
}

// Line and report numbers count from where reading began: the same log read again is no news.
function factsOf(kill: Kill): string {
  return JSON.stringify(kill, (key, value: unknown) => (key === 'line' || key === 'report' ? 0 : value));
}
