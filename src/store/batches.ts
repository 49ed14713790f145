import type { BatchDecision, BatchView, SavedBatch } from '../app/store-port.ts';
import type { Batch } from '../app/ports.ts';
import type { Kill } from '../incident/incident.ts';
import { deathWithoutBoot, keyWithoutBoot } from '../incident/death-key.ts';
import { serviceOf } from '../incident/service.ts';
import { columnText, slicesOf } from './column-text.ts';
import { loadOpenIncidents, saveIncident } from './incidents.ts';
import { insertDeliveries } from './outbox.ts';
import { keepQuery, keepRowsQuery } from './kept-query.ts';
import type { Database, Tables, Trx } from './schema.ts';

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
    const fresh = [...told.values()].filter((kill) => entryOf(known, kill.key) === undefined);
    const changed = [...told.values()].flatMap((kill) => {
      const before = entryOf(known, kill.key);
      const merged = before === undefined ? null : mergeKill(before.kill, kill);
      return before === undefined || merged === null ? [] : [{ id: before.id, kill: merged }];
    });
    if (fresh.length + changed.length === 0) return { fresh: [], amended: [], incidents: [] };

    const amended = changed.map((one) => one.kill);
    for (const { id, kill } of changed) await updateKill(database, trx, id, kill);
    const nowOpen = await loadOpenIncidents(database, trx, batch.host);
    const decision = decide({ host: batch.host, nowOpen, fresh, amended });

    const incidents = [];
    for (const incident of decision.incidents) incidents.push(await saveIncident(trx, incident));
    await insertKills(trx, fresh, decision.placed);
    await insertDeliveries(trx, decision.deliveries);
    return { fresh, amended, incidents };
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

function foldByKey(kills: Kill[]): Map<string, Kill> {
  const told = new Map<string, Kill>();
  for (const kill of kills) {
    const before = entryOf(told, kill.key);
    if (before === undefined) told.set(kill.key, kill);
    else told.set(before.key, mergeKill(before, kill) ?? before);
  }
  return told;
}

/** What a map from keys has for that death, also where one of both keys does not name the boot. */
function entryOf<T>(map: ReadonlyMap<string, T>, key: string): T | undefined {
  const exact = map.get(key);
  const death = exact === undefined ? deathWithoutBoot(key) : null;
  if (death === null) return exact;
  if (death.isBootKnown) return map.get(keyWithoutBoot(death.rest));
  for (const [other, value] of map) if (deathWithoutBoot(other)?.rest === death.rest) return value;
  return undefined;
}

const KNOWN = keepRowsQuery((db, keys: { host: string; key: string }[]) =>
  db
    .selectFrom('kills')
    .select(['id', 'body'])
    .where('host', '=', keys[0]?.host ?? '')
    .where(
      'key',
      'in',
      keys.map(({ key }) => key),
    ),
);

/** For keys that do not name the boot: they are rare, and the index by host bounds the search. */
const ENDS_WITH = keepQuery((db, { host, pattern }: { host: string; pattern: string }) =>
  db
    .selectFrom('kills')
    .select(['id', 'body'])
    .where('host', '=', host)
    .where('key', 'like', pattern)
    .orderBy('id')
    .limit(1),
);

async function loadKnown(trx: Trx, host: string, keys: string[]): Promise<Map<string, Known>> {
  const known = new Map<string, Known>();
  function keep(rows: { id: number; body: string }[]): void {
    for (const row of rows) {
      const kill = JSON.parse(row.body) as Kill;
      known.set(kill.key, { id: row.id, kill });
    }
  }

  const deaths = keys.map(deathWithoutBoot);
  const others = deaths.flatMap((death) => (death?.isBootKnown === true ? [keyWithoutBoot(death.rest)] : []));
  for (const slice of slicesOf([...keys, ...others], ROWS_PER_STATEMENT)) {
    const { rows } = await KNOWN(
      trx,
      slice.map((key) => ({ host, key: columnText(key) })),
    );
    keep(rows);
  }
  for (const death of deaths) {
    if (death === null || death.isBootKnown || known.has(keyWithoutBoot(death.rest))) continue;
    keep((await ENDS_WITH(trx, { host, pattern: `%:${death.rest}` })).rows);
  }
  return known;
}

type KillFacts = Pick<Tables['kills'], 'boot_id' | 'killer' | 'outcome' | 'source' | 'service' | 'body'>;
type NewRow = Omit<Tables['kills'], 'id'>;

const UPDATE = keepQuery((db, { id, boot_id, killer, outcome, source, service, body }: KillFacts & { id: number }) =>
  db.updateTable('kills').set({ boot_id, killer, outcome, source, service, body }).where('id', '=', id),
);

const INSERT = keepRowsQuery((db, rows: NewRow[]) =>
  db.insertInto('kills').values(
    rows.map(({ host, key, boot_id, at_ms, killer, outcome, source, service, incident_id, body }) => ({
      host,
      key,
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
    killer: kill.record.killer,
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
    at_ms: kill.atMs,
    incident_id: placed[kill.key] ?? null,
    ...factColumns(kill),
  }));
  for (const slice of slicesOf(rows, ROWS_PER_STATEMENT)) await INSERT(trx, slice);
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
    bootId: before.bootId ?? next.bootId,
    ...(isProven || isLater ? { source: next.source, verified: next.verified, record: next.record } : {}),
    who: before.who ?? next.who,
  };
  return factsOf(merged) === factsOf(before) ? null : merged;
}

// Line and report numbers count from where reading began: the same log read again is no news.
function factsOf(kill: Kill): string {
  return JSON.stringify(kill, (key, value: unknown) => (key === 'line' || key === 'report' ? 0 : value));
}
