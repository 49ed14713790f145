// What must hold for any log, however torn, doubled, mixed or hostile.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openLogParser } from '../../src/oom/report/log-parser.ts';
import type { KillRecord } from '../../src/oom/report.ts';
import { openLogScanner, SCAN_BUFFER } from '../../src/oom/report/scan-log.ts';
import { inOrder, ownCorpus, parseLines, publicCorpus, readLogFile, toLines, type Corpus } from '../support/corpus.ts';

interface Log {
  file: string;
  lines: string[];
  kills: KillRecord[];
  /** Who was killed, or sent a signal that did not end it: only a later line tells the two apart. */
  signalled: KillRecord[];
  /** Of a process called `x,pid=1,uid=0` the oom-kill line looks whole where it is cut behind its name. */
  namedPids: Set<number | null>;
}

const corpora = [ownCorpus(), publicCorpus()].filter((corpus): corpus is Corpus => corpus !== null);
const logs: Log[] = corpora
  .flatMap((corpus) =>
    corpus.entries.map((entry) => ({ file: entry.file, lines: toLines(readLogFile(corpus, entry.file)) })),
  )
  .filter((log) => log.lines.length > 0)
  .map((log) => {
    const signalled = parseLines(log.lines).filter(({ outcome }) => outcome === 'killed' || outcome === 'attempted');
    return { ...log, signalled, kills: killsOf(signalled) };
  })
  .map((log) => ({ ...log, namedPids: pidsInNames(log.kills) }));
const RUNS = 300;
const runs = Number(process.env['DISORDER_RUNS'] ?? RUNS);
/** Forms without a mark on each line: what belongs together cannot be told once it is torn apart. */
const UNMARKED = /export|verbose|dmesg-json|journal-k-cat/;
const markedLog = fc.constantFrom(...logs.filter((log) => !UNMARKED.test(log.file)));
const anyLog = fc.constantFrom(...logs);

function killsOf(records: KillRecord[]): KillRecord[] {
  return records.filter((record) => record.outcome === 'killed');
}

function pidsInNames(kills: KillRecord[]): Set<number> {
  return new Set(kills.flatMap(({ name }) => [...(name ?? '').matchAll(/pid=(\d+)/g)].map(([, pid]) => Number(pid))));
}

/** Who is named for want of a kill line may be another than who died; the record says so. */
function isSecondHand(kill: KillRecord): boolean {
  return kill.warnings.some((warning) => warning.includes('the victim is taken from') || warning.includes('torn'));
}

/** Only systemd's or the kubelet's word of a kill is left; the record says so. */
function isTheWitnessAlone(kill: KillRecord): boolean {
  return kill.warnings.some((warning) => warning.includes('own lines are not in this log'));
}

function describeKill(kill: KillRecord): string {
  return `${kill.killer} ${kill.pid ?? kill.taskMemcg} ${kill.name}`;
}

function inventedKills(found: readonly KillRecord[], whole: readonly KillRecord[]): string[] {
  const left = whole.map(describeKill);
  const pids = new Set(whole.flatMap((kill) => [kill.pid, kill.selected?.pid ?? null]));
  return found
    .filter((kill) => {
      const at = left.indexOf(describeKill(kill));
      if (at >= 0) left.splice(at, 1);
      return at < 0 && !isTheWitnessAlone(kill) && !(isSecondHand(kill) && pids.has(kill.pid));
    })
    .map(describeKill);
}

describe('a log that is not whole', { timeout: 60_000 }, () => {
  it('gives no kill that the whole log does not hold, for any run of its lines', () => {
    fc.assert(
      fc.property(anyLog, fc.nat(), fc.nat(), (log, from, length) => {
        const start = from % log.lines.length;
        const part = log.lines.slice(start, start + 1 + (length % 400));

        expect(inventedKills(killsOf(parseLines(part)), log.signalled)).toEqual([]);
      }),
      { numRuns: runs },
    );
  });

  it('never throws on any run of its bytes, and names only those who died there', () => {
    fc.assert(
      fc.property(anyLog, fc.nat(), fc.nat(), (log, from, length) => {
        const bytes = log.lines.join('\n');
        const start = from % bytes.length;
        const part = bytes.slice(start, start + 1 + (length % 30_000));

        const pids = new Set(log.signalled.flatMap((kill) => [kill.pid, kill.selected?.pid ?? null]));
        const lines = toLines(part);
        for (const kill of killsOf(parseLines(lines)))
          if (!log.namedPids.has(kill.pid) || !isSecondHand(kill) || kill.line < lines.length)
            expect(isTheWitnessAlone(kill) || pids.has(kill.pid)).toBe(true);
      }),
      { numRuns: runs },
    );
  });

  it('gives no more kills when any line is missing', () => {
    fc.assert(
      fc.property(markedLog, fc.nat(), (log, nat) => {
        const lines = log.lines.toSpliced(nat % log.lines.length, 1);

        expect(inventedKills(killsOf(parseLines(lines)), log.signalled)).toEqual([]);
      }),
      { numRuns: runs },
    );
  });

  it('gives the same kills when any line stands twice', () => {
    fc.assert(
      fc.property(markedLog, fc.nat(), (log, nat) => {
        const at = nat % log.lines.length;
        const lines = log.lines.toSpliced(at, 0, log.lines[at] ?? '');

        expect(killsOf(parseLines(lines)).map(describeKill)).toEqual(log.kills.map(describeKill));
      }),
      { numRuns: runs },
    );
  });
});

