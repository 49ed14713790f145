import { isUnknownProblem, serviceLabel, serviceOf, shortageOf } from '../../incident/service.ts';
import type { Incident, Kill } from '../../incident/incident.ts';
import { survivedSignal } from '../../oom/survived-signal.ts';
import type { Text } from '../notice.ts';
import { plainText } from '../render-text.ts';
import { reapedOf, shortageText, victimText } from '../roles.ts';
import { sayCount, sayDuration, sayNumber } from '../units.ts';

/** What, where, how bad, in one line that is true of every kill of the incident. */
export function headlineOf(incident: Incident): Text {
  const kill = incident.kills.at(-1);
  const host: Text = [{ hostText: incident.host }];
  if (!kill) return [{ words: `${sayCount(incident.killCount, 'kill')} on ` }, ...host];
  const without = withoutVictim(incident, kill, host);
  if (without) return without;
  return [...whoDied(incident, kill, host), { words: ': ' }, ...whatRanOut(incident, kill), ...isItBack(incident)];
}

function whoDied(incident: Incident, kill: Kill, host: Text): Text {
  const { killCount, victims } = incident;
  if (killCount === 1 && survivedSignal(kill.record))
    return [
      { words: `${kill.record.killer} tried to kill ` },
      ...victimText(kill),
      { words: ' on ' },
      ...host,
      { words: ', it did not exit' },
    ];
  if (killCount === 1) return [...victimText(kill), { words: ' was killed on ' }, ...host];
  const spanMs = incident.lastAtMs - incident.firstAtMs;
  const within: Text = spanMs < 1_000 ? [] : [{ words: ` within ${sayDuration(spanMs)}` }];
  if (isOneDeath(incident))
    return [
      { words: `${sayNumber(killCount)} processes of ` },
      { hostText: serviceLabel(incident.service, incident.kills) },
      { words: ' were killed together on ' },
      ...host,
    ];
  if (victims.length > 1)
    return [
      { words: `${sayNumber(killCount)} processes of ${serviceCount(incident)} were killed on ` },
      ...host,
      ...within,
    ];
  if (incident.name != null)
    return [...victimText(kill), { words: ` was killed ${sayNumber(killCount)} times on ` }, ...host, ...within];
  return [
    { words: `${sayNumber(killCount)} processes of ` },
    { hostText: serviceLabel(incident.service, incident.kills) },
    { words: ' were killed on ' },
    ...host,
    ...within,
  ];
}

/** Whether all died of one decision: `memory.oom.group` takes a group as a whole. */
export function isOneDeath({ kills, lastAtMs, firstAtMs }: Incident): boolean {
  return kills.every((one) => one.record.oomGroup !== null) && lastAtMs - firstAtMs < 1_000;
}

function serviceCount({ victims, killCount }: Incident): string {
  const named = victims.reduce((sum, victim) => sum + victim.count, 0);
  return `${named < killCount ? 'more than ' : ''}${sayCount(victims.length, 'service')}`;
}

/** What all kills of an incident ran into, in so far as it is known of them. */
function whatRanOut(incident: Incident, kill: Kill): Text {
  const { kills, killCount } = incident;
  const known = kills.filter((one) => shortageOf(one) !== null);
  const last = known.at(-1);
  if (last === undefined) return shortageText(kill);
  const says = new Set(known.map((one) => plainText(shortageText(one))));
  // Short lines of one name may be of several groups, as the host's counters told later.
  const limits = new Set(known.map(shortageOf)).size;
  const text: Text =
    isUnknownProblem(incident.problem) && limits > 1
      ? [{ words: `the memory limits of ${sayNumber(limits)} groups were reached` }]
      : // A limit may have been changed between two kills, and what is no longer carried is not looked at.
        shortageText(last, { limit: says.size === 1 && kills.length === killCount });
  const unknown = kills.length - known.length;
  if (unknown === 0) return text;
  return [
    ...text,
    { words: kills.length === killCount ? ` (not known of ${unknown} of them)` : ' (not known of some of them)' },
  ];
}

function withoutVictim(incident: Incident, kill: Kill, host: Text): Text | null {
  if (kill.source === 'counter') {
    const isOne = incident.killCount === 1;
    const { killer } = kill.record;
    const by = killer === 'kernel' ? '' : ` by ${killer}`;
    const counted =
      killer === 'kernel'
        ? `the kernel counted, but ${isOne ? 'it is' : 'they are'} not in its log`
        : `systemd counted ${isOne ? 'it' : 'them'}, but ${isOne ? 'it is' : 'they are'} in no log`;
    return [
      { words: `${sayCount(incident.killCount, 'kill')}${by} on ` },
      ...host,
      { words: ` ${isOne ? 'is' : 'are'} not explained: ${counted}` },
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
    case 'dry-run':
      return incident.killCount === 1
        ? [
            { words: `${kill.record.killer} would have killed ` },
            ...victimText(kill),
            { words: ' on ' },
            ...host,
            { words: ' (dry run: nothing was done)' },
          ]
        : null;
    case 'attempted':
    case 'killed':
      return null;
  }
}

function isItBack(incident: Incident): Text {
  const { back } = incident;
  const text = backWords(back);
  if (text === '') return [];
  const service = incident.victims.length > 1 ? backService(incident) : null;
  if (service === null) return [{ words: `. ${text.charAt(0).toUpperCase()}${text.slice(1)}` }];
  return [{ words: '. ' }, { hostText: service }, { words: `: ${text}` }];
}

/** Which service was looked after: that of the last process that died. */
export function backService({ kills }: Incident): string | null {
  const kill = kills.findLast((one) => one.record.pid !== null);
  return kill === undefined ? null : serviceLabel(serviceOf(kill), kills);
}

/** Whether it is back; '': not known. */
export function backWords(back: Incident['back']): string {
  switch (back.kind) {
    case 'unknown':
      return '';
    case 'down':
      return 'still down';
    case 'restarted':
      return `back after ${sayDuration(back.afterMs)}`;
    case 'loop':
      return 'it keeps dying';
  }
}
