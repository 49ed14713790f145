import { decodeText } from '../bytes.ts';
import type { LogLine } from '../framing/frame.ts';
import { emptyMemcg, readMemcgLine } from './memcg.ts';
import { readMemoryLine } from './memory.ts';
import { note, type ReportState } from './report-state.ts';
import { openTable, readRow } from './tasks.ts';
import { parseCpuLine } from './verdict.ts';

const SLAB_START = /^ ?Unreclaimable slab info:/;
const SLAB_SIZE = /^(\d{1,15})KB$/;
const SLAB_WORDS_MAX = 8;
const SLABS_MAX = 40;
const NAME_MAX = 15;
const ROAD = /mem_cgroup_o(?:ut_of_memory|om)|pagefault_out_of_memory|moom_callback|__alloc_pages/;
const ROADS: Record<string, 'memcg' | 'page-fault' | 'sysrq' | 'host'> = {
  mem_cgroup_out_of_memory: 'memcg',
  mem_cgroup_oom: 'memcg',
  pagefault_out_of_memory: 'page-fault',
  moom_callback: 'sysrq',
  __alloc_pages: 'host',
};
// Up to 4.4 a line for each processor in each zone: `CPU    0: hi:  186, btch:  31 usd:   0`, `cpu 0 hot: low 2, high 6, batch 1`.
const HEADINGS =
  /^ ?(?:Mem-[Ii]nfo:|Tasks state \(|Name +Used +Total|(?:CPU|cpu) +\d+:? (?:hi:|[Hh]ot:|cold:)|(?:Node \d+ )?\w+ per-cpu:)/;
const HEADINGS_FIRST = new Set(Array.from('MTNCc', (letter) => letter.charCodeAt(0)));

const MEMORY_MIDDLE =
  /^ ?(?:active_anon:\d{1,15} inactive_anon:\d|Node \d{1,4} (?:active_anon:\d|\w{1,8} free:\d{1,15}kB ))/;
const MEMORY_END = /^ ?(?:Free swap {0,8}= {0,20}-?\d{1,15}kB|\d{1,15} pages RAM)\s*$/;

// php-fpm cpuset=/ mems_allowed=0
const CPUSET = /^.{1,64}? cpuset=.{1,512}? mems_allowed=[\d,-]{1,512}\s*$/s;

/** A line that can begin the rest of a report whose header is lost. */
export function beginsHeadless(text: string): boolean {
  const first = text.charCodeAt(0) === 32 ? text.charCodeAt(1) : text.charCodeAt(0);
  // Of Mem-Info only its last lines may be left; a failed allocation prints them too, but no table and no verdict.
  if (first === 70 || (first >= 48 && first <= 57)) return MEMORY_END.test(text);
  if (first === 78 || first === 97) return MEMORY_MIDDLE.test(text);
  if (first === 77) return /^ ?Mem-[Ii]nfo:|^ ?Memory (?:cgroup stats|limit reached of cgroup)/.test(text);
  if (first === 84)
    return /^ ?Task(?: in .* killed as a result of limit of |s state \(memory values in pages\))/.test(text);
  if (first === 109) return /^ ?memory(?:\+swap)?: usage \d+kB, limit /.test(text);
  return first === 91 && openTable(text) !== null;
}

/** Takes one line of the body of an undecided report; false: it means nothing to it. */
export function readReportLine(report: ReportState, line: LogLine): boolean {
  const { text } = line;
  const table = report.table;
  if (table === null) noteStray(report, line);
  if (table !== null) {
    if (readRow(table, text, line.line)) return true;
    if (continueName(report, line)) return true;
  }
  const first = text.charCodeAt(0) === 32 ? text.charCodeAt(1) : text.charCodeAt(0);
  if (first === 91 && table === null) {
    report.table = openTable(text);
    if (report.table === null) return false;
    note(report.evidence, line);
    return true;
  }
  if ((first === 67 || first === 80) && report.cpu === null) {
    const cpu = parseCpuLine(text);
    if (cpu !== null) {
      report.cpu = cpu;
      note(report.evidence, line);
      return true;
    }
  }
  if (table === null && report.cpusetLine === null && text.includes(' mems_allowed=') && CPUSET.test(text)) {
    report.cpusetLine = line;
    note(report.evidence, line);
    return true;
  }
  if (text.includes('+0x')) return readTrace(report, text);
  if (!report.foreignMemory && readMemoryLine(report.memory, text)) return true;
  if (
    first === 109 ||
    first === 115 ||
    first === 107 ||
    first === 84 ||
    first === 77 ||
    report.memcg?.statsOpen === true
  ) {
    const memcg = report.memcg ?? emptyMemcg();
    if (readMemcgLine(memcg, text)) {
      report.memcg = memcg;
      if (memcg.statsOpen ? /usage|stats/.test(text) : true) note(report.evidence, line);
      return true;
    }
  }
  if (report.slabsOpen && readSlab(report, text)) return true;
  if (first === 85 && SLAB_START.test(text)) {
    report.slabsOpen = true;
    return true;
  }
  if (readTrace(report, text)) return true;
  return (HEADINGS_FIRST.has(first) || text.includes(' per-cpu:')) && HEADINGS.test(text);
}

/** `kmalloc-512             1234KB       2048KB`; the name may hold blanks. Read from the end. */
function readSlab(report: ReportState, text: string): boolean {
  const words = text.trim().split(/ +/, SLAB_WORDS_MAX);
  const [used, total] = words.slice(-2).map((word) => SLAB_SIZE.exec(word)?.[1]);
  if (words.length < 3 || used === undefined || total === undefined) return false;
  if (report.slabs.length < SLABS_MAX)
    report.slabs.push({
      name: decodeText(words.slice(0, -2).join(' ')),
      usedKiB: Number(used),
      totalKiB: Number(total),
    });
  return true;
}

/** A line of the call trace, or the worker that asked: tells which road led to the killer. */
function readTrace(report: ReportState, text: string): boolean {
  const road = ROADS[ROAD.exec(text)?.[0] ?? ''];
  if (road !== undefined) report.roads.add(road);
  return road !== undefined;
}

const STRAYS_MAX = 32;

/** What stands between the lines of a report before its table may stand between the rows as well. */
function noteStray({ strays }: ReportState, { text, continued, kernelUs }: LogLine): void {
  if (text.length < NAME_MAX && !continued && kernelUs === null && strays.size < STRAYS_MAX) strays.add(text);
}

/** A row's name with a line break goes on in the next piece of the same record; in a form without stamps, in the next short line. */
function continueName(report: ReportState, line: LogLine): boolean {
  const row = report.table?.rows.at(-1);
  if (row === undefined || line.text.charCodeAt(0) === 91) return false;
  if (!line.continued && report.strays.has(line.text)) return false;
  const name = `${row.name}\n${decodeText(line.text)}`;
  if (name.length > NAME_MAX || row.line < line.line - 2) return false;
  if (!line.continued && (line.kernelUs !== null || line.timeText !== null) && row.line !== line.line - 1) return false;
  if (!line.continued && line.stream.startsWith('structured')) return false;
  row.name = name;
  return true;
}
