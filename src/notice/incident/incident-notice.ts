import { shellWord } from '../host-text.ts';
import type { Incident } from '../../incident/incident.ts';
import type { Recurrence } from '../../incident/recurrence.ts';
import type { Cause } from '../../oom/report.ts';
import { adviceFor } from './advice.ts';
import { headlineOf } from './headline.ts';
import { incidentFacts } from './incident-facts.ts';
import type { Button, Fact, Notice, Part, Text, Tone } from '../notice.ts';
import { countsSharedTwice, holdersTable, memoryChart, pastKillsChart } from './pictures.ts';
import { backText, seenBeforeText } from '../recurrence-text.ts';
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
  certain: 'Certain: the log says so.',
  likely: 'Likely: the numbers fit.',
  hint: 'Only a hint, worth a look.',
};

/** A kill's message: headline, cause, facts, holders, seen before, is it back, who is next, one thing to do, charts, buttons. */
export function describeIncident(incident: Incident, context: IncidentContext): Notice {
  const kill = incident.kills.at(-1);
  const record = kill?.record ?? null;
  const table = record ? holdersTable(record) : null;
  const status = statusFacts(incident, context);
  return {
    tone: toneOf(incident),
    headline: headlineOf(incident),
    sentence: incident.cause ? causeText(incident.cause) : null,
    parts: [
      ...some(incident.cause ? alsoPart(incident.cause) : null),
      { kind: 'facts', facts: incidentFacts(incident) },
      ...some(table),
      ...some(table && record && countsSharedTwice(record) ? SHARED : null),
      ...(status.length === 0 ? [] : [{ kind: 'facts' as const, facts: status }]),
      ...some(adviceFor(incident)),
      ...some(record ? memoryChart(record) : null),
      ...some(pastKillsChart(incident)),
    ],
    small: smallPrint(incident),
    buttons: buttonsOf(incident, context),
  };
}

/** The cause as one sentence, with how sure it is. */
export function causeText(cause: Cause): Text {
  const said = cause.text.trim();
  const ending = /[.!?]$/.test(said) ? ' ' : '. ';
  return [{ prose: said }, { words: `${ending}${SURE[cause.sure]}` }];
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
  const back = backText(incident.back);
  const { next } = incident;
  const heirs = next ? nextText(next.candidates) : null;
  return [
    ...(context.seenBefore === undefined ? [] : [{ label: 'Seen before', value: seenBeforeText(context.seenBefore) }]),
    ...(back ? [{ label: 'Is it back', value: back }] : []),
    ...(next && heirs ? [{ label: 'Who is next', value: [...heirs, { words: ', as of ' }, { atMs: next.atMs }] }] : []),
  ];
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
    ...(kill.verified ? [] : [[{ words: 'Any local user can write to this log: the kill is not verified.' }]]),
    ...(record.outcome === 'truncated' ? [[{ words: 'The report is cut off: facts are missing.' }]] : []),
    ...(record.predictedVictim?.agrees === false && record.predictedVictim.reason
      ? [[{ words: 'The task table would give another victim: ' }, { prose: record.predictedVictim.reason }]]
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
  return [
    ...(protect ? [{ id: 'protect' as const, label: 'Protect…', value: incident.id }] : []),
    { id: 'scores', label: 'Scores now', value: incident.host },
    { id: 'report', label: 'Full report', value: incident.id },
    context.asAnswer
      ? { id: 'share', label: 'Share in channel', value: incident.id }
      : { id: 'mute', label: incident.mutedUntilMs === null ? 'Mute 1 h' : 'Mute 1 h more', value: incident.id },
  ];
}
