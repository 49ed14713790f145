import { serviceLabel } from '../../incident/service.ts';
import { shellWord } from '../host-text.ts';
import type { Incident } from '../../incident/incident.ts';
import type { Recurrence } from '../../incident/recurrence.ts';
import { isOfSeveralKills } from '../../cause/cause.ts';
import type { Cause } from '../../oom/report.ts';
import { adviceFor } from './advice.ts';
import { backService, headlineOf, isOneDeath } from './headline.ts';
import { incidentFacts } from './incident-facts.ts';
import { sizeLine } from './incident-size.ts';
import type { Button, Fact, Notice, Part, Text, Tone } from '../notice.ts';
import { countsSharedTwice, holdersTable, memoryChart, pastKillsChart } from './pictures.ts';
import { seenBeforeText, statusText } from '../recurrence-text.ts';
import { nextText } from '../scores-notice.ts';

/** What else is known when an incident is told. */
export interface IncidentContext {
  nowMs: number;
  /** Kills of the same service on the same host before this incident; null: none. undefined: not looked up. */
  seenBefore?: Recurrence | null;
  /** True where changes can be proposed; without it there is no button for them. */
  protect: boolean;
  /** The answer to a question gets a share button in place of the mute button. */
  asAnswer?: boolean;
}

/** A message is one screen. */
const ALSO_SHOWN = 3;

const SURE: Record<Cause['sure'], string> = {
  certain: 'Confirmed by the log.',
  likely: 'Likely cause.',
  hint: 'Only a hint: worth a look.',
};

/** A kill's message: headline, cause, facts, holders, seen before, is it back, who is next, one thing to do, charts, buttons. */
export function describeIncident(incident: Incident, context: IncidentContext): Notice {
  const kill = incident.kills.at(-1);
  const record = kill?.record ?? null;
  const table = record ? atLastKill(incident, holdersTable(record)) : null;
  const status = statusFacts(incident, context);
  return {
    tone: toneOf(incident),
    headline: headlineOf(incident),
    sentence: incident.cause ? [...whoseCause(incident, incident.cause), ...causeText(incident.cause)] : null,
    parts: [
      ...some(incident.cause ? alsoPart(incident.cause) : null),
      { kind: 'facts', facts: incidentFacts(incident) },
      ...some(table),
      ...some(table && record && countsSharedTwice(record) ? SHARED : null),
      ...(status.length === 0 ? [] : [{ kind: 'facts' as const, facts: status }]),
      ...some(adviceFor(incident)),
      ...some(sizeLine(incident)),
      ...some(record ? atLastKill(incident, memoryChart(record)) : null),
      ...some(pastKillsChart(incident)),
    ],
    small: smallPrint(incident),
    buttons: buttonsOf(incident, context),
  };
}

/** A cause that several kills show is that of the incident; any other is that of its last kill, and says so. */
function whoseCause(incident: Incident, cause: Cause): Text {
  if (incident.killCount === 1 || isOneDeath(incident) || isOfSeveralKills(cause.code)) return [];
  const service = incident.victims.length > 1 ? backService(incident) : null;
  if (service === null) return [{ strong: 'Last kill:' }, { words: ' ' }];
  return [{ strong: 'Last kill' }, { words: ' (' }, { hostText: service }, { words: '): ' }];
}

/** The picture of one report says of which. */
function atLastKill<P extends Part>(incident: Incident, part: P | null): P | null {
  if (part === null || incident.killCount === 1 || isOneDeath(incident)) return part;
  if (part.kind === 'table') return { ...part, caption: `${part.caption}, last kill` };
  return part.kind === 'chart' ? { ...part, title: `${part.title}, last kill` } : part;
}

/** The cause as one sentence, with how sure it is. */
export function causeText(cause: Cause): Text {
  const said = cause.text.trim();
  const ending = /[.!?]$/.test(said) ? ' ' : '. ';
  // What only a counter knows stands in no log.
  const sure = cause.code === 'not-explained' ? 'Counted, but not in the log.' : SURE[cause.sure];
  return [{ prose: said }, { words: `${ending}${sure}` }];
}

