import { z } from 'zod';
import type { Change } from '../change/change.ts';
import type { AuditHead, AuditVerdict } from '../app/store-port.ts';
import { hashOf, loadHead, signatureOf } from './audit.ts';
import type { Database, Reader, Tables } from './schema.ts';

const ROWS_PER_READ = 500;

const Entry = z.object({
  actor: z.string(),
  action: z.string(),
  host: z.string().nullable(),
  details: z.looseObject({ change: z.string().optional() }),
});

/** What the log says of changes: who proposed and who approved each. */
type Deeds = Map<string, Set<string>>;

/**
 * Follows the chain from its first entry, and holds its end against the head that was noted beside it, against `known` (a head that
 * was noted elsewhere, null: none) and against the changes on record. Names the first entry that does not fit.
 */
export async function verifyAudit(database: Database, known: AuditHead | null): Promise<AuditVerdict> {
  const { db } = database;
  const deeds: Deeds = new Map();
  let seq = 0;
  let headHash = '';
  let isKnown = known === null;
  for (;;) {
    const rows = await db
      .selectFrom('audit')
      .selectAll()
      .where('seq', '>', seq)
      .orderBy('seq')
      .limit(ROWS_PER_READ)
      .execute();
    for (const row of rows) {
      const reason = faultOf(row, seq, headHash, deeds);
      if (reason !== null) return broken(seq + 1, reason);
      seq = row.seq;
      headHash = row.hash;
      if (known?.seq !== seq) continue;
      if (known.hash !== headHash) return broken(seq, 'the log up to here is not the one whose head you noted');
      isKnown = true;
    }
    if (rows.length < ROWS_PER_READ) break;
  }
  if (!isKnown) return broken(seq + 1, `entries are missing at the end: ${known?.seq ?? 0} were noted`);
  const end = await faultOfHead(database, { seq, hash: headHash });
  return end ?? (await faultOfChanges(db, deeds, seq)) ?? { kind: 'intact', entries: seq, headHash };
}

async function faultOfHead(database: Database, end: AuditHead): Promise<AuditVerdict | null> {
  const head = await loadHead(database.db);
  if (head === null) return end.seq === 0 ? null : broken(end.seq, 'the head that is noted beside the log is gone');
  if (head.seq > end.seq) return broken(end.seq + 1, `entries are missing at the end: there were ${head.seq}`);
  if (head.seq < end.seq || head.hash !== end.hash)
    return broken(end.seq, 'the log is not the one whose head is noted beside it');
  // Heads of before there was a key have no signature.
  const signature = signatureOf(database.auditKey, head);
  return signature !== null && head.mac !== signature
    ? broken(end.seq, head.mac === null ? 'its head is not signed' : 'the signature of its head is not by this key')
    : null;
}

async function faultOfChanges(db: Reader, deeds: Deeds, seq: number): Promise<AuditVerdict | null> {
  for (let after = ''; ;) {
    const rows = await db
      .selectFrom('changes')
      .select(['id', 'body'])
      .where('id', '>', after)
      .orderBy('id')
      .limit(ROWS_PER_READ)
      .execute();
    for (const { id, body } of rows) {
      after = id;
      const did = deeds.get(id);
      if (did === undefined) return broken(seq + 1, `change ${id} is on record, and no entry tells of it`);
      const change = JSON.parse(body) as Change;
      const silent = change.approvals.find((one) => !did.has(`approve ${one.by}`));
      if (silent !== undefined)
        return broken(seq + 1, `change ${id} is approved by ${silent.by}, and no entry tells of it`);
    }
    if (rows.length < ROWS_PER_READ) return null;
  }
}

function faultOf(row: Tables['audit'], previousSeq: number, previousHash: string, deeds: Deeds): string | null {
  if (row.seq !== previousSeq + 1) return 'an entry is missing';
  if (row.previous_hash !== previousHash) return 'the entry does not follow the one before';
  const entry = readEntry(row.body);
  if (entry === null) return 'the entry cannot be read: it is no JSON of ours';
  if (row.hash !== hashOf(row.seq, row.previous_hash, row.body)) return 'the entry was changed';
  if (row.host !== entry.host) return 'the entry is filed under another host';
  const { change } = entry.details;
  if (change === undefined) return null;
  const known = deeds.get(change) ?? new Set();
  deeds.set(change, known.add(`${entry.action} ${entry.actor}`));
  return null;
}

function readEntry(body: string): z.output<typeof Entry> | null {
  try {
    return Entry.parse(JSON.parse(body));
  } catch {
    return null;
  }
}

function broken(seq: number, reason: string): AuditVerdict {
  return { kind: 'broken', seq, reason };
}
