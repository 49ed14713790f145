import { Migrator, sql } from 'kysely';
import type { Kysely, Migration } from 'kysely';
import { makeLedger } from './ledger-migration.ts';
import type { Database } from './schema.ts';

function migrations(countingKey: string): Record<string, Migration> {
  return {
    '001-record': { up: (db: Kysely<unknown>) => createRecord(db, countingKey) },
    // How many of a boot's kernel kills were on record once: the kernel's counter does not forget them.
    '002-pruned': {
      up: async (db: Kysely<unknown>) => {
        await sql`alter table counters add column pruned bigint not null default 0`.execute(db);
      },
    },
    '003-changes': { up: createChanges },
    '004-outlook': { up: addOutlook },
    '005-moments': { up: addMoments },
    '006-receipts': { up: addReceipts },
    '007-problems': { up: addProblems },
    '008-ledger': { up: (db: Kysely<unknown>) => makeLedger(db, countingKey, Date.now()) },
    '009-inventories': {
      up: async (db: Kysely<unknown>) => {
        await sql`create table inventories (source text primary key, body text not null)`.execute(db);
      },
    },
    '010-reports': { up: addReports },
    '011-webhooks': { up: indexAlerts },
    '012-drills': { up: createDrills },
    '013-machines': {
      up: async (db: Kysely<unknown>) => {
        await sql`create table machines (host text primary key, boot_id text not null, host_key text not null, at_ms bigint not null)`.execute(
          db,
        );
      },
    },
    '014-counters': { up: nameCounters },
  };
}

async function createRecord(db: Kysely<unknown>, countingKey: string): Promise<void> {
  const statements = [
    `create table incidents (id text primary key, host text not null, last_at_ms bigint not null, closed_at_ms bigint,
       revision bigint not null, kill_keys text not null, body text not null)`,
    `create index incidents_by_host on incidents (host, last_at_ms)`,
    `create index incidents_by_end on incidents (closed_at_ms)`,
    `create index incidents_open on incidents (host) where closed_at_ms is null`,
    `create table kills (id ${countingKey}, host text not null, key text not null, boot_id text, at_ms bigint not null,
       killer text not null, outcome text not null, source text not null, service text not null,
       incident_id text references incidents (id) on delete set null, body text not null, unique (host, key))`,
    // With all that counting asks for, so that it need not read the kills themselves.
    `create index kills_by_host on kills (host, at_ms, service, outcome)`,
    `create index kills_by_time on kills (at_ms, host, service, outcome)`,
    `create index kills_by_service on kills (service, at_ms)`,
    `create index kills_by_boot on kills (host, boot_id)`,
    `create index kills_by_incident on kills (incident_id, at_ms)`,
    `create table positions (host text not null, source text not null, value text not null, primary key (host, source))`,
    `create table counters (host text not null, boot_id text not null, counter bigint not null, parsed bigint not null,
       at_ms bigint not null, primary key (host, boot_id))`,
    `create table outbox (id ${countingKey}, incident_id text references incidents (id) on delete cascade,
       channel text not null, kind text not null, body text, attempts bigint not null, not_before_ms bigint not null,
       in_flight smallint not null, claimed_by text, waiting_key text unique, failed_reason text, failed_at_ms bigint)`,
    `create index outbox_by_channel on outbox (channel, id)`,
    `create index outbox_by_incident on outbox (incident_id, channel, id)`,
    `create table posted (incident_id text not null references incidents (id) on delete cascade, channel text not null,
       ts text not null, revision bigint not null, primary key (incident_id, channel))`,
    `create index posted_by_ts on posted (channel, ts)`,
    `create table mutes (target text primary key, until_ms bigint not null, body text not null)`,
    `create table added_hosts (name text primary key, body text not null)`,
    `create table snapshots (host text primary key, at_ms bigint not null, body text not null)`,
    `create table samples (host text not null, at_ms bigint not null, total_kib bigint not null, available_kib bigint not null,
       total_swap_kib bigint not null, free_swap_kib bigint not null, primary key (host, at_ms))`,
    `create index samples_by_time on samples (at_ms)`,
    `create table owners (owner text primary key, expires_ms bigint not null)`,
    `create table leases (kind text not null, name text not null, owner text not null, expires_ms bigint not null,
       primary key (kind, name))`,
    `create table audit (seq bigint primary key, host text, previous_hash text not null, hash text not null, body text not null)`,
    `create index audit_by_host on audit (host, seq)`,
  ];
  for (const statement of statements) await sql.raw(statement).execute(db);
}

/** What is noted between kills: of a host for reports, and what was told once. */
async function addOutlook(db: Kysely<unknown>): Promise<void> {
  const statements = [
    `create table outlooks (host text primary key, at_ms bigint not null, body text not null)`,
    `create table markers (name text primary key, at_ms bigint not null)`,
    `create table posted_news (name text primary key, channel text not null, ts text not null, at_ms bigint not null)`,
    // In hundredths of a per cent; null: the kernel does not tell.
    `alter table samples add column pressure bigint`,
    `alter table samples add column services text`,
    // 0: only for the hours around a kill; 1: one of the few that stay for a day.
    `alter table samples add column lasting smallint not null default 1`,
  ];
  for (const statement of statements) await sql.raw(statement).execute(db);
}

