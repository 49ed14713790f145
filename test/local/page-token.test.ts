import { chmodSync, lstatSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keepPageToken } from '../../src/local/page-token.ts';

describe('the token of the page', () => {
  let dir: string;
  let file: string;
  beforeEach(() => {
    dir = mkdtempSync(path.join(tmpdir(), 'oombot-token-'));
    file = path.join(dir, 'page-token');
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  function modeOf(one: string): string {
    return (lstatSync(one).mode & 0o777).toString(8);
  }

  it('is kept for this user alone, and is the same at the next start', () => {
    const token = keepPageToken(file);

    expect(token).toMatch(/^[\w-]{32}$/);
    expect(modeOf(file)).toBe('600');
    expect(keepPageToken(file)).toBe(token);
  });

  it('is another one where others could have read it', () => {
    const token = keepPageToken(file);
    chmodSync(file, 0o644);

    expect(keepPageToken(file)).not.toBe(token);
    expect(modeOf(file)).toBe('600');
  });

  it('is never read or written through a link', () => {
    const elsewhere = path.join(dir, 'elsewhere');
    writeFileSync(elsewhere, `${'x'.repeat(32)}\n`, { mode: 0o600 });
    symlinkSync(elsewhere, file);

    expect(keepPageToken(file)).not.toBe('x'.repeat(32));
    expect(lstatSync(file).isFile()).toBe(true);
    expect(readFileSync(elsewhere, 'utf8')).toBe(`${'x'.repeat(32)}\n`);
  });

  it.each(['', 'short\n', `${'x'.repeat(31)} \n`, '\0'.repeat(32)])('is a new one where the file holds %j', (text) => {
    writeFileSync(file, text, { mode: 0o600 });

    expect(keepPageToken(file)).toMatch(/^[\w-]{32}$/);
  });
});
