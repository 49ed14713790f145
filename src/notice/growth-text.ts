import type { Leak, SizeAt } from '../incident/leak.ts';
import { sayKiB } from '../oom/units.ts';
import type { Part, Text } from './notice.ts';
import { sayCount, sayDuration, sayUtc } from './units.ts';

const BARS = 20;
const KIB_PER_MIB = 1_024;

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
    title: 'Memory at each kill, first row',
    unit: 'MiB',
    points: known.map(({ atMs, sizeKiB }, at) => ({
      // Numbered, since two kills may fall into one minute and labels must differ.
      label: `${at + 1}: ${sayUtc(atMs).slice(5, 16)}`,
      value: Math.round(sizeKiB / KIB_PER_MIB),
    })),
  };
}
