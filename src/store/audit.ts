import { createHash, createHmac } from 'node:crypto';
import type { AuditEntry, AuditHead, AuditRow } from '../app/store-port.ts';
import type { Database, Reader, Trx } from './schema.ts';

/** Appends one entry that carries the hash of the one before. */
export function appendAudit(database: Database, entry: AuditEntry): Promise<AuditRow> {
  return database.transact((trx) => appendAuditIn(database, trx, entry));
}

/** The same within a transaction, so that what is done and its entry are saved together. */
export async function appendAuditIn(database: Database, trx: Trx, entry: AuditEntry): Promise<AuditRow> {
  await database.lock(trx, 'audit');
  const last = await trx.selectFrom('audit').select(['seq', 'hash']).orderBy('seq', 'desc').limit(1).executeTakeFirst();
  // From the head that was noted: where entries were taken out, those after them show it for ever.
  const head = await loadHead(trx);
  const seq = Math.max(last?.seq ?? 0, head?.seq ?? 0) + 1;
  const previousHash = head?.hash ?? last?.hash ?? '';
  const body = canonicalJson(entry);
  const hash = hashOf(seq, previousHash, body);
  await trx.insertInto('audit').values({ seq, host: entry.host, previous_hash: previousHash, hash, body }).execute();
  const next = { seq, hash, mac: signatureOf(database.auditKey, { seq, hash }) };
  await trx
    .insertInto('audit_head')
    .values({ id: 1, ...next })
    .onConflict((on) => on.column('id').doUpdateSet(next))
    .execute();
  return { ...entry, seq, previousHash, hash };
}

/** How many entries there are and the newest one's hash, as noted beside the log. null: none yet. */
export async function loadHead(db: Reader): Promise<(AuditHead & { mac: string | null }) | null> {
  const head = await db.selectFrom('audit_head').select(['seq', 'hash', 'mac']).executeTakeFirst();
  return head ?? null;
}

/** null: there is no key. */
export function signatureOf(key: string | null, { seq, hash }: AuditHead): string | null {
  return key === null ? null : createHmac('sha256', key).update(`${seq}\n${hash}`).digest('hex');
}

export async function loadAudit(db: Reader, host: string | null, limit: number): Promise<AuditRow[]> {
  const rows = await db
    .selectFrom('audit')
    .selectAll()
    .$if(host !== null, (query) => query.where('host', '=', host))
    .orderBy('seq', 'desc')
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    ...entryOf(row),
    seq: row.seq,
    previousHash: row.previous_hash,
    hash: row.hash,
  }));
}

/** What is no JSON is shown by its number; `audit verify` names it. */
function entryOf({ host, body }: { host: string | null; body: string }): AuditEntry {
  try {
    return JSON.parse(body) as AuditEntry;
  } catch {
    return { atMs: 0, actor: 'nobody', action: 'unreadable', host, details: {} };
  }
}

export function hashOf(seq: number, previousHash: string, body: string): string {
  return createHash('sha256').update(`${seq}\n${previousHash}\n${body}`).digest('hex');
}

/** JSON with keys in order, so that one value has one text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : inner,
  );
}
