// What stands before a kernel message: time stamps, priorities, host and program names, in the forms of dmesg, syslog,
// journalctl, /dev/kmsg and what wraps them. Prefixes are stripped from the outside in.

/** What the prefix of a line told. */
export interface Stamp {
  timeText: string | null;
  realtimeUs: number | null;
  kernelUs: number | null;
  /** null: the kernel, or nobody was named. `userspace`: somebody who wrote into the kernel log. */
  program: string | null;
  host: string;
  form: string;
}

export function emptyStamp(): Stamp {
  return { timeText: null, realtimeUs: null, kernelUs: null, program: null, host: '', form: 'bare' };
}

const MONTHS_DAYS =
  '(?:[A-Z][a-z]{2} )?[A-Za-z\\x80-\\xff.]{2,12} +\\d{1,2} \\d\\d:\\d\\d:\\d\\d(?:\\.\\d+)?(?: \\d{4})?(?=[ ])';

const SECONDS = /\[ *(\d{1,10}\.\d{1,9})\](?: ?\[ *[TC]\d+\])? ?/y;
const DMESG_TIME = /\[([^\][]{5,40}:\d\d \d{4})\] ?/y;
const DMESG_HUMAN = /\[((?:[A-Z][a-z]{2} ?\d{1,2} \d\d:\d\d)| *[+<]\d{1,10}\.\d{1,9}>?)\] ?/y;
const KMSG = /(\d{1,6}),(\d{1,20}),(\d{1,20}),[^;]{0,80};/y;
const PRIORITY = /<(\d{1,3})>/y;
const DECODED =
  /(kern|user|daemon|auth|syslog|local\d|mail|cron|authpriv|lpr|news|uucp|ftp) *: *(?:emerg|alert|crit|err|warn|notice|info|debug) *: */y;
