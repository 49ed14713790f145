import { sql, type Kysely } from 'kysely';
import { z } from 'zod';
import { NOTHING_TOLD, type Attempt, type Told } from '../app/ledger.ts';
import { columnText } from './column-text.ts';

/** A live process of the version before would go on writing what is no longer read. */
const STILL_RUNNING = 'is in use by another oombot. Stop every oombot that uses it, then start one.';
/** What an unclean end left in flight was tried a moment before; it is looked for this far back. */
const LOOK_BACK_MS = 7 * 24 * 60 * 60_000;

// The tables as version 005 left them.
interface Before {
  owners: { owner: string; expires_ms: number };
  incidents: { id: string; last_at_ms: number; revision: number; body: string };
  posted: { incident_id: string; channel: string; ts: string; revision: number };
  posted_news: { name: string; channel: string; ts: string; at_ms: number };
  outbox: {
    id: number;
    incident_id: string | null;
    channel: string;
    kind: 'incident' | 'reply' | 'news';
    body: string | null;
    attempts: number;
    not_before_ms: number;
    in_flight: number;
    failed_reason: string | null;
    failed_at_ms: number | null;
  };
  cards: {
    change_id: string;
    channel: string;
    ts: string | null;
    shown: number;
    told: string | null;
    trying: 'post' | 'reply' | null;
    trying_since_ms: number | null;
    attempts: number;
    not_before_ms: number;
  };
  changes: { id: string; revision: number; proposed_at_ms: number; body: string };
  ledger: Row;
}

interface Row {
  destination: string;
  key: string;
  kind: string;
  incident_id: string | null;
  change_id: string | null;
  body: string | null;
  wanted: number;
  open: number;
  ts: string | null;
  shown: number;
  told: string;
  attempt: string | null;
  tried_by: null;
  attempts: number;
  not_before_ms: number;
  created_at_ms: number;
  sent_at_ms: null;
  failed_reason: string | null;
  failed_at_ms: number | null;
}

// Written by the version before: only what is needed is read.
const IncidentBody = z.object({
  killCount: z.number(),
  victims: z.array(z.object({ service: z.string() })),
  back: z.object({ kind: z.string() }),
});
const ReplyBody = z.object({ upToKill: z.number().nullish().catch(null), key: z.string().nullish().catch(null) });
const ChangeBody = z.object({
  state: z.looseObject({ kind: z.string(), undoFailed: z.object({ kind: z.string() }).nullish() }),
});

function tablesOf(countingKey: string): string[] {
  return [
    `create table ledger (id ${countingKey}, destination text not null, key text not null, kind text not null,
     incident_id text references incidents (id) on delete cascade, change_id text references changes (id) on delete cascade,
     body text, wanted bigint not null, open smallint not null, ts text, shown bigint not null, told text not null,
     attempt text, tried_by text, attempts bigint not null, not_before_ms bigint not null, created_at_ms bigint not null,
     sent_at_ms bigint, failed_reason text, failed_at_ms bigint, unique (destination, key))`,
    `create index ledger_open on ledger (destination, id) where open = 1`,
    `create index ledger_by_incident on ledger (incident_id)`,
    `create index ledger_by_change on ledger (change_id) where change_id is not null`,
    `create index ledger_by_sending on ledger (destination, sent_at_ms) where sent_at_ms is not null`,
    `create index ledger_by_age on ledger (created_at_ms) where kind in ('reply', 'news')`,
  ];
}

/** Makes one ledger of `posted`, `posted_news`, `cards` and `outbox`: where each message stands, what waits, and what may have been sent. */
export async function makeLedger(database: Kysely<unknown>, countingKey: string, nowMs: number): Promise<void> {
  const db = database as Kysely<Before>;
  const alive = await db.selectFrom('owners').select('owner').where('expires_ms', '>', nowMs).execute();
  if (alive.length > 0) throw new Error(STILL_RUNNING);
  for (const statement of tablesOf(countingKey)) await sql.raw(statement).execute(db);

  await copyIncidents(db, nowMs);
  await copyNews(db, nowMs);
  await copyCards(db, nowMs);
  for (const table of ['posted', 'posted_news', 'cards', 'outbox']) await sql.raw(`drop table ${table}`).execute(db);
}

