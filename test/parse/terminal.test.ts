import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { withCause } from '../../src/cause/cause.ts';
import { columnsOf } from '../../src/notice/fit-text.ts';
import { explainTerms } from '../../src/notice/incident/glossary.ts';
import { explainReport, listKills } from '../../src/notice/incident/kill-report.ts';
import { NO_PAINT } from '../../src/notice/incident/terminal-lines.ts';
import type { KillRecord } from '../../src/oom/report.ts';
import { isWanted, readMoment } from '../../src/parse/selection.ts';
import { ownCorpus, parseLines, readLogFile, toLines } from '../support/corpus.ts';

const root = path.join(import.meta.dirname, '../..');
const dir = mkdtempSync(path.join(tmpdir(), 'oombot-terminal-'));
const NOW = Date.UTC(2026, 10, 30, 12, 0, 0);

function parse(args: string[]): { status: number | null; out: string; err: string } {
  const run = spawnSync(path.join(root, 'node_modules/.bin/node'), [path.join(root, 'src/cli.ts'), 'parse', ...args], {
    encoding: 'utf8',
  });
  return { status: run.status, out: run.stdout, err: run.stderr };
}

function file(name: string, text: string): string {
  const at = path.join(dir, name);
  writeFileSync(at, text);
  return at;
}

function records(name: string): KillRecord[] {
  return parseLines(toLines(readLogFile(ownCorpus(), name))).map(withCause);
}

describe('a report in a terminal', () => {
  it.each([60, 80, 100])('is as wide as %i columns at most, whatever it holds', (columns) => {
    const names = ownCorpus()
      .entries.map((entry) => entry.file)
      .filter((name) => name.endsWith('dmesg.log'));
    const look = { paint: NO_PAINT, columns };

    for (const name of names) {
      const all = records(name);
      if (all[0] === undefined) continue;
      const text = `${listKills(
        all.map((record) => ({ file: '/var/log/a/very/long/way/to/a/file.log', record })),
        columns,
      )}\n${all.map((record) => explainReport([record], look)).join('')}`;
      expect(text.split('\n').filter((line) => columnsOf(line) > columns)).toEqual([]);
    }
  });

  it('says the words of it in plain words, with its own numbers', () => {
    const [record] = records('d12-global-mysqld.dmesg.log');
    const terms = Object.fromEntries(explainTerms(record as KillRecord).map(({ term, means }) => [term, means]));

    expect(terms['total-vm']).toContain('only 242 MiB of that was in RAM');
    expect(terms['order 0']).toBe('1 page, 4 KiB, was asked for');
    expect(terms['GFP_HIGHUSER_MOVABLE']).toContain('can be moved later');
    expect(terms['zone DMA32']).toContain('567 MiB here');
    expect(terms['min, low, high']).toContain('zone DMA32 keeps 27 MiB free');
  });

  it('reads an old bare mask by its bits, and of a newer one only those that kept their place', () => {
    function report(release: string): KillRecord {
      return parseLines([
        'a invoked oom-killer: gfp_mask=0x201da, order=0, oom_score_adj=0',
        `CPU: 0 PID: 9 Comm: a Not tainted ${release} #1`,
        'Out of memory: Kill process 12 (b) score 9 or sacrifice child',
        'Killed process 12 (b) total-vm:9kB, anon-rss:9kB, file-rss:0kB',
      ])[0] as KillRecord;
    }

    function words(record: KillRecord): string[] {
      return explainTerms(record).map(({ term }) => term);
    }
    expect(words(report('3.10.0'))).toEqual(
      expect.arrayContaining(['__GFP_WAIT', '__GFP_FS', '__GFP_HARDWALL', '__GFP_COLD']),
    );
    expect(words(report('4.4.0')).filter((term) => term.startsWith('__GFP'))).toEqual([
      '__GFP_HIGHMEM',
      '__GFP_MOVABLE',
    ]);
  });
});

