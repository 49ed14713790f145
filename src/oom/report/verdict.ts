import { decodeText, toInteger } from '../bytes.ts';
// The lines that name somebody: who asked, who was chosen, who was killed, who was reaped. All take byte strings.
import type { Trigger } from '../report.ts';

// php-fpm8.2 invoked oom-killer: gfp_mask=0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP), order=0, oom_score_adj=0
// oom-killer: gfp_mask=0x280d2, order=0                      up to 2.6.18; the name is any 15 bytes, so it is what stands before
const HEADER = /(?:^|^(.*?) )(?:invoked )?oom-killer(?:: gfp_mask=(0x[0-9a-f]+)(?:\(([^)]*)\))?)?/s;
/** Cut behind the words, or within the mask; else words go on, which are somebody else's. */
const HEADER_CUT = /^(?::? ?(?:g[fp_mask]{0,7}(?:=(?:0x?)?)?|\W{0,8}))?$/;
const HEADER_ORDER = /, +order=(-?\d+)/;
const HEADER_ADJ = /oom_score_adj=(-?\d+)/;
const COMM_MAX = 15;
/** Console text of another program may stand on the line before the kernel's own stamp. */
const STAMP_INSIDE = /^.*\[ *\d+\.\d{6}\](?: ?\[ *[TC]\d+\])? /s;

/** The report's first line, or null. `pid` comes from the CPU line. */
export function parseHeader(text: string): Trigger | null {
  const header = HEADER.exec(text);
  if (header === null || (header[1] === undefined && header[2] === undefined)) return null;
  const before = header[1]?.endsWith(' invoked') === true ? header[1].slice(0, -8) : header[1];
  const name = before?.replace(STAMP_INSIDE, '');
  if (
    name !== undefined &&
    (name.replace(/\\x[0-9a-f]{2}/gi, '.').length > COMM_MAX || !text.includes(' invoked oom-killer'))
  )
    return null;
  const rest = text.slice(header.index + header[0].length);
  if (header[2] === undefined && !HEADER_CUT.test(rest)) return null;
  return {
    name: name === undefined ? null : decodeText(name),
    pid: null,
    gfpMask: header[2] ?? null,
    gfpFlags: header[3] === undefined || header[3] === '' ? null : header[3],
    order: toInteger(HEADER_ORDER.exec(rest)?.[1]),
    oomScoreAdj: toInteger(HEADER_ADJ.exec(rest)?.[1]),
  };
}

export interface CpuLine {
  pid: number;
  comm: string;
  kernelRelease: string | null;
}

