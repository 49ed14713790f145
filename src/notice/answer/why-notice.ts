import type { DeathFacts } from '../../cause/death-facts.ts';
import type { Incident, Kill } from '../../incident/incident.ts';
import type { Missing, Proof, SeenProcess, Verdict, WhyAsk } from '../../incident/why.ts';
import { aNotice, quoted, type Button, type Notice, type Part, type Text } from '../notice.ts';
import { victimText } from '../roles.ts';
import { sayCount, sayNumber } from '../units.ts';
import { causeText } from '../incident/incident-notice.ts';
import { killFacts } from '../incident/incident-facts.ts';
import { missingText } from './why-missing-text.ts';
import { limitTexts, restartTexts, signalName, unitEndText } from './unit-end-text.ts';

/** What is told of a death. */
export interface Why {
  host: string;
  ask: WhyAsk;
  verdict: Verdict;
  facts: DeathFacts | null;
  /** The incident of the kill, for its id; null: none, or a kill that was not one. */
  incident: Incident | null;
  /** When the host was booted, by our clock: its log counts from there. */
  bootAtMs: number | null;
  /** A container that was asked for by its engine: the command that shows its exit state. */
  inspect: string | null;
  /** The program that was killed, where `/oom size` knows what of its settings fits; missing: it does not. */
  sized?: string | null;
}

const LINES_SHOWN = 12;
const OTHERS_SHOWN = 5;
/** Notes who sends SIGKILL from now on; the second line takes that away. */
const WATCH_KILLS = 'auditctl -a always,exit -F arch=b64 -S kill,tkill,tgkill -F a1=9 -k sigkill';
const UNWATCH_KILLS = 'auditctl -d always,exit -F arch=b64 -S kill,tkill,tgkill -F a1=9 -k sigkill';

/** Was it the OOM killer? Yes with the kill, no with the proof and what it was instead, or what is missing to tell. */
export function describeWhy(why: Why): Notice {
  const { verdict } = why;
  switch (verdict.kind) {
    case 'yes':
      return yes(why, verdict);
    case 'yes-by-systemd':
      return aNotice({
        tone: 'bad',
        headline: subject(why, 'Yes: the OOM killer took a process of '),
        sentence: unitEndText(verdict.unit),
        parts: evidenceParts(why),
        small: [[{ words: 'This kill is not on record, so who held the memory is not known. See /oom hosts check.' }]],
      });
    case 'alive':
      return aNotice({
        tone: 'good',
        headline: [...aliveText(verdict.processes), { words: ' is running on ' }, { hostText: why.host }],
        sentence: [
          {
            words:
              verdict.processes.length === 1
                ? 'It has been running since '
                : 'The youngest of them has been running since ',
          },
          { atMs: verdict.sinceMs },
          { words: ', so it has not died since ' },
          { atMs: why.ask.sinceMs },
          { words: '.' },
        ],
        small: verdict.proof === null ? [] : [proofText(verdict.proof)],
      });
    case 'no':
      return aNotice({
        headline: subject(why, 'No: the OOM killer did not kill '),
        sentence: proofText(verdict.proof),
        parts: [...evidenceParts(why), ...othersPart(verdict.others), ...nextTimeParts(why)],
        small: [
          ...(why.facts?.unitUnread === true ? [UNREAD] : []),
          ...(verdict.isKnown ? [] : [unseenText(why.ask.what)]),
        ],
      });
    case 'unknown':
      return aNotice({
        tone: 'warn',
        headline: subject(why, 'I cannot tell whether the OOM killer took '),
        sentence: null,
        parts: [
          ...verdict.missing.map((one): Part => ({ kind: 'text', text: missingText(one, why.host, why.ask.what) })),
          ...evidenceParts(why),
          ...othersPart(verdict.others),
        ],
        buttons: sinceThen(why, verdict.missing),
      });
  }
}

/** Of the time since the host was booted, or is watched, it may be told. */
function sinceThen({ host, ask }: Why, missing: readonly Missing[]): Button[] {
  const fromMs = Math.max(
    ...missing.map((one) =>
      one.kind === 'before-boot' ? one.bootAtMs : one.kind === 'before-watch' ? (one.watchedSinceMs ?? 0) : 0,
    ),
  );
  const minutes = Math.floor((ask.untilMs - fromMs) / 60_000);
  if (fromMs <= 0 || minutes < 1) return [];
  return [{ id: 'run', label: 'Since then', value: `why ${quoted(host)} ${quoted(ask.what)} ${minutes}m` }];
}

function subject({ host, ask }: Why, words: string): Text {
  return [{ words }, { hostText: ask.what }, { words: ' on ' }, { hostText: host }];
}

function yes(why: Why, { kill, by, count }: Extract<Verdict, { kind: 'yes' }>): Notice {
  const { killer, cause } = kill.record;
  const whom = by === 'unit' ? ' (a process of its unit)' : by === 'container' ? ' (a process of its container)' : '';
  const id = why.incident?.id ?? null;
  return aNotice({
    tone: 'bad',
    headline: [
      { words: 'Yes: ' },
      ...victimText(kill),
      { words: `${whom} was killed by ${killer === 'kernel' ? 'the kernel’s OOM killer' : killer} on ` },
      { hostText: why.host },
      { words: ', ' },
      { atMs: kill.atMs },
    ],
    sentence: cause === null ? null : causeText(cause),
    parts: [
      { kind: 'facts', facts: killFacts(kill) },
      ...(count > 1
        ? [
            {
              kind: 'text' as const,
              text: [
                { words: `${sayCount(count, 'such kill')} in the time that was asked about; this is the newest.` },
              ],
            },
          ]
        : []),
    ],
    small: [
      ...(kill.verified ? [] : [[{ words: 'Not verified: any local user can write to this log.' }]]),
      ...(id === null ? [] : [[{ words: `Incident ${id}.` }]]),
      ...sizeText(why),
    ],
    buttons: id === null ? [] : [{ id: 'report', label: 'Full report', value: id }],
  });
}

