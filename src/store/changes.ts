import type { Card, ChangeSaved } from '../app/store-port.ts';
import type { AuditEntry, NewDelivery } from '../app/store-port.ts';
import type { Change, ChangeState } from '../change/change.ts';
import { MEND, type Rule } from '../change/rule.ts';
import { appendAuditIn } from './audit.ts';
import { insertDeliveries } from './outbox.ts';
import type { Database, Reader, Tables, Trx } from './schema.ts';

const OPEN: ChangeState['kind'][] = ['proposed', 'approved', 'applying', 'applied', 'unknown', 'undoing'];
const OPEN_MAX = 2_000;
/** What rules lack that were stored before they could hold on a tag. */
const BEFORE_TAGS: Partial<Rule> = { ...MEND, widened: [] };

export function addChange(database: Database, change: Change, entry: AuditEntry): Promise<Change> {
  return database.transact(async (trx) => {
    const saved = { ...change, revision: 1 };
    await trx.insertInto('changes').values(rowOf(saved)).execute();
    await trx
      .insertInto('cards')
      .values({
        change_id: saved.id,
        channel: saved.channel,
        shown: -1,
        attempts: 0,
        not_before_ms: 0,
        claimed_until_ms: 0,
      })
      .execute();
    await appendAuditIn(database, trx, entry);
    return saved;
  });
}

/** Saves the next step with its entries, or nothing when the stored revision is another. */
export function updateChange(
  database: Database,
  change: Change,
  entries: readonly AuditEntry[],
  deliveries: readonly NewDelivery[],
): Promise<ChangeSaved> {
  return database.transact(async (trx) => {
    const saved = { ...change, revision: change.revision + 1 };
    const { id, ...values } = rowOf(saved);
    const done = await trx
      .updateTable('changes')
      .set(values)
      .where('id', '=', id)
      .where('revision', '=', change.revision)
      .executeTakeFirst();
    if (done.numUpdatedRows !== 1n) return { kind: 'conflict', current: await loadChange(trx, id) };
    for (const entry of entries) await appendAuditIn(database, trx, entry);
    await insertDeliveries(trx, [...deliveries]);
    return { kind: 'saved', change: saved };
  });
}

export async function loadChange(db: Reader, id: string): Promise<Change | null> {
  const row = await db.selectFrom('changes').selectAll().where('id', '=', id).executeTakeFirst();
  return row === undefined ? null : changeOf(row);
}

export async function loadChanges(db: Reader, host: string | null, limit: number): Promise<Change[]> {
  const rows = await db
    .selectFrom('changes')
    .selectAll()
    .$if(host !== null, (query) => query.where('host', '=', host ?? ''))
    .orderBy('proposed_at_ms', 'desc')
    .orderBy('id')
    .limit(limit)
    .execute();
  return rows.map(changeOf);
}

export async function loadOpenChanges(db: Reader): Promise<Change[]> {
  const rows = await db
    .selectFrom('changes')
    .selectAll()
    .where('state', 'in', OPEN)
    .orderBy('proposed_at_ms')
    .orderBy('id')
    .limit(OPEN_MAX)
    .execute();
  return rows.map(changeOf);
}

export function claimCards(
  database: Database,
  { owner, nowMs, ttlMs, limit }: { owner: string; nowMs: number; ttlMs: number; limit: number },
): Promise<Card[]> {
  return database.transact(async (trx) => {
    // One claimer at a time: two would both find a card free.
    await database.lock(trx, 'cards');
    const rows = await trx
      .selectFrom('cards')
      .innerJoin('changes', 'changes.id', 'cards.change_id')
      .selectAll('cards')
      .whereRef('cards.shown', '<', 'changes.revision')
      .where('cards.not_before_ms', '<=', nowMs)
      .where((at) => at.or([at('cards.claimed_until_ms', '<=', nowMs), at('cards.claimed_by', '=', owner)]))
      .orderBy('changes.proposed_at_ms')
      .limit(limit)
      .execute();
    for (const row of rows)
      await trx
        .updateTable('cards')
        .set({ claimed_by: owner, claimed_until_ms: nowMs + ttlMs })
        .where('change_id', '=', row.change_id)
        .execute();
    return rows.map(cardOf);
  });
}

export async function saveCard(trx: Trx, card: Card, owner: string): Promise<boolean> {
  const done = await trx
    .updateTable('cards')
    .set({
      ts: card.ts,
      shown: card.shown,
      told: card.told,
      trying: card.trying,
      trying_since_ms: card.tryingSinceMs,
      attempts: card.attempts,
      not_before_ms: card.notBeforeMs,
    })
    .where('change_id', '=', card.changeId)
    .where('claimed_by', '=', owner)
    .executeTakeFirst();
  return done.numUpdatedRows === 1n;
}

export async function repairCard(trx: Trx, changeId: string): Promise<void> {
  await trx.updateTable('cards').set({ shown: -1 }).where('change_id', '=', changeId).execute();
}

export function putRule(database: Database, rule: Rule): Promise<Rule | null> {
  return database.transact(async (trx) => {
    const saved = { ...rule, revision: rule.revision + 1 };
    const values = {
      state: saved.state,
      revision: saved.revision,
      made_at_ms: saved.madeAtMs,
      body: JSON.stringify(saved),
    };
    if (rule.revision === 0) {
      await trx
        .insertInto('rules')
        .values({ id: rule.id, ...values })
        .execute();
      return saved;
    }
    const done = await trx
      .updateTable('rules')
      .set(values)
      .where('id', '=', rule.id)
      .where('revision', '=', rule.revision)
      .executeTakeFirst();
    return done.numUpdatedRows === 1n ? saved : null;
  });
}

export async function loadRules(db: Reader): Promise<Rule[]> {
  const rows = await db
    .selectFrom('rules')
    .selectAll()
    .where('state', '!=', 'ended')
    .orderBy('made_at_ms')
    .orderBy('id')
    .execute();
  return rows.map((row) => ({ ...BEFORE_TAGS, ...(JSON.parse(row.body) as Rule), revision: row.revision }));
}

function rowOf(change: Change): Tables['changes'] {
  return {
    id: change.id,
    host: change.host,
    state: change.state.kind,
    revision: change.revision,
    proposed_at_ms: change.proposedAtMs,
    body: JSON.stringify(change),
  };
}

function changeOf(row: Tables['changes']): Change {
  return { ...(JSON.parse(row.body) as Change), revision: row.revision };
}

function cardOf(row: CardRow): Card {
  return {
    changeId: row.change_id,
    channel: row.channel,
    ts: row.ts,
    shown: row.shown,
    told: row.told,
    trying: row.trying,
    tryingSinceMs: row.trying_since_ms,
    attempts: row.attempts,
    notBeforeMs: row.not_before_ms,
  };
}

type CardRow = Pick<
  Tables['cards'],
  'change_id' | 'channel' | 'ts' | 'shown' | 'told' | 'trying' | 'trying_since_ms' | 'attempts' | 'not_before_ms'
>;
