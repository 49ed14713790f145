import { programOf } from './programs.ts';
import { isDigit, stripKmsg, stripMonthDay, stripSeconds, type Stamp } from './stamp.ts';

// What stands before a kernel message: time stamps, priorities, host and program names, in the forms of dmesg, syslog,
// journalctl, /dev/kmsg and what wraps them. Prefixes are stripped from the outside in.

const MONTHS_DAYS =
  '(?:[A-Z][a-z]{2} )?(?:[A-Za-z\\x80-\\xff.]{2,12}|\\d{1,2}\\xe6\\x9c\\x88) +\\d{1,2} \\d\\d:\\d\\d:\\d\\d(?:\\.\\d+)?(?: [A-Z]{2,5} \\d{4}| \\d{4})?(?=[ ])';

// With the caller's id, where the kernel tells it: `[Sun Nov 22 19:53:13 2026][ T6736] `.
const DMESG_TIME =
  /\[([^\][]{5,40}:\d\d \d{4}|[A-Za-z\x80-\xff.]{2,12} [^\][:]{3,20} \d\d:\d\d:\d\d)\] ?(?:\[ *[TC]\d{1,10}\] ?)?/y;
const DMESG_HUMAN =
  /\[((?:[A-Z][a-z]{2} ?\d{1,2} \d\d:\d\d)| *[+<] *\d{1,10}\.\d{1,9}>?)\] ?(?:\[ *[TC]\d{1,10}\] ?)?/y;
const PRIORITY = /<(\d{1,3})>/y;
const DECODED =
  /(kern|user|daemon|auth|syslog|local\d|mail|cron|authpriv|lpr|news|uucp|ftp) *: *(?:emerg|alert|crit|err|warn|notice|info|debug) *: */y;