/** A key is `BOOT:USEC:PID`, with 36 characters or a dash for the boot; what is no moment is looked up by its key alone. */
async function addMoments(db: Kysely<unknown>): Promise<void> {
  const statements = [
    `alter table kills add column moment text`,
    `update kills set moment = case when key like '-:%' then substr(key, 3) else substr(key, 38) end
       where killer = 'kernel' and source <> 'counter' and (key like '-:%' or substr(key, 37, 1) = ':')`,
    `create index kills_by_moment on kills (host, moment)`,
  ];
  for (const statement of statements) await sql.raw(statement).execute(db);
}

/** What a transaction on PostgreSQL leaves behind to be known again by, see receipts.ts; and the head of the audit chain. */
async function addReceipts(db: Kysely<unknown>): Promise<void> {
  const statements = [
    `create table receipts (slot text primary key, token text not null, at_ms bigint not null)`,
    `create table audit_head (id smallint primary key, seq bigint not null, hash text not null, mac text)`,
    `insert into audit_head (id, seq, hash) select 1, seq, hash from audit order by seq desc limit 1`,
  ];
  for (const statement of statements) await sql.raw(statement).execute(db);
}

/** Open incidents of older versions take no more kills: what they have in common was not kept. */
async function addProblems(db: Kysely<unknown>): Promise<void> {
  const statements = [
    `alter table incidents add column problem text not null default ''`,
    `create index incidents_by_problem on incidents (host, problem) where closed_at_ms is null`,
  ];
  for (const statement of statements) await sql.raw(statement).execute(db);
}

/** Kills of older versions have none. */
async function addReports(db: Kysely<unknown>): Promise<void> {
  await sql`create table reports (kill_id bigint primary key references kills (id) on delete cascade, body text not null)`.execute(
    db,
  );
}

/** An incident at a webhook stands in the ledger as `event`. */
async function indexAlerts(db: Kysely<unknown>): Promise<void> {
  await sql`create index ledger_by_alert on ledger (destination, ts) where kind = 'event'`.execute(db);
  await sql`create index ledger_by_asking on ledger (destination, created_at_ms) where kind = 'event'`.execute(db);
}

async function createDrills(db: Kysely<unknown>): Promise<void> {
  const statements = [
    `create table drills (id text primary key, host text not null, state text not null, at_ms bigint not null, boot_id text,
       kill_key text, body text not null)`,
    `create index drills_by_host on drills (host, at_ms)`,
    `create index drills_by_state on drills (state) where state in ('waiting', 'running')`,
  ];
  for (const statement of statements) await sql.raw(statement).execute(db);
}

/** systemd-oomd's count of a boot stood under the boot's id and its name. */
async function nameCounters(db: Kysely<unknown>): Promise<void> {
  const statements = [
    `alter table counters rename to unnamed_counters`,
    `create table counters (host text not null, boot_id text not null, killer text not null, counter bigint not null,
       parsed bigint not null, pruned bigint not null default 0, at_ms bigint not null, primary key (host, boot_id, killer))`,
    `insert into counters (host, boot_id, killer, counter, parsed, pruned, at_ms)
       select host, replace(boot_id, '/systemd-oomd', ''),
         case when boot_id like '%/systemd-oomd' then 'systemd-oomd' else 'kernel' end, counter, parsed, pruned, at_ms
       from unnamed_counters`,
    `drop table unnamed_counters`,
  ];
  for (const statement of statements) await sql.raw(statement).execute(db);
}

async function createChanges(db: Kysely<unknown>): Promise<void> {
  const statements = [
    `create table changes (id text primary key, host text not null, state text not null, revision bigint not null,
       proposed_at_ms bigint not null, body text not null)`,
    `create index changes_by_state on changes (state, proposed_at_ms)`,
    `create index changes_by_host on changes (host, proposed_at_ms)`,
    `create table cards (change_id text primary key references changes (id) on delete cascade, channel text not null,
       ts text, shown bigint not null, told text, trying text, trying_since_ms bigint, attempts bigint not null,
       not_before_ms bigint not null, claimed_by text, claimed_until_ms bigint not null)`,
    `create table rules (id text primary key, state text not null, revision bigint not null, made_at_ms bigint not null,
       body text not null)`,
  ];
  for (const statement of statements) await sql.raw(statement).execute(db);
}

/** Brings the tables up to date, or with `readOnly` only looks whether they are. Throws a sentence that says what to do. */
export async function migrate(database: Database, place: string, readOnly: boolean): Promise<void> {
  const known = migrations(database.countingKey);
  const migrator = new Migrator({ db: database.db, provider: { getMigrations: () => Promise.resolve(known) } });
  const tables = await database.db.introspection.getTables({ withInternalKyselyTables: true });
  const done = tables.some((table) => table.name === 'kysely_migration')
    ? (await sql<{ name: string }>`select name from kysely_migration`.execute(database.db)).rows.map((row) => row.name)
    : [];

  if (done.some((name) => !(name in known))) {
    throw new Error(`${place} was written by a newer oombot; update this one.`);
  }
  if (Object.keys(known).every((name) => done.includes(name))) return;
  if (readOnly) throw new Error(`${place} is not up to date; start \`oombot run\` once.`);
  const { error } = await migrator.migrateToLatest();
  if (error instanceof Error && error.message.startsWith('is '))
    throw new Error(`${place} ${error.message}`, { cause: error });
  if (error !== undefined) throw error instanceof Error ? error : new Error('migration failed', { cause: error });
}
