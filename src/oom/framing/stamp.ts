/** What the prefix of a line told. */
export interface Stamp {
  timeText: string | null;
  realtimeUs: number | null;
  kernelUs: number | null;
  /** null: the kernel, or nobody was named. `userspace`: somebody who wrote into the kernel log. */
  program: string | null;
  /** Tells where a line is from: a host, and other words that tell sources apart. */
  host: string;
  /** The name in it that is a host's, empty if there is none; null: it is nothing but a host's name. */
  hostName: string | null;
  form: string;
}

export function emptyStamp(): Stamp {
  return { timeText: null, realtimeUs: null, kernelUs: null, program: null, host: '', hostName: null, form: 'bare' };
}

/** Makes a stamp empty again: one is used for many lines. */
export function clearStamp(stamp: Stamp): void {
  stamp.timeText = null;
  stamp.realtimeUs = null;
  stamp.kernelUs = null;
  stamp.program = null;
  stamp.host = '';
  stamp.hostName = null;
  stamp.form = 'bare';
}

const CALLER = /\[ *[TC]\d+\]/y;
const US_DIGITS = 6;

/**
 * Takes `[  123.456789] ` and the caller's id behind it (`[ T123] `), noting the kernel's clock; `start` when it is something else.
 * The commonest of all prefixes, so it is read by hand.
 */
export function stripSeconds(raw: string, start: number, stamp: Stamp): number {
  let at = start + 1;
  while (raw.charCodeAt(at) === 32) at += 1;
  const first = at;
  let us = 0;
  for (let code = raw.charCodeAt(at); code >= 48 && code <= 57; code = raw.charCodeAt((at += 1)))
    us = us * 10 + code - 48;
  if (at === first || at - first > 10 || raw.charCodeAt(at) !== 46) return start;
  at += 1;
  const fraction = at;
  for (let code = raw.charCodeAt(at); code >= 48 && code <= 57; code = raw.charCodeAt((at += 1))) {
    if (at - fraction < US_DIGITS) us = us * 10 + code - 48;
  }
  if (at === fraction || at - fraction > 9) return start;
  for (let digits = at - fraction; digits < US_DIGITS; digits += 1) us *= 10;
  if (raw.charCodeAt(at) === 32) at = skipDelta(raw, at);
  if (raw.charCodeAt(at) !== 93) return start;
  stamp.kernelUs ??= us;
  at += 1;
  const bracket = raw.charCodeAt(at) === 32 ? at + 1 : at;
  if (raw.charCodeAt(bracket) === 91) {
    CALLER.lastIndex = bracket;
    if (CALLER.test(raw)) at = CALLER.lastIndex;
  }
  at = skipTask(raw, at);
  const behind = raw.charCodeAt(at);
  return behind === 32 || behind === 9 ? at + 1 : at;
}

const TASK = / {0,2}\(\d{1,3}\)\[\d{1,10}:[^\]\n]{1,20}\]/y;

/** MediaTek's kernels print the processor and the task that prints: `[302600.931727]  (4)[10628:Binder_1]…`. */
function skipTask(raw: string, at: number): number {
  let bracket = at;
  while (bracket < at + 2 && raw.charCodeAt(bracket) === 32) bracket += 1;
  if (raw.charCodeAt(bracket) !== 40) return at;
  TASK.lastIndex = at;
  return TASK.test(raw) ? TASK.lastIndex : at;
}

const DELTA = / *(?:<[ +]*\d{1,12}\.\d{1,9}[ *]?>)?/y;

/** dmesg -d and journalctl -o short-delta tell the time since the line above: `[  123.456789 <    0.000012>]`. */
function skipDelta(raw: string, at: number): number {
  DELTA.lastIndex = at;
  return DELTA.test(raw) ? DELTA.lastIndex : at;
}

/** Takes `Nov 22 19:53:13 `, noting it; `start` when it is something else. */
export function stripMonthDay(raw: string, start: number, stamp: Stamp): number {
  const isShaped =
    raw.charCodeAt(start + 3) === 32 &&
    raw.charCodeAt(start + 6) === 32 &&
    raw.charCodeAt(start + 9) === 58 &&
    raw.charCodeAt(start + 12) === 58 &&
    raw.charCodeAt(start + 15) === 32;
  if (!isShaped || !isLetter(raw, start) || !isLetter(raw, start + 1) || !isLetter(raw, start + 2)) return start;
  for (const at of DIGITS_AT) if (!isDigit(raw, start + at)) return start;
  if (raw.charCodeAt(start + 4) !== 32 && !isDigit(raw, start + 4)) return start;
  // A year may follow.
  if (isDigit(raw, start + 16)) return start;
  stamp.timeText = raw.slice(start, start + 15);
  return start + 16;
}

const DIGITS_AT = [5, 7, 8, 10, 11, 13, 14] as const;

const FLAGS_MAX = 80;

/** Takes `4,19685,241227987454,-,caller=T12845;` of /dev/kmsg: priority, sequence, microseconds, flags; `start` when it is something else. */
export function stripKmsg(raw: string, start: number, stamp: Stamp): number {
  let at = start;
  let priority = 0;
  let us = 0;
  for (let field = 0; field < 3; field += 1) {
    const first = at;
    let value = 0;
    for (let code = raw.charCodeAt(at); code >= 48 && code <= 57; code = raw.charCodeAt((at += 1)))
      value = value * 10 + code - 48;
    if (at === first || at - first > 20 || raw.charCodeAt(at) !== 44) return start;
    at += 1;
    if (field === 0) priority = value;
    us = value;
  }
  const end = raw.indexOf(';', at);
  if (end < 0 || end - at > FLAGS_MAX) return start;
  stamp.form = 'kmsg';
  stamp.kernelUs = us;
  // Facility 0 is the kernel's: userspace, root included, cannot write it.
  if (priority >= 8) stamp.program = 'userspace';
  return end + 1;
}

export function isDigit(raw: string, at: number): boolean {
  const code = raw.charCodeAt(at);
  return code >= 48 && code <= 57;
}

function isLetter(raw: string, at: number): boolean {
  const code = raw.charCodeAt(at) | 32;
  return code >= 97 && code <= 122;
}
