import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { adviceKeyOf, judgeRecord, RULES } from '../../src/cause/cause.ts';
import type { CauseContext } from '../../src/cause/cause-facts.ts';
import { NO_HISTORY } from '../../src/cause/history-facts.ts';
import { RECIPES } from '../../src/notice/incident/advice.ts';
import type { KillRecord } from '../../src/oom/report.ts';
import { parseLines, toLines } from '../support/corpus.ts';
import { someHostFacts } from '../support/host-facts.ts';

type Edit = [RegExp, string];

const OWN = path.join(import.meta.dirname, '../corpus/own');

/** A real report, of a host or a group, with stated edits: causes that cannot be provoked at will. */
function report(file: string, edits: readonly Edit[]): KillRecord {
  const text = edits.reduce(
    (sofar, [from, to]) => {
      expect(sofar).toMatch(from);
      return sofar.replace(from, to);
    },
    readFileSync(path.join(OWN, file), 'latin1'),
  );
  const [record] = parseLines(toLines(text));
  if (record === undefined) throw new Error('no kill in the edited report');
  return record;
}

/** 583 MiB of RAM, 268 MiB of it free, and nobody who stands out: as if the kernel had been asked by a process. */
const PLAIN: readonly Edit[] = [
  [/order=-1/, 'order=0'],
  [/(290816 +0 +)300( firefox)/, '$10$2'],
  [/oom_score_adj:300/, 'oom_score_adj:0'],
];
function host(...edits: Edit[]): KillRecord {
  return report('d12-sysrq.dmesg.log', [...PLAIN, ...edits]);
}

/** 24 MiB of limit, 23.9 of it anonymous. */
function group(...edits: Edit[]): KillRecord {
  return report('d12-nodump.dmesg.log', edits);
}

/** Takes pages from what is free, so that the sum stays whole. */
function used(pages: number): Edit {
  return [/free:68637 /, `free:${68_637 - pages} `];
}

function codes(record: KillRecord, context?: CauseContext): string[] {
  const cause = judgeRecord(record, context);
  return [cause, ...(cause?.also ?? [])].map((one) => `${one?.code} ${one?.sure}`);
}

