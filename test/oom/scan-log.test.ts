import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ANCHOR_BYTES, countLineFeeds, openAnchorSearch } from '../../src/oom/report/anchors.ts';
import { openLogParser } from '../../src/oom/report/log-parser.ts';
import type { KillRecord } from '../../src/oom/report.ts';
import { LINE_BYTES_MAX, openLogScanner, SCAN_BUFFER } from '../../src/oom/report/scan-log.ts';
import { inOrder, ownCorpus, parseLines, publicCorpus, readLogFile, toLines, type Corpus } from '../support/corpus.ts';

const buffer = Buffer.alloc(SCAN_BUFFER);

interface Scanned {
  records: KillRecord[];
  /** The lines that the parser was given. */
  given: Map<number, string>;
}

function scan(log: Buffer, chunkSizes: readonly number[], readWholeBytes = 0): Scanned {
  const parser = openLogParser({ lastWordOnly: true });
  const records: KillRecord[] = [];
  const given = new Map<number, string>();
  const scanner = openLogScanner({
    parser: {
      ...parser,
      line: (bytes, number) => {
        expect(given.has(number)).toBe(false);
        given.set(number, bytes);
        return parser.line(bytes, number);
      },
    },
    buffer,
    found: (events) => records.push(...events.map((event) => event.record)),
    readWholeBytes,
  });
  for (let at = 0, turn = 0; at < log.length; turn += 1) {
    const size = chunkSizes[turn % chunkSizes.length] ?? 1;
    scanner.push(log.subarray(at, at + size));
    at += size;
  }
  scanner.end();
  return { records: inOrder(records), given };
}

/** What most of a syslog is: nothing of it begins a report. */
function filler(lines: number): string {
  return Array.from(
    { length: lines },
    (_, at) =>
      `Nov 22 10:00:${String(at % 60).padStart(2, '0')} db01 sshd[${at}]: Accepted publickey for deploy from 10.2.3.4\n`,
  ).join('');
}

describe.each([ownCorpus(), publicCorpus()].filter((corpus): corpus is Corpus => corpus !== null))(
  'passing over lines in $directory',
  (corpus) => {
    it.each(corpus.entries.map((entry) => entry.file))('finds the same in %s as reading every line', (file) => {
      const log = readLogFile(corpus, file);
      const wrapped = Buffer.concat([Buffer.from(filler(300)), log, Buffer.from(`\n${filler(300)}`), log]);

      const scanned = scan(wrapped, [4099]);

      expect(scanned.records).toEqual(parseLines(toLines(wrapped)));
    });
  },
);

describe('the scanner', () => {
  it('gives an idle parser no more than the lines around an anchor, with their right numbers', () => {
    const kill = 'Out of memory: Killed process 7 (a) total-vm:1kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB';
    const log = `${filler(1000)}${kill}\n${filler(1000)}`;

    const { records, given } = scan(Buffer.from(log), [70_000]);

    expect(records.map((record) => [record.line, record.pid])).toEqual([[1001, 7]]);
    expect([...given.keys()]).toEqual(Array.from({ length: 65 }, (_, at) => 937 + at));
  });

  it('reads the first megabyte line by line, whatever stands there', () => {
    const log = Buffer.from(filler(100));

    expect(scan(log, [999], log.length).given.size).toBe(100);
  });

  it('gives lines once, whole and with their number, for any chunks', () => {
    const line = fc.oneof(
      fc.string({ maxLength: 40 }),
      fc.constantFrom('', '\r', 'a invoked oom-killer: gfp_mask=0x1, order=0', 'x'.repeat(200)),
    );
    fc.assert(
      fc.property(
        fc.array(line, { maxLength: 300 }),
        fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1 }),
        (lines, sizes) => {
          const log = Buffer.from(lines.join('\n'));
          const expected = toLines(log);

          const { given } = scan(log, sizes);

          for (const [number, text] of given) expect(text).toBe(expected[number - 1]);
        },
      ),
    );
  });

  it('cuts a line that is too long, drops its rest and counts on rightly', () => {
    const kill = 'Out of memory: Killed process 7 (a) total-vm:1kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB';
    const giant = `x${' oom'.repeat(LINE_BYTES_MAX)}`;
    const log = Buffer.from(`first\n${giant}\n${kill}\n${giant}${kill}\n${kill.replace('7', '8')}`);
    for (const readWholeBytes of [0, 1e9]) {
      const { records, given } = scan(log, [10_007], readWholeBytes);

      expect(records.map((record) => [record.line, record.pid])).toEqual([
        [3, 7],
        [5, 8],
      ]);
      expect(Math.max(...[...given.values()].map((text) => text.length))).toBeLessThanOrEqual(LINE_BYTES_MAX);
    }
  });

  it('finds what begins at the end of a giant line without line feeds', () => {
    const log = Buffer.concat([Buffer.alloc(5_000_000, 'x'), Buffer.from('\nOut of memory: Killed process 7 (a)')]);

    expect(scan(log, [65_536]).records.map((record) => [record.line, record.pid])).toEqual([[2, 7]]);
  });

  it('follows a journal export from an entry in the middle of other text', () => {
    const entry =
      '__CURSOR=s=1\n__REALTIME_TIMESTAMP=1700000000000000\n_TRANSPORT=kernel\nMESSAGE=Out of memory: Killed process 7 (a)\n\n';
    const log = Buffer.from(`${filler(500)}${entry}`);

    expect(scan(log, [333]).records.map((record) => [record.pid, record.time])).toEqual([
      [7, '2023-11-14T22:13:20.000Z'],
    ]);
  });
});

describe('the anchor search', () => {
  it('finds the first of several, wherever it stands, and only whole ones', () => {
    const search = openAnchorSearch();
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), fc.string({ maxLength: 60 }), (before, after) => {
        const log = Buffer.from(`${before}oom_reaper:${after} inactive_anon: panic_on_oom`);

        const found = search.next(log, 0, log.length);

        const text = log.toString('latin1');
        expect(found).toBe(text.indexOf('oom_reaper:'));
        expect(search.next(log, 0, found + ANCHOR_BYTES - 1)).toBe(-1);
        expect(search.next(log, found + 1, log.length)).toBe(text.indexOf('ctive_anon:', found));
      }),
    );
  });

  it('counts line feeds as a plain count does, at any alignment', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000 }), fc.nat(8), fc.nat(3000), (random, from, to) => {
        const bytes = Uint8Array.from(random, (byte) => (byte % 3 === 0 ? 10 : byte));
        const end = Math.min(bytes.length, Math.max(from, to));
        const start = Math.min(from, end);

        expect(countLineFeeds(bytes, start, end)).toBe(bytes.subarray(start, end).filter((byte) => byte === 10).length);
      }),
    );
  });
});
