import { describe, expect, it } from 'vitest';
import type { ReportStore, ReportText } from '../../src/app/store-port.ts';
import type { HostFacts } from '../../src/app/host-link.ts';
import { openLogReader } from '../../src/app/watch/log-reader.ts';
import { openReportKeeper, type ReportLines } from '../../src/app/watch/report-keeper.ts';
import { ownCorpus, readLogFile, toLines } from '../support/corpus.ts';
import { fakeClock } from '../support/fake-clock.ts';

function aReport(key: string, given: Partial<ReportLines> = {}): ReportLines {
  return { host: 'db01', key, lines: ['caf\xc3\xa9', 'b'], leftOut: 0, ...given };
}

/** A record that knows these kills, and fails while it is told to. */
function aRecord(known: Set<string>) {
  const kept: ReportText[] = [];
  const state = { fails: false };
  const store: ReportStore = {
    saveReports: async (reports) => {
      if (state.fails) throw new Error('the disk is full');
      return reports.map((report) => known.has(report.key) && kept.push(report) > 0);
    },
    report: () => Promise.resolve(null),
  };
  return { kept, state, store };
}

function aKeeper(store: ReportStore) {
  const clock = fakeClock(0);
  const warnings: string[] = [];
  const log = { info: () => {}, warn: (_: unknown, text: string) => void warnings.push(text), error: () => {} };
  return { clock, warnings, keeper: openReportKeeper({ store, clock, log }) };
}

describe('what is read of a host', () => {
  it('has the lines of a report beside the kill that they are of', () => {
    const lines = toLines(readLogFile(ownCorpus(), 'd12-unit-java.dmesg.log'));
    const facts = { bootId: null, bootAtMs: 0, bootErrorMs: 0, clockOffsetMs: 0 } as HostFacts;
    const reader = openLogReader({ host: 'db01', facts, nowMs: () => 1_000, who: () => null, named: () => null });
    const { kills, reports } = reader.take({
      source: 'dmesg',
      lines,
      arrivedAtMs: 1_000,
      bootId: null,
      live: true,
      lookup: null,
      positionAfter: () => null,
    });

    expect(reports.map(({ host, key }) => [host, key])).toEqual([['db01', kills[0]?.key]]);
    expect(reports[0]?.lines.join('\n')).toContain('invoked oom-killer');
  });
});

describe('the reports of all hosts', () => {
  it('are saved a little after their kills, as text that people read', async () => {
    const { kept, store } = aRecord(new Set(['a']));
    const { clock, keeper } = aKeeper(store);

    keeper.keep([aReport('a', { leftOut: 3 })]);
    await clock.advance(1_000);
    expect(kept).toEqual([]);
    await clock.advance(2_000);

    expect(kept).toEqual([
      { host: 'db01', key: 'a', text: 'café\nb\n(3 more lines were not kept: the report is too large)' },
    ]);
  });

  it('wait for a kill that is not on record yet, but not for ever', async () => {
    const known = new Set<string>();
    const { kept, store } = aRecord(known);
    const { clock, keeper } = aKeeper(store);
    keeper.keep([aReport('late'), aReport('never')]);
    await clock.advance(5_000);
    known.add('late');
    await clock.advance(120_000);

    expect(kept.map(({ key }) => key)).toEqual(['late']);
    expect(clock.sleeperCount()).toBe(0);
  });

  it('outlast a store that fails', async () => {
    const { kept, state, store } = aRecord(new Set(['a']));
    const { clock, keeper } = aKeeper(store);
    state.fails = true;
    keeper.keep([aReport('a')]);
    await clock.advance(300_000);
    state.fails = false;
    await clock.advance(5_000);

    expect(kept.map(({ key }) => key)).toEqual(['a']);
  });

  it('are let go where too much waits, which is logged', async () => {
    const { kept, store } = aRecord(new Set(['a', 'b']));
    const { clock, keeper, warnings } = aKeeper(store);
    const lines = ['x'.repeat(20 * 1024 * 1024)];

    keeper.keep([aReport('a', { lines }), aReport('b', { lines })]);
    await clock.advance(10_000);
    keeper.keep([aReport('b')]);
    await clock.advance(10_000);

    expect(kept.map(({ key, text }) => `${key} ${text.length}`)).toEqual([`a ${20 * 1024 * 1024}`, 'b 6']);
    expect(warnings).toEqual(['A report is not kept: too many wait to be saved']);
  });

  it('are saved at a stop without waiting', async () => {
    const { kept, store } = aRecord(new Set(['a']));
    const { keeper } = aKeeper(store);
    keeper.keep([aReport('a'), aReport('unknown')]);

    await keeper.close();

    expect(kept.map(({ key }) => key)).toEqual(['a']);
  });
});
