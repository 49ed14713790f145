import { sayKiB } from '../../oom/units.ts';
import type { Incident, Kill } from '../../incident/incident.ts';
import { isContainerScope, serviceLabel, shortageOf } from '../../incident/service.ts';
import type { KillRecord } from '../../oom/report.ts';
import type { Fact, Text } from '../notice.ts';
import { containerText, domainText, freedKiB, freedWords } from '../roles.ts';
import { sayCount, sayDuration, sayNumber } from '../units.ts';

/** Services of a host-wide incident that its message names; the thread and `/oom show` name all. */
const SERVICES_SHOWN = 20;

/** Victim, trigger, what ran out, memory freed, score and adj, when: only what is known. What is so of one kill says of which. */
export function incidentFacts(incident: Incident): Fact[] {
  const kill = incident.kills.at(-1);
  if (!kill) return [];
  const { record } = kill;
  const freed = freedText(incident);
  const ofOne = [
    ...(record.pid === null && record.name === null ? [] : [{ label: 'Victim', value: whoText(kill) }]),
    ...triggerFacts(kill),
    ...ranOutFacts(kill),
  ];
  const score = scoreFacts(record);
  const isOne = incident.killCount === 1;
  return [
    ...(isOne ? ofOne : ofOne.map(ofLastKill)),
    ...(freed ? [{ label: 'Memory freed', value: freed }] : []),
    ...(isOne ? score : score.map(ofLastKill)),
    { label: 'When', value: whenText(incident, kill) },
    ...(incident.victims.length > 1 ? [{ label: 'Victims', value: victimsText(incident) }] : []),
  ];
}

/** What is known of one kill. */
export function killFacts(kill: Kill): Fact[] {
  const freed = freedWords(kill.record);
  return [
    ...(kill.record.pid === null && kill.record.name === null ? [] : [{ label: 'Victim', value: whoText(kill) }]),
    ...triggerFacts(kill),
    ...ranOutFacts(kill),
    ...(freed === null ? [] : [{ label: 'Memory freed', value: [{ words: freed }] }]),
    ...scoreFacts(kill.record),
  ];
}

/** What was looked up of the newest kill alone. */
function ofLastKill({ label, value }: Fact): Fact {
  return { label: `${label} (last kill)`, value };
}

function ranOutFacts(kill: Kill): Fact[] {
  const domain = domainText(kill.record);
  if (domain !== null) return [{ label: 'What ran out', value: domain }];
  const isKnown = shortageOf(kill) !== null || kill.source === 'counter' || kill.record.pid === null;
  return isKnown
    ? []
    : [{ label: 'What ran out', value: [{ words: 'not known: the log has this kill without its report' }] }];
}

function whoText(kill: Kill): Text {
  const { record, who } = kill;
  const { identity } = record;
  const name = record.name ?? who?.name ?? null;
  const small = [record.pid === null ? '' : `pid ${record.pid}`, record.uid === null ? '' : `uid ${record.uid}`].filter(
    Boolean,
  );
  const selected =
    record.selected && record.oomGroup === null && record.pid !== null && record.selected.pid !== record.pid
      ? [{ words: `, in place of pid ${record.selected.pid}` }]
      : [];
  return [
    ...(name === null ? [] : [{ hostText: name }]),
    ...(small.length === 0 ? [] : [{ words: ` (${small.join(', ')})` }]),
    ...selected,
    ...(identity?.unit && !isContainerScope(identity) ? [{ words: ', unit ' }, { hostText: identity.unit }] : []),
    ...containerText(kill),
    ...(who?.commandLine ? [{ words: ', ran ' }, { hostText: who.commandLine }] : []),
    ...(who?.parentName ? [{ words: ', child of ' }, { hostText: who.parentName }] : []),
    ...(typeof who?.ageMs === 'number' ? [{ words: `, lived ${sayDuration(who.ageMs)}` }] : []),
  ];
}

function triggerFacts(kill: Kill): Fact[] {
  const { trigger, reason, killer, pid: victimPid } = kill.record;
  if (killer !== 'kernel') return reason === null ? [] : [{ label: `Why ${killer} acted`, value: [{ prose: reason }] }];
  if (!trigger || (trigger.name === null && trigger.pid === null)) return [];
  const pid = trigger.pid === null ? '' : ` (pid ${trigger.pid})`;
  const name: Text = trigger.name === null ? [{ words: 'a process' }] : [{ hostText: trigger.name }];
  if (trigger.order === -1) return [{ label: 'Run by hand from', value: [...name, { words: pid }] }];
  const isVictim = trigger.pid !== null && trigger.pid === victimPid;
  if (isVictim) return [{ label: 'Triggered by', value: [...name, { words: pid }] }];
  const asPid = trigger.pid === null ? '' : `, pid ${trigger.pid}`;
  return [{ label: 'Triggered by', value: [...name, { words: `${asPid} (not necessarily the cause)` }] }];
}

function freedText(incident: Incident): Text | null {
  const sizes = incident.kills.map((kill) => freedKiB(kill.record)).filter((size) => size !== null);
  const kill = incident.kills.at(-1);
  if (!kill || sizes.length === 0) return null;
  const last = freedWords(kill.record);
  if (incident.killCount === 1) return last === null ? null : [{ words: last }];
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const all = sizes.length === incident.killCount ? 'in all' : `in ${sayCount(sizes.length, 'kill')} of known size`;
  return [{ words: `${last === null ? '' : `${last} at the last kill, `}${sayKiB(total)} ${all}` }];
}

/** The printed score, and the value that shifted it; each only where the log has it. */
export function scoreFacts({ score, oomScoreAdj }: KillRecord): Fact[] {
  const offered = oomScoreAdj !== null && oomScoreAdj > 0 ? ', so it was offered as a victim' : '';
  return [
    ...(score === null ? [] : [{ label: 'Score', value: [{ words: sayNumber(score) }] }]),
    ...(oomScoreAdj === null ? [] : [{ label: 'oom_score_adj', value: [{ words: `${oomScoreAdj}${offered}` }] }]),
  ];
}

function whenText(incident: Incident, kill: Kill): Text {
  const off = kill.atErrorMs >= 1_500 ? ` (± ${sayDuration(kill.atErrorMs)})` : '';
  // To the reader, who sees seconds, it was one moment.
  if (Math.floor(incident.firstAtMs / 1_000) === Math.floor(incident.lastAtMs / 1_000))
    return [{ atMs: kill.atMs }, { words: off }];
  return [{ atMs: incident.firstAtMs }, { words: ' to ' }, { atMs: incident.lastAtMs }, { words: off }];
}

function victimsText({ victims, killCount, kills }: Incident): Text {
  const named = victims.reduce((sum, victim) => sum + victim.count, 0);
  const more = victims.length - SERVICES_SHOWN;
  return [
    ...victims
      .slice(0, SERVICES_SHOWN)
      .flatMap((victim, at): Text => [
        ...(at === 0 ? [] : [{ words: ', ' }]),
        ...(victim.count > 1 ? [{ words: `${sayNumber(victim.count)} × ` }] : []),
        { hostText: serviceLabel(victim.service, kills) },
      ]),
    ...(more > 0 ? [{ words: ` and ${named < killCount ? 'more than ' : ''}${sayNumber(more)} more` }] : []),
  ];
}