const ISO = /(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d([.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?)[ \t]/y;
const FULL =
  /((?:[A-Z][a-z]{2} )?\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? (?:[A-Z]{1,5}(?:[+-]\d{1,2})?|[+-]\d\d(?::?\d\d)?)) /y;
const RFC3164 = new RegExp(`(${MONTHS_DAYS}) `, 'y');
const EPOCH = /(\d{9,11}(?:\.\d{1,9})?) (?=\S)/y;
const CRI = /(?:stdout|stderr) [FP] /y;
// crash's `log -m` prints the level behind the stamp, extended netconsole the kernel's release before it.
const LEVEL = /<[0-7]>/y;
const RELEASE = /\d{1,3}\.\d{1,3}[^\s,;]{0,60},(?=\d{1,4},\d{1,20},\d{1,20},)/y;
const DROPPED = /\*\* \d+ printk messages? dropped \*\* /y;
// logcat of Android: `09-12 10:11:12.345   670   670 I lowmemorykiller: …`, `I/lowmemorykiller(  670): …`.
const LOGCAT =
  /((?:\d{4}-)?\d\d-\d\d \d\d:\d\d:\d\d\.\d{3,6}) {1,8}(?:(?:[\w+-]{1,20} {1,8})?\d{1,10} {1,8}\d{1,10} [VDIWEFA] ([^\s:]{1,64}) {0,16}: |[VDIWEFA]\/([^\s(:]{1,64}) {0,16}\( {0,8}\d{1,10}\): )/y;
const LOGCAT_BRIEF = /[VDIWEFA]\/([^\s(:]{1,64}) {0,16}\( {0,8}\d{1,10}\): /y;
const TALOS =
  /(kern(?:el)?|user|daemon): +(?:emerg|alert|crit|err|warning|warn|notice|info|debug): \[(\d{4}-\d\d-\d\dT[\d:.]+Z)\]: /y;
const FACILITY_LEVEL = '(?:kern|user|daemon|auth|syslog|local\\d|mail|cron|authpriv)\\.\\w+ ';
const FACILITY = `(?:${FACILITY_LEVEL})?`;
// Some loggers write a second colon: `kernel: : [277622.359064] …`
const COLON = ': ?(?:: (?=\\[))?';
const HOST_PROGRAM = new RegExp(
  `(?!${FACILITY_LEVEL}|- )([^\\s:['"|<({]{1,255}) ${FACILITY}((?!\\d+:)[^\\s:[\\]'"|<>]{1,64})(?:\\[(\\d{1,10})\\])?${COLON}`,
  'y',
);
const BARE_PROGRAM = new RegExp(`${FACILITY}([^\\s:[\\]'"|<>]{1,64})(?:\\[(\\d{1,10})\\])?${COLON}`, 'y');
// metalog: Nov 22 19:53:13 [kernel] [ 123.456789] …
const BRACKETED_PROGRAM = /\[([A-Za-z][\w-]{0,31})\] (?!\d)/y;
// A host's name that was blotted out: `[HOST] kernel: `, `{{ host }} kernel: `, `**** kernel: `.
const HIDDEN_HOST = /([[{<(*]{1,4} ?[\w .*-]{0,40} ?[\]}>)*]{0,4}) kernel: /y;
const HOST_SECONDS = /([^\s:[\](){}'"<>|]{1,255}) (?=\[ *\d{1,10}\.\d{1,9}\])/y;
// A program with its pid, as userspace writes it into the kernel log, or as people paste it.
const PROGRAM_PID =
  /(systemd|systemd-oomd|earlyoom|nohang|nohang-desktop|oomd|kubelet|lmkd|lowmemorykiller|dockerd|containerd|journald|systemd-journald|node-problem-detector[\w.-]{0,40})\[(\d{1,10})\]: /y;
// RFC 5424: <PRI>1 TIME HOST APP PROCID MSGID STRUCTURED-DATA MSG
const RFC5424_VERSION = /1 (?=\d{4}-\d\d-\d\dT)/y;
const RFC5424 =
  /([^\s[\](){}<>'"|]{1,255}) ([^\s[\]{}<>'"|]{1,48}) (?:-|\d{1,10}) (?:\S{1,32}) (?:-|(?:\[[A-Za-z](?:[^\]\\]|\\.){0,1000}\])+) ?(?:\xef\xbb\xbf)?/y;
const UNKNOWN = /(?:(.{0,60}\d:\d.{0,40}) )?([^\s:[\]()]{1,255}) kernel: /y;
const UNKNOWN_MAX = 160;
export const KERNEL_NAMES = new Set(['kernel', 'KERNEL', 'kern', 'klogd', 'vmlinux']);
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

/** The last `HOST PROGRAM: ` seen: a log repeats it on every line, and comparing is cheaper than matching. */
export interface KnownTail {
  text: string;
  host: string;
  program: string | null;
}

/** Strips prefixes from `at` on, outermost first, noting them in `stamp`; returns where the text begins. */
export function stripPrefix(raw: string, start: number, stamp: Stamp, known: KnownTail, mayGuess = true): number {
  let at = start;
  for (let layer = 0; layer < 6; layer += 1) {
    const next = stripOne(raw, at, stamp, known);
    if (next === at) break;
    at = next;
    // Behind these comes the message itself; of a priority that is not the kernel's only the stamp.
    if (stamp.program !== null && !(stamp.program === 'userspace' && stamp.form === 'bare')) break;
    if (stamp.form === 'seconds' || stamp.form === 'dmesg' || stamp.form === 'kmsg') break;
  }
  if (at === start && mayGuess) at = stripUnknown(raw, start, stamp);
  return stamp.program === null || stamp.program === 'userspace' ? stripProgram(raw, at, stamp) : at;
}

/** Takes a program's name with its pid, which stands where the kernel's text would begin. */
export function stripProgram(raw: string, at: number, stamp: Stamp): number {
  const named = mayNameProgram(raw, at) ? matchAt(PROGRAM_PID, raw, at) : null;
  if (named === null) return at;
  stamp.program = named[1] ?? null;
  if (stamp.form === 'bare') stamp.form = 'program';
  return PROGRAM_PID.lastIndex;
}

/** Some stamp that is not known here, a host, and the kernel's name: what stands behind it is the kernel's all the same. */
function stripUnknown(raw: string, at: number, stamp: Stamp): number {
  const kernel = raw.indexOf(' kernel: ', at);
  if (kernel < 0 || kernel - at > UNKNOWN_MAX) return at;
  const unknown = matchAt(UNKNOWN, raw, at);
  if (unknown === null) return at;
  stamp.form = 'syslog';
  stamp.timeText = unknown[1] ?? null;
  stamp.host = unknown[2] ?? '';
  return stripSeconds(raw, UNKNOWN.lastIndex, stamp);
}

/** The programs of PROGRAM_PID begin with a small letter, and their pid follows soon. */
function mayNameProgram(raw: string, at: number): boolean {
  const code = raw.charCodeAt(at);
  if (code < 97 || code > 122) return false;
  const bracket = raw.indexOf('[', at);
  return bracket > 0 && bracket - at < 80;
}

function stripOne(raw: string, at: number, stamp: Stamp, known: KnownTail): number {
  const code = raw.charCodeAt(at);
  if (code === 91) return stripBracket(raw, at, stamp, known); // [
  if (code === 60) return matchAt(PRIORITY, raw, at) === null ? at : stripPriority(raw, at, stamp); // <
  if (code >= 48 && code <= 57) return stripDigits(raw, at, stamp, known);
  if (code === 42) return matchAt(DROPPED, raw, at) === null ? at : DROPPED.lastIndex; // *
  if ((code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code >= 128) return stripWord(raw, at, stamp, known);
  return at;
}

function stripPriority(raw: string, at: number, stamp: Stamp): number {
  const after = PRIORITY.lastIndex;
  const facility = Number(raw.slice(at + 1, after - 1)) >> 3;
  if (facility !== 0 && raw.charCodeAt(after) === 91) stamp.program = 'userspace';
  return after;
}

function stripBracket(raw: string, at: number, stamp: Stamp, known: KnownTail): number {
  const after = stripSeconds(raw, at, stamp);
  if (after > at) {
    if (stamp.form === 'bare') {
      stamp.form = 'seconds';
      if (raw.charCodeAt(after) === 60 && matchAt(LEVEL, raw, after) !== null) return LEVEL.lastIndex;
      if (!mayNameHost(raw, after)) return after;
      // journalctl -o short-monotonic puts host and program behind it, as syslog does.
      const program = matchAt(HOST_PROGRAM, raw, after);
      if (program !== null && KERNEL_NAMES.has(program[2] ?? ''))
        return noteProgram(stamp, program, HOST_PROGRAM.lastIndex, known);
      if (program !== null && program[3] !== undefined && !KERNEL_HEADS.has(program[1] ?? ''))
        return noteProgram(stamp, program, HOST_PROGRAM.lastIndex, known);
    }
    return after;
  }
  if (stamp.form !== 'bare') return at;
  const time = matchAt(DMESG_TIME, raw, at);
  if (time !== null) {
    stamp.timeText = time[1] ?? null;
    stamp.form = 'dmesg';
    return DMESG_TIME.lastIndex;
  }
  const human = matchAt(DMESG_HUMAN, raw, at);
  if (human !== null) {
    stamp.form = 'dmesg';
    return DMESG_HUMAN.lastIndex;
  }
  return at;
}

function stripDigits(raw: string, at: number, stamp: Stamp, known: KnownTail): number {
  if (stamp.timeText !== null) return at;
  if (raw.charCodeAt(at + 1) === 32 && matchAt(RFC5424_VERSION, raw, at) !== null) {
    stamp.form = 'rfc5424';
    return at + 2;
  }
  const dash = raw.charCodeAt(at + 2) === 45 || raw.charCodeAt(at + 4) === 45;
  const logcat = dash ? matchAt(LOGCAT, raw, at) : null;
  if (logcat !== null) {
    stamp.timeText = logcat[1] ?? null;
    stamp.form = 'logcat';
    stamp.program = logcatTag(logcat[2] ?? logcat[3]);
    return LOGCAT.lastIndex;
  }
  const record = matchAt(RELEASE, raw, at) === null ? at : RELEASE.lastIndex;
  const behind = stripKmsg(raw, record, stamp);
  if (behind > record) return behind;
  const iso = raw.charCodeAt(at + 4) === 45 ? matchAt(ISO, raw, at) : null;
  if (iso !== null) {
    stamp.timeText = iso[1] ?? null;
    const after = ISO.lastIndex;
    if (raw.startsWith('std', after) && matchAt(CRI, raw, after) !== null) return CRI.lastIndex;
    // dmesg --time-format iso writes a comma before the fraction, and no host behind.
    if (iso[2]?.startsWith(',') === true) {
      stamp.form = 'dmesg';
      return after;
    }
    const full = raw.charCodeAt(at + 10) === 32 ? matchAt(FULL, raw, at) : null;
    return full === null ? stripSyslog(raw, after, stamp, known) : stripFull(raw, stamp, full, known);
  }
  const full = matchAt(FULL, raw, at);
  if (full !== null) return stripFull(raw, stamp, full, known);
  // Chinese and Japanese count the months.
  const isCounted = raw.charCodeAt(at + 1) === 0xe6 || raw.charCodeAt(at + 2) === 0xe6;
  if (isCounted && matchAt(RFC3164, raw, at) !== null) return stripWord(raw, at, stamp, known);
  const epoch = matchAt(EPOCH, raw, at);
  if (epoch === null) return at;
  const after = EPOCH.lastIndex;
  const inner = stripSyslog(raw, after, stamp, known);
  if (inner === after) return at;
  stamp.timeText = epoch[1] ?? null;
  return inner;
}

function stripWord(raw: string, at: number, stamp: Stamp, known: KnownTail): number {
  if (stamp.timeText !== null || stamp.form !== 'bare') return at;
  const brief = raw.charCodeAt(at + 1) === 47 ? matchAt(LOGCAT_BRIEF, raw, at) : null;
  if (brief !== null) {
    stamp.form = 'logcat';
    stamp.program = logcatTag(brief[1]);
    return LOGCAT_BRIEF.lastIndex;
  }
  const behind = stripMonthDay(raw, at, stamp);
  if (behind > at) return stripSyslog(raw, behind, stamp, known);
  const full = isDigit(raw, at + 4) || isDigit(raw, at) ? matchAt(FULL, raw, at) : null;
  if (full !== null) return stripFull(raw, stamp, full, known);
  const time = matchAt(RFC3164, raw, at);
  if (time !== null) {
    const after = stripSyslog(raw, RFC3164.lastIndex, stamp, known);
    stamp.timeText = time[1] ?? null;
    stamp.form = 'syslog';
    return after;
  }
  const talos = matchAt(TALOS, raw, at);
  if (talos !== null) {
    stamp.timeText = talos[2] ?? null;
    stamp.form = 'talos';
    if (talos[1]?.startsWith('kern') !== true) stamp.program = 'userspace';
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
  return at;
}

function stripFull(raw: string, stamp: Stamp, full: RegExpExecArray, known: KnownTail): number {
  const after = FULL.lastIndex;
  stamp.timeText = full[1] ?? null;
  return stripSyslog(raw, after, stamp, known);
}

/** A word without a colon, then a word that ends with one: most kernel text is no such thing, and need not be matched. */
function mayNameHost(raw: string, start: number): boolean {
  let at = start;
  let code = raw.charCodeAt(at);
  while (code > 32 && code !== 58) code = raw.charCodeAt((at += 1));
  if (code !== 32 || at === start) return false;
  code = raw.charCodeAt((at += 1));
  while (code > 32 && code !== 58 && code !== 46 && code !== 91) code = raw.charCodeAt((at += 1));
  return code > 32;
}

/** `HOST PROGRAM[PID]: `, after a time stamp. Without a host only what cannot be kernel text is taken for a program. */
function stripSyslog(raw: string, at: number, stamp: Stamp, known: KnownTail): number {
  const hasVersion = stamp.form === 'rfc5424';
  stamp.form = 'syslog';
  if (known.text !== '' && raw.startsWith(known.text, at)) {
    stamp.host = known.host;
    stamp.program = known.program;
    return at + known.text.length;
  }
  const both = matchAt(HOST_PROGRAM, raw, at);
  if (both !== null && !KERNEL_HEADS.has(both[1] ?? '')) return noteProgram(stamp, both, HOST_PROGRAM.lastIndex, known);
  const seconds = matchAt(HOST_SECONDS, raw, at);
  if (seconds !== null) {
    stamp.host = seconds[1] ?? '';
    return HOST_SECONDS.lastIndex;
  }
  const rfc5424 = matchAt(RFC5424, raw, at);
  // Dashes stand between anything; only behind a version they mean that no host is known.
  if (rfc5424 !== null && (hasVersion || rfc5424[1] !== '-'))
    return noteProgram(stamp, rfc5424, RFC5424.lastIndex, known);
  const hidden = matchAt(HIDDEN_HOST, raw, at);
  if (hidden !== null) {
    stamp.host = hidden[1] ?? '';
    return stripSeconds(raw, HIDDEN_HOST.lastIndex, stamp);
  }
  const metalog = matchAt(BRACKETED_PROGRAM, raw, at);
  if (metalog !== null) {
    if (!KERNEL_NAMES.has(metalog[1] ?? '')) stamp.program = metalog[1] ?? null;
    return BRACKETED_PROGRAM.lastIndex;
  }
  const bare = matchAt(BARE_PROGRAM, raw, at);
  if (bare === null || (bare[2] === undefined && !KERNEL_NAMES.has(bare[1] ?? ''))) return at;
  if (!KERNEL_NAMES.has(bare[1] ?? '')) stamp.program = bare[1] ?? null;
  return BARE_PROGRAM.lastIndex;
}

function noteProgram(stamp: Stamp, match: RegExpExecArray, after: number, known: KnownTail): number {
  stamp.host = match[1] ?? '';
  stamp.form = 'syslog';
  if (!KERNEL_NAMES.has(match[2] ?? '')) stamp.program = programOf(match[2] ?? '');
  known.text = match[0];
  known.host = stamp.host;
  known.program = stamp.program;
  return after;
}

export function logcatTag(tag: string | undefined): string | null {
  return tag === undefined || KERNEL_NAMES.has(tag) ? null : tag;
}

function matchAt(pattern: RegExp, raw: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(raw);
}
