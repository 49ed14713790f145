import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { openStore } from '../../src/store/store.ts';

const CLI = path.join(import.meta.dirname, '../../src/cli.ts');

function verify(url: string, ...args: string[]): Promise<{ status: number; out: string; err: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      ['--no-warnings', CLI, 'audit', 'verify', ...args],
      { env: { PATH: process.env['PATH'], DATABASE_URL: url } },
      (_, out, err) => resolve({ status: child.exitCode ?? -1, out, err }),
    );
  });
}

it(
  '`audit verify --head` tells a log that was rewritten whole from the one whose head was noted',
  { timeout: 60_000 },
  async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'oombot-verify-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const file = path.join(folder, 'test.db');
    const url = `sqlite:${file}`;
    const store = await openStore(url);
    await store.appendAudit({ atMs: 1, actor: 'U1', action: 'mute', host: 'db01', details: {} });
    const noted = await store.appendAudit({ atMs: 2, actor: 'U2', action: 'unmute', host: 'db01', details: {} });
    await store.close();
    const head = `${noted.seq}:${noted.hash}`;

    expect(await verify(url, '--head', head)).toMatchObject({
      status: 0,
      out: expect.stringContaining('intact: 2 entries'),
    });
    expect(await verify(url, '--head', 'nonsense')).toMatchObject({
      status: 2,
      err: expect.stringContaining('COUNT:HASH'),
    });
    rewrite(file);
    expect(await verify(url)).toMatchObject({ status: 0, out: expect.stringContaining('--head') });
    expect(await verify(url, '--head', head)).toMatchObject({
      status: 1,
      out: expect.stringContaining('entry 2, the log up to here is not the one whose head you noted'),
    });
  },
);

/** Puts somebody else into the first entry, and makes all hashes fit, as whoever can write the database can. */
function rewrite(file: string): void {
  const db = new DatabaseSync(file);
  const rows = db.prepare('select seq, body from audit order by seq').all() as { seq: number; body: string }[];
  let previous = '';
  for (const { seq, body } of rows) {
    const next = body.replace('"U1"', '"U9"');
    const hash = createHash('sha256').update(`${seq}\n${previous}\n${next}`).digest('hex');
    db.prepare('update audit set body = ?, previous_hash = ?, hash = ? where seq = ?').run(next, previous, hash, seq);
    db.prepare('update audit_head set seq = ?, hash = ?').run(seq, hash);
    previous = hash;
  }
  db.close();
}
