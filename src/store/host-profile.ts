import type { NewDelivery } from '../app/ports.ts';
import type { HostProfile } from '../app/store-port.ts';
import { insertDeliveries } from './ledger-entries.ts';
import type { Reader, Trx } from './schema.ts';

export async function saveHostProfile(db: Reader, hostProfile: HostProfile): Promise<void> {
  const row = { at_ms: hostProfile.atMs, body: JSON.stringify(hostProfile) };
  await db
    .insertInto('outlooks')
    .values({ host: hostProfile.host, ...row })
    .onConflict((on) => on.column('host').doUpdateSet(row))
    .execute();
}

export async function loadHostProfiles(db: Reader): Promise<HostProfile[]> {
  const rows = await db.selectFrom('outlooks').select('body').orderBy('host').execute();
  return rows.map((row) => JSON.parse(row.body) as HostProfile);
}

export async function readMarker(trx: Trx, name: string, atMs: number): Promise<number> {
  await setMarker(trx, name, atMs);
  const row = await trx.selectFrom('markers').select('at_ms').where('name', '=', name).executeTakeFirst();
  return row?.at_ms ?? atMs;
}

export async function enqueueOnce(trx: Trx, name: string, atMs: number, deliveries: NewDelivery[]): Promise<boolean> {
  if (!(await setMarker(trx, name, atMs))) return false;
  await insertDeliveries(trx, deliveries);
  return true;
}

/** False: it is there already. Another transaction that sets it is waited for. */
async function setMarker(trx: Trx, name: string, atMs: number): Promise<boolean> {
  const done = await trx
    .insertInto('markers')
    .values({ name, at_ms: atMs })
    .onConflict((on) => on.column('name').doNothing())
    .executeTakeFirst();
  return (done.numInsertedOrUpdatedRows ?? 0n) > 0n;
}

/** Writes a few bytes, for those who want to know whether that works. */
export async function beat(trx: Trx, atMs: number): Promise<void> {
  await trx
    .insertInto('markers')
    .values({ name: 'beat', at_ms: atMs })
    .onConflict((on) => on.column('name').doUpdateSet({ at_ms: atMs }))
    .execute();
}
