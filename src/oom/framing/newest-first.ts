import { findStamps } from './front-facts.ts';
import { findLandmark } from './landmarks.ts';
import type { Filter } from './filter.ts';

// Exports of log services give the newest line first. A report then begins with its end.

/** The parts of a report in the order in which the kernel prints them. */
const RANKS = new Map(
  [
    'header',
    'cpu',
    'task',
    'usage',
    'meminfo',
    'totals',
    'pages',
    'title',
    'heading',
    'row',
    'verdict',
    'score',
    'kill',
    'reaper',
  ].map((kind, rank) => [kind, rank] as const),
);
/** Whom a line is about: chosen, killed, reaped. */
const PID = /[Kk]ill(?:ed)? process (\d+)|,pid=(\d+),uid=|oom_reaper: \D{1,30}(\d+)/;
const SAME_PROCESS = 3;
const LINES_LOOKED_AT = 4_000;
const BLOCK_BYTES = 67_108_864;

/** Whether the parts of the reports in a text stand the wrong way round. The times decide where they tell. */
export function isNewestFirst(head: string): boolean {
  const order = { forward: 0, backward: 0 };
  const time = { forward: 0, backward: 0 };
  let rankAbove: number | undefined;
  let pidAbove: string | null = null;
  let stampAbove: string | null = null;
  for (const line of head.split('\n', LINES_LOOKED_AT)) {
    const landmark = line.length < 4_000 ? findLandmark(line) : null;
    const rank = RANKS.get(landmark?.kind ?? '');
    if (landmark === null || rank === undefined) continue;
    const pid =
      PID.exec(line)
        ?.slice(1)
        .find((found) => found !== undefined) ?? null;
    if (rankAbove !== undefined && rank !== rankAbove) {
      // That somebody was killed stands above that the same was chosen: short logs have no more to go by.
      const weight = pid !== null && pid === pidAbove ? SAME_PROCESS : 1;
      order[rank > rankAbove ? 'forward' : 'backward'] += weight;
    }
    rankAbove = rank;
    pidAbove = pid;
    const stamp = sortableStamp(line.slice(0, 200));
    if (stamp !== null && stampAbove?.length === stamp.length && stamp !== stampAbove)
      time[stamp > stampAbove ? 'forward' : 'backward'] += 1;
    stampAbove = stamp;
  }
  if (time.forward > time.backward) return false;
  if (time.backward > time.forward * 2 && order.backward > 0) return order.backward >= order.forward;
  return order.backward > 2 && order.backward > order.forward * 2;
}

/** A stamp that grows as a text: the kernel's seconds, ISO, a count since 1970. */
function sortableStamp(line: string): string | null {
  const seconds = /\[ *(\d{1,10}\.\d{6})\]/.exec(line)?.[1];
  if (seconds !== undefined) return seconds.padStart(17, '0');
  const text = findStamps(line)[0]?.timeText ?? '';
  return /^\d{4}|^1\d{9}/.test(text) ? text : null;
}

/** Turns the lines round, in blocks: what of a report lies on both sides of a block's end stays apart. */
export function openNewestFirst(): Filter {
  let parts: string[] = [];
  let length = 0;
  let rest = '';
  let lineCount = 0;
  let blocks = 0;

  function turn(): string {
    const lines = parts.join('').split('\n');
    parts = [];
    length = 0;
    if (lines.at(-1) === '') lines.pop();
    lineCount += lines.length;
    blocks += 1;
    return lines.length === 0 ? '' : `${lines.toReversed().join('\n')}\n`;
  }

  return {
    push: (bytes) => {
      const text = rest + bytes;
      const end = text.lastIndexOf('\n') + 1;
      rest = text.slice(end);
      parts.push(text.slice(0, end));
      length += end;
      return length > BLOCK_BYTES ? turn() : '';
    },
    end: () => {
      parts.push(rest);
      return turn();
    },
    turnedLines: () => (blocks === 1 ? lineCount : null),
  };
}
