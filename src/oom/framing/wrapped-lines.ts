import { findLandmark } from './landmarks.ts';
import { openLines, type Filter } from './filter.ts';
import { stripPrefix, type KnownTail } from './prefix.ts';
import { clearStamp, emptyStamp, type Stamp } from './stamp.ts';
import { addSample, conclude, strip, type Wrapping } from './wrapping.ts';

// A mail client breaks long lines at a blank, a terminal at its edge. What follows has no front:
//
//   [  107.5] php-fpm invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL),
//   order=0, oom_score_adj=0

/** How lines are broken. */
export interface Wrap {
  /** The longest piece that goes on. */
  width: number;
  /** At the edge, wherever that is; else at blanks. */
  isHard: boolean;
  /** The mark of a quotation before every line, or nothing. */
  quote: string;
  /** Lines are filled up with blanks. */
  isPadded: boolean;
  fronts: Fronts;
}

/** What whole lines begin with: forms that are known (prefix.ts), and others. None: only what stands in a line tells whether it is a new one. */
interface Fronts {
  forms: Set<string>;
  learned: Wrapping[];
  areKnown: boolean;
}

const WIDTH_MIN = 20;
const WIDTH_MAX = 260;
const PIECES_MAX = 64;
const LINE_MAX = 65_536;
const COMPLETE_MAX = 40;
/** Blanks at an edge are cut off when a text is copied. */
const CUT_BLANKS_MAX = 14;
/** Whoever breaks at blanks may count a mark or two more. */
const SLACK = 3;
const QUOTE = /^[>|](?: ?[>|])* ?/;
/** Parts of kernel lines that never begin one. */
const MIDDLE =
  /^ *(?:\(?GFP_|\|?__GFP|(?:anon|file|shmem)-rss:|total-vm:|UID:\d|pgtables:|oom_score_adj[:=]?|oom_adj|order=|gfp_mask=|nodemask=|cpuset=|mems_allowed=|global_oom|oom_memcg=|task_memcg=|task=|pid=|uid=|score -?\d|or sacrifice child|or a child|now anon|failcnt|limit \d|name\s*$|[a-z_()]+:\d+kB|all_unreclaimable\?|\d+\*\d+kB|= \d+kB|#\d+ |\([UMEHCR]+\)|[,)])/;
/** Ends where a name or a column has to follow. */
const OPEN_END =
  /(?:^|[\]:] )(?:\[ *\d+ *\](?: +-?\d+){1,13}|CPU: \d+ .*\b(?:Not tainted|Comm: .*)|\[ *pid *\] +uid +tgid[ \w]*(?<!name))$/;
/** A number of a memory group, or a function of the call trace. */
const WHOLE = /^(?:[a-z_]+ \d+|[ ?]{0,4}[\w.]+\+0x[0-9a-f]+\/0x[0-9a-f]+.{0,40}| ?<\/?(?:TASK|IRQ)>)$/;
const ROW_MAX = 400;
const ROW = /\[ *\d+ *\](?: +-?\d+){3,13}$/;
/** What no line begins with, where lines have fronts. */
const REST =
  /^ *(?:oom-killer: gfp_mask=|killed process \d+ \(|process \d+ \(.{1,40}\)(?:,|\.| total-vm))|^(?!.*process \d)(?:.*[ ,])?(?:pgtables:\d+kB|oom_score_adj:-?\d|(?:anon|file|shmem)-rss:\d+kB)|^ *(?:to process \d|oom_score \d|badness \d|VmRSS \d|SIG\w+ limits:|(?:due|to) (?:to )?(?:memory|swap) (?:pressure|used)|being (?:more )?(?:than )?\d|with reclaim activity)/;
/** Behind these words somebody is named. */
const NO_END =
  /(?:ut of [Mm]emory:| in UB \d{1,10}: OOM|emory cgroup out(?: of)?|Kill(?:ed)?(?: process)?|Kill(?:ed)? process \d+(?: \(.{1,16}\))?)$/;
const NAMES_SOMEBODY = / invoked oom-killer|Kill(?:ed)? process \d+ \(/;
/** Ends within a process name, which may hold a line break of its own. */
const IN_NAME = /(?:process \d+ \(|,task=|Comm: )[^),]{0,15}$/;
/** Lines with a front are at least so many of all: the others go on. */
const FORM_SHARE = 0.1;
/** A single kill line, broken. */
const SHORT_LINES = 8;
const scratch: Stamp = emptyStamp();
const known: KnownTail = { text: '', host: '', program: null };

/** Whether lines of a report in a text are broken, seen by one that ends before it can. */
export function findWrap(head: string): Wrap | null {
  if (!/oom-kill|ut of [Mm]emory|illed process|-rss:\d|sending SIG|ow memory!|due to (?:memory|swap)/.test(head))
    return null;
  const given = head.split('\n').map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
  const isPadded = given.filter((line) => line.endsWith(' ')).length > given.length / 2;
  const quote = findQuote(given);
  const lines = given.map((line) => unquote(quote, line).trimEnd());
  const fronts = findFronts(lines);

  let width = 0;
  let isBrokenSomewhere = false;
  /** No blank is in it at which it could be broken. */
  let isCut = false;
  const lengths: number[] = [];
  /** Of lines of a report that are known: others may all be of one length. */
  const sure: number[] = [];
  let atTokens = 0;
  /** What goes on is set in, which no terminal does. */
  let isSetIn = true;
  /** The blank at which a line was broken is still there. */
  let isAtBlanks = true;
  for (const [at, line] of lines.entries()) {
    const next = lines[at + 1] ?? '';
    if (line.length < WIDTH_MIN || line.length > WIDTH_MAX || isFresh(fronts, next)) continue;
    const broken = isBroken(line) && !IN_NAME.test(line);
    const goesOn = MIDDLE.test(next);
    // What goes on behind a name may be the rest of a name with a line break.
    const isRest = REST.test(next) && !IN_NAME.test(line);
    if (!fronts.areKnown && !broken && !goesOn && !isRest && !OPEN_END.test(line)) continue;
    isBrokenSomewhere ||= broken || (goesOn && (NAMES_SOMEBODY.test(line) || OPEN_END.test(line))) || isRest;
    isCut ||= broken && /oom-kill:constraint=\S*$/.test(line);
    width = Math.max(width, line.length);
    // A row may be broken anywhere in a run of blanks.
    if (ROW.test(line)) continue;
    lengths.push(line.length);
    isAtBlanks &&= /\S $/.test(given[at] ?? '');
    if (broken || goesOn || isRest) sure.push(line.length);
    if (goesOn) atTokens += 1;
    isSetIn &&= next.startsWith('  ');
  }
  if (!isBrokenSomewhere) return null;
  const isHard =
    isCut ||
    (!isSetIn &&
      !isAtBlanks &&
      (lengths.length > 3
        ? areAtEdge(lengths, width) && areAtEdge(sure, width)
        : atTokens < lengths.length && lengths.every((length) => length >= width - 1)));
  return { width, isHard, quote, isPadded, fronts };
}

function areAtEdge(lengths: readonly number[], width: number): boolean {
  return lengths.filter((length) => length >= width - 1).length >= lengths.length * 0.6;
}

/** The mark that most lines begin with. */
function findQuote(lines: readonly string[]): string {
  const counts = new Map<string, number>();
  let filled = 0;
  for (const line of lines) {
    if (line.trim() === '') continue;
    filled += 1;
    const mark = QUOTE.exec(line)?.[0].trimEnd() ?? '';
    counts.set(mark, (counts.get(mark) ?? 0) + 1);
  }
  const [quote, count] = [...counts].sort((a, b) => b[1] - a[1])[0] ?? ['', 0];
  return count > 1 && count > filled * 0.6 ? quote : '';
}

function unquote(quote: string, line: string): string {
  if (quote === '' || !line.startsWith(quote)) return line;
  return line.slice(line.charCodeAt(quote.length) === 32 ? quote.length + 1 : quote.length);
}

function findFronts(lines: readonly string[]): Fronts {
  const wrappings = new Map<string, Wrapping>();
  const counts = new Map<string, number>();
  for (const text of lines) {
    const form = formOf(text);
    if (form !== null) counts.set(form, (counts.get(form) ?? 0) + 1);
    const landmark = form === null ? findLandmark(text) : null;
    if (landmark !== null && landmark.start > 0) addSample(wrappings, { text, landmark });
  }
  const least = lines.length <= SHORT_LINES ? 1 : Math.max(2, lines.length * FORM_SHARE);
  const forms = new Set([...counts].filter(([, count]) => count >= least).map(([form]) => form));
  // Where forms are known the others are what was broken; and blanks are no front.
  const learned = [...wrappings.values()].filter(
    ({ kinds, parts }) => forms.size === 0 && kinds.size > 1 && parts.some((part) => part !== 'pad' && part !== 'gap'),
  );
  for (const front of learned) conclude(front);
  return { forms, learned, areKnown: forms.size > 0 || learned.length > 0 };
}

/** The form of the known front of a line; null: it has none. */
function formOf(line: string): string | null {
  return frontWidth(line) > 0 ? scratch.form : null;
}

function frontWidth(line: string): number {
  clearStamp(scratch);
  return stripPrefix(line, 0, scratch, known, false);
}

const OOMD = /(?:^|[\]:>|] )(?:Killed|Marked) \/\S/;

/** Ends before the kernel's line does. */
function isBroken(line: string): boolean {
  const at = line.indexOf(' invoked oom-killer');
  if (at > 0) return !/order=-?\d+/.test(line.slice(at)) || /(?:,|oom_[a-z_]*=?|oomkilladj=?)$/.test(line);
  if (NO_END.test(line)) return true;
  // systemd-oomd says why behind the group.
  if (OOMD.test(line)) return !/ being (?:more than )?\d/.test(line);
  const landmark = findLandmark(line);
  if (landmark?.kind === 'verdict') return landmark.end < 0;
  return (
    landmark?.kind === 'kill' &&
    /Killed process \d+/.test(line) &&
    !/rss:\d+kB(?!,)|oom_score_adj:-?\d|UID:\d/.test(line) &&
    !/\)\.?\W{0,3}$/.test(line)
  );
}

/** A kill line that has all that it can have: only signs of what wraps it follow. */
function isComplete(line: string): boolean {
  return /oom_score_adj:-?\d{1,5}\W{0,3}$/.test(line.slice(-COMPLETE_MAX)) && findLandmark(line)?.kind === 'kill';
}

/** Begins a line: with a front that others have, or as only whole lines do. */
function isFresh({ forms, learned, areKnown }: Fronts, line: string): boolean {
  if (line.trim() === '') return true;
  if (areKnown)
    return forms.has(formOf(line) ?? '') || learned.some((front) => strip(front, line, emptyStamp(), known) > 0);
  const landmark = findLandmark(line);
  return (
    (landmark?.start === frontWidth(line) && !MIDDLE.test(line)) || / invoked oom-killer/.test(line) || WHOLE.test(line)
  );
}

/** Joins what was broken. A joined line has the number of its first piece. */
export function openWrapped({ width, isHard, quote, isPadded, fronts }: Wrap): Filter {
  let pending = '';
  let lastPiece = '';
  let pieces = 0;

  function flush(): string {
    const out = pieces === 0 ? '' : pending + '\n'.repeat(pieces);
    pieces = 0;
    return out;
  }

  /** Whether the first word would not have had room behind the piece before. */
  function goesOn(line: string): boolean {
    if (pieces === 0 || pieces >= PIECES_MAX || pending.length > LINE_MAX || isFresh(fronts, line)) return false;
    const before = lastPiece.trimEnd();
    if (pending.length < ROW_MAX && OPEN_END.test(pending.trimEnd())) return true;
    if (fronts.areKnown && MIDDLE.test(line)) return true;
    if ((MIDDLE.test(line) || REST.test(line)) && isBroken(pending.trimEnd())) return true;
    if (isHard) return before.length >= width - (fronts.areKnown ? CUT_BLANKS_MAX : 1);
    const isIndented = line.startsWith(' ');
    if (isComplete(pending)) return false;
    if (isIndented && !fronts.areKnown) return false;
    const [word = ''] = line.trimStart().split(' ', 1);
    return before.length + 1 + word.length > width - SLACK;
  }

  function join(line: string): void {
    if (isHard)
      pending = pending.slice(0, pending.length - lastPiece.length) + lastPiece.trimEnd().padEnd(width) + line;
    else pending += (/\s$/.test(pending) ? '' : ' ') + line.trimStart();
  }

  function take(given: string): string {
    const whole = unquote(quote, given);
    const line = isPadded ? whole.trimEnd() : whole;
    if (goesOn(line)) {
      join(line);
      lastPiece = line;
      pieces += 1;
      return '';
    }
    const out = flush();
    pending = lastPiece = line;
    pieces = 1;
    return out;
  }

  return openLines(take, flush);
}
