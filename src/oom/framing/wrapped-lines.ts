import { findLandmark } from './landmarks.ts';
import type { Filter } from './filter.ts';
import { stripPrefix, type KnownTail } from './prefix.ts';
import { emptyStamp } from './stamp.ts';

// A mail client breaks long lines at a blank, a terminal at its edge. What follows has no front:
//
//   [  107.5] php-fpm invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL),
//   order=0, oom_score_adj=0

/** How lines are broken: at the edge of so many characters, or at blanks (0). */
export interface Wrap {
  width: number;
}

const WIDTH_MIN = 20;
const EDGE_MAX = 260;
const MARGIN_MAX = 110;
const PIECES_MAX = 12;
/** Parts of kernel lines that never begin one. */
const MIDDLE =
  /^[ >|]*(?:\(?GFP_|\|?__GFP|(?:anon|file|shmem)-rss:|total-vm:|UID:\d|pgtables:|oom_score_adj[:=]?|oom_adj|order=|gfp_mask=|nodemask=|cpuset=|mems_allowed=|global_oom|oom_memcg=|task_memcg=|task=|pid=|uid=|score -?\d|or sacrifice child|or a child|now anon|failcnt|limit \d|name\s*$|[a-z_()]+:\d+kB|all_unreclaimable\?|\d+\*\d+kB|= \d+kB|#\d+ |\([UMEHCR]+\)|[,)])/;
/** Ends where a name or a column has to follow. */
const OPEN_END =
  /^[ >|]*(?:\[ *\d+ *\](?: +-?\d+){4,13}|CPU: \d+ .*\b(?:Not tainted|Comm: .*)|\[ *pid *\] +uid +tgid[ \w]*(?<!name))$/;
const NAMES_SOMEBODY = / invoked oom-killer|Kill(?:ed)? process \d+ \(/;
const known: KnownTail = { text: '', host: '', program: null };

/** Whether lines of a report in a text are broken, seen by one that ends before it can. */
export function findWrap(head: string): Wrap | null {
  if (!/oom-killer|illed process|oom-kill:/.test(head)) return null;
  const lines = head.split('\n').map((line) => line.trimEnd());
  const at = lines.findIndex((line, index) => {
    const next = lines[index + 1] ?? '';
    return (isBroken(line) || (NAMES_SOMEBODY.test(line) && MIDDLE.test(next))) && !isFresh(next);
  });
  if (at < 0) return null;
  const line = lines[at] ?? '';
  const longest = lines.reduce((most, one) => Math.max(most, one.length), 0);
  if (line.length < WIDTH_MIN) return null;
  // Blanks at the edge were cut off by whoever copied the text.
  const atEdge = lines.filter((one) => one.length === longest).length;
  if (longest <= EDGE_MAX && atEdge > 2 && longest - line.length < 2) return { width: longest };
  return line.length <= MARGIN_MAX ? { width: 0 } : null;
}

/** Ends before the kernel's line does. */
function isBroken(line: string): boolean {
  const at = line.indexOf(' invoked oom-killer');
  if (at > 0) return !/order=-?\d+/.test(line.slice(at));
  const landmark = findLandmark(line);
  if (landmark?.kind === 'verdict') return landmark.end < 0;
  return (
    landmark?.kind === 'kill' &&
    /Killed process \d+ \(/.test(line) &&
    !/rss:\d+kB(?!,)|oom_score_adj:-?\d|UID:\d/.test(line) &&
    !/\)\.?$/.test(line)
  );
}

/** Begins a line: with a front that is known, or as only whole lines do. */
function isFresh(line: string): boolean {
  const bare = line.replace(/^[ >|]+/, '');
  if (bare === '') return true;
  if (stripPrefix(bare, 0, emptyStamp(), known, false) > 0) return true;
  const landmark = findLandmark(bare);
  return landmark !== null && landmark.start === 0 && !MIDDLE.test(line);
}

/** Joins what was broken. */
export function openWrapped({ width }: Wrap): Filter {
  let rest = '';
  let pending = '';
  let lastLength = 0;
  let pieces = 0;
  /** Lines have fronts: what has none goes on. */
  let fronts = 0;

  function take(given: string): string {
    const line = given.endsWith('\r') ? given.slice(0, -1) : given;
    const fresh = isFresh(line);
    if (fresh && line.trim() !== '' && stripPrefix(line.replace(/^[ >|]+/, ''), 0, emptyStamp(), known, false) > 0)
      fronts += 1;
    const goesOn =
      pieces > 0 &&
      pieces < PIECES_MAX &&
      !fresh &&
      (width > 0 ? lastLength >= width - 1 : fronts > 1 ? pending !== '' : MIDDLE.test(line) || OPEN_END.test(pending));
    lastLength = line.length;
    if (goesOn) {
      const piece = width > 0 ? line : line.replace(/^[ >|]+/, '');
      pending += width > 0 ? piece.padStart(0) : ` ${piece}`;
      pieces += 1;
      return '\n';
    }
    const out = pieces > 0 ? `${pending}\n` : '';
    pending = line;
    pieces = 1;
    return out;
  }

  return {
    push: (bytes) => {
      const lines = (rest + bytes).split('\n');
      rest = lines.pop() ?? '';
      return lines.map(take).join('');
    },
    end: () => `${rest === '' ? '' : take(rest)}${pending}\n`,
  };
}
