import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { openStore } from '../../src/store/store.ts';

const CLI = path.join(import.meta.dirname, '../../src/cli.ts');

it('`audit export` prints no character that a terminal obeys, and the same JSON', { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'oombot-export-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const url = `sqlite:${folder}/test.db`;
  const details = { target: 'a\u009b31mb\u007fc\u202ed\u001b[2J' };
  const store = await openStore(url);
  await store.appendAudit({ atMs: 1, actor: 'U1', action: 'propose', host: 'db01', details });
  await store.close();

  const { stdout } = await promisify(execFile)(process.execPath, ['--no-warnings', CLI, 'audit', 'export'], {
    cwd: folder,
    env: { PATH: process.env['PATH'], DATABASE_URL: url },
  });

  expect(stdout).toMatch(/^[\x20-\x7e]+\n$/);
  expect(JSON.parse(stdout)).toMatchObject({ seq: 1, details });
});