async function copyIncidents(db: Kysely<Before>, nowMs: number): Promise<void> {
  const posted = await db.selectFrom('posted').selectAll().execute();
  const waiting = await db
    .selectFrom('outbox')
    .selectAll()
    .where('incident_id', 'is not', null)
    .orderBy('id')
    .execute();
  const sharing = Map.groupBy(posted, ({ channel, ts }) => `${channel} ${ts}`);
  const places = new Map<string, { incidentId: string; channel: string }>();
  for (const { incident_id, channel } of [...posted, ...waiting])
    if (incident_id !== null) places.set(`${incident_id} ${channel}`, { incidentId: incident_id, channel });

  for (const { incidentId, channel } of places.values()) {
    const incident = await db.selectFrom('incidents').selectAll().where('id', '=', incidentId).executeTakeFirst();
    if (incident === undefined) continue;
    const body = IncidentBody.parse(JSON.parse(incident.body));
    const stands = posted.find((one) => one.incident_id === incidentId && one.channel === channel);
    const queued = waiting.filter((one) => one.incident_id === incidentId && one.channel === channel);
    const messages = queued.filter((one) => one.kind === 'incident' && one.failed_at_ms === null);
    const failed = queued.find((one) => one.kind === 'incident' && one.failed_at_ms !== null);
    const replies = queued
      .filter((one) => one.kind === 'reply' && one.failed_at_ms === null)
      .map((one) => ({ ...one, upToKill: readReply(one.body).upToKill ?? null }));
    const untoldKills = replies.flatMap(({ upToKill }) => (upToKill !== null && upToKill > 0 ? [upToKill] : []));
    const alone = stands === undefined || (sharing.get(`${channel} ${stands.ts}`)?.length ?? 0) < 2;
    const told: Told = stands
      ? {
          ...NOTHING_TOLD,
          alone,
          announcedAtMs: Math.round(Number(stands.ts) * 1_000) || incident.last_at_ms,
          kills: untoldKills.length === 0 ? body.killCount : Math.min(...untoldKills) - 1,
          services: body.victims.map(({ service }) => service),
          loop: body.back.kind === 'loop',
          evidence: !replies.some(({ upToKill }) => upToKill === 0),
        }
      : NOTHING_TOLD;
    const sent = messages.find((one) => one.in_flight === 1) ?? null;
    const thread = replies.find((one) => one.in_flight === 1 && one.upToKill !== null) ?? null;
    const isOpen = messages.length > 0 || (stands !== undefined && replies.some((one) => one.upToKill !== null));
    if (stands === undefined && messages.length === 0 && failed === undefined) continue;

    await put(db, {
      destination: channel,
      key: incidentId,
      kind: 'incident',
      incident_id: incidentId,
      open: isOpen || stands === undefined ? 1 : 0,
      ts: stands?.ts ?? null,
      shown: stands?.revision ?? -1,
      told,
      attempt:
        stands === undefined
          ? sent && maybeSent(incidentId, null, nowMs, null)
          : thread &&
            maybeSent(`reply-${thread.id}`, stands.ts, nowMs, {
              told: thread.upToKill === 0 ? { ...told, evidence: true } : { ...told, kills: thread.upToKill ?? 0 },
              isMessage: false,
              isDone: false,
            }),
      attempts: failed?.attempts ?? 0,
      failed_reason: stands === undefined && messages.length === 0 ? (failed?.failed_reason ?? null) : null,
      failed_at_ms: stands === undefined && messages.length === 0 ? (failed?.failed_at_ms ?? null) : null,
      created_at_ms: incident.last_at_ms,
      not_before_ms: Math.max(0, ...messages.map((one) => one.not_before_ms)),
    });
    for (const reply of replies.filter((one) => one.upToKill === null))
      await put(db, {
        ...said(reply, nowMs, stands?.ts ?? null),
        kind: 'reply',
        incident_id: incidentId,
      });
  }
}

