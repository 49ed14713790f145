import { sql } from 'kysely';
import { STANDING_KEY } from '../app/reply-body.ts';
import type { Retention } from '../app/store-port.ts';
import type { Database, Trx } from './schema.ts';

/** Rows that go in one transaction, so that nobody waits long behind it. */
const ROWS_PER_DELETE = 500;

/** Samples of every minute; of the day before only every tenth or so is left. */
const KEEP_FINE_MS = 3 * 60 * 60_000;

/** A message that stays and is edited for years. */
const STANDING_NEWS = `news-${STANDING_KEY}`;
/** How long it is known that something was said once: nobody asks for it again later. */
const KEEP_SAID_MS = 30 * 24 * 60 * 60_000;

/** Changes of which nothing comes any more. All others need their rows, and the thread of the incident that they are about. */
const OVER = sql.raw(`('declined', 'expired', 'refused', 'failed', 'undone')`);

/** What is asked of each kill that goes. */
const GONE = sql.raw('returning host, boot_id, killer, outcome, source');
/** The kernel counted what a drill killed, too. */
const GONE_DRILLS = sql.raw(
  `returning host, boot_id, case when kill_key is null then '' else 'kernel' end as killer, 'killed' as outcome, 'drill' as source`,
);

interface GoneKill {
  host: string;
  boot_id: string | null;
  killer: string;
  outcome: string;
  source: string;
}

// What may go, and how the newest rows of each table are told from the rest. The audit log is never shortened.
function statements({ nowMs, keepKillsMs, keepSamplesMs, maxKillsPerHost }: Retention) {
  const before = nowMs - keepKillsMs;
  return [
    sql`delete from kills where id in (select id from kills where at_ms < ${before} limit ${ROWS_PER_DELETE}) ${GONE}`,
    ...(maxKillsPerHost === null
      ? []
      : [
          sql`delete from kills where id in (select id from
          (select id, row_number() over (partition by host order by at_ms desc, id desc) as place from kills
           where host in (select host from kills group by host having count(*) > ${maxKillsPerHost})) as ranked
        where place > ${maxKillsPerHost} limit ${ROWS_PER_DELETE}) ${GONE}`,
        ]),
    // What was said once and what was given up; messages of incidents and changes go with these.
    sql`delete from ledger where id in
          (select id from ledger where created_at_ms < ${Math.max(before, nowMs - KEEP_SAID_MS)}
             and kind in ('reply', 'news') and key <> ${STANDING_NEWS} and (open = 0 or failed_at_ms is not null) limit ${ROWS_PER_DELETE})`,
    // Once its kills are gone and nothing waits for it or is about it; its messages in the ledger go with it.
    sql`delete from incidents where id in (select id from incidents where closed_at_ms < ${before}
          and not exists (select 1 from kills where incident_id = incidents.id)
          and not exists (select 1 from ledger where incident_id = incidents.id and open = 1 and failed_at_ms is null)
          and not exists (select 1 from changes where host = incidents.host and state not in ${OVER}
            and body like '%"incidentId":"' || incidents.id || '"%') limit ${ROWS_PER_DELETE})`,
    // What came of a change stays in the audit log.
    sql`delete from changes where id in (select id from changes where proposed_at_ms < ${before}
          and state in ${OVER} limit ${ROWS_PER_DELETE})`,
    sql`delete from drills where id in (select id from drills where at_ms < ${before} limit ${ROWS_PER_DELETE}) ${GONE_DRILLS}`,
    sql`delete from samples where (host, at_ms) in
          (select host, at_ms from samples where at_ms < ${nowMs - keepSamplesMs} limit ${ROWS_PER_DELETE})`,
    sql`delete from samples where (host, at_ms) in
          (select host, at_ms from samples where at_ms < ${nowMs - KEEP_FINE_MS} and lasting = 0 limit ${ROWS_PER_DELETE})`,
    sql`delete from receipts where at_ms < ${nowMs - 24 * 60 * 60_000}`,
    sql`delete from counters where at_ms < ${before}`,
    sql`delete from snapshots where at_ms < ${before}`,
    sql`delete from outlooks where at_ms < ${before}`,
    // Names of what is done once have a blank; what has none is a beginning, which stays.
    sql`delete from markers where at_ms < ${before} and name like '% %'`,
    sql`delete from mutes where until_ms <= ${nowMs}`,
    sql`delete from leases where expires_ms < ${before}`,
    sql`delete from owners where expires_ms < ${before}`,
  ];
}

/** Removes what is too old or too much, a little at a time. Returns how many rows went. */
export async function prune(database: Database, retention: Retention): Promise<number> {
  let total = 0;
  for (const statement of statements(retention)) {
    for (;;) {
      const rows = await database.transact(async (trx) => {
        const done = await statement.execute(trx);
        await rememberKills(trx, done.rows as GoneKill[]);
        database.killCache?.clear();
        return Math.max(done.rows.length, Number(done.numAffectedRows ?? 0n));
      });
      total += rows;
      if (rows < ROWS_PER_DELETE) break;
    }
  }
  return total;
}

/** The kernel's counter goes on counting what is no longer on record. */
async function rememberKills(trx: Trx, gone: readonly GoneKill[]): Promise<void> {
  const counted = gone.filter(
    ({ killer, outcome, source }) => killer === 'kernel' && outcome === 'killed' && source !== 'counter',
  );
  const boots = Map.groupBy(counted, (kill) => JSON.stringify([kill.host, kill.boot_id]));
  for (const kills of boots.values()) {
    const [one] = kills;
    if (one === undefined || one.boot_id === null) continue;
    await trx
      .updateTable('counters')
      .set((at) => ({ pruned: at('pruned', '+', kills.length) }))
      .where('host', '=', one.host)
      .where('boot_id', '=', one.boot_id)
      .where('killer', '=', 'kernel')
      .execute();
  }
}