/** What else was found, each with how sure it is; null: nothing. */
export function alsoPart({ also }: Cause): Part | null {
  if (also === undefined || also.length === 0) return null;
  const text = also
    .slice(0, ALSO_SHOWN)
    .flatMap((one, at): Text => [
      { prose: `${at === 0 ? '' : ' '}${one.text.trim().replace(/\.$/, '')}` },
      { words: ` (${one.sure === 'hint' ? 'a hint' : one.sure}).` },
    ]);
  return { kind: 'text', text: [{ strong: 'Also:' }, { words: ' ' }, ...text] };
}

const SHARED: Part = {
  kind: 'text',
  text: [
    { words: 'Memory shared between processes is counted once for each of them, so the sum is more than there is.' },
  ],
};

function some(part: Part | null): Part[] {
  return part ? [part] : [];
}

function toneOf(incident: Incident): Tone {
  if (incident.back.kind === 'restarted') return 'warn';
  if (incident.closedAtMs !== null && incident.back.kind === 'unknown') return 'warn';
  return 'bad';
}

function statusFacts(incident: Incident, context: IncidentContext): Fact[] {
  const back = statusText(incident.back);
  // Of several services each was seen before, and is back, by itself.
  const [first, last] =
    incident.victims.length > 1
      ? [serviceLabel(incident.service, incident.kills), backService(incident)]
      : [null, null];
  const { next } = incident;
  const heirs = next ? nextText(next.candidates) : null;
  return [
    ...(context.seenBefore === undefined
      ? []
      : [{ label: 'Seen before', value: [...ofService(first), ...seenBeforeText(context.seenBefore)] }]),
    ...(incident.ack
      ? [{ label: 'On it', value: [{ userId: incident.ack.by }, { words: ' since ' }, { atMs: incident.ack.atMs }] }]
      : []),
    ...(back ? [{ label: 'Status', value: [...ofService(last), ...back] }] : []),
    ...(next && heirs ? [{ label: 'Who is next', value: [...heirs, { words: ', as of ' }, { atMs: next.atMs }] }] : []),
  ];
}

function ofService(service: string | null): Text {
  return service === null ? [] : [{ hostText: service }, { words: ': ' }];
}

function smallPrint(incident: Incident): Text[] {
  const kill = incident.kills.at(-1);
  if (!kill) return [];
  const { record } = kill;
  const source: Text = [
    { words: 'Read from ' },
    { hostText: kill.source },
    ...(record.kernelRelease ? [{ words: ', kernel ' }, { hostText: record.kernelRelease }] : []),
    { words: `. Incident ${incident.id}.` },
  ];
  return [
    ...(kill.verified ? [] : [[{ words: 'Not verified: any local user can write to this log.' }]]),
    ...(record.outcome === 'truncated' ? [[{ words: 'The report is cut off, so some facts are missing.' }]] : []),
    ...(record.predictedVictim?.agrees === false && record.predictedVictim.reason
      ? [[{ words: 'By the task table another process should have died: ' }, { prose: record.predictedVictim.reason }]]
      : []),
    ...(incident.mutedUntilMs === null
      ? []
      : [[{ words: 'Muted until ' }, { atMs: incident.mutedUntilMs }, { words: '.' }]]),
    ...(incident.closedAtMs === null
      ? []
      : [[{ words: 'Closed: quiet since ' }, { atMs: incident.lastAtMs }, { words: '.' }]]),
    source,
  ];
}

function buttonsOf(incident: Incident, context: IncidentContext): Button[] {
  const victim = incident.kills.at(-1)?.record.name ?? null;
  const protect = context.protect && incident.back.kind !== 'down' && shellWord(victim) !== null;
  const free = incident.closedAtMs === null && !incident.ack && context.asAnswer !== true;
  return [
    ...(free ? [{ id: 'ack' as const, label: 'On it', value: incident.id }] : []),
    ...(protect ? [{ id: 'protect' as const, label: 'Protect…', value: incident.id }] : []),
    { id: 'scores', label: 'Scores now', value: incident.host },
    { id: 'report', label: 'Full report', value: incident.id },
    context.asAnswer
      ? { id: 'share', label: 'Share in channel', value: incident.id }
      : { id: 'mute', label: incident.mutedUntilMs === null ? 'Mute 1 h' : 'Mute 1 h more', value: incident.id },
  ];
}