const ISO = /(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d([.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?) /y;
const FULL = /((?:[A-Z][a-z]{2} )?\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? [A-Z0-9+:-]{1,8}) /y;
const RFC3164 = new RegExp(`(${MONTHS_DAYS}) `, 'y');
const EPOCH = /(\d{9,11}(?:\.\d{1,9})?) (?=\S)/y;
const CRI = /(?:stdout|stderr) [FP] /y;
const DROPPED = /\*\* \d+ printk messages? dropped \*\* /y;
const TALOS =
  /kern(?:el)?: +(?:emerg|alert|crit|err|warning|warn|notice|info|debug): \[(\d{4}-\d\d-\d\dT[\d:.]+Z)\]: /y;
const FACILITY = '(?:(?:kern|user|daemon|auth|syslog|local\\d|mail|cron|authpriv)\\.\\w+ )?';
const HOST_PROGRAM = new RegExp(`([^\\s:]{1,255}) ${FACILITY}([^\\s:[\\]]{1,64})(?:\\[(\\d{1,10})\\])?: ?`, 'y');
const BARE_PROGRAM = new RegExp(`${FACILITY}([^\\s:[\\]]{1,64})(?:\\[(\\d{1,10})\\])?: ?`, 'y');
const HOST_SECONDS = /([^\s:[]{1,255}) (?=\[ *\d{1,10}\.\d{1,9}\])/y;
// A program with its pid, as userspace writes it into the kernel log, or as people paste it.
const PROGRAM_PID =
  /(systemd|systemd-oomd|earlyoom|nohang|nohang-desktop|oomd|kubelet|dockerd|containerd|journald|systemd-journald|node-problem-detector[\w.-]{0,40})\[(\d{1,10})\]: /y;
const KERNEL_NAMES = new Set(['kernel', 'kern', 'klogd', 'vmlinux']);
// Words before a colon that begin the kernel's own lines, for stamps that no host name follows.
const KERNEL_HEADS = new Set([
  'CPU',
  'Pid',
  'Mem-Info',
  'Mem-info',
  'oom_reaper',
  'oom-kill',
  'memory',
  'memory+swap',
  'kmem',
  'swap',
  'oom-killer',
  'sysrq',
  'SysRq',
  'Hardware',
  'Workqueue',
  'RIP',
  'RSP',
  'Code',
  'Modules',
]);
const QUOTE = /(?:> ?|\| ?|\xe2\x94\x82 ?)+/y;

/** Strips prefixes from `at` on, outermost first, noting them in `stamp`; returns where the text begins. */
export function stripPrefix(raw: string, start: number, stamp: Stamp): number {
  let at = start;
  for (let layer = 0; layer < 6; layer += 1) {
    const next = stripOne(raw, at, stamp);
    if (next === at) break;
    at = next;
    if (stamp.program !== null) break;
  }
  if (stamp.program === null || stamp.program === 'userspace') {
    const named = matchAt(PROGRAM_PID, raw, at);
    if (named !== null) {
      stamp.program = named[1] ?? null;
      if (stamp.form === 'bare') stamp.form = 'program';
      at = PROGRAM_PID.lastIndex;
    }
  }
  return at;
}

function stripOne(raw: string, at: number, stamp: Stamp): number {
  const code = raw.charCodeAt(at);
  if (code === 91) return stripBracket(raw, at, stamp); // [
  if (code === 60) return matchAt(PRIORITY, raw, at) === null ? at : stripPriority(raw, at, stamp); // <
  if (code >= 48 && code <= 57) return stripDigits(raw, at, stamp);
  if (code === 42) return matchAt(DROPPED, raw, at) === null ? at : DROPPED.lastIndex; // *
  if ((code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code >= 128) return stripWord(raw, at, stamp);
  return at;
}

function stripPriority(raw: string, at: number, stamp: Stamp): number {
  const after = PRIORITY.lastIndex;
  const facility = Number(raw.slice(at + 1, after - 1)) >> 3;
  if (facility !== 0 && raw.charCodeAt(after) === 91) stamp.program = 'userspace';
  return after;
}

function stripBracket(raw: string, at: number, stamp: Stamp): number {
  const seconds = matchAt(SECONDS, raw, at);
  if (seconds !== null) {
    const after = SECONDS.lastIndex;
    stamp.kernelUs ??= Math.round(Number(seconds[1]) * 1e6);
    if (stamp.form === 'bare') {
      stamp.form = 'seconds';
      // journalctl -o short-monotonic puts host and program behind it, as syslog does.
      const program = matchAt(HOST_PROGRAM, raw, after);
      if (program !== null && KERNEL_NAMES.has(program[2] ?? ''))
        return noteProgram(stamp, program, HOST_PROGRAM.lastIndex);
      if (program !== null && program[3] !== undefined && !KERNEL_HEADS.has(program[1] ?? ''))
        return noteProgram(stamp, program, HOST_PROGRAM.lastIndex);
    }
    return after;
  }
  const time = matchAt(DMESG_TIME, raw, at);
  if (time !== null && stamp.timeText === null) {
    stamp.timeText = time[1] ?? null;
    stamp.form = 'dmesg';
    return DMESG_TIME.lastIndex;
  }
  const human = matchAt(DMESG_HUMAN, raw, at);
  if (human !== null && stamp.form === 'bare') {
    stamp.form = 'dmesg';
    return DMESG_HUMAN.lastIndex;
  }
  return at;
}

function stripDigits(raw: string, at: number, stamp: Stamp): number {
  if (stamp.timeText !== null) return at;
  const kmsg = matchAt(KMSG, raw, at);
  if (kmsg !== null) {
    const after = KMSG.lastIndex;
    stamp.form = 'kmsg';
    stamp.kernelUs = Number(kmsg[3]);
    // Facility 0 is the kernel's: userspace, root included, cannot write it.
    if (Number(kmsg[1]) >> 3 !== 0) stamp.program = 'userspace';
    return after;
  }
  const iso = matchAt(ISO, raw, at);
  if (iso !== null) {
    stamp.timeText = iso[1] ?? null;
    const after = ISO.lastIndex;
    const cri = matchAt(CRI, raw, after);
    if (cri !== null) return CRI.lastIndex;
    // dmesg --time-format iso writes a comma before the fraction, and no host behind.
    if (iso[2]?.startsWith(',') === true) {
      stamp.form = 'dmesg';
      return after;
    }
    const full = matchAt(FULL, raw, at);
    return full === null ? stripSyslog(raw, after, stamp) : stripFull(raw, stamp, full);
  }
  const full = matchAt(FULL, raw, at);
  if (full !== null) return stripFull(raw, stamp, full);
  const epoch = matchAt(EPOCH, raw, at);
  if (epoch === null) return at;
  const after = EPOCH.lastIndex;
  const inner = stripSyslog(raw, after, stamp);
  if (inner === after) return at;
  stamp.timeText = epoch[1] ?? null;
  return inner;
}

function stripWord(raw: string, at: number, stamp: Stamp): number {
  if (stamp.timeText !== null || stamp.form !== 'bare') return at;
  const full = matchAt(FULL, raw, at);
  if (full !== null) return stripFull(raw, stamp, full);
  const time = matchAt(RFC3164, raw, at);
  if (time !== null) {
    const after = stripSyslog(raw, RFC3164.lastIndex, stamp);
    stamp.timeText = time[1] ?? null;
    stamp.form = 'syslog';
    return after;
  }
  const talos = matchAt(TALOS, raw, at);
  if (talos !== null) {
    stamp.timeText = talos[1] ?? null;
    stamp.form = 'talos';
    return TALOS.lastIndex;
  }
  const decoded = matchAt(DECODED, raw, at);
  if (decoded !== null) {
    if (decoded[1] !== 'kern') stamp.program = 'userspace';
    return DECODED.lastIndex;
  }
  if (raw.startsWith('kernel: ', at)) {
    stamp.form = 'kernel';
    return at + 8;
  }
  return raw.startsWith('Message:', at) ? eventText(raw, at) : at;
}

/** Kubernetes events: `Message:(combined from similar events): Memory cgroup out of memory: …`. */
function eventText(raw: string, at: number): number {
  const combined = '(combined from similar events): ';
  let after = at + 'Message:'.length;
  while (raw.charCodeAt(after) === 32) after += 1;
  return raw.startsWith(combined, after) ? after + combined.length : after;
}

function stripFull(raw: string, stamp: Stamp, full: RegExpExecArray): number {
  const after = FULL.lastIndex;
  stamp.timeText = full[1] ?? null;
  return stripSyslog(raw, after, stamp);
}

/** `HOST PROGRAM[PID]: `, after a time stamp. Without a host only what cannot be kernel text is taken for a program. */
function stripSyslog(raw: string, at: number, stamp: Stamp): number {
  stamp.form = 'syslog';
  const both = matchAt(HOST_PROGRAM, raw, at);
  if (both !== null && !KERNEL_HEADS.has(both[1] ?? '')) return noteProgram(stamp, both, HOST_PROGRAM.lastIndex);
  const seconds = matchAt(HOST_SECONDS, raw, at);
  if (seconds !== null) {
    stamp.host = seconds[1] ?? '';
    return HOST_SECONDS.lastIndex;
  }
  const bare = matchAt(BARE_PROGRAM, raw, at);
  if (bare === null || (bare[2] === undefined && !KERNEL_NAMES.has(bare[1] ?? ''))) return at;
  if (!KERNEL_NAMES.has(bare[1] ?? '')) stamp.program = bare[1] ?? null;
  return BARE_PROGRAM.lastIndex;
}

function noteProgram(stamp: Stamp, match: RegExpExecArray, after: number): number {
  stamp.host = match[1] ?? '';
  stamp.form = 'syslog';
  if (!KERNEL_NAMES.has(match[2] ?? '')) stamp.program = match[2] ?? null;
  return after;
}

function matchAt(pattern: RegExp, raw: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(raw);
}

export function unquote(raw: string): string {
  let at = 0;
  while (at < raw.length && (raw.charCodeAt(at) === 32 || raw.charCodeAt(at) === 9)) at += 1;
  QUOTE.lastIndex = at;
  if (QUOTE.test(raw)) at = QUOTE.lastIndex;
  while (at < raw.length && (raw.charCodeAt(at) === 32 || raw.charCodeAt(at) === 9)) at += 1;
  return raw.slice(at);
}
