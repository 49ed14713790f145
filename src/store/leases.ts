import type { LeaseRequest, Leases } from '../app/store-port.ts';
import { slicesOf } from './column-text.ts';
import type { Database, Trx } from './schema.ts';

/** Others wait for each round trip: one statement for all but a crowd. SQLite takes 32,766 values in one, PostgreSQL 65,535. */
const ROWS_PER_STATEMENT = 5_000;

/** Gives back what is over this owner's fair share, renews the rest, takes what is free or expired up to the share. */
export function claimLeases(database: Database, request: LeaseRequest): Promise<Leases> {
  const { kind, owner, nowMs, ttlMs } = request;
  return database.transact(async (trx) => {
    // Shares are counted one owner at a time. That no name ever has two owners is kept by the conditional upsert alone.
    await database.lock(trx, 'leases');
    await saveOwner(trx, request);
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
    const wanted = [...mine, ...free].slice(0, Math.max(share, 0));

    await giveBackAllBut(
      trx,
      request,
      rows.filter((row) => row.owner === owner).map((row) => row.name),
      wanted,
    );
    const renewed = await trx
      .updateTable('leases')
      .set({ expires_ms: nowMs + ttlMs })
      .where('kind', '=', kind)
      .where('owner', '=', owner)
      .returning('name')
      .execute();
    const held = renewed.map((row) => row.name);
    const renewedNames = new Set(held);
    const wantedAnew = wanted.filter((name) => !renewedNames.has(name));
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
  });
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