// CPU: 0 PID: 512 Comm: php-fpm8.2 Not tainted 6.1.0-50-amd64 #1  Debian 6.1.179-1          3.10 to 6.10
// CPU: 1 UID: 0 PID: 7 Comm: sh Kdump: loaded Tainted: P           OE     6.12.0 #1          6.11 on
// Pid: 1532, comm: badsysprogram Not tainted 3.4.0-amd64 #1                                  up to 3.9
const CPU_FRONT = /^ ?(?:CPU: \d+ (?:UID: \d+ )?PID: (\d+) Comm: |Pid: (\d+), comm: )/;
// A letter for each reason, and a blank for each that does not hold: they may stand in several groups.
const TAINT = / (?:Not tainted|Tainted: [A-Z][A-Z ()=_,]{0,200})(?= )/g;
const RELEASE = /^ *\(?(\d{1,3}\.\d{1,3}\S{0,200})/;

/** Who was running when the report was printed: the trigger's thread id. */
export function parseCpuLine(text: string): CpuLine | null {
  const front = CPU_FRONT.exec(text);
  if (front === null) return null;
  const rest = text.slice(front[0].length, front[0].length + CPU_LINE_MAX);
  TAINT.lastIndex = 0;
  // A name may hold the words too: the last that are there are the kernel's.
  let taint: RegExpExecArray | null = null;
  for (let next = TAINT.exec(rest); next !== null; next = TAINT.exec(rest)) taint = next;
  if (taint === null) return null;
  const name = rest.slice(0, taint.index).replace(/ Kdump: \w{1,20}$/, '');
  const release = RELEASE.exec(rest.slice(taint.index + taint[0].length));
  return {
    pid: Number(front[1] ?? front[2]),
    comm: decodeText(name),
    kernelRelease: release?.[1] ?? null,
  };
}

/** Name, taint letters, release and build: none of them comes near. */
const CPU_LINE_MAX = 1_000;

export interface Verdict {
  constraint: string;
  oomMemcg: string | null;
  taskMemcg: string | null;
  name: string | null;
  pid: number | null;
  uid: number | null;
  globalOom: boolean;
}

// oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/a,task_memcg=/a/b,task=java,pid=966,uid=0
// A host-wide kill prints "global_oom" where oom_memcg= would be. Kernels before 5.0 have no such line.
/** The `oom-kill:` line; what a cut took away is null. */
export function parseVerdict(text: string): Verdict | null {
  const start = text.indexOf('oom-kill:constraint=');
  if (start < 0 || start > 1) return null;
  const constraint = /^[A-Za-z_]+/.exec(text.slice(start + 20))?.[0] ?? '';
  // Names and paths may hold commas and "=": pid and uid are read from the end, task= reaches to the last ",pid=".
  const pidAt = text.lastIndexOf(',pid=');
  const tail =
    pidAt < 0 ? null : /^,pid=(\d+)(?:,| {0,2},? {0,2}uid)(?:uid=(\d+))?/.exec(text.slice(pidAt, pidAt + TAIL_MAX));
  const taskEnd = pidAt < 0 ? text.length : pidAt;
  const body = text.slice(0, taskEnd);
  const oomMemcgAt = body.indexOf(',oom_memcg=/');
  const taskMemcgAt = body.indexOf(',task_memcg=/', Math.max(0, oomMemcgAt));
  const taskAt = body.indexOf(',task=', Math.max(0, taskMemcgAt));
  return {
    constraint,
    oomMemcg: oomMemcgAt < 0 ? null : between(body, oomMemcgAt + 11, taskMemcgAt, taskAt),
    taskMemcg: taskMemcgAt < 0 || taskAt < 0 ? null : decodeText(body.slice(taskMemcgAt + 12, taskAt)),
    name: taskAt < 0 || pidAt < 0 ? null : decodeText(body.slice(taskAt + 6)),
    pid: tail === null ? null : Number(tail[1]),
    uid: toInteger(tail?.[2]),
    globalOom: body.includes(',global_oom'),
  };
}

function between(body: string, start: number, end: number, orElse: number): string | null {
  const to = end >= 0 ? end : orElse;
  return to < 0 ? null : decodeText(body.slice(start, to));
}

export interface Score {
  /** What stands before it: says what ran out. */
  message: string;
  pid: number;
  name: string;
  /** null: cut off. */
  score: number | null;
  allocatingTask: boolean;
  memcg: boolean;
  andChildren: boolean;
}

// Out of memory: Kill process 18540 (mysqld) score 512 or sacrifice child               2.6.36 to 5.0
// Out of memory: kill process 5516 (python) score 216154 or a child                     up to 2.6.35
// Out of Memory: Kill process 10 (sh) score 345 and children.                          2.6.16 to 2.6.19
const SCORE_FRONT = /^(.{0,80}?)[Kk]ill process (\d{1,10}) \(/s;
/** Cut behind the name. */
const SCORE_CUT = /^.{1,15}\)\W{0,3}$/;
const SCORE_TAIL = /^\) score (-?\d{1,20})\b( and children)?/;

