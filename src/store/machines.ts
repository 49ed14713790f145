import { sql } from 'kysely';
import type { SeenMachine } from '../app/store-port.ts';
import type { Rule } from '../change/rule.ts';
import { appendAuditIn } from './audit.ts';
import type { Database, Reader, Trx } from './schema.ts';

/** With all that is kept under a host's name; leases are not, they end by themselves. */
export const BY_HOST = [
  'kills',
  'incidents',
  'positions',
  'counters',
  'snapshots',
  'samples',
  'outlooks',
  'changes',
  'drills',
] as const;
const WITH_BODY: readonly string[] = ['kills', 'incidents', 'snapshots', 'outlooks', 'changes', 'drills'];
/** Who works on one of these by its old name must read it anew. */
const WITH_REVISION: readonly string[] = ['incidents', 'changes'];

/**
 * Notes which machine stands behind a name. Where that name has no record yet, and the same machine had one name that is `configured` no
 * more, all that is kept under the old name is the new one's from then on, in the same transaction, with its entry in the audit log. Gives
 * the old name, or null.
 */
export async function noteMachine(
  database: Database,
  seen: SeenMachine,
  configured: readonly string[],
): Promise<string | null> {
  const { host, bootId, hostKey } = seen;
  // Nearly always there is nothing to rename, and thousands of hosts that are connected at once would wait for one lock.
  const known = await database.db.selectFrom('machines').selectAll().where('host', '=', host).executeTakeFirst();
  if (known?.boot_id === bootId && known.host_key === hostKey) return null;
  if (known === undefined && (await oldNameOf(database.db, { host, bootId, hostKey }, configured)) !== null)
    return renameMachine(database, seen, configured);
  await database.transact((trx) => saveMachine(trx, seen));
  return null;
}

function renameMachine(
  database: Database,
  { host, bootId, hostKey, atMs }: SeenMachine,
  configured: readonly string[],
): Promise<string | null> {
  return database.transact(async (trx) => {
    await database.lock(trx, 'machines');
    const known = await trx.selectFrom('machines').selectAll().where('host', '=', host).executeTakeFirst();
    if (known?.boot_id === bootId && known.host_key === hostKey) return null;
    const formerly = (await isNew(trx, host)) ? await oldNameOf(trx, { host, bootId, hostKey }, configured) : null;
    if (formerly !== null) {
      for (const table of BY_HOST) await renameIn(trx, table, formerly, host);
      await renameInRules(trx, formerly, host);
      await trx.deleteFrom('machines').where('host', '=', formerly).execute();
      // After the rows, as where changes are saved: two that wait for each other's lock would end neither.
      const entry = { atMs, actor: 'oombot', action: 'rename-host', host, details: { formerly } };
      await appendAuditIn(database, trx, entry);
      database.killCache?.clear();
    }
    await saveMachine(trx, { host, bootId, hostKey, atMs });
    return formerly;
  });
}

async function saveMachine(trx: Trx, { host, bootId, hostKey, atMs }: SeenMachine): Promise<void> {
  const row = { boot_id: bootId, host_key: hostKey, at_ms: atMs };
  await trx
    .insertInto('machines')
    .values({ host, ...row })
    .onConflict((on) => on.column('host').doUpdateSet(row))
    .execute();
}

/** Nothing was ever read under this name. */
async function isNew(trx: Trx, host: string): Promise<boolean> {
  for (const table of ['machines', 'positions', 'kills', 'incidents'] as const) {
    if ((await trx.selectFrom(table).select('host').where('host', '=', host).limit(1).executeTakeFirst()) !== undefined)
      return false;
  }
  return true;
}

/** null where there is no such name, or several: then nobody can tell. */
async function oldNameOf(
  trx: Reader,
  { host, bootId, hostKey }: Pick<SeenMachine, 'host' | 'bootId' | 'hostKey'>,
  configured: readonly string[],
): Promise<string | null> {
  const same = await trx
    .selectFrom('machines')
    .select('host')
    .where('boot_id', '=', bootId)
    .where('host_key', '=', hostKey)
    .where('host', '!=', host)
    .execute();
  const [one, another] = same.map((row) => row.host);
  return one === undefined || another !== undefined || configured.includes(one) ? null : one;
}

async function renameIn(trx: Trx, table: (typeof BY_HOST)[number], from: string, to: string): Promise<void> {
  const [was, is] = [from, to].map((name) => `"host":${JSON.stringify(name)}`);
  // A quotation mark within a text of JSON has a backslash before it, so this is found as a field alone.
  const body = WITH_BODY.includes(table) ? sql`, body = replace(body, ${was}, ${is})` : sql``;
  const revision = WITH_REVISION.includes(table) ? sql`, revision = revision + 1` : sql``;
  await sql`update ${sql.table(table)} set host = ${to}${body}${revision} where host = ${from}`.execute(trx);
}

async function renameInRules(trx: Trx, from: string, to: string): Promise<void> {
  function renamed(name: string): string {
    return name === from ? to : name;
  }
  for (const { id, body } of await trx.selectFrom('rules').select(['id', 'body']).execute()) {
    const rule = JSON.parse(body) as Pick<Rule, 'hosts'> & Partial<Pick<Rule, 'widened'>>;
    if (!rule.hosts.includes(from)) continue;
    const widened = rule.widened?.map((one) => ({ ...one, host: renamed(one.host) }));
    const next = { ...rule, hosts: rule.hosts.map(renamed), ...(widened === undefined ? {} : { widened }) };
    await trx
      .updateTable('rules')
      .set(({ eb }) => ({ body: JSON.stringify(next), revision: eb('revision', '+', 1) }))
      .where('id', '=', id)
      .execute();
  }
}
