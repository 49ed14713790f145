// A file so large that several threads look through it: what is found is the same as from a pipe, which one thread reads.
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const cli = path.join(import.meta.dirname, '../../src/cli.ts');
const node = path.join(import.meta.dirname, '../../node_modules/.bin/node');
const dir = mkdtempSync(path.join(tmpdir(), 'oombot-large-'));
afterAll(() => rmSync(dir, { recursive: true }));

const REPORT = readFileSync(
  path.join(import.meta.dirname, '../corpus/own/d12-global-mysqld.kernlog-rfc3164.log'),
  'latin1',
);
const KILL =
  'Nov 22 10:00:00 db01 kernel: [ 7.000000] Out of memory: Killed process 7 (a) total-vm:9kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB\n';
/** The words by which the kill line alone is found. */
const FOUND_BY = 'illed proce';
const QUIET = 'Nov 22 10:00:00 db01 sshd[7]: Accepted publickey for deploy from 10.2.3.4\n';
const BLOCK = 262_144;
const BLOCKS = 530;

/** Writes a report at each of these offsets, and of every second only the kill line. */
function writeLog(file: string, offsets: readonly number[], filler: Buffer): void {
  const handle = openSync(file, 'w');
  let written = 0;
  for (const [index, offset] of [...offsets, BLOCKS * BLOCK].entries()) {
    for (let left = offset - written; left > 0; left = offset - written)
      // A line is cut where the report begins, as where two programs write at once: it gets its end before.
      written += writeSync(handle, left > filler.length ? filler : cut(filler, left));
    if (index === offsets.length) break;
    const report = index % 2 === 0 ? REPORT : KILL;
    written += writeSync(handle, report.replaceAll(/\[( *)(\d+)\./g, `[$1${1_000 * (index + 1)}$2.`), null, 'latin1');
  }
  closeSync(handle);
}

function cut(filler: Buffer, length: number): Buffer {
  const part = Buffer.from(filler.subarray(0, length));
  part[length - 1] = 10;
  return part;
}

function parse(args: string[], stdin: number | 'ignore'): string {
  const run = spawnSync(node, [cli, 'parse', '--json', ...args], {
    stdio: [stdin, 'pipe', 'inherit'],
    maxBuffer: 2 ** 28,
    encoding: 'utf8',
  });
  return run.stdout.replaceAll(/^\{"file":"[^"]*",/gm, '{');
}

describe('a large file', () => {
  it.each([
    ['of short lines', QUIET],
    ['of lines longer than a block', `${QUIET.repeat(5_000)}${'x'.repeat(700_000)}\n`],
    ['of short lines with one word of a report in each thousand', `${QUIET.repeat(999)}a page allocation\n`],
  ])('%s gives what a pipe gives, wherever its reports stand', (_, lines) => {
    const file = path.join(dir, 'large.log');
    // The words by which a report is found lie across the blocks' edges, one byte further each time.
    const offsets = Array.from(
      { length: 90 },
      (_, at) =>
        (4 + Math.floor(at * 5.6)) * BLOCK - KILL.indexOf(FOUND_BY) - (Math.floor(at / 2) % (FOUND_BY.length + 1)),
    );
    writeLog(file, offsets, Buffer.from(lines.repeat(Math.ceil(BLOCK / lines.length))));

    const asFile = parse([file], 'ignore');

    const handle = openSync(file, 'r');
    const asPipe = parse(['-'], handle);
    closeSync(handle);
    expect(asFile.split('\n').length).toBeGreaterThan(90);
    expect(asFile === asPipe).toBe(true);
  });
});