describe('which kills', () => {
  it.each<[string, number | null]>([
    ['2h', NOW - 7_200_000],
    ['7d', NOW - 604_800_000],
    ['2026-11-30T01:35:00Z', Date.UTC(2026, 10, 30, 1, 35)],
    ['yesterday', null],
    ['2026-13-45', null],
  ])('are since %s', (text, wanted) => {
    expect(readMoment(text, NOW)).toBe(wanted);
  });

  it('are wanted by their time and host, and unknown where the line tells neither', () => {
    const [dated] = parseLines([
      '2026-11-30T10:00:00.000000+00:00 db01.example.net kernel: Out of memory: Killed process 5 (a) total-vm:1kB, anon-rss:1kB',
    ]);
    const [bare] = parseLines(['Out of memory: Killed process 5 (a) total-vm:1kB, anon-rss:1kB']);
    const all = { sinceMs: null, untilMs: null, host: null };

    expect(isWanted(dated as KillRecord, { ...all, sinceMs: NOW - 3 * 3_600_000 }, NOW)).toBe(true);
    expect(isWanted(dated as KillRecord, { ...all, untilMs: NOW - 3 * 3_600_000 }, NOW)).toBe(false);
    expect(isWanted(dated as KillRecord, { ...all, host: 'db01' }, NOW)).toBe(true);
    expect(isWanted(dated as KillRecord, { ...all, host: 'db02' }, NOW)).toBe(false);
    expect(isWanted(bare as KillRecord, { ...all, sinceMs: 0 }, NOW)).toBeNull();
  });
});

describe('oombot parse', { timeout: 60_000 }, () => {
  const TWO = ['db01', 'db02']
    .map(
      (host) =>
        `2026-11-30T10:00:00.000000+00:00 ${host} kernel: Out of memory: Killed process 5 (mysqld) total-vm:1kB, anon-rss:900kB, file-rss:0kB, shmem-rss:0kB\n`,
    )
    .join('');

  it('takes one host, and sums up', () => {
    const at = file('two.log', TWO);

    expect(parse(['--json', '--host', 'db02', at]).out.trim().split('\n')).toHaveLength(1);
    expect(parse(['--summary', at]).out).toMatch(/^2 kills of 1 service\n/);
    expect(parse(['--since', '2026-12-01T00:00:00Z', at])).toMatchObject({ status: 1, out: '' });
    expect(parse(['--since', 'soon', at])).toMatchObject({ status: 2 });
  });

  it('exits with 1 where nobody died: an attempt or a dry run alone', () => {
    const sent =
      'Nov 22 19:53:13 doom earlyoom[7]: sending SIGTERM to process 57 uid 7 "code": badness 866, VmRSS 5 MiB\n';
    const failed = 'Nov 22 19:53:13 doom earlyoom[7]: kill failed: Timer expired\n';

    const attempt = parse([file('attempt.log', sent + failed)]);
    expect(attempt.status).toBe(1);
    expect(attempt.out).toContain('earlyoom tried to kill code');
    expect(parse([file('kill.log', sent)]).status).toBe(0);
  });

  it('lets nothing through that reorders or hides text', () => {
    const name = Buffer.from('a\u202eb\u2066\u200b', 'utf8').toString('latin1');
    const at = path.join(dir, 'bidi.log');
    writeFileSync(
      at,
      Buffer.from(`Out of memory: Killed process 5 (${name}) total-vm:1kB, anon-rss:1kB, file-rss:0kB\n`, 'latin1'),
    );

    const { out } = parse(['--json', at]);
    expect(out).toContain('a\\u202eb\\u2066\\u200b');
    expect(out).not.toMatch(/[\u200b-\u200f\u2028-\u202e\u2060-\u206f]/);
    expect((JSON.parse(out) as KillRecord).name).toBe('a\u202eb\u2066\u200b');
    expect(parse([path.join(dir, 'no\u202e\x1b[31m.log')]).err).not.toMatch(/[\u202e\x1b]/);
  });
});