/** The line that names the chosen process and its score. The name is 15 bytes of anything: the last tail that is there ends it. */
export function parseScore(text: string): Score | null {
  const front = SCORE_FRONT.exec(text);
  if (front === null) return null;
  const found = text.lastIndexOf(') score ');
  const tail = found < front[0].length ? null : SCORE_TAIL.exec(text.slice(found, found + TAIL_MAX));
  const isCut = tail === null && front[1] !== '' && SCORE_CUT.test(text.slice(front[0].length));
  if (tail === null && !isCut) return null;
  const end = tail === null ? text.lastIndexOf(')') : found;
  const message = (front[1] ?? '').replace(/: ?$/, '').trim();
  if (!MESSAGES.test(message)) return null;
  return {
    message,
    pid: Number(front[2]),
    name: decodeText(text.slice(front[0].length, end)),
    score: toInteger(tail?.[1]),
    allocatingTask: message.includes('oom_kill_allocating_task'),
    memcg: message.includes('emory cgroup'),
    andChildren: tail?.[2] !== undefined,
  };
}

const TAIL_MAX = 100;

export interface KilledLine {
  /** What stands before "Killed process": says the domain. Empty up to 5.0, where the score line says it. */
  message: string;
  pid: number;
  /** null: torn off. */
  name: string | null;
  uid: number | null;
  totalVmKiB: number | null;
  anonRssKiB: number | null;
  fileRssKiB: number | null;
  shmemRssKiB: number | null;
  pageTablesKiB: number | null;
  oomScoreAdj: number | null;
  /** The line ends before it should: fields that it does not hold are null, a last number is not trusted. */
  torn: boolean;
}

const KILLED = /^ ?(.{0,80}?)(?:^|[ :] ?|^ )Killed process (\d+)(?:, UID (\d+),)? ?/s;
// Only these may stand before it: anything else is somebody else's text that quotes the kernel.
const MESSAGES =
  /^(?:Out of memory(?: \(oom_kill_allocating_task\))?|Memory cgroup out of memory|Out of Memory|No available memory(?: \(MPOL_BIND\)| in cpuset)?|)$/;
const KNOWN_TAIL = /\),? (?:UID \d+, )?(?:total-vm|vsz):\d+kB/g;

/**
 * The line that announces a death. The name is 15 bytes of anything, `)` included, and the only free text here:
 * known text is cut from both ends, what is left is the name.
 */
export function parseKilled(text: string): KilledLine | null {
  if (text.includes('OOM killed process ')) return parseContainerKilled(text);
  const killed = KILLED.exec(text);
  if (killed === null) return null;
  const message = (killed[1] ?? '').replace(/:$/, '').trim();
  if (!MESSAGES.test(message)) return null;
  const rest = text.slice(killed[0].length);
  // Cut behind a digit: there may have been more of them.
  if (rest === '' && !text.endsWith(' ')) return null;
  const nameStart = rest.startsWith('(') ? 1 : -1;
  if (nameStart < 0 && rest !== '') return null;
  const end = nameEnd(rest);
  const fields = end < 0 ? '' : rest.slice(end + 1);
  const uidAfter = /^, UID (\d+),/.exec(fields)?.[1] ?? / UID:(\d+)/.exec(fields)?.[1];
  return {
    message,
    pid: Number(killed[2]),
    name: nameStart < 0 ? null : decodeText(rest.slice(nameStart, end < 0 ? undefined : end)),
    uid: toInteger(killed[3] ?? uidAfter),
    totalVmKiB: wholeKiB(fields, ' total-vm:') ?? wholeKiB(fields, ' vsz:'),
    anonRssKiB: wholeKiB(fields, ' anon-rss:'),
    fileRssKiB: wholeKiB(fields, ' file-rss:'),
    shmemRssKiB: wholeKiB(fields, ' shmem-rss:'),
    pageTablesKiB: wholeKiB(fields, ' pgtables:'),
    oomScoreAdj: toInteger(/ oom_score_adj:(-?\d+)/.exec(fields)?.[1]),
    torn: end < 0,
  };
}

// Out of memory in UB 1234: OOM killed process 21738 (php-cgi) score 0 vm:281988kB, rss:17004kB, swap:0kB
const CONTAINER_KILLED =
  /^ ?(Out of memory(?: in UB \d+)?): OOM killed process (\d+) \((.*)\) score -?\d+ vm:(\d+)kB, rss:\d+kB, swap:\d+kB/s;

