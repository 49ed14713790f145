import type { Incident, Kill } from '../../incident/incident.ts';
import { aNotice, type Notice, type Text } from '../notice.ts';
import { freedKiB } from '../roles.ts';
import { sayCount, sayDuration, sayUtc } from '../units.ts';
import { sayKiB } from '../../oom/units.ts';
import { describeLaterKill } from './thread-notice.ts';

/** The newest kills of an incident, as one message in its thread: each by its name and time. `count` is at least one. */
export function describeLaterKills(incident: Incident, count: number): Notice {
  const kills = incident.kills.slice(-count);
  const [first] = kills;
  if (count === 1 && first) return describeLaterKill(first);
  const withinMs = Math.max(1_000, incident.lastAtMs - (first?.atMs ?? incident.firstAtMs));
  const hidden = count - kills.length;
  return aNotice({
    tone: 'bad',
    headline: [
      {
        words: `${sayCount(count, 'more kill')} in ${sayDuration(withinMs)}, ${sayCount(incident.killCount, 'kill')} in all`,
      },
    ],
    parts: [
      {
        kind: 'lines',
        caption:
          hidden > 0 ? `The newest ${kills.length}, and ${hidden} more on record` : sayCount(kills.length, 'kill'),
        lines: kills.map(killLine),
      },
    ],
  });
}

/** What went on in several incidents that one message told of. */
export function describeMoreOfSeveral(more: readonly { incident: Incident; count: number }[]): Notice {
  const total = more.reduce((sum, { count }) => sum + count, 0);
  return aNotice({
    tone: 'bad',
    headline: [{ words: `${sayCount(total, 'more kill')} in ${sayCount(more.length, 'incident')}` }],
    parts: [
      {
        kind: 'rows',
        rows: more.map(({ incident, count }): { text: Text } => ({
          text: [
            { hostText: incident.host },
            { words: ': ' },
            { hostText: incident.service },
            { words: ` ${count} more, ${sayCount(incident.killCount, 'kill')} in all` },
          ],
        })),
      },
    ],
  });
}

function killLine(kill: Kill): string {
  const freed = freedKiB(kill.record);
  return `${sayUtc(kill.atMs)}  ${kill.record.name ?? '?'}  pid ${kill.record.pid ?? '?'}${freed === null ? '' : `  ${sayKiB(freed)} freed`}`;
}
