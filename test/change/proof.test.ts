import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { vendorNotes } from '../../src/change/advice.ts';
import { findBrakes } from '../../src/change/brakes.ts';
import { findTarget } from '../../src/change/find-target.ts';
import { chooseDefaultAdj } from '../../src/change/ladder.ts';
import { chosenPid, proveChange } from '../../src/change/proof.ts';
import { parseProcScan, type ProcScan } from '../../src/oom/proc/proc-scan.ts';
import { aScan, type ScanRow } from '../support/a-scan.ts';

const GIB = 1024 * 1024;

function scanOf(rows: readonly ScanRow[], header: Record<string, string | number> = {}): ProcScan {
  const scan = parseProcScan(aScan(rows, { total: 8 * GIB, available: GIB, ...header }));
  if (scan.kind !== 'scan') throw new Error(scan.fault);
  return scan;
}

const DB: ScanRow[] = [
  { pid: 1, name: 'systemd' },
  { pid: 512, name: 'mysqld', rssKiB: 3 * GIB, cgroup: '/system.slice/mysql.service' },
  { pid: 600, name: 'java', rssKiB: 1.5 * GIB },
  { pid: 700, name: 'worker', rssKiB: GIB / 4, cgroup: '/system.slice/app.service' },
  { pid: 701, name: 'worker', rssKiB: GIB / 8, cgroup: '/system.slice/app.service' },
];

