import {
  aNotice,
  type Button,
  type Cell,
  type Fact,
  joinTexts,
  type Notice,
  type Part,
  quoted,
  type Text,
} from '../notice.ts';
import type { Leak } from '../../incident/leak.ts';
import type { OddAdj } from '../../incident/odd-adj.ts';
import type { Recurrence } from '../../incident/recurrence.ts';
import { sayKiB } from '../../oom/units.ts';
import { shellWord } from '../host-text.ts';
import { causeAction, causeWords } from './report-causes.ts';
import { sayHowOften } from '../recurrence-text.ts';
import { sayClocks, sayCount, sayDuration, sayNumber } from '../units.ts';

/** One service of a report, with what it most often died of. */
export interface ReportRow {
  host: string;
  service: string;
  kills: number;
  /** In as long a time before; null: the record does not reach back. */
  killsBefore: number | null;
  recurrence: Recurrence;
  leak: Leak | null;
  /** Code of its most frequent cause. */
  cause: string | null;
}

/** What some time was like for some hosts: what to look at, and what to do about it. */
export interface Report {
  /** The hosts that it is of, in words. */
  target: string;
  /** The host, tag or service that was asked for; null: all, or those of a channel. */
  asked: string | null;
  sinceMs: number;
  untilMs: number;
  kills: number;
  /** In as long a time before; null: the record does not reach back. */
  killsBefore: number | null;
  hostCount: number;
  /** Most kills first. */
  rows: readonly ReportRow[];
  /** Incidents by the code of their cause, most first. */
  causes: readonly { code: string; incidents: number }[];
  /** Hosts that are known to have no swap. */
  withoutSwap: readonly string[];
  oddAdj: readonly (OddAdj & { host: string })[];
}

type Row = { text: Text; button?: Button };

const ROWS_SHOWN = 5;
const ACTIONS_SHOWN = 6;
const HOSTS_NAMED = 6;

/** Whether a report has anything that somebody should act on. */
export function isWorthTelling(report: Report): boolean {
  return report.kills > 0 || report.oddAdj.length > 0;
}

/** One screen: how many died, the worst services, then one action a line. */
export function describeWeek(report: Report): Notice {
  const span = sayDuration(report.untilMs - report.sinceMs);
  const { kills, killsBefore, target } = report;
  const before = killsBefore === null ? '' : `, ${sayNumber(killsBefore)} in the ${span} before`;
  const actions = actionsOf(report);
  return aNotice({
    tone: kills === 0 ? 'good' : 'warn',
    headline: [
      { words: `${kills === 0 ? 'No kills' : sayCount(kills, 'kill')} on ` },
      { hostText: target },
      { words: ` in the last ${span}${before}` },
    ],
    parts: [
      ...(report.rows.length === 0 ? [] : [worstTable(report)]),
      ...factsPart(report),
      ...(actions.length === 0 ? [] : [{ kind: 'rows' as const, rows: actions.slice(0, ACTIONS_SHOWN) }]),
    ],
    small: actions.length > ACTIONS_SHOWN ? [[{ words: `${actions.length - ACTIONS_SHOWN} more not shown.` }]] : [],
    buttons: [{ id: 'run', label: 'History', value: historyCommand(report) }],
  });
}

function historyCommand({ asked, sinceMs, untilMs }: Report): string {
  const days = Math.max(1, Math.round((untilMs - sinceMs) / 86_400_000));
  return asked === null ? `history ${days}d` : `history ${quoted(asked)} ${days}d`;
}

function worstTable({ rows }: Report): Part {
  const shown = rows.slice(0, ROWS_SHOWN);
  const hasBefore = shown.some(({ killsBefore }) => killsBefore !== null);
  return {
    kind: 'table',
    caption:
      rows.length > ROWS_SHOWN ? `The ${ROWS_SHOWN} worst of ${sayCount(rows.length, 'service')}` : 'Kills by service',
    columns: [
      { title: 'Host', align: 'left' },
      { title: 'Service', align: 'left' },
      { title: 'Kills', align: 'right' },
      ...(hasBefore ? [{ title: 'Before', align: 'right' as const }] : []),
      { title: 'How often', align: 'left' },
      { title: 'Mostly', align: 'left' },
    ],
    rows: shown.map(({ host, service, kills, killsBefore, recurrence, cause }): Cell[] => [
      { text: [{ hostText: host }] },
      { text: [{ hostText: service }] },
      { text: [{ words: sayNumber(kills) }], sortBy: kills },
      ...(hasBefore ? [{ text: [{ words: beforeWords(killsBefore) }], sortBy: killsBefore ?? 0 }] : []),
      {
        text: [{ words: sayHowOften(recurrence) }],
        sortBy: recurrence.typicalGapMs ?? 0,
      },
      { text: [{ words: cause === null ? '' : causeWords(cause) }] },
    ]),
  };
}

