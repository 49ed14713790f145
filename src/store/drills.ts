import { sql } from 'kysely';
import type { NewsState, StoredDrill } from '../app/store-port.ts';
import type { Drill, DrillKill } from '../incident/drill.ts';
import { columnText } from './column-text.ts';
import type { Database, Reader, Trx } from './schema.ts';

const SHOWN_MAX = 5_000;

/** Saves it if its stored state is one of `from` (empty: if it is new). False: somebody else was faster. */
export function putDrill(database: Database, drill: Drill, from: readonly Drill['state'][]): Promise<boolean> {
  return database.transact(async (trx) => {
    const row = { host: drill.host, state: drill.state, at_ms: drill.madeAtMs, body: JSON.stringify(drill) };
    const done =
      from.length === 0
        ? await trx
            .insertInto('drills')
            .values({ id: drill.id, ...row })
            .onConflict((on) => on.column('id').doNothing())
            .executeTakeFirst()
        : await trx
            .updateTable('drills')
            .set(row)
            .where('id', '=', drill.id)
            .where('state', 'in', from)
            .executeTakeFirst();
    return (('numUpdatedRows' in done ? done.numUpdatedRows : done.numInsertedOrUpdatedRows) ?? 0n) > 0n;
  });
}

/** The kills of drills, beside the places in the log. The first death that is taken for a drill's stays. */
export async function saveDrillKills(trx: Trx, kills: readonly DrillKill[]): Promise<void> {
  for (const { id, bootId, key } of kills)
    await trx
      .updateTable('drills')
      .set({ boot_id: bootId, kill_key: columnText(key) })
      .where('id', '=', id)
      .where('kill_key', 'is', null)
      .execute();
}

/** Of a host, those since then; newest first. */
export async function loadDrills(db: Reader, host: string, sinceMs: number): Promise<StoredDrill[]> {
  const rows = await db
    .selectFrom('drills')
    .select(['body', 'kill_key'])
    .where('host', '=', host)
    .where('at_ms', '>=', sinceMs)
    .orderBy('at_ms', 'desc')
    .limit(SHOWN_MAX)
    .execute();
  return rows.map(readRow);
}

/** Those that wait or are under way. */
export async function loadOpenDrills(db: Reader): Promise<StoredDrill[]> {
  const rows = await db
    .selectFrom('drills')
    .select(['body', 'kill_key'])
    .where('state', 'in', ['waiting', 'running'])
    .limit(SHOWN_MAX)
    .execute();
  return rows.map(readRow);
}

/** The newest of each host that has any. */
export async function loadLastDrills(db: Reader): Promise<StoredDrill[]> {
  const rows = await db
    .selectFrom('drills')
    .select(['body', 'kill_key'])
    .where((at) =>
      at(
        'id',
        '=',
        at
          .selectFrom('drills as newer')
          .select('newer.id')
          .whereRef('newer.host', '=', 'drills.host')
          .orderBy('newer.at_ms', 'desc')
          .orderBy('newer.id')
          .limit(1),
      ),
    )
    .orderBy('host')
    .limit(SHOWN_MAX)
    .execute();
  return rows.map(readRow);
}

/** Kills of drills in one boot: the kernel counted them too. */
export async function countDrillKills(db: Reader, host: string, bootId: string): Promise<number> {
  const { rows } = await sql<{ count: number | string }>`
    select count(*) as count from drills where host = ${host} and boot_id = ${bootId} and kill_key is not null`.execute(
    db,
  );
  return Number(rows[0]?.count ?? 0);
}

function readRow({ body, kill_key }: { body: string; kill_key: string | null }): StoredDrill {
  return { ...(JSON.parse(body) as Drill), killKey: kill_key };
}

/** Whether the channel shows what was asked for last under a key of news. */
export async function newsState(db: Reader, channel: string, key: string): Promise<NewsState> {
  const row = await db
    .selectFrom('ledger')
    .select(['open', 'failed_reason'])
    .where('destination', '=', channel)
    .where('key', '=', `news-${columnText(key)}`)
    .executeTakeFirst();
  if (row === undefined) return { kind: 'missing' };
  if (row.failed_reason !== null) return { kind: 'failed', reason: row.failed_reason };
  return { kind: row.open === 0 ? 'shown' : 'waiting' };
}
