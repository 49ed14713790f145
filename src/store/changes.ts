import { sql } from 'kysely';
import type { NewDelivery } from '../app/ports.ts';
import type { AuditEntry, ChangeSaved } from '../app/store-port.ts';
import type { Change, ChangeState } from '../change/change.ts';
import { MEND, type Rule } from '../change/rule.ts';
import { appendAuditIn } from './audit.ts';
import { insertCard, insertDeliveries, showChange } from './ledger-entries.ts';
import type { Database, Reader, Tables } from './schema.ts';

const OPEN: ChangeState['kind'][] = ['proposed', 'approved', 'applying', 'unknown', 'undoing'];
const OPEN_MAX = 2_000;
const PAGE = 500;
/** What rules lack that were stored before they could hold on a tag. */
const BEFORE_TAGS: Partial<Rule> = { ...MEND, widened: [] };

export function addChange(
  database: Database,
  change: Change,
  entry: AuditEntry,
  people: readonly string[],
): Promise<Change> {
  return database.transact(async (trx) => {
    const saved = { ...change, revision: 1 };
    await trx.insertInto('changes').values(rowOf(saved)).execute();
    for (const place of [saved.channel, ...people]) await insertCard(trx, saved.id, place, saved.proposedAtMs);
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
    await showChange(trx, id);
    await insertDeliveries(trx, deliveries);
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
    // What was decided is carried out, however many proposals wait.
    .orderBy(sql`case when state = 'proposed' then 1 else 0 end`)
    .orderBy('proposed_at_ms')
    .orderBy('id')
    .limit(OPEN_MAX)
    .execute();
  return rows.map(changeOf);
}

export async function loadAppliedChanges(
  db: Reader,
  after: Pick<Change, 'id' | 'proposedAtMs'> | null,
): Promise<Change[]> {
  const rows = await db
    .selectFrom('changes')
    .selectAll()
    .where('state', '=', 'applied')
    .$if(after !== null, (query) =>
      query.where((row) =>
        row.or([
          row('proposed_at_ms', '>', after?.proposedAtMs ?? 0),
          row.and([row('proposed_at_ms', '=', after?.proposedAtMs ?? 0), row('id', '>', after?.id ?? '')]),
        ]),
      ),
    )
    .orderBy('proposed_at_ms')
    .orderBy('id')
    .limit(PAGE)
    .execute();
  return rows.map(changeOf);
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
