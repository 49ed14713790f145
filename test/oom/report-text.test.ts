import { describe, expect, it } from 'vitest';
import { openLogParser } from '../../src/oom/report/log-parser.ts';
import type { OomEvent } from '../../src/oom/report.ts';
import { laterLines, tasksIn, textOf } from '../../src/oom/report/report-text.ts';
import { ownCorpus, readLogFile, toLines } from '../support/corpus.ts';

const CORPUS = ownCorpus();

function eventsOf(lines: readonly string[]): OomEvent[] {
  const parser = openLogParser({ keepsLines: true });
  return [...lines.flatMap((line, at) => parser.line(line, at + 1)), ...parser.end()];
}

function reportsIn(events: readonly OomEvent[]): string[][] {
  return events.flatMap(({ report }) => (report === undefined ? [] : [textOf(report).split('\n')]));
}

function bare(line: string): string {
  return line.replace(/^\[ *\d+\.\d{6}\] /, '').trim();
}

describe('the lines of a report', () => {
  it('come once, with its first kill, from its header to its kill line', () => {
    const lines = toLines(readLogFile(CORPUS, 'd12-unit-java.dmesg.log'));
    const events = eventsOf(lines);
    const [report = [], ...others] = reportsIn(events);
    const from = lines.findIndex((line) => line.includes('invoked oom-killer'));
    const to = lines.findIndex((line) => line.includes('Killed process'));

    expect(others).toEqual([]);
    expect(events.find((event) => event.report !== undefined)?.kind).toBe('kill');
    // dmesg sets the later lines of one printk in, without a stamp.
    expect(report.map(bare)).toEqual(lines.slice(from, to + 1).map(bare));
    expect(report[0]).toBe(lines[from]);
  });

  it('of a group that died together come once for all of them', () => {
    const events = eventsOf(toLines(readLogFile(CORPUS, 'd12-oomgroup.dmesg.log')));

    expect(events.filter(({ kind }) => kind === 'kill')).toHaveLength(4);
    expect(reportsIn(events)).toHaveLength(1);
  });

  it.each(CORPUS.entries.map(({ file }) => file).filter((file) => file.includes('dmesg')))(
    'of %s hold its whole task table',
    (file) => {
      for (const { report, record } of eventsOf(toLines(readLogFile(CORPUS, file))))
        if (report !== undefined) expect(tasksIn(textOf(report).split('\n')).length).toBe(record.tasksInDump ?? 0);
    },
  );

  it('are bounded: what is too much is left out, and how much is said', () => {
    const lines = toLines(readLogFile(CORPUS, 'd12-unit-java.dmesg.log'));
    const row = lines.findIndex((line) => /\] \[ *\d+\] +\d+ +\d+/.test(line));
    const many = Array.from({ length: 9_000 }, (_, at) => (lines[row] ?? '').replace(/569/, String(10_000 + at)));
    const [report = []] = reportsIn(eventsOf([...lines.slice(0, row), ...many, ...lines.slice(row)]));

    expect(report.join('\n').length).toBeLessThan(600 * 1024);
    expect(report.at(-1)).toMatch(/^\(\d{4} more lines were not kept: the report is too large\)$/);
  });

  it('are not asked for where nobody keeps them', () => {
    const parser = openLogParser();
    const lines = toLines(readLogFile(CORPUS, 'd12-unit-java.dmesg.log'));
    const events = [...lines.flatMap((line, at) => parser.line(line, at + 1)), ...parser.end()];

    expect(reportsIn(events)).toEqual([]);
  });

  it('are completed by what the kill’s evidence has beyond them', () => {
    const kept = ['[    1.000000] a', '[    1.000001] Killed process 7 (x)'];

    expect(laterLines(kept, [{ text: 'Killed process 7 (x)' }, { text: 'oom_reaper: reaped process 7 (x)' }])).toEqual([
      'oom_reaper: reaped process 7 (x)',
    ]);
  });
});