describe('what held the memory of a host', () => {
  it('is not said where nothing stands out', () => {
    expect(codes(host())).toEqual(['host certain', 'no-swap certain']);
  });

  it.each<[string, string, Edit[]]>([
    [
      'unreclaimable slab, 40 %',
      'kernel-slab likely',
      [[/slab_unreclaimable:3185/, 'slab_unreclaimable:59667'], used(56_482)],
    ],
    [
      'unreclaimable slab, 11 %',
      'kernel-slab likely',
      [[/slab_unreclaimable:3185/, 'slab_unreclaimable:16500'], used(13_315)],
    ],
    ['reclaimable slab, 30 %', 'slab-cache hint', [[/slab_reclaimable:3316/, 'slab_reclaimable:44750'], used(41_434)]],
    [
      'shared memory that nobody maps, 30 %',
      'shmem likely',
      [[/inactive_anon:58219/, 'inactive_anon:102969'], [/shmem:93 /, 'shmem:44843 '], used(44_750)],
    ],
    [
      'a huge-page pool that is idle',
      'huge-pages certain',
      [
        [
          /hugepages_total=0 hugepages_free=0 hugepages_surp=0 hugepages_size=2048kB/,
          'hugepages_total=100 hugepages_free=90 hugepages_surp=0 hugepages_size=2048kB',
        ],
        used(51_200),
      ],
    ],
    ['page tables, 15 %', 'page-tables likely', [[/pagetables:350/, 'pagetables:22375'], used(22_025)]],
    ['locked memory, 25 %', 'mlocked likely', [[/unevictable:0 dirty/, 'unevictable:37292 dirty'], used(37_292)]],
    [
      'written data that waits, 25 %',
      'dirty-pages hint',
      [
        [/dirty:96 writeback:0/, 'dirty:30000 writeback:7300'],
        [/inactive_file:3505/, 'inactive_file:40805'],
        used(37_300),
      ],
    ],
    ['memory that nothing lists, 30 %', 'unaccounted hint', [used(44_750)]],
    ['a reserve of the kernel, 10 %', 'min-free likely', [[/min:28144kB/, 'min:62000kB']]],
  ])('is found: %s', (_, code, edits) => {
    expect(codes(host(...edits))[0]).toBe(code);
  });

  it.each<[string, Edit[]]>([
    ['unreclaimable slab, 9 %', [[/slab_unreclaimable:3185/, 'slab_unreclaimable:13425']]],
    [
      'a huge-page pool in use',
      [
        [
          /hugepages_total=0 hugepages_free=0 hugepages_surp=0 hugepages_size=2048kB/,
          'hugepages_total=100 hugepages_free=40 hugepages_surp=0 hugepages_size=2048kB',
        ],
        used(51_200),
      ],
    ],
    ['locked memory, 19 %', [[/unevictable:0 dirty/, 'unevictable:28341 dirty'], used(28_341)]],
    [
      'a part that is larger than the whole: the line was torn',
      [[/slab_unreclaimable:3185/, 'slab_unreclaimable:31850000']],
    ],
  ])('is not claimed below its threshold: %s', (_, edits) => {
    expect(codes(host(...edits))[0]).toBe('host certain');
  });

  it('is told beside, when it is unusual but small', () => {
    expect(codes(host([/pagetables:350/, 'pagetables:8950'], used(8_600)))).toContain('page-tables likely');
    expect(codes(host([/kernel_stack:1236kB/, 'kernel_stack:18000kB'], used(4_191)))).toContain('kernel-stacks likely');
    expect(codes(host([/0 pages hwpoisoned/, '12 pages hwpoisoned']))).toContain('bad-memory likely');
  });

  it('is the block that was too large, not its amount', () => {
    const pieces: Edit = [
      /DMA32: 75\*4kB .* = 260148kB/,
      'DMA32: 60000*4kB (UME) 1*8kB (U) 0*16kB 0*32kB 0*64kB 0*128kB 0*256kB 0*512kB 0*1024kB 0*2048kB 0*4096kB = 240008kB',
    ];
    const third: Edit = [/order=0, oom_score_adj=0/, 'order=3, oom_score_adj=0'];
    const low: Edit = [/DMA free:14400kB/, 'DMA free:700kB'];

    expect(codes(host(third, pieces, low))[0]).toBe('fragmentation likely');
    expect(codes(host(third, low))[0]).toBe('host certain');
    expect(codes(host(pieces, low))[0]).toBe('host certain');
    expect(judgeRecord(host(third, pieces, low))?.text).toContain('no block of the 32 KiB that were asked for');
    // The lowest zone had such a block, and enough free to give it.
    expect(codes(host(third, pieces))[0]).toBe('host certain');
  });

  it('is low memory, when only that was full', () => {
    const highMem: Edit = [
      /(Node 0 DMA32 free:)260148kB(.*)(\n.*lowmem_reserve\[\]: 0 0 0 0 0)/,
      '$1900kB$2$3\nNode 0 HighMem free:200000kB boost:0kB min:512kB low:1000kB high:2000kB present:600000kB managed:600000kB mlocked:0kB',
    ];

    expect(codes(host(highMem, [/free:14400kB/, 'free:700kB']))[0]).toBe('low-zone likely');
    expect(codes(host(highMem, [/free:14400kB/, 'free:700kB'], [/gfp_mask=0xcc0/, 'gfp_mask=0xcc2']))[0]).not.toBe(
      'low-zone likely',
    );
  });

  it('says who is larger but kept safe, and who pays for it', () => {
    const safe: Edit = [
      /100   354 2147720215    23240   385024        0             0 mariadbd/,
      '100   354 2147720215    63240   385024        0          -950 mariadbd',
    ];

    expect(codes(host(safe))[0]).toBe('protected-hog likely');
    expect(judgeRecord(host(safe))?.text).toContain('mariadbd is protected (oom_score_adj -950) and holds 247 MiB');
  });

  it('leaves the victim out of blame when another held far more', () => {
    const other: Edit = [/354 2147720215    23240/, '354 2147720215   100000'];

    expect(codes(host(other))[0]).toBe('victim-not-cause likely');
    expect(judgeRecord(host(other))?.text).toBe(
      'firefox (121 MiB) is not the cause: mariadbd held 391 MiB, 67 % of 583 MiB RAM.',
    );
  });
});