describe('the default value', () => {
  it('is the smallest that changes who dies next, with a margin', () => {
    const chosen = chooseDefaultAdj(scanOf(DB), [512]);

    expect(chosen.kind).toBe('computed');
    if (chosen.kind !== 'computed') return;
    const scan = scanOf(DB);
    expect(chosenPid(scan, new Map([[512, chosen.needed]]))).not.toBe(512);
    expect(chosenPid(scan, new Map([[512, chosen.needed + 1]]))).toBe(512);
    expect(chosen.adj).toBeLessThanOrEqual(chosen.needed - 20);
    expect(chosen.adj).toBeGreaterThan(chosen.needed - 30);
    // (3 - 1.5) GiB of 8 GiB are 187.5 thousandths.
    expect(chosen.needed).toBe(-188);
  });

  it('is a rung of the ladder for what would not die next', () => {
    expect(chooseDefaultAdj(scanOf(DB), [600])).toEqual({ kind: 'rung', adj: -100, isNext: false });
    const lower = DB.map((row) => (row.pid === 600 ? { ...row, adj: -100 } : row));
    expect(chooseDefaultAdj(scanOf(lower), [600])).toEqual({ kind: 'rung', adj: -250, isNext: false });
  });

  it('is none where only the deepest would do', () => {
    const alone = [DB[0]!, { pid: 512, name: 'mysqld', rssKiB: 7.5 * GIB }, { pid: 600, name: 'sh', rssKiB: 1000 }];
    expect(chooseDefaultAdj(scanOf(alone), [512])).toMatchObject({ kind: 'none', needed: expect.any(Number) });
    expect(chooseDefaultAdj(scanOf(alone.slice(0, 2)), [512])).toEqual({ kind: 'none', needed: null });
  });

  it('always changes the outcome, on any host', () => {
    const rows = fc.array(
      fc.record({ rssKiB: fc.integer({ min: 1_000, max: 2 * GIB }), adj: fc.integer({ min: -900, max: 1000 }) }),
      { minLength: 2, maxLength: 12 },
    );
    fc.assert(
      fc.property(rows, (given) => {
        const scan = scanOf(given.map((row, at) => ({ pid: 100 + at, name: `p${at}`, ...row })));
        const victim = chosenPid(scan, new Map());
        if (victim === null) return;
        const chosen = chooseDefaultAdj(scan, [victim]);
        if (chosen.kind === 'computed') {
          expect(chosenPid(scan, new Map([[victim, chosen.adj]]))).not.toBe(victim);
          expect(chosenPid(scan, new Map([[victim, chosen.needed + 1]]))).toBe(victim);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('the proof', () => {
  it('shows the first five before and after', () => {
    const { before, after } = proveChange(scanOf(DB), new Map([[512, -500]]));

    expect(before[0]).toMatchObject({ pid: 512, name: 'mysqld', isTarget: true, oomScoreAdj: 0 });
    expect(after?.[0]).toMatchObject({ pid: 600, isTarget: false });
    expect(after?.find((row) => row.pid === 512)?.oomScoreAdj).toBe(-500);
    expect(before).toHaveLength(5);
  });

  it('says that an old kernel cannot be computed', () => {
    const scan = scanOf(DB, { kernel: '2.6.18-419.el5' });
    const legacy = { ...scan, processes: scan.processes.map((one) => ({ ...one, legacyOomAdj: 0 })) };

    expect(proveChange(legacy, new Map([[512, -500]])).after).toBeNull();
  });
});

describe('over-protection', () => {
  function brakes(rows: readonly ScanRow[], values: [number, number][], earlier: ScanRow[] | null = null) {
    const scan = scanOf(rows);
    const found = findBrakes(
      scan,
      scan,
      new Map(values),
      earlier === null ? null : { scan: scanOf(earlier), agoMs: 60_000 },
    );
    return { ...found, kinds: found.notes.map((note) => note.kind) };
  }

  it('is no matter at the default', () => {
    expect(brakes(DB, [[512, -210]])).toMatchObject({ notes: [], needsCare: false, refusal: null });
  });

  it.each<[string, ScanRow[], [number, number][], string]>([
    ['a big process at -900', DB, [[512, -900]], 'big-and-deep'],
    ['anything at -1000', DB, [[701, -1000]], 'never-killed'],
    [
      'a forking process at -900',
      [...DB, ...[1, 2, 3, 4, 5].map((at) => ({ pid: 800 + at, name: 'child' }))],
      [[1, -900]],
      'forking-and-deep',
    ],
    [
      'most of the memory',
      DB,
      [
        [512, -500],
        [600, -500],
        [700, -500],
        [701, -500],
      ],
      'little-left',
    ],
    [
      '60 % of the memory',
      [...DB, { pid: 900, name: 'cache', rssKiB: 2 * GIB, adj: -500 }],
      [[512, -500]],
      'much-protected',
    ],
  ])('needs a second approver and an end date: %s', (_, rows, values, kind) => {
    const found = brakes(rows, values);

    expect(found.kinds).toContain(kind);
    expect(found.needsCare).toBe(true);
  });

  it('sees that a process grows between two looks', () => {
    const small = DB.map((row) => (row.pid === 700 ? { ...row, rssKiB: GIB / 16 } : row));

    expect(brakes(DB, [[700, -900]], small).kinds).toContain('growing-and-deep');
    expect(brakes(DB, [[700, -900]], DB).kinds).not.toContain('growing-and-deep');
  });

  it('is refused when nothing killable is left', () => {
    expect(
      brakes(
        DB,
        [512, 600, 700, 701].map((pid) => [pid, -1000]),
      ).refusal,
    ).toEqual({ kind: 'nothing-killable' });
  });

  it('brakes nothing that is made likelier to die', () => {
    expect(brakes(DB, [[701, 500]])).toMatchObject({ needsCare: false, refusal: null, kinds: ['more-likely'] });
  });

  it('says when the value changes nothing', () => {
    expect(brakes(DB, [[600, -100]]).kinds).toContain('not-next');
    expect(brakes(DB, [[512, -100]]).kinds).toContain('still-next');
  });
});

describe('what is meant', () => {
  it('is found by pid, name, and unit with or without its ending', () => {
    const scan = scanOf(DB);
    expect(findTarget(scan, '512')).toMatchObject({ kind: 'found', subject: 'mysqld', dropInUnit: null });
    expect(findTarget(scan, 'MYSQLD')).toMatchObject({ kind: 'found', subject: 'mysqld', dropInUnit: null });
    expect(findTarget(scan, 'mysql')).toMatchObject({ kind: 'found', dropInUnit: 'mysql.service' });
    expect(findTarget(scan, 'app.service')).toMatchObject({ kind: 'found', processes: [{ pid: 700 }, { pid: 701 }] });
    expect(findTarget(scan, '99')).toEqual({ kind: 'none', names: [] });
    expect(findTarget(scan, 'mysqlx')).toMatchObject({ kind: 'none', names: expect.arrayContaining(['mysqld']) });
  });

  it('is never guessed', () => {
    const found = findTarget(scanOf(DB), 'worker');

    expect(found).toMatchObject({ kind: 'several', more: 0 });
    if (found.kind === 'several') expect(found.choices.map((one) => one.word)).toEqual(['app.service', '700', '701']);
  });

  it.each([
    ['postgres', null, 'postgresql'],
    ['mysqld', null, 'mysql'],
    ['redis-server', null, 'redis'],
    ['nginx', '/kubepods/burstable/pod12345678-1234-1234-1234-123456789012/' + 'a'.repeat(64), 'pod'],
    ['nginx', `/docker/${'b'.repeat(64)}`, 'container'],
  ])('and %s in %s gets the advice for %s', (name, cgroup, vendor) => {
    const [one] = scanOf([{ pid: 5, name, ...(cgroup === null ? {} : { cgroup }) }]).processes;
    expect(vendorNotes([one!])).toContainEqual({ kind: 'vendor', vendor });
  });
});
