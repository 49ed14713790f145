import { sayKiB } from '../../oom/units.ts';
import type { Incident, Kill } from '../../incident/incident.ts';
import { serviceLabel } from '../../incident/service.ts';
import { aNotice, type Notice } from '../notice.ts';
import { statusText } from '../recurrence-text.ts';
import { backService } from './headline.ts';
import { freedKiB, shortageText, victimText } from '../roles.ts';
import { sayCount } from '../units.ts';

const EVIDENCE_LINES = 40;

/** The first reply in an incident's thread: the log lines that it rests on, as they were printed. */
export function describeEvidence(kill: Kill): Notice {
  const { evidence, warnings } = kill.record;
  const hidden = evidence.length - EVIDENCE_LINES;
  return aNotice({
    headline: [{ words: 'What the log of ' }, { hostText: kill.host }, { words: ' says' }],
    parts: [
      {
        kind: 'lines',
        caption:
          hidden > 0 ? `The first ${EVIDENCE_LINES} of ${evidence.length} lines` : sayCount(evidence.length, 'line'),
        lines: evidence.slice(0, EVIDENCE_LINES).map((line) => line.text),
      },
    ],
    small: warnings.slice(0, 5).map((warning) => [{ prose: warning }]),
  });
}

/** A later kill of an incident, as one line in its thread. */
export function describeLaterKill(kill: Kill): Notice {
  const freed = freedKiB(kill.record);
  const pid = kill.record.pid === null ? '' : ` (pid ${kill.record.pid})`;
  return aNotice({
    tone: 'bad',
    headline: [
      ...victimText(kill),
      { words: `${pid} was killed again, ` },
      { atMs: kill.atMs },
      { words: `${freed === null ? '' : `, ${sayKiB(freed)} freed`}: ` },
      ...shortageText(kill),
    ],
  });
}

/** What was seen when the bot looked whether it is back. null while that is unknown. */
export function describeReturn(incident: Incident): Notice | null {
  const { back } = incident;
  const text = statusText(back);
  if (!text) return null;
  const tone = back.kind === 'restarted' ? 'good' : 'bad';
  const verb = back.kind === 'loop' ? ' ' : ' is ';
  return aNotice({
    tone,
    headline: [
      { hostText: backService(incident) ?? serviceLabel(incident.service, incident.kills) },
      { words: verb },
      ...text,
    ],
  });
}