describe('what filled a group', () => {
  it.each<[string, string, Edit[]]>([
    [
      'shared memory',
      'shmem likely',
      [
        [/\bshmem 0$/m, 'shmem 12582912'],
        [/\banon \d+$/m, 'anon 9000000'],
      ],
    ],
    ['locked memory', 'mlocked likely', [[/\bunevictable 0$/m, 'unevictable 24000000']]],
    [
      'page tables',
      'page-tables likely',
      [
        [/\bpagetables \d+$/m, 'pagetables 12582912'],
        [/\banon \d+$/m, 'anon 9000000'],
      ],
    ],
    [
      'page cache',
      'page-cache hint',
      [
        [/\bfile \d+$/m, 'file 16777216'],
        [/\banon \d+$/m, 'anon 7000000'],
      ],
    ],
    [
      'kernel memory',
      'group-kernel likely',
      [
        [/\bslab \d+$/m, 'slab 16777216'],
        [/\banon \d+$/m, 'anon 7000000'],
      ],
    ],
  ])('is found: %s', (_, code, edits) => {
    expect(codes(group(...edits))[0]).toBe(code);
  });

  it('is a limit that was too small, when it is full again at once', () => {
    const record = group();
    const facts = someHostFacts({ limitKiB: 24_576, anonKiB: 23_900 });
    const kills = {
      inLoop: 1,
      loopSpanMs: 0,
      loopIsSure: false,
      smallVictims: 0,
      diedAtMs: facts.atMs - 4_000,
    };

    expect(judgeRecord(record, { host: facts, kills })).toMatchObject({
      code: 'limit-too-small',
      sure: 'likely',
      text: 'Its limit of 24 MiB is too small for what it steadily needs: 4 s after the kill it holds 23 MiB, 97 % again.',
    });
    expect(codes(record, { host: someHostFacts({ limitKiB: 24_576, anonKiB: 9_000 }), kills })[0]).toBe('hog likely');
  });
});

const ONE_KILL = { inLoop: 1, loopSpanMs: 0, loopIsSure: false, smallVictims: 0, diedAtMs: 1_000_000 };

describe('what the past adds', () => {
  const kills = ONE_KILL;
  const leak = { slopeKiBPerHour: 317_440, r2: 0.97, nextAtMs: null, lives: 4 };

  it('names a leak only where it is one', () => {
    expect(judgeRecord(group(), { history: { ...NO_HISTORY, leak } })).toMatchObject({
      code: 'leak',
      sure: 'likely',
      text: 'It leaks: it grew 310 MiB an hour in each of its last 4 lives (a straight line fits, R² 0.97).',
    });
    for (const weak of [
      { ...leak, r2: 0.5 },
      { ...leak, lives: 2 },
      { ...leak, slopeKiBPerHour: -3 },
    ])
      expect(codes(group(), { history: { ...NO_HISTORY, leak: weak } })[0]).toBe('hog likely');
  });

  it('tells a limit that is too small from a leak, by several lives without growth', () => {
    const history = { ...NO_HISTORY, recurrenceAtMs: [1, 2] };

    expect(codes(group(), { history })[0]).toBe('limit-too-small likely');
    expect(codes(group(), { history: { ...history, leak } })[0]).toBe('leak likely');
  });

  it('names a loop by its count, and is sure of it only where the tables allow it', () => {
    expect(codes(group(), { kills: { ...kills, inLoop: 5, loopSpanMs: 120_000, loopIsSure: true } })[0]).toBe(
      'kill-loop certain',
    );
    expect(codes(group(), { kills: { ...kills, inLoop: 5, loopSpanMs: 120_000 } })[0]).toBe('kill-loop likely');
    expect(codes(group(), { kills: { ...kills, inLoop: 2 } })[0]).toBe('hog likely');
  });

  it('sees no loop in the deaths of a pool, and is never sure of one by the times alone', () => {
    const history = { ...NO_HISTORY, loopCount: 4 };

    expect(codes(group(), { kills: { ...kills, inLoop: 0 }, history })[0]).toBe('hog likely');
    expect(codes(group(), { kills: { ...kills, inLoop: 1, loopIsSure: true }, history })[0]).toBe('kill-loop likely');
  });

  it('adds clock time, change and other hosts', () => {
    const history = {
      ...NO_HISTORY,
      clockMinute: 125,
      changedAtMs: 700_000,
      changedWhat: 'upgrade mysql',
      otherHosts: ['db02', 'db03'],
    };
    const said =
      judgeRecord(group(), { history, kills })
        ?.also?.map((one) => one.text)
        .join(' ') ?? '';

    expect(said).toContain('at the same time, about 02:05 UTC');
    const several = { ...history, clockMinutes: [125, 852, 1_425], isDaily: true };
    const texts = judgeRecord(group(), { history: several, kills })?.also?.map((one) => one.text);
    expect(texts).toContain(
      'It happens every day at about 02:05, 14:12 and 23:45 UTC: look for a timer, backup or report.',
    );
    expect(said).toContain('5 min after a change: “upgrade mysql”');
    expect(said).toContain('died on db02, db03 within the hour');
  });

  it('says that killing did not help', () => {
    expect(codes(host(), { kills: { ...kills, smallVictims: 3 } })).toContain('killing-does-not-help likely');
  });
});

