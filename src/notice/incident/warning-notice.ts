import { aNotice, type Notice, quoted, type Text } from '../notice.ts';
import type { Danger } from '../../incident/early-warning.ts';
import type { Growth } from '../../incident/growth.ts';
import { sayKiB } from '../../oom/units.ts';
import { growthText } from './before-notice.ts';
import { sayDuration, sayShare } from '../units.ts';

/** Memory of a host will soon be short: how soon at the present slope, and who grows. */
export function describeWarning(host: string, danger: Danger, growth: Growth | null, sinceMs: number): Notice {
  return aNotice({
    tone: 'warn',
    headline:
      danger.leftMs === null
        ? [{ hostText: host }, { words: ' is stalling: there is little memory left, and everything waits for it' }]
        : [
            { hostText: host },
            { words: ` runs out of memory in about ${sayDuration(wholeMinutes(danger.leftMs))} if this goes on` },
          ],
    sentence: [...restText(danger), ...culpritText(growth)],
    small: [
      [
        { words: 'An estimate, no fact: first seen ' },
        { atMs: sinceMs },
        { words: '. This message is edited, and says when it is over.' },
      ],
    ],
    buttons: [
      { id: 'scores', label: 'Scores now', value: host },
      { id: 'run', label: 'Mute 1 h', value: `mute ${quoted(host)} 1h` },
    ],
  });
}

/** The same message once it is over. */
export function describeWarningOver(
  host: string,
  how: 'passed' | 'killed',
  span: { startedAtMs: number; endedAtMs: number; restKiB: number; totalKiB: number },
): Notice {
  const lasted = sayDuration(span.endedAtMs - span.startedAtMs);
  return aNotice({
    tone: how === 'passed' ? 'good' : 'bad',
    headline:
      how === 'passed'
        ? [{ words: 'It passed: ' }, { hostText: host }, { words: ' has memory again' }]
        : [{ words: 'It came to a kill on ' }, { hostText: host }, { words: `, ${lasted} after this warning` }],
    sentence: [
      {
        words: `${sayKiB(span.restKiB)} are left with swap, ${sayShare(span.restKiB, span.totalKiB)} of all.${how === 'passed' ? ` It lasted ${lasted}.` : ''}`,
      },
    ],
    small: [[{ words: 'The warning came ' }, { atMs: span.startedAtMs }, { words: '.' }]],
  });
}

function restText({ restKiB, totalKiB, fallKiBPerMinute, pressureFullAvg10 }: Danger): Text {
  const fall = fallKiBPerMinute > 0 ? `, falling by ${sayKiB(fallKiBPerMinute)} a minute` : '';
  const waits =
    pressureFullAvg10 !== null && pressureFullAvg10 >= 1
      ? ` Everything there waited for memory ${Math.round(pressureFullAvg10)} % of the last 10 s.`
      : '';
  return [{ words: `${sayKiB(restKiB)} are left with swap, ${sayShare(restKiB, totalKiB)} of all${fall}.${waits}` }];
}

function culpritText(growth: Growth | null): Text {
  return growth === null ? [] : [{ words: ' ' }, ...growthText(growth), { words: '.' }];
}

function wholeMinutes(lengthMs: number): number {
  return Math.max(1, Math.round(lengthMs / 60_000)) * 60_000;
}
