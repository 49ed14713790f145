import type { AuditHead } from '../app/store-port.ts';
import { loadConfig } from '../config/config.ts';
import { databaseUrl } from '../run/settings.ts';
import { openStore } from '../store/store.ts';

const EXIT_REFUSED = 1;
const EXIT_USAGE = 2;
const AUDIT_MAX = 500_000;

/** The verb `audit verify`. Exit 1 when an entry was changed or is missing. */
export async function verifyAudit(noted?: string): Promise<number> {
  const known = noted === undefined ? undefined : readHead(noted);
  if (known === null) {
    process.stderr.write(
      `oombot audit verify: a head is COUNT:HASH, as the log has it: --head 128:${'5f'.repeat(32)}\n`,
    );
    return EXIT_USAGE;
  }
  const config = loadConfig();
  const store = await openStore(databaseUrl(config), { readOnly: true, auditKey: config.auditKey });
  const verdict = await store.verifyAudit(known);
  await store.close();
  if (verdict.kind === 'broken') {
    process.stdout.write(`The audit log is not what was written: entry ${verdict.seq}, ${verdict.reason}\n`);
    return EXIT_REFUSED;
  }
  const { entries, headHash } = verdict;
  const end =
    entries === 0 || known !== undefined
      ? ''
      : ` Its head is ${entries}:${headHash}; whoever can write the database could have rewritten it all, so compare it with one noted elsewhere (--head).`;
  process.stdout.write(`The audit log is intact: ${entries} entries.${end}\n`);
  return 0;
}

function readHead(text: string): AuditHead | null {
  const [, seq, hash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text.trim()) ?? [];
  return hash === undefined ? null : { seq: Number(seq), hash };
}

/** The verb `audit export`: one JSON object a line, oldest first, with the hashes that tie each entry to the one before. */
export async function exportAudit(): Promise<number> {
  const store = await openStore(databaseUrl(loadConfig()), { readOnly: true });
  const rows = await store.audit(null, AUDIT_MAX);
  await store.close();
  for (const { seq, atMs, actor, action, host, details, previousHash, hash } of rows.toReversed()) {
    const time = new Date(atMs).toISOString();
    const line = JSON.stringify({ seq, time, actor, action, host, details, previousHash, hash });
    process.stdout.write(`${escapeControls(line)}\n`);
  }
  if (rows.length === AUDIT_MAX)
    process.stderr.write(`oombot audit export: only the newest ${AUDIT_MAX} entries are here\n`);
  return 0;
}

/** As JSON may write any character; JSON.stringify leaves DEL, C1 and those that turn the direction of text as they are. */
function escapeControls(json: string): string {
  return json.replace(
    /[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