describe('what a look at the host adds', () => {
  it('makes a hint likely, and says which setting', () => {
    const slab: Edit[] = [[/slab_reclaimable:3316/, 'slab_reclaimable:44750'], used(41_434)];
    const cause = judgeRecord(host(...slab), { host: someHostFacts({ vm: { vfs_cache_pressure: 0 } }) });

    expect(cause).toMatchObject({ code: 'slab-cache', sure: 'likely' });
    expect(cause?.text).toContain('vm.vfs_cache_pressure is 0');
  });

  it.each([
    ['overcommit-always certain', someHostFacts({ vm: { overcommit_memory: 1 } })],
    ['overcommitted hint', someHostFacts({ vm: { overcommit_memory: 0 }, committedKiB: 3_000_000, totalKiB: 600_000 })],
    ['thrashing likely', someHostFacts({ fullAvg10: 62 })],
    ['adj-drift certain', someHostFacts({ unitAdj: -500 })],
    ['child-died certain', someHostFacts({ unit: 'x.service', activeForMs: 60_000 })],
  ])('tells %s', (wanted, facts) => {
    expect(codes(host(), { host: facts, kills: { ...ONE_KILL, diedAtMs: facts.atMs - 2_000 } })).toContain(wanted);
  });

  it('names the tmpfs and what holds memory that no report lists', () => {
    const shm: Edit[] = [[/inactive_anon:58219/, 'inactive_anon:102969'], [/shmem:93 /, 'shmem:44843 '], used(44_750)];
    const tmpfs = someHostFacts({ tmpfs: [{ path: '/dev/shm', sizeKiB: 300_000, usedKiB: 170_000 }] });

    expect(judgeRecord(host(...shm), { host: tmpfs })?.text).toContain('166 MiB in /dev/shm');
    expect(judgeRecord(host(used(44_750)), { host: someHostFacts({ zramKiB: 150_000 }) })?.text).toContain(
      'zram holds 146 MiB',
    );
  });
});

describe('the table of rules', () => {
  it('names a meaning and a source for each rule, and a recipe for each advice', () => {
    for (const rule of RULES) {
      expect([rule.code, rule.meaning.length > 10, rule.source.length > 5]).toEqual([rule.code, true, true]);
      if (rule.advice !== null) expect([...RECIPES.keys()]).toContain(rule.advice);
    }
    expect(adviceKeyOf('hog')).toBe('hog');
  });

  it('quotes names that could be mistaken for a sentence', () => {
    const forged: Edit = [/0             0 mariadbd/, '0             0 ok. Certain'];
    const text = judgeRecord(host([/354 2147720215    23240/, '354 2147720215   100000'], forged))?.text;

    expect(text).toContain('“ok. Certain” held');
  });
});
