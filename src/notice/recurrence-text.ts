import type { BackState } from '../incident/incident.ts';
import type { Recurrence } from '../incident/recurrence.ts';
import type { Text } from './notice.ts';
import { sayClocks, sayCount, sayDuration } from './units.ts';

/** Seen before: how often, how far apart, at which clock time. `past` holds the kills before this incident. */
export function seenBeforeText(past: Recurrence | null): Text {
  if (!past) return [{ words: 'no, this is the first known kill' }];
  const gap = past.typicalGapMs === null ? '' : `, about every ${sayDuration(past.typicalGapMs)}`;
  const clock =
    past.clockMinutes.length === 0
      ? ''
      : `, ${sayClocks(past.clockMinutes, past.isDaily)}: look for a timer or a cron job`;
  return [
    { words: `${sayCount(past.kills, 'kill')} since ` },
    { atMs: past.firstAtMs },
    ...(past.kills === 1 ? [] : [{ words: ', last ' }, { atMs: past.lastAtMs }]),
    { words: clock === '' ? gap : clock },
  ];
}

/** How often it comes, for a column; a gap between clock times would hide them. Empty: it came too seldom to say. */
export function sayHowOften({ typicalGapMs, clockMinutes, isDaily }: Recurrence): string {
  if (clockMinutes.length > 0 && isDaily)
    return clockMinutes.length === 1 ? 'once a day' : `${clockMinutes.length} times a day`;
  if (clockMinutes.length > 1) return 'at set times';
  return typicalGapMs === null ? '' : `every ${sayDuration(typicalGapMs)}`;
}

/** How it is now. null while nobody has looked. */
export function statusText(back: BackState): Text | null {
  switch (back.kind) {
    case 'unknown':
      return null;
    case 'down':
      return [{ words: 'down since ' }, { atMs: back.sinceMs }];
    case 'restarted':
      return [{ words: `back after ${sayDuration(back.afterMs)}${back.pid === null ? '' : ` as pid ${back.pid}`}` }];
    case 'loop':
      return [{ words: `keeps dying, ${sayCount(back.restarts, 'time')} in the last 10 min` }];
  }
}
