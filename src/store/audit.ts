import { createHash } from 'node:crypto';
import type { AuditEntry, AuditRow, AuditVerdict } from '../app/store-port.ts';
import type { Database, Reader, Tables, Trx } from './schema.ts';

const ROWS_PER_READ = 500;

/** Appends one entry that carries the hash of the one before. */
export function appendAudit(database: Database, entry: AuditEntry): Promise<AuditRow> {
  return database.transact((trx) => appendAuditIn(database, trx, entry));
}

/** The same within a transaction, so that what is done and its entry are saved together. */
export async function appendAuditIn(database: Database, trx: Trx, entry: AuditEntry): Promise<AuditRow> {
  await database.lock(trx, 'audit');
  const last = await trx.selectFrom('audit').select(['seq', 'hash']).orderBy('seq', 'desc').limit(1).executeTakeFirst();
  const seq = (last?.seq ?? 0) + 1;
  const previousHash = last?.hash ?? '';
  const body = canonicalJson(entry);
  const hash = hashOf(seq, previousHash, body);
  await trx.insertInto('audit').values({ seq, host: entry.host, previous_hash: previousHash, hash, body }).execute();
  return { ...entry, seq, previousHash, hash };
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
    ...(JSON.parse(row.body) as AuditEntry),
    seq: row.seq,
    previousHash: row.previous_hash,
    hash: row.hash,
  }));
}

/** Follows the chain from its first entry and names the first that does not fit. */
export async function verifyAudit(db: Reader): Promise<AuditVerdict> {
  let seq = 0;
  let headHash = '';
  for (;;) {
    const rows = await db
      .selectFrom('audit')
      .selectAll()
      .where('seq', '>', seq)
      .orderBy('seq')
      .limit(ROWS_PER_READ)
      .execute();
    for (const row of rows) {
      const reason = faultOf(row, seq, headHash);
      if (reason !== null) return { kind: 'broken', seq: seq + 1, reason };
      seq = row.seq;
      headHash = row.hash;
    }
    if (rows.length < ROWS_PER_READ) return { kind: 'intact', entries: seq, headHash };
  }
}

function faultOf(row: Tables['audit'], previousSeq: number, previousHash: string): string | null {
  if (row.seq !== previousSeq + 1) return 'an entry is missing';
  if (row.previous_hash !== previousHash) return 'the entry does not follow the one before';
  if (row.hash !== hashOf(row.seq, row.previous_hash, row.body)) return 'the entry was changed';
  if (row.host !== hostOf(row.body)) return 'the entry is filed under another host';
  return null;
}

function hostOf(body: string): string | null {
  return (JSON.parse(body) as AuditEntry).host;
}

function hashOf(seq: number, previousHash: string, body: string): string {
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
