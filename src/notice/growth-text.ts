import type { Leak, SizeAt } from '../incident/leak.ts';
import { KIB_PER_MIB, sayKiB } from '../oom/units.ts';
import type { Part, Text } from './notice.ts';
import { sayCount, sayDuration, sayDay, sayUtc } from './units.ts';

const BARS = 20;

/** A leak as one sentence, with its numbers and how sure it is. */
export function leakText(leak: Leak, isFaster: boolean): Text {
  const rate = `grows about ${sayKiB(leak.slopeKiBPerHour)} an hour from each start until it is killed at about ${sayKiB(leak.typicalSizeKiB)}`;
  const seen = `seen in ${sayCount(leak.lives, 'life', 'lives')} of about ${sayDuration(leak.typicalLifeMs)}, R² ${leak.r2.toFixed(2)}`;
  const faster = isFaster ? ' Its lives get shorter.' : '';
  return [
    { words: `${rate} (${seen}). Likely a leak.` },
    ...(leak.nextAtMs === null
      ? [{ words: ' The next kill was due before now: it may have been fixed, or restarted in between.' }]
      : [{ words: ' The next kill is expected about ' }, { atMs: leak.nextAtMs }, { words: '.' }]),
    { words: faster },
  ];
}

/** Memory of a service at each of its kills, oldest first. null below two kills of known size. */
export function sizesChart(sizes: readonly SizeAt[]): Part | null {
  const known = sizes.filter(({ sizeKiB }) => sizeKiB >= KIB_PER_MIB).slice(-BARS);
  if (known.length < 2) return null;
  return {
    kind: 'chart',
    shape: 'bar',
    title: 'Memory at each kill (UTC), first row of the table',
    unit: 'MiB',
    points: known.map(({ atMs, sizeKiB }, at) => ({
      label: labelOf(atMs, known.slice(0, at).filter((before) => minuteOf(before.atMs) === minuteOf(atMs)).length),
      value: Math.round(sizeKiB / KIB_PER_MIB),
    })),
  };
}

/** Two kills may fall into one minute, and labels must differ. */
function labelOf(atMs: number, sameBefore: number): string {
  const minute = `${sayDay(atMs)} ${sayUtc(atMs).slice(11, 16)}`;
  return sameBefore === 0 ? minute : `${minute} (${sameBefore + 1})`;
}

function minuteOf(atMs: number): number {
  return Math.floor(atMs / 60_000);
}
