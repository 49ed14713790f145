import type { Incident, Kill } from '../../incident/incident.ts';
import { serviceLabel, serviceOf } from '../../incident/service.ts';
import { sayKiB } from '../../oom/units.ts';
import { aNotice, type Cell, type Notice, type Part, type Text } from '../notice.ts';
import { freedKiB, shortageText } from '../roles.ts';
import { sizeParts } from '../size-text.ts';
import { sayCount, sayNumber } from '../units.ts';
import { headlineOf } from './headline.ts';
import { causeText } from './incident-notice.ts';
import { sizingOf } from './incident-size.ts';
import { killFacts } from './incident-facts.ts';

/** So few are told one by one; more stand in a table. */
const TOLD_ONE_BY_ONE = 3;

interface Page {
  /** 1, 2 … */
  page: number;
  pages: number;
  /** How many newer kills stand before it. */
  first: number;
}

/** An incident with all its kills, each with its own facts: newest first, a page at a time. */
export function describeShown(incident: Incident, kills: readonly Kill[], { page, pages, first }: Page): Notice {
  const short = incident.id.slice(0, 8);
  const parts: Part[] =
    kills.length <= TOLD_ONE_BY_ONE
      ? kills.flatMap((kill) => oneKill(kill, incident.killCount > 1))
      : [killsTable(incident, kills, first)];
  const sizing = page === 1 ? sizingOf(incident) : null;
  const missing = page === pages && first + kills.length < incident.killCount;
  return aNotice({
    headline: headlineOf(incident),
    sentence: [
      ...spanOf(incident),
      { words: pages > 1 ? `, newest first, page ${page} of ${pages}.` : '.' },
      ...(incident.ack ? [{ words: ' On it: ' }, { userId: incident.ack.by }, { words: '.' }] : []),
    ],
    parts: [...parts, ...(sizing === null ? [] : sizeParts(sizing))],
    small: [
      ...(missing ? [[{ words: 'Older kills of this incident are no longer on record.' }]] : []),
      [{ words: `Incident ${incident.id}.` }],
    ],
    buttons: [
      ...(page < pages ? [{ id: 'run' as const, label: 'Older kills', value: `show ${short} ${page + 1}` }] : []),
      ...(page > 1 ? [{ id: 'run' as const, label: 'Newer kills', value: `show ${short} ${page - 1}` }] : []),
      { id: 'report', label: 'Full report', value: incident.id },
    ],
  });
}

/** To the second: what took less is no time from one to another. */
function spanOf({ killCount, firstAtMs, lastAtMs }: Incident): Text {
  const kills = sayCount(killCount, 'kill');
  return Math.floor(firstAtMs / 1_000) === Math.floor(lastAtMs / 1_000)
    ? [{ words: `${kills} at ` }, { atMs: lastAtMs }]
    : [{ words: `${kills} from ` }, { atMs: firstAtMs }, { words: ' to ' }, { atMs: lastAtMs }];
}

function oneKill(kill: Kill, isOneOfMany: boolean): Part[] {
  const { cause } = kill.record;
  const title: Part[] = isOneOfMany ? [{ kind: 'text', text: [{ strong: 'Killed ' }, { atMs: kill.atMs }] }] : [];
  return [
    ...title,
    ...(cause === null ? [] : [{ kind: 'text' as const, text: causeText(cause) }]),
    { kind: 'facts', facts: killFacts(kill) },
  ];
}

function killsTable(incident: Incident, kills: readonly Kill[], first: number): Part {
  const several = incident.victims.length > 1;
  return {
    kind: 'table',
    caption: `Kills ${sayNumber(first + 1)} to ${sayNumber(first + kills.length)} of ${sayNumber(incident.killCount)}, newest first`,
    columns: [
      { title: 'When', align: 'left' },
      { title: 'Victim', align: 'left' },
      { title: 'PID', align: 'right' },
      ...(several ? [{ title: 'Service', align: 'left' as const }] : []),
      { title: 'Freed', align: 'right' },
      { title: 'Score', align: 'right' },
      { title: 'Triggered by', align: 'left' },
      { title: 'What ran out', align: 'left' },
    ],
    rows: kills.map((kill): Cell[] => {
      const { record } = kill;
      const freed = freedKiB(record);
      return [
        { text: [{ atMs: kill.atMs }] },
        { text: named(record.name) },
        { text: [{ words: record.pid === null ? '–' : String(record.pid) }] },
        ...(several ? [{ text: named(serviceLabel(serviceOf(kill), [kill])) }] : []),
        { text: [{ words: freed === null ? '–' : sayKiB(freed) }], ...(freed === null ? {} : { sortBy: freed }) },
        { text: [{ words: record.score === null ? '–' : sayNumber(record.score) }] },
        { text: named(record.trigger?.name ?? null) },
        { text: shortageText(kill) },
      ];
    }),
  };
}

function named(name: string | null): Text {
  return name === null ? [{ words: '–' }] : [{ hostText: name }];
}

/** The answer to whoever takes care of an incident; `before`: who did until now. */
export function describeAcked(incident: Incident, before: string | null): Notice {
  return aNotice({
    tone: 'good',
    headline: [
      { words: 'You are on it: ' },
      { hostText: serviceLabel(incident.service, incident.kills) },
      { words: ' on ' },
      { hostText: incident.host },
    ],
    sentence: [
      ...(before === null || before === incident.ack?.by ? [] : [{ userId: before }, { words: ' had it until now. ' }]),
      { words: 'Its message says so until the incident ends.' },
    ],
  });
}