function sizeText({ host, sized }: Why): Text[] {
  if (sized == null) return [];
  return [
    [{ words: 'Which of its memory settings fit there: ' }, { hostText: `/oom size ${quoted(host)} ${quoted(sized)}` }],
  ];
}

function aliveText(processes: readonly SeenProcess[]): Text {
  const [first, ...more] = processes;
  if (first === undefined) return [];
  return more.length === 0
    ? [{ hostText: first.name }, { words: ` (pid ${first.pid})` }]
    : [{ words: `${sayNumber(processes.length)} × ` }, { hostText: first.name }];
}

/** `From … to … the kernel killed nothing for memory: its counter stands at 3 since boot, all on record.` */
function proofText({ sinceMs, untilMs, counter, kills, groupOomKills }: Proof): Text {
  const what =
    kills === 0
      ? 'no process was killed for memory'
      : `${sayCount(kills, 'process was', 'processes were')} killed for memory, and this was not among them`;
  const all =
    counter === 0
      ? 'the kernel’s counter has been at 0 since boot'
      : `the kernel’s counter (${sayNumber(counter)} since boot) has no kill that is not on record`;
  const group = groupOomKills === null ? '' : `, and that of its own group is at ${sayNumber(groupOomKills)}`;
  return [
    { words: 'From ' },
    { atMs: sinceMs },
    { words: ' to ' },
    { atMs: untilMs },
    { words: ` ${what}: ${all}${group}.` },
  ];
}

/** What the host says instead: its unit, its limits, crashes in the kernel's log, systemd's own lines. */
function evidenceParts(why: Why): Part[] {
  const { facts, bootAtMs } = why;
  if (facts === null) return [];
  const end = facts.unit === null ? null : unitEndText(facts.unit);
  const texts = [...(end === null ? [] : [end]), ...restartTexts(facts), ...limitTexts(facts)];
  const crashes = facts.lines.map(({ seconds, text }) => ({ atMs: (bootAtMs ?? 0) + seconds * 1_000, text }));
  const lines = [...crashes.filter(({ text }) => isAbout(why, text)), ...facts.said]
    .filter(({ atMs }) => atMs >= why.ask.sinceMs - 60_000 && atMs <= why.ask.untilMs + 60_000)
    .toSorted((a, b) => a.atMs - b.atMs);
  return [
    ...texts.map((text): Part => ({ kind: 'text', text })),
    ...(lines.length === 0
      ? []
      : [
          {
            kind: 'lines' as const,
            caption:
              lines.length > LINES_SHOWN
                ? `The newest ${LINES_SHOWN} of ${lines.length} lines about it`
                : 'What its logs say',
            lines: lines
              .slice(-LINES_SHOWN)
              .map(({ atMs, text }) => `${new Date(atMs).toISOString().slice(11, 19)}  ${text}`),
          },
        ]),
  ];
}

/** `mysqld[77]: segfault at …`, `traps: php-fpm8.2[12] trap invalid opcode …`: about this name or pid. */
function isAbout({ ask: { what }, facts }: Why, line: string): boolean {
  const found = /(?:^|traps: )(.{1,15})\[(\d{1,7})\]/.exec(line);
  if (found === null) return false;
  const [, name, pid] = found;
  if (/^\d+$/.test(what)) return pid === what;
  const unit = facts?.unit ?? null;
  return (
    name === what.slice(0, 15) ||
    (unit !== null && pid === String(unit.mainPid)) ||
    what.replace(/\.service$/, '') === name
  );
}

function othersPart(kills: readonly Kill[]): Part[] {
  if (kills.length === 0) return [];
  const more = kills.length - OTHERS_SHOWN;
  return [
    {
      kind: 'text',
      text: [
        { words: 'Killed for memory in that time: ' },
        ...kills
          .slice(0, OTHERS_SHOWN)
          .flatMap((kill, at): Text => [
            ...(at === 0 ? [] : [{ words: ', ' }]),
            ...victimText(kill),
            { words: ' ' },
            { atMs: kill.atMs },
          ]),
        { words: more > 0 ? ` and ${sayNumber(more)} more.` : '.' },
      ],
    },
  ];
}

/** Who sends SIGKILL no log tells, unless the audit system was told to note it. */
function nextTimeParts({ facts, inspect }: Why): Part[] {
  const unit = facts?.unit ?? null;
  const isKilled = unit?.result === 'signal' && unit.status === 9;
  return [
    ...(inspect === null
      ? []
      : [
          {
            kind: 'command' as const,
            label: [{ strong: 'Look:' }, { words: ' what its engine says of its end:' }],
            command: inspect,
            undo: null,
          },
        ]),
    ...(isKilled
      ? [
          {
            kind: 'command' as const,
            label: [
              { strong: 'Do:' },
              { words: ` to see next time who sends ${signalName(9)} (needs auditd; then ausearch -k sigkill):` },
            ],
            command: WATCH_KILLS,
            undo: UNWATCH_KILLS,
          },
        ]
      : []),
  ];
}

const UNREAD: Text = [
  {
    words:
      'systemd did not answer the bot’s account there (without D-Bus it answers root alone), so what ended it is not known.',
  },
];

function unseenText(what: string): Text {
  return [
    { words: 'Nothing called ' },
    { hostText: what },
    {
      words:
        ' runs there or was seen running; check the name. Whatever it is called, nothing was killed for memory then.',
    },
  ];
}
