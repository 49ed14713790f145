import type { ServiceSize } from '../incident/growth.ts';
import type { MemorySample, Snapshot } from '../app/store-port.ts';
import type { AddedHost, Mute } from '../app/ports.ts';
import { columnText, slicesOf } from './column-text.ts';
import { keepQuery } from './compiled-query-cache.ts';
import type { Reader, Trx } from './schema.ts';

const ROWS_PER_STATEMENT = 100;

export async function putMute(db: Reader, mute: Mute): Promise<void> {
  const row = { until_ms: mute.untilMs, body: JSON.stringify(mute) };
  await db
    .insertInto('mutes')
    .values({ target: columnText(mute.target), ...row })
    .onConflict((on) => on.column('target').doUpdateSet(row))
    .execute();
}

export async function removeMute(db: Reader, target: string): Promise<boolean> {
  const done = await db.deleteFrom('mutes').where('target', '=', columnText(target)).executeTakeFirst();
  return done.numDeletedRows > 0n;
}

const MUTES = keepQuery((db, { nowMs }: { nowMs: number }) =>
  db.selectFrom('mutes').select('body').where('until_ms', '>', nowMs).orderBy('target'),
);

export async function loadMutes(db: Reader, nowMs: number): Promise<Mute[]> {
  const { rows } = await MUTES(db, { nowMs });
  return rows.map((row) => JSON.parse(row.body) as Mute);
}

export async function putHost(db: Reader, host: AddedHost): Promise<void> {
  const body = JSON.stringify(host);
  await db
    .insertInto('added_hosts')
    .values({ name: host.name, body })
    .onConflict((on) => on.column('name').doUpdateSet({ body }))
    .execute();
}

export async function removeHost(db: Reader, name: string): Promise<boolean> {
  const done = await db.deleteFrom('added_hosts').where('name', '=', name).executeTakeFirst();
  return done.numDeletedRows > 0n;
}

export async function loadAddedHosts(db: Reader): Promise<AddedHost[]> {
  const rows = await db.selectFrom('added_hosts').select('body').orderBy('name').execute();
  return rows.map((row) => JSON.parse(row.body) as AddedHost);
}

export async function saveInventory(db: Reader, source: string, body: string): Promise<void> {
  await db
    .insertInto('inventories')
    .values({ source, body })
    .onConflict((on) => on.column('source').doUpdateSet({ body }))
    .execute();
}

export async function loadInventory(db: Reader, source: string): Promise<string | null> {
  const row = await db.selectFrom('inventories').select('body').where('source', '=', source).executeTakeFirst();
  return row?.body ?? null;
}

export async function saveSnapshot(db: Reader, snapshot: Snapshot): Promise<void> {
  const row = { at_ms: snapshot.atMs, body: JSON.stringify(snapshot) };
  await db
    .insertInto('snapshots')
    .values({ host: snapshot.host, ...row })
    .onConflict((on) => on.column('host').doUpdateSet(row))
    .execute();
}

export async function loadSnapshot(db: Reader, host: string): Promise<Snapshot | null> {
  const row = await db.selectFrom('snapshots').select('body').where('host', '=', host).executeTakeFirst();
  return row === undefined ? null : (JSON.parse(row.body) as Snapshot);
}

export async function saveSamples(trx: Trx, samples: MemorySample[]): Promise<void> {
  const rows = samples.map((sample) => ({
    host: sample.host,
    at_ms: sample.atMs,
    total_kib: sample.totalKiB,
    available_kib: sample.availableKiB,
    total_swap_kib: sample.totalSwapKiB,
    free_swap_kib: sample.freeSwapKiB,
    pressure: sample.pressureFullAvg10 === null ? null : Math.round(sample.pressureFullAvg10 * 100),
    services: JSON.stringify(sample.services),
    lasting: sample.isLasting ? 1 : 0,
  }));
  for (const slice of slicesOf(rows, ROWS_PER_STATEMENT)) {
    await trx
      .insertInto('samples')
      .values(slice)
      .onConflict((on) => on.columns(['host', 'at_ms']).doNothing())
      .execute();
  }
}

export async function loadSamples(db: Reader, host: string, sinceMs: number, untilMs: number): Promise<MemorySample[]> {
  const rows = await db
    .selectFrom('samples')
    .select(['host', 'at_ms as atMs', 'total_kib as totalKiB', 'available_kib as availableKiB'])
    .select(['total_swap_kib as totalSwapKiB', 'free_swap_kib as freeSwapKiB'])
    .select(['pressure', 'services', 'lasting'])
    .where('host', '=', host)
    .where('at_ms', '>=', sinceMs)
    .where('at_ms', '<', untilMs)
    .orderBy('at_ms')
    .execute();
  return rows.map(({ pressure, services, lasting, ...row }) => ({
    ...row,
    pressureFullAvg10: pressure === null ? null : pressure / 100,
    services: services === null ? [] : (JSON.parse(services) as ServiceSize[]),
    isLasting: lasting === 1,
  }));
}