/** Kills in as long a time before. */
function beforeWords(killsBefore: number | null): string {
  if (killsBefore === null) return '';
  return killsBefore === 0 ? 'new' : sayNumber(killsBefore);
}

function factsPart({ causes, withoutSwap, hostCount }: Report): Part[] {
  const repeated = causes.filter(({ incidents }) => incidents > 1).slice(0, 4);
  const facts: Fact[] = [
    ...(repeated.length === 0
      ? []
      : [
          {
            label: 'Repeat causes',
            value: [{ words: repeated.map((one) => `${causeWords(one.code)} (${one.incidents} times)`).join(', ') }],
          },
        ]),
    ...(withoutSwap.length === 0
      ? []
      : [
          {
            label: 'Without swap',
            value: [
              ...joinTexts(withoutSwap.slice(0, HOSTS_NAMED).map((host) => [{ hostText: host }])),
              {
                words: `${withoutSwap.length > HOSTS_NAMED ? ` and ${withoutSwap.length - HOSTS_NAMED} more` : ''}, ${withoutSwap.length} of ${sayCount(hostCount, 'host')}`,
              },
            ],
          },
        ]),
  ];
  return facts.length === 0 ? [] : [{ kind: 'facts', facts }];
}

/** What to do, the most pressing first. */
function actionsOf(report: Report): Row[] {
  const byService = report.rows.slice(0, ROWS_SHOWN).map(serviceAction);
  const died = new Set(report.rows.map((row) => row.host));
  const bare = report.withoutSwap.filter((host) => died.has(host));
  return [
    ...byService,
    ...report.oddAdj.map(oddAdjAction),
    ...(bare.length === 0
      ? []
      : [
          {
            text: [
              { words: 'Kills on ' },
              ...joinTexts(bare.slice(0, HOSTS_NAMED).map((host) => [{ hostText: host }])),
              {
                words:
                  ' came without swap, where there is often no slowdown to warn you. Consider a small swap file (not on Kubernetes nodes).',
              },
            ],
          },
        ]),
  ];
}

function serviceAction({ host, service, kills, recurrence, leak, cause }: ReportRow): Row {
  const who: Text = [{ hostText: service }, { words: ' on ' }, { hostText: host }];
  const unit = service.endsWith('.service') ? shellWord(service) : null;
  const button: Button = { id: 'run', label: 'Last kill', value: `last ${quoted(host)}` };
  if (leak)
    return {
      text: [
        ...who,
        { words: ` leaks about ${sayKiB(leak.slopeKiBPerHour)} an hour (likely)` },
        ...(leak.nextAtMs === null ? [] : [{ words: ', next kill about ' }, { atMs: leak.nextAtMs }]),
        { words: ': profile it, and restart it before then.' },
      ],
      button,
    };
  if (recurrence.clockMinutes.length > 0)
    return {
      text: [
        ...who,
        { words: ` dies ${sayClocks(recurrence.clockMinutes, recurrence.isDaily)}: see what starts then with ` },
        { hostText: 'systemctl list-timers --all' },
        { words: '.' },
      ],
      button,
    };
  const died: Text = [...who, { words: `, ${sayCount(kills, 'kill')}: ` }];
  const action = cause === null ? null : causeAction(cause, unit);
  if (action === null) return { text: [...died, { words: 'see the advice on its last kill.' }], button };
  return {
    text: [
      ...died,
      { words: action.words },
      ...(action.command === null ? [] : [{ words: ': see ' }, { hostText: action.command }]),
      { words: '.' },
    ],
    button,
  };
}

function oddAdjAction({ host, kind, name, pid, oomScoreAdj, sizeKiB, count }: Report['oddAdj'][number]): Row {
  const many = count > 1 ? ` (${count} processes)` : '';
  const what =
    kind === 'hog'
      ? `holds ${sayKiB(sizeKiB)} at oom_score_adj ${oomScoreAdj}: others die for it. A value nearer to 0 with `
      : `runs at oom_score_adj ${oomScoreAdj}, perhaps inherited: it can never be killed, also when it leaks. Reset it with `;
  return {
    text: [
      { hostText: name },
      { words: `${many} on ` },
      { hostText: host },
      { words: ` ${what}` },
      { hostText: `choom -p ${pid} -n ${kind === 'hog' ? -500 : 0}` },
      { words: '.' },
    ],
    button: { id: 'run', label: 'Scores', value: `scores ${quoted(host)}` },
  };
}