/** OpenVZ and Virtuozzo, whose containers have limits of their own (beancounters). */
function parseContainerKilled(text: string): KilledLine | null {
  const killed = CONTAINER_KILLED.exec(text);
  if (killed === null) return null;
  return {
    message: killed[1] ?? '',
    pid: Number(killed[2]),
    name: decodeText(killed[3] ?? ''),
    uid: null,
    totalVmKiB: Number(killed[4]),
    anonRssKiB: null,
    fileRssKiB: null,
    shmemRssKiB: null,
    pageTablesKiB: null,
    oomScoreAdj: null,
    torn: false,
  };
}

/** Signs of a wrapping that may stand right behind a line that ends with the name: quotes, tags, brackets, escapes. */
const WRAPPED_END = /^\)(?:\.| score -?\d|["'`<\]}$*|\\^\0\x1b\xe2])/;

/** Where the `)` behind the name is: before the last known tail, else the last one of a line that ends there, else -1. */
function nameEnd(rest: string): number {
  let end = -1;
  for (let tail = KNOWN_TAIL.exec(rest); tail !== null; tail = KNOWN_TAIL.exec(rest))
    if (end < 0 || isName(rest.slice(1, tail.index))) end = tail.index;
  if (end >= 0) return end;
  const close = rest.lastIndexOf(')');
  const near = rest.lastIndexOf(')', COMM_MAX + 1);
  // Up to 2.6.27 the line ends with a full stop; what follows it is not the kernel's.
  if (close > near && rest.startsWith(').', near)) return near;
  // More than a name can have: what follows it is somebody else's, or a line that breaks off.
  if (near >= 0 && rest.length > COMM_MAX + 2 && !rest.includes('\\x')) return near;
  if (near >= 0 && /^\) score -?\d/.test(rest.slice(near))) return near;
  if (close >= 0 && /^\)[.,]?(?: \S*)?\s*$/.test(rest.slice(close))) return close;
  return near >= 0 && WRAPPED_END.test(rest.slice(near)) ? near : -1;
}

/** Not longer than the kernel prints: what is has another kill line behind it. */
function isName(text: string): boolean {
  return text.length <= COMM_MAX * 4 && text.replace(/\\x[0-9a-f]{2}/gi, '.').length <= COMM_MAX;
}

/** `label` with its separator in front, as in ` total-vm:7721568kB,`. A number that the line's end cut has no unit, and counts not. */
function wholeKiB(fields: string, label: string): number | null {
  const start = fields.indexOf(label) + label.length;
  if (start < label.length) return null;
  // Where a line was broken behind the label, and joined again, a blank stands.
  const first = fields.charCodeAt(start) === 32 ? start + 1 : start;
  let at = first;
  let value = 0;
  for (let code = fields.charCodeAt(at); code >= 48 && code <= 57; code = fields.charCodeAt((at += 1)))
    value = value * 10 + code - 48;
  return at > first && fields.startsWith('kB', at) ? value : null;
}

export interface ReaperLine {
  pid: number;
  name: string;
  reaped: boolean;
}

// oom_reaper: reaped process 365 (mariadbd), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB
// oom_reaper: unable to reap pid:365 (mariadbd)
const REAPER =
  /^ ?oom_reaper: (?:reaped process :?(\d+) \((.*)\)(?:,? (?:now )?anon-rss:|,?\s*$)|unable to reap pid:(\d+) \((.*)\))/s;

/** What the reaper (4.6 and newer) says of a victim's memory. */
export function parseReaper(text: string): ReaperLine | null {
  const reaper = REAPER.exec(text);
  if (reaper === null) return null;
  const reaped = reaper[1] !== undefined;
  return { pid: Number(reaper[1] ?? reaper[3]), name: decodeText(reaper[2] ?? reaper[4] ?? ''), reaped };
}
