import type { LogLine } from '../framing/frame.ts';
import { parseCpuLine, parseKilled, parseReaper, parseScore, parseVerdict } from './verdict.ts';

// A process name is 15 bytes of anything but NUL, line breaks too. Text logs then show its line in two pieces:
//   Memory cgroup out of memory: Killed process 1009 (a
//   b) total-vm:17464kB, anon-rss:16264kB, …
// The second piece is padded (dmesg, journalctl), bare (journalctl -o cat) or has the same prefix again (rsyslog).
//
// Mail clients and forums wrap long lines at a blank, and lose it:
//   tomcat invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL),
//   order=0, oom_score_adj=0

const COMM_MAX = 15;
const FIGURE_MAX = 16;
const PIECES_MAX = 16;
/** Lines of others that may stand between the pieces. */
const WAIT_LINES = 8;

type Kind = 'killed' | 'ended' | 'verdict' | 'score' | 'reaper' | 'cpu' | 'wrapped';

export interface SplitLine {
  kind: Kind;
  line: LogLine;
  pieces: number;
  waited: number;
}

const CPU_FRONT = /^ ?(?:CPU: \d+ (?:UID: \d+ )?PID: \d+ Comm: |Pid: \d+, comm: )/;
// Cut by a terminal or a pager inside its last numbers: nothing follows.
const VERDICT_CUT = /,pid=\d{1,10}(?:,u?i?d?=?\d{0,10})?\s*$/;
/** The name has ended. */
const KILLED_TAIL = /\),? (?:UID \d+, )?(?:total-vm|vsz):\d+kB/;
/** What follows the name. */
const FIGURES = /^\s*(?:UID \d{1,10}, )?(?:total-vm|vsz):\d{1,15}kB/;
const VERDICT_END = /,pid=\d+,uid=\d+\s*$/;

/** The front piece of a line whose name goes on in the next one, else null. Outside of a report a CPU line is nobody's. */
export function frontPiece(line: LogLine, inReport: boolean): SplitLine | null {
  const kind = kindOfFront(line.text, inReport);
  return kind === null ? null : { kind, line, pieces: 1, waited: 0 };
}

const WRAPPED_REST =
  /^\s*(?:order=|nodemask=|oom_score_adj|oom_adj=|total-vm:|anon-rss:|file-rss:|shmem-rss:|UID:|pgtables:|(?:vm|rss):|\d{1,12}kB)/;
/** A figure of a kill line that its line's end cut from its name. */
const OPEN_FIGURE = / (?:total-|(?:total-vm|anon-rss|file-rss|shmem-rss|pgtables):)$/;

