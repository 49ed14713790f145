import type { Incident, Kill } from '../../incident/incident.ts';
import { survivedSignal } from '../../oom/survived-signal.ts';
import type { Text } from '../notice.ts';
import { reapedOf, shortageText, victimText } from '../roles.ts';
import { sayCount, sayDuration, sayNumber } from '../units.ts';

/** What, where, how bad, in one line. */
export function headlineOf(incident: Incident): Text {
  const kill = incident.kills.at(-1);
  const host: Text = [{ hostText: incident.host }];
  if (!kill) return [{ words: `${sayCount(incident.killCount, 'kill')} on ` }, ...host];
  const without = withoutVictim(incident, kill, host);
  if (without) return without;
  return [...whoDied(incident, kill, host), { words: ': ' }, ...shortageText(kill), ...isItBack(incident)];
}

function whoDied(incident: Incident, kill: Kill, host: Text): Text {
  const spanMs = incident.lastAtMs - incident.firstAtMs;
  const within = spanMs < 1_000 ? '' : ` within ${sayDuration(spanMs)}`;
  if (incident.killCount === 1 && survivedSignal(kill.record))
    return [
      { words: `${kill.record.killer} tried to kill ` },
      ...victimText(kill),
      { words: ' on ' },
      ...host,
      { words: ', it did not exit' },
    ];
  if (incident.killCount === 1) return [...victimText(kill), { words: ' was killed on ' }, ...host];
  if (incident.kills.every((one) => one.record.oomGroup !== null)) {
    return [
      { words: `${sayNumber(incident.killCount)} processes of ` },
      { hostText: incident.service },
      { words: ' were killed together on ' },
      ...host,
    ];
  }
  if (incident.victims.length > 1) {
    const services = incident.victims.length;
    return [
      { words: `${sayNumber(incident.killCount)} processes of ${sayCount(services, 'service')} were killed on ` },
      ...host,
      { words: within },
    ];
  }
  return [
    ...victimText(kill),
    { words: ` was killed ${sayNumber(incident.killCount)} times on ` },
    ...host,
    { words: within },
  ];
}

function withoutVictim(incident: Incident, kill: Kill, host: Text): Text | null {
  if (kill.source === 'counter') {
    const [are, they] = incident.killCount === 1 ? ['is', 'it is'] : ['are', 'they are'];
    return [
      { words: `${sayCount(incident.killCount, 'kill')} on ` },
      ...host,
      { words: ` ${are} not explained: the kernel counted, but ${they} not in its log` },
    ];
  }
  switch (kill.record.outcome) {
    case 'panic':
      return [...host, { words: ' panicked: it was out of memory' }];
    case 'no-killable':
      return [...host, { words: ' is out of memory and has nothing left to kill' }];
    case 'truncated': {
      const reaped = reapedOf(kill.record);
      if (reaped) return [{ hostText: reaped.name }, { words: ` (pid ${reaped.pid}) was killed on ` }, ...host];
      return kill.record.pid === null
        ? [{ words: 'Out of memory on ' }, ...host, { words: ': the report is cut off' }]
        : null;
    }
    case 'suppressed':
      return kill.record.pid === null
        ? [{ words: 'Out of memory on ' }, ...host, { words: ': the kernel left out reports' }]
        : null;
    case 'killed':
      return null;
  }
}

function isItBack(incident: Incident): Text {
  switch (incident.back.kind) {
    case 'unknown':
      return [];
    case 'down':
      return [{ words: '. Still down' }];
    case 'restarted':
      return [{ words: `. Back after ${sayDuration(incident.back.afterMs)}` }];
    case 'loop':
      return [{ words: '. It keeps dying' }];
  }
}
