import { PROGRAMS } from '../../size/programs.ts';
import type { Sizing } from '../../size/size.ts';
import { sayKiB } from '../../oom/units.ts';
import { aNotice, type Notice, type Text } from '../notice.ts';
import { sizeParts } from '../size-text.ts';
import { sayCount } from '../units.ts';

/** What was asked about. `kill`: the incident whose report the numbers are of; null: they were read just now. */
export interface Sizes {
  host: string;
  atMs: number;
  sizings: readonly Sizing[];
  /** Programs that are not shown. */
  more: number;
  kill: string | null;
}

/** Programs of a host with what of their settings fits there, each with arithmetic, command and undo. */
export function describeSizes({ host, atMs, sizings, more, kill }: Sizes): Notice {
  const [first] = sizings;
  const isShared = sizings.length > 1;
  const place: Text =
    first === undefined
      ? []
      : [
          {
            words:
              first.place.kind === 'host'
                ? `${sayKiB(first.place.totalKiB)} RAM`
                : `a limit of ${sayKiB(first.place.totalKiB)}`,
          },
          ...(first.place.group === null ? [] : [{ words: ' of group ' }, { hostText: first.place.group }]),
        ];
  return aNotice({
    headline: [{ words: 'What fits on ' }, { hostText: host }, { words: ': ' }, ...place],
    sentence: isShared
      ? [
          {
            words: `${sayCount(sizings.length, 'program')} share it: each is sized so that all fit together, in proportion to what they hold now.`,
          },
        ]
      : null,
    parts: sizings.flatMap(sizeParts),
    small: [
      ...(more > 0 ? [[{ words: `${sayCount(more, 'smaller program')} not shown: name one to see it.` }]] : []),
      kill === null
        ? [{ words: 'Read ' }, { atMs }, { words: '. A limit of a group is known where it was hit before.' }]
        : [
            { words: 'It does not run now: numbers of its kill ' },
            { atMs },
            { words: `, incident ${kill.slice(0, 8)}.` },
          ],
    ],
  });
}

/** Nothing to size: `what` is a program without known settings, or (null) no known one is large enough. */
export function describeNoSize(host: string, what: string | null): Notice {
  const known = [...new Set(PROGRAMS.map(({ title }) => title))].join(', ');
  return aNotice({
    headline:
      what === null
        ? [{ words: 'No program with known settings holds 5 % of the memory of ' }, { hostText: host }]
        : [{ words: 'No settings known for ' }, { hostText: what }, { words: ' on ' }, { hostText: host }],
    sentence: [{ words: `Sizes are known for ${known}.` }],
  });
}
