import { promisify } from 'node:util';
import { deflateRaw, inflateRaw } from 'node:zlib';
import type { ReportText } from '../app/store-port.ts';
import { momentOf } from '../incident/death-key.ts';
import { columnText } from './column-text.ts';
import type { Database, Reader, Trx } from './schema.ts';

const pack = promisify(deflateRaw);
const unpack = promisify(inflateRaw);
/** What is kept is bounded before it comes here; a damaged row must not fill the memory. */
const TEXT_MAX = 8 * 1024 * 1024;

/** Saves reports beside their kills, packed; says of each whether its kill is on record. */
export async function saveReports(database: Database, reports: readonly ReportText[]): Promise<boolean[]> {
  // Packed on another thread, and before the transaction: kills must not wait for it.
  const packed = await Promise.all(reports.map(async ({ text }) => (await pack(text)).toString('base64')));
  return database.transact(async (trx) => {
    const saved: boolean[] = [];
    for (const [at, report] of reports.entries()) saved.push(await saveReport(trx, report, packed[at] ?? ''));
    return saved;
  });
}

async function saveReport(trx: Trx, { host, key }: ReportText, body: string): Promise<boolean> {
  const moment = momentOf(key);
  // The same death may have been told first by a source that did not know the boot.
  const kill = await trx
    .selectFrom('kills')
    .select('id')
    .where('host', '=', host)
    .where((at) => (moment === null ? at('key', '=', columnText(key)) : at('moment', '=', moment)))
    .orderBy('id', 'desc')
    .executeTakeFirst();
  if (kill === undefined) return false;
  await trx
    .insertInto('reports')
    .values({ kill_id: kill.id, body })
    .onConflict((on) => on.column('kill_id').doNothing())
    .execute();
  return true;
}

/** The report of the first of these kills that has one; null: none was kept. */
export async function loadReport(db: Reader, host: string, keys: readonly string[]): Promise<string | null> {
  for (const key of keys) {
    const row = await db
      .selectFrom('reports')
      .innerJoin('kills', 'kills.id', 'reports.kill_id')
      .select('reports.body')
      .where('kills.host', '=', host)
      .where('kills.key', '=', columnText(key))
      .executeTakeFirst();
    if (row === undefined) continue;
    const text = await unpack(Buffer.from(row.body, 'base64'), { maxOutputLength: TEXT_MAX });
    return text.toString('utf8');
  }
  return null;
}