async function copyNews(db: Kysely<Before>, nowMs: number): Promise<void> {
  for (const { name, channel, ts, at_ms } of await db.selectFrom('posted_news').selectAll().execute())
    await put(db, {
      destination: channel,
      key: `news-${columnText(name)}`,
      kind: 'news',
      open: 0,
      ts,
      told: NOTHING_TOLD,
      created_at_ms: at_ms,
    });
  const rows = await db.selectFrom('outbox').selectAll().where('kind', '=', 'news').orderBy('id').execute();
  for (const row of rows) {
    if (row.failed_at_ms !== null) continue;
    const { key } = readReply(row.body);
    await put(db, {
      ...said(row, nowMs, null),
      kind: 'news',
      ...(key == null ? {} : { key: `news-${columnText(key)}` }),
    });
  }
}

async function copyCards(db: Kysely<Before>, nowMs: number): Promise<void> {
  for (const card of await db.selectFrom('cards').selectAll().execute()) {
    const change = await db.selectFrom('changes').selectAll().where('id', '=', card.change_id).executeTakeFirst();
    if (change === undefined) continue;
    const { state } = ChangeBody.parse(JSON.parse(change.body));
    const outcome =
      state.kind === 'applied' && state.undoFailed != null ? `not undone: ${state.undoFailed.kind}` : state.kind;
    const told = { ...NOTHING_TOLD, outcome: card.told };
    const key = `change-${card.change_id}`;
    const mark = card.trying === 'reply' ? `${key}-${outcome}` : key;
    const after = { told: { ...told, outcome }, isMessage: false, isDone: false };
    await put(db, {
      destination: card.channel,
      key,
      kind: 'card',
      change_id: card.change_id,
      open: card.shown < change.revision ? 1 : 0,
      ts: card.ts,
      shown: card.shown,
      told,
      attempt:
        card.trying === null
          ? null
          : maybeSent(mark, card.trying === 'reply' ? card.ts : null, nowMs, card.trying === 'reply' ? after : null),
      attempts: card.attempts,
      not_before_ms: card.not_before_ms,
      created_at_ms: change.proposed_at_ms,
    });
  }
}

/** A waiting word. Those in flight carry the mark that the version before gave them. */
function said(row: Before['outbox'], nowMs: number, threadTs: string | null) {
  const mark = `reply-${row.id}`;
  const isSent = row.in_flight === 1;
  const isDone = { told: NOTHING_TOLD, isMessage: true, isDone: true };
  return {
    destination: row.channel,
    key: mark,
    body: row.body,
    open: 1,
    told: NOTHING_TOLD,
    attempt: isSent ? maybeSent(mark, threadTs, nowMs, isDone) : null,
    attempts: row.attempts,
    not_before_ms: row.not_before_ms,
    created_at_ms: row.not_before_ms,
  };
}

function maybeSent(mark: string, threadTs: string | null, nowMs: number, after: Attempt['after']): Attempt {
  return { owner: '', mark, threadTs, sinceMs: nowMs - LOOK_BACK_MS, after };
}

function readReply(body: string | null): z.infer<typeof ReplyBody> {
  try {
    return ReplyBody.parse(JSON.parse(body ?? '{}'));
  } catch {
    return {}; // Nobody can read it; it is dropped when it is to be sent.
  }
}

async function put(
  db: Kysely<Before>,
  row: Partial<Omit<Row, 'told' | 'attempt'>> & {
    destination: string;
    key: string;
    kind: string;
    open: number;
    told: Told;
    attempt?: Attempt | null;
    created_at_ms: number;
  },
): Promise<void> {
  const values: Row = {
    incident_id: null,
    change_id: null,
    body: null,
    wanted: 1,
    ts: null,
    shown: -1,
    tried_by: null,
    attempts: 0,
    not_before_ms: 0,
    sent_at_ms: null,
    failed_reason: null,
    failed_at_ms: null,
    ...row,
    told: JSON.stringify(row.told),
    attempt: row.attempt == null ? null : JSON.stringify(row.attempt),
  };
  await db
    .insertInto('ledger')
    .values(values)
    .onConflict((on) =>
      on.columns(['destination', 'key']).doUpdateSet({ body: values.body, open: values.open, attempt: values.attempt }),
    )
    .execute();
}