/** Chosen line and kill line name two processes (a thread, a child): nothing but their nearness says that they belong together. */
function namesTwo({ pid, selected, oomGroup }: KillRecord): boolean {
  return oomGroup === null && selected !== null && selected.pid !== pid;
}

describe('two logs in one', { timeout: 60_000 }, () => {
  it('gives the same kills as apart when they are mixed line by line', () => {
    const mixable = fc.constantFrom(
      ...logs.filter((log) => !UNMARKED.test(log.file) && !log.kills.some(namesTwo) && log.lines.length < 3000),
    );
    fc.assert(
      fc.property(mixable, mixable, fc.array(fc.boolean(), { minLength: 1, maxLength: 50 }), (one, other, turns) => {
        fc.pre(haveNoVictimInCommon(one, other));

        const mixed = killsOf(parseLines(mix(one.lines, other.lines, turns)));

        expect(mixed.map(describeKill).toSorted()).toEqual([...one.kills, ...other.kills].map(describeKill).toSorted());
      }),
      { numRuns: runs },
    );
  });

  it('gives the same as apart when one follows the other', () => {
    fc.assert(
      fc.property(anyLog, anyLog, (one, other) => {
        fc.pre(haveNoVictimInCommon(one, other));

        const both = killsOf(parseLines([...one.lines, ...other.lines]));

        expect(both.map(describeKill)).toEqual([...one.kills, ...other.kills].map(describeKill));
      }),
      { numRuns: runs },
    );
  });
});

/** The same death in two forms of one log is one death. */
function haveNoVictimInCommon(one: Log, other: Log): boolean {
  return one.kills.every((kill) => !other.kills.some((second) => second.pid === kill.pid));
}

/** Line by line; the padded lines of one record stay together, as whoever writes a log writes a record at once. */
function mix(one: readonly string[], other: readonly string[], turns: readonly boolean[]): string[] {
  const mixed: string[] = [];
  let first = 0;
  let second = 0;
  for (let turn = 0; first < one.length || second < other.length; turn += 1) {
    const isFirst = second >= other.length || (first < one.length && turns[turn % turns.length] === true);
    do {
      mixed.push((isFirst ? one[first++] : other[second++]) ?? '');
    } while (/^[ \t]/.test((isFirst ? one[first] : other[second]) ?? ''));
  }
  return mixed;
}

describe('any chunks', () => {
  it('gives the same for the whole corpus byte by byte', { timeout: 120_000 }, () => {
    const buffer = Buffer.alloc(SCAN_BUFFER);
    for (const corpus of corpora)
      for (const entry of corpus.entries.filter((_, at) => at % Math.ceil(RUNS / runs) === 0)) {
        const log = readLogFile(corpus, entry.file);
        const records: KillRecord[] = [];
        const scanner = openLogScanner({
          parser: openLogParser({ lastWordOnly: true }),
          buffer,
          found: (events) => records.push(...events.map((event) => event.record)),
        });
        for (let at = 0; at < log.length; at += 1) scanner.push(log.subarray(at, at + 1));
        scanner.end();

        expect(inOrder(records)).toEqual(parseLines(toLines(log)));
      }
  });
});

describe('hostile text', () => {
  it('never throws on random bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 60 }), (lines) => {
        parseLines(lines.map((line) => Buffer.from(line).toString('latin1')));
      }),
    );
  });

  it('never throws when bytes of real lines are changed', () => {
    fc.assert(
      fc.property(
        anyLog,
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 200 }),
        (log, changes) => {
          const bytes = Buffer.from(log.lines.slice(0, 400).join('\n'), 'latin1');
          for (const [at, byte] of changes) bytes[at % bytes.length] = byte;

          parseLines(toLines(bytes));
        },
      ),
      { numRuns: runs },
    );
  });
});
