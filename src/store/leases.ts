import { setTimeout as sleep } from 'node:timers/promises';
import type { LeaseRequest, Leases } from '../app/store-port.ts';
import { slicesOf } from './column-text.ts';
import type { Database, Trx } from './schema.ts';

/** Others wait for each round trip: one statement for all but a crowd. SQLite takes 32,766 values in one, PostgreSQL 65,535. */
const ROWS_PER_STATEMENT = 5_000;

/** Whoever counts the shares keeps the others from it: they try again after this, so often, and then the next time. */
const COUNT_AGAIN_MS = 100;
const COUNT_TRIES = 20;

/** Renews what this owner holds; then gives back what is over its fair share, and takes what is free or expired up to the share. */
export async function claimLeases(database: Database, request: LeaseRequest): Promise<Leases> {
  // Beside the lock: while an owner that counts its share stands still, the others must not lose what they have.
  const renewed = await database.transact(async (trx) => {
    await saveOwner(trx, request);
    return renew(trx, request);
  });
  for (let tried = 0; tried < COUNT_TRIES; tried += 1) {
    if (tried > 0) await sleep(COUNT_AGAIN_MS);
    const shared = await database.transact(async (trx) => {
      // Shares are counted one owner at a time. That no name ever has two owners is kept by the conditional upsert alone.
      return (await database.tryLock(trx, 'leases')) ? shareOut(trx, request) : null;
    });
    if (shared !== null) return shared;
  }
  return { held: renewed.sort(), othersEndMs: null };
}

async function shareOut(trx: Trx, request: LeaseRequest): Promise<Leases> {
  const { kind, owner, nowMs, ttlMs, takeMax = Infinity } = request;
  const others = await trx
    .selectFrom('owners')
    .select((at) => [at.fn.countAll<number>().as('live'), at.fn.min('expires_ms').as('endMs')])
    .where('owner', '!=', owner)
    .where('expires_ms', '>', nowMs)
    .executeTakeFirstOrThrow();
  const rows = await trx.selectFrom('leases').selectAll().where('kind', '=', kind).execute();
  const holderOf = new Map(rows.map((row) => [row.name, row]));
  const names = [...new Set(request.names)].sort();
  const share = Math.ceil(names.length / (others.live + 1));

  const mine = names.filter((name) => holderOf.get(name)?.owner === owner);
  const free = names.filter((name) => {
    const holder = holderOf.get(name);
    return holder === undefined || (holder.owner !== owner && holder.expires_ms <= nowMs);
  });
  const wanted = [...mine, ...free.slice(0, takeMax)].slice(0, Math.max(share, 0));

  await giveBackAllBut(
    trx,
    request,
    rows.filter((row) => row.owner === owner).map((row) => row.name),
    wanted,
  );
  const held = wanted.filter((name) => holderOf.get(name)?.owner === owner);
  const wantedAnew = wanted.filter((name) => holderOf.get(name)?.owner !== owner);
  for (const slice of slicesOf(wantedAnew, ROWS_PER_STATEMENT)) {
    const taken = await trx
      .insertInto('leases')
      .values(slice.map((name) => ({ kind, name, owner, expires_ms: nowMs + ttlMs })))
      .onConflict((on) =>
        on
          .columns(['kind', 'name'])
          .doUpdateSet({ owner, expires_ms: nowMs + ttlMs })
          .where((at) => at.or([at('leases.owner', '=', owner), at('leases.expires_ms', '<=', nowMs)])),
      )
      .returning('name')
      .execute();
    held.push(...taken.map((row) => row.name));
  }
  return { held: held.sort(), othersEndMs: others.endMs };
}

async function renew(trx: Trx, { kind, owner, nowMs, ttlMs }: LeaseRequest): Promise<string[]> {
  const renewed = await trx
    .updateTable('leases')
    .set({ expires_ms: nowMs + ttlMs })
    .where('kind', '=', kind)
    .where('owner', '=', owner)
    .returning('name')
    .execute();
  return renewed.map((row) => row.name);
}

export function releaseLeases(database: Database, owner: string): Promise<void> {
  return database.transact(async (trx) => {
    await trx.deleteFrom('leases').where('owner', '=', owner).execute();
    await trx.deleteFrom('owners').where('owner', '=', owner).execute();
  });
}

async function saveOwner(trx: Trx, { owner, nowMs, ttlMs }: Omit<LeaseRequest, 'names'>): Promise<void> {
  await trx
    .insertInto('owners')
    .values({ owner, expires_ms: nowMs + ttlMs })
    .onConflict((on) => on.column('owner').doUpdateSet({ expires_ms: nowMs + ttlMs }))
    .execute();
}

async function giveBackAllBut(
  trx: Trx,
  { kind, owner }: LeaseRequest,
  held: string[],
  wanted: string[],
): Promise<void> {
  const keep = new Set(wanted);
  const over = held.filter((name) => !keep.has(name));
  for (const slice of slicesOf(over, ROWS_PER_STATEMENT)) {
    await trx
      .deleteFrom('leases')
      .where('kind', '=', kind)
      .where('owner', '=', owner)
      .where('name', 'in', slice)
      .execute();
  }
}