function kindOfFront(text: string, inReport = true): Kind | null {
  if (isWrapped(text)) return 'wrapped';
  if (text.includes('oom-kill:constraint='))
    return VERDICT_END.test(text) || VERDICT_CUT.test(text) || !text.includes(',task=') ? null : 'verdict';
  if (text.includes('illed process ')) return kindOfKilled(text);
  if (/[Kk]ill process \d+ \(/.test(text))
    return (parseScore(text)?.score ?? null) === null && !text.includes(') sharing same memory') ? 'score' : null;
  if (text.includes('oom_reaper: '))
    return /(?:process :?|pid:)\d+ \(/.test(text) && parseReaper(text) === null ? 'reaper' : null;
  return inReport && CPU_FRONT.test(text) && parseCpuLine(text) === null ? 'cpu' : null;
}

/**
 * A name may also break right behind a `)`, and its first piece then looks like the whole line of a kernel up to 2.6.32, or like one
 * that was cut. Only the next line tells: `ended` waits for that alone.
 */
function kindOfKilled(text: string): Kind | null {
  const killed = text.includes(' anon-rss:') ? null : parseKilled(text);
  if (killed === null) return null;
  return killed.torn ? 'killed' : 'ended';
}

/** Broken at a blank behind a comma. Cheap tests in order: a giant line may hold the words a thousand times. */
function isWrapped(text: string): boolean {
  const end = text.trimEnd();
  if (!end.endsWith(',')) return OPEN_FIGURE.test(end.slice(-FIGURE_MAX)) && /illed process \d{1,10} \(/.test(end);
  return end.includes(' invoked oom-killer: gfp_mask=') || (end.endsWith('kB,') && /illed process \d+ \(/.test(end));
}

export type Joined =
  | { kind: 'whole'; line: LogLine }
  /** The line was taken as a further piece; wait for the next. */
  | { kind: 'longer'; split: SplitLine }
  /** Not of this line. Wait on, unless `givenUp`. */
  | { kind: 'other'; givenUp: boolean };

/** Tries `next` as the following piece of `split`. */
export function joinPiece(split: SplitLine, next: LogLine): Joined {
  // The same piece again: a line that stands twice.
  if (next.text === split.line.text && next.kernelUs === split.line.kernelUs) return { kind: 'longer', split };
  if (split.kind === 'wrapped') return joinWrapped(split, next);
  const text = `${split.line.text}\n${next.text}`;
  if (split.kind === 'ended') return joinEnded(split, next, text);
  if (isWhole(split.kind, text)) return { kind: 'whole', line: { ...split.line, text } };
  const sameRecord = next.continued || (next.kernelUs !== null && next.kernelUs === split.line.kernelUs);
  if (sameRecord && split.pieces < PIECES_MAX && next.text.length < COMM_MAX && kindOfFront(next.text) === null)
    return { kind: 'longer', split: { ...split, line: { ...split.line, text }, pieces: split.pieces + 1 } };
  split.waited += 1;
  return { kind: 'other', givenUp: split.waited >= WAIT_LINES };
}

function joinEnded(split: SplitLine, next: LogLine, text: string): Joined {
  const killed = KILLED_TAIL.test(next.text) ? parseKilled(text) : null;
  // With the figures at its end it can be nothing else.
  if (killed?.totalVmKiB !== null && killed?.anonRssKiB != null && fits(killed.name))
    return { kind: 'whole', line: { ...split.line, text } };
  // Broken by hand behind the name.
  if (FIGURES.test(next.text) && !/[.,]$/.test(split.line.text.trimEnd()))
    return { kind: 'whole', line: { ...split.line, text: `${split.line.text.trimEnd()} ${next.text.trimStart()}` } };
  const isPiece = next.continued && next.text.length < COMM_MAX && kindOfFront(next.text) === null;
  if (!isPiece || split.pieces >= PIECES_MAX) return { kind: 'other', givenUp: true };
  return { kind: 'longer', split: { ...split, line: { ...split.line, text }, pieces: split.pieces + 1 } };
}

function joinWrapped(split: SplitLine, next: LogLine): Joined {
  const isRest = next.timeText === null && next.kernelUs === null && WRAPPED_REST.test(next.text);
  if (!isRest || split.pieces >= PIECES_MAX) return { kind: 'other', givenUp: true };
  const front = split.line.text.trimEnd();
  const line = { ...split.line, text: `${front}${/[:-]$/.test(front) ? '' : ' '}${next.text.trimStart()}` };
  return isWrapped(line.text)
    ? { kind: 'longer', split: { ...split, line, pieces: split.pieces + 1 } }
    : { kind: 'whole', line };
}

function isWhole(kind: Kind, text: string): boolean {
  switch (kind) {
    case 'ended':
    case 'killed': {
      const killed = parseKilled(text);
      return killed !== null && !killed.torn && fits(killed.name);
    }
    case 'verdict':
      return VERDICT_END.test(text) && text.indexOf('oom-kill:', 1) < 0 && fits(parseVerdict(text)?.name ?? null);
    case 'score': {
      const score = parseScore(text);
      return score !== null && score.score !== null && fits(score.name);
    }
    case 'reaper':
      return fits(parseReaper(text)?.name ?? null);
    case 'cpu':
      return fits(parseCpuLine(text)?.comm ?? null);
    case 'wrapped':
      return !isWrapped(text);
  }
}

/** Decoded names are at most as long as their bytes, but for `\xHH` of bytes that are no UTF-8. */
function fits(name: string | null): boolean {
  return name !== null && name.replace(/\\x[0-9a-f]{2}/g, '.').length <= COMM_MAX;
}

/** The name in front of ` invoked oom-killer` may have begun on the lines before: puts the pieces of one record together. */
export function joinBefore(line: LogLine, before: readonly LogLine[]): LogLine {
  let joined = line;
  let current = line;
  for (let index = before.length - 1; index >= 0; index -= 1) {
    const previous = before[index];
    if (previous === undefined) break;
    const sameRecord = current.continued || (current.kernelUs !== null && current.kernelUs === previous.kernelUs);
    const name = `${previous.text}\n${joined.text.slice(0, joined.text.indexOf(' invoked oom-killer'))}`;
    if (!sameRecord || name.replace(/\\x[0-9a-f]{2}/gi, '.').length > COMM_MAX) break;
    joined = { ...joined, text: `${previous.text}\n${joined.text}`, line: previous.line };
    current = previous;
  }
  return joined;
}
