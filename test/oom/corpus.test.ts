import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Domain, KillRecord } from '../../src/oom/report.ts';
import {
  ownCorpus,
  parseLines,
  publicCorpus,
  readLogFile,
  toLines,
  type Corpus,
  type CorpusEntry,
} from '../support/corpus.ts';

type Row = Record<string, unknown>;

const USERSPACE = new Set(['systemd-oomd', 'earlyoom', 'nohang', 'oomd']);
const DOMAINS: Record<string, Domain> = {
  global: 'host',
  sysrq: 'host',
  memcg: 'memcg',
  cpuset: 'cpuset',
  mempolicy: 'mempolicy',
};
/** Keys of the index that are told as they are. */
const SAME_KEYS: [string, keyof KillRecord][] = [
  ['pid', 'pid'],
  ['name', 'name'],
  ['constraint', 'constraint'],
  ['total_vm_kb', 'totalVmKiB'],
  ['anon_rss_kb', 'anonRssKiB'],
  ['file_rss_kb', 'fileRssKiB'],
  ['shmem_rss_kb', 'shmemRssKiB'],
  ['pgtables_kb', 'pageTablesKiB'],
  ['uid', 'uid'],
  ['oom_score_adj', 'oomScoreAdj'],
  ['score', 'score'],
  ['badness', 'score'],
  ['oom_memcg', 'oomMemcg'],
  ['task_memcg', 'taskMemcg'],
  ['cgroup', 'taskMemcg'],
  ['mem_usage_kb', 'memcgUsageKiB'],
  ['mem_limit_kb', 'memcgLimitKiB'],
  ['ram_pages', 'ramPages'],
  ['swap_total_kb', 'totalSwapKiB'],
  ['swap_free_kb', 'freeSwapKiB'],
  ['tasks_in_dump', 'tasksInDump'],
  ['group', 'oomGroup'],
  ['reaped', 'reaped'],
];
/** The ring buffer had lost the first half of the reports when dmesg was asked. */
const REPORTS_WITHOUT_VICTIM: Record<string, number> = { 'd12-nokill.dmesg.log': 42 };

/** What the index says of a kill, in the record's own keys. */
function wantedOf(row: Row, entry: CorpusEntry): Row {
  const wanted: Row = {};
  for (const [from, to] of SAME_KEYS) if (row[from] !== null && row[from] !== undefined) wanted[to] = row[from];
  const kind = typeof row['kind'] === 'string' ? row['kind'] : '';
  wanted['killer'] = USERSPACE.has(kind) ? kind : 'kernel';
  const domain = DOMAINS[kind];
  if (domain !== undefined) wanted['domain'] = domain;
  const { timestamp, mono_us: monoUs } = row;
  if (typeof timestamp === 'string') wanted['timeText'] = timestamp;
  if (typeof monoUs === 'number' && PRINTS_KERNEL_TIME.has(entry.form ?? '')) wanted['kernelSeconds'] = monoUs / 1e6;
  return wanted;
}

const PRINTS_KERNEL_TIME = new Set(['dmesg', 'dmesg-r', 'dmesg-x', 'kmsg', 'journal-k-json', 'console', 'bb-dmesg']);

function triggerOf(row: Row): Row {
  const trigger = (row['trigger'] ?? {}) as Row;
  const keys: [string, string][] = [
    ['name', 'name'],
    ['pid', 'pid'],
    ['gfp_mask', 'gfpMask'],
    ['gfp_flags', 'gfpFlags'],
    ['order', 'order'],
    ['oom_score_adj', 'oomScoreAdj'],
  ];
  return Object.fromEntries(
    keys
      .filter(([from]) => trigger[from] !== null && trigger[from] !== undefined)
      .map(([from, to]) => [to, trigger[from]]),
  );
}

function check(record: KillRecord, row: Row, entry: CorpusEntry): void {
  const wanted = wantedOf(row, entry);
  const got = record as unknown as Row;
  expect(Object.fromEntries(Object.keys(wanted).map((key) => [key, got[key]]))).toEqual(wanted);
  expect(record.trigger ?? {}).toMatchObject(triggerOf(row));
  if (typeof row['selected_pid'] === 'number') expect(record.selected).toMatchObject({ pid: row['selected_pid'] });
  if (row['header'] === false && row['tasks_in_dump'] == null && row['trigger'] == null && row['constraint'] == null)
    expect([record.trigger, record.tasksInDump, record.constraint, record.oomMemcg]).toEqual([
      null,
      null,
      null,
      row['oom_memcg'] ?? null,
    ]);
  const top = row['top3_rss'] as { name: string; rss_pages: number }[] | null | undefined;
  if (top != null)
    expect(record.topTasks?.slice(0, top.length).map((task) => task.rssPages)).toEqual(
      top.map((task) => task.rss_pages),
    );
  if (typeof row['kernel_utc'] === 'string' && record.time !== null && entry.form !== 'dmesg-iso') {
    const lateMs = Date.parse(record.time) - Date.parse(row['kernel_utc']);
    // Stamps may be whole seconds. journald and rsyslog note when they took the line; under a shortage that is later.
    expect(lateMs).toBeGreaterThan(-2_000);
    expect(lateMs).toBeLessThan(120_000);
  }
  for (const { line, text } of record.evidence) expect([typeof line, text.length > 0]).toEqual(['number', true]);
}

function pidsOf(rows: readonly { pid?: unknown }[]): number[] {
  return rows.map((row) => Number(row.pid ?? 0)).toSorted((a, b) => a - b);
}

function isLoneReaper(record: KillRecord): boolean {
  return record.outcome === 'truncated' && record.reaped;
}

describe.each([ownCorpus(), publicCorpus()].filter((corpus): corpus is Corpus => corpus !== null))(
  'real logs in $directory',
  (corpus) => {
    it('has an entry for every file', () => {
      const files = readdirSync(corpus.directory).filter((file) => /\.log(?:\.gz)?$/.test(file));

      expect(files.toSorted()).toEqual(corpus.entries.map((entry) => entry.file).toSorted());
    });

    it.each(corpus.entries)('reads every kill of $file, and invents none', (entry) => {
      const records = parseLines(toLines(readLogFile(corpus, entry.file)));

      const kills = records.filter((record) => record.pid !== null || record.killer !== 'kernel');
      const expected = [...entry.expect.filter((row) => row['visible'] !== false), ...(entry.userspace_kills ?? [])];
      expect(pidsOf(kills)).toEqual(pidsOf(expected));
      const left = [...kills];
      for (const row of expected) {
        const at = left.findIndex(
          (record) => record.pid === (row['pid'] ?? null) && record.name === (row['name'] ?? null),
        );
        const [record] = left.splice(at < 0 ? left.findIndex((one) => one.pid === (row['pid'] ?? null)) : at, 1);
        if (record !== undefined) check(record, row, entry);
      }
      expect(left).toEqual([]);
    });

    it.each(corpus.entries)('tells reports without a victim in $file from kills', (entry) => {
      const records = parseLines(toLines(readLogFile(corpus, entry.file)));

      const none = records.filter(
        (record) => !['killed', 'attempted', 'suppressed'].includes(record.outcome) && !isLoneReaper(record),
      );
      expect(none.every((record) => record.pid === null && record.name === null)).toBe(true);
      const wanted = REPORTS_WITHOUT_VICTIM[entry.file] ?? entry.no_victim_events ?? 0;
      expect(new Set(none.map((record) => record.report)).size).toBe(wanted);
    });
  },
);
