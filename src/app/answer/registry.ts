import { nearest } from '../nearest.ts';
import { command, type Command, type KnownNames, type Parsed, type Slip } from './command.ts';
import {
  asking,
  incomplete,
  joinWords,
  readMemory,
  readMute,
  readScores,
  readShow,
  readSpan,
  readWhy,
} from './command-words.ts';
import { readProtect, readUnprotect } from './protect-words.ts';

const RULE_STATES = { pause: 'paused', resume: 'active', end: 'ended' } as const;
const RULE_DOES = {
  pause: 'pauses a standing protection',
  resume: 'resumes a standing protection',
  end: 'ends a standing protection',
};

const UNMUTE = command({
  name: 'unmute',
  usage: '<host|service|tag>',
  does: 'posts about a host, a service or a tag again',
  examples: [{ words: ({ host }) => `unmute ${host}`, runs: false }],
  read: ([target]) =>
    target === undefined ? incomplete('unmute', 'a host or a service', 'unmute db01') : asking({ target }),
  answer: (handlers, ask, requester) => handlers.unmute(ask, requester),
});

/**
 * Every command, in the order of the help. Parsing, "did you mean", help, the manifest's hint, the README's table and the verbs of the
 * terminal come from here.
 */
export const COMMANDS: readonly Command[] = [
  command({
    name: 'last',
    also: ['latest'],
    usage: '<host>',
    does: 'the newest kill: what died, why, and what to do',
    examples: [{ words: ({ host }) => `last ${host}`, runs: true }],
    terminal: { needs: 'record' },
    read: ([host]) => (host === undefined ? incomplete('last', 'a host', 'last db01') : asking({ host })),
    answer: (handlers, ask, requester) => handlers.answerLast(ask, requester),
  }),
  command({
    name: 'show',
    also: ['incident'],
    usage: '<incident> [page]',
    does: 'an incident by the id in its message, with every kill in it',
    terminal: { needs: 'record' },
    read: readShow,
    answer: (handlers, ask, requester) => handlers.showIncident(ask, requester),
  }),
  command({
    name: 'why',
    usage: '<host> <process|pid|unit|container> [when]',
    does: 'was it the OOM killer? Yes with the kill, no with the proof, or what is missing to tell',
    examples: [{ words: ({ host, process }) => `why ${host} ${process} 2h`, runs: true }],
    terminal: { needs: null },
    read: readWhy,
    answer: (handlers, ask, requester) => handlers.answerWhy(ask, requester),
  }),
  command({
    name: 'ack',
    usage: '<incident>',
    does: 'says in an incident’s message that you take care of it',
    read: ([incident]) =>
      incident === undefined ? incomplete('ack', 'an incident', 'ack 1a2b3c4d') : asking({ incident }),
    answer: (handlers, ask, requester) => handlers.ackIncident(ask, requester),
  }),
  command({
    name: 'history',
    usage: '[host|tag] [7d]',
    does: 'kills over time, of a host, of all hosts with a tag, or of all',
    examples: [{ words: ({ group }) => `history ${group} 7d`, runs: true }],
    terminal: { needs: 'record' },
    read: readSpan,
    answer: (handlers, ask, requester) => handlers.answerHistory(ask, requester),
  }),
  command({
    name: 'report',
    also: ['digest', 'week', 'weekly'],
    usage: '[host|tag] [7d]',
    does: 'the week on one screen: the worst services, repeat causes, hosts without swap, odd adj values, one action a line',
    examples: [{ words: ({ group }) => `report ${group}`, runs: true }],
    terminal: { needs: 'record' },
    read: readSpan,
    answer: (handlers, ask, requester) => handlers.answerReport(ask, requester),
  }),
  command({
    name: 'scores',
    also: ['top', 'next'],
    usage: '<host> [n]',
    does: 'who dies next: live, ranked with the kernel’s own arithmetic',
    examples: [{ words: ({ host }) => `scores ${host}`, runs: true }],
    terminal: { needs: null },
    read: readScores,
    answer: (handlers, ask, requester) => handlers.answerScores(ask, requester),
  }),
  command({
    name: 'memory',
    also: ['mem'],
    usage: '<host> [6h]',
    does: 'how much memory it had left over the last hours, with kills marked',
    examples: [{ words: ({ host }) => `memory ${host}`, runs: true }],
    terminal: { needs: 'record' },
    read: readMemory,
    answer: (handlers, ask, requester) => handlers.answerMemory(ask, requester),
  }),
  command({
    name: 'size',
    also: ['sizes', 'sizing'],
    usage: '<host> [process]',
    does: 'which memory settings of its programs fit there: the arithmetic, the command and its undo',
    examples: [{ words: ({ host }) => `size ${host}`, runs: true }],
    terminal: { needs: null },
    read: ([host, ...what]) =>
      host === undefined
        ? incomplete('size', 'a host', 'size db01 mysqld')
        : asking({ host, what: what.length === 0 ? null : what.join(' ') }),
    answer: (handlers, ask, requester) => handlers.answerSize(ask, requester),
  }),
  command({
    name: 'protect',
    usage:
      '<host> <process|pid|unit|container> [adj] [keep [show] [on tag <tag>] [matching <text>]] [for 2h] [because …]',
    does: 'proposes a protection, with proof; a second person approves',
    examples: [
      { words: ({ host, process }) => `protect ${host} ${process}`, runs: false },
      {
        words: ({ host, tag, process }) => (tag === null ? null : `protect ${host} ${process} -500 keep on tag ${tag}`),
        runs: false,
        does: 'keeps it; also proposes it for other hosts with this tag',
      },
    ],
    read: readProtect,
    answer: (handlers, ask, requester) => handlers.protect({ ...ask, incidentId: null }, requester),
  }),
  command({
    name: 'unprotect',
    usage: '<host> <process|unit> [because …]',
    does: 'proposes to take a protection back',
    examples: [{ words: ({ host, process }) => `unprotect ${host} ${process}`, runs: false }],
    read: readUnprotect,
    answer: (handlers, ask, requester) => handlers.unprotect(ask, requester),
  }),
  command({
    name: 'pending',
    usage: '',
    does: 'changes waiting for approval or in progress',
    examples: [{ words: () => 'pending', runs: true }],
    terminal: { needs: 'bot' },
    read: () => asking({}),
    answer: (handlers, _, requester) => handlers.answerPending(requester),
  }),
  command({
    name: 'rules',
    usage: '[host]',
    does: 'standing rules, and what is protected now',
    examples: [{ words: () => 'rules', runs: true }],
    terminal: { needs: 'bot' },
    read: ([host]) => asking({ host: host ?? null }),
    answer: (handlers, ask, requester) => handlers.answerRules(ask, requester),
  }),
  ...(['pause', 'resume', 'end'] as const).map((word) =>
    command({
      name: `rules ${word}`,
      usage: '<rule>',
      does: RULE_DOES[word],
      whoMay: 'approvers',
      examples:
        word === 'pause'
          ? [{ words: () => 'rules pause <rule>', runs: false, does: 'or resume, or end, a standing protection' }]
          : [],
      read: ([rule]) =>
        rule === undefined
          ? incomplete(`rules ${word}`, 'a rule', `rules ${word} mysqld`)
          : asking({ rule, to: RULE_STATES[word] }),
      answer: (handlers, ask, requester) => handlers.editRule(ask, requester),
    }),
  ),
  command({
    name: 'hosts',
    also: ['host', 'hosts list'],
    usage: '',
    does: 'which hosts are watched, and what is wrong with any of them',
    examples: [{ words: () => 'hosts', runs: true }],
    terminal: { needs: 'bot' },
    read: () => asking({}),
    answer: (handlers, _, requester) => handlers.answerHosts(requester),
  }),
  command({
    name: 'hosts check',
    usage: '[host]',
    does: 'what is wrong with a host, or with all, and how to fix it',
    read: ([host]) => asking({ host: host ?? null }),
    answer: (handlers, ask, requester) => handlers.checkHosts(ask, requester),
  }),
  command({
    name: 'hosts add',
    usage: '',
    does: 'watches another host',
    whoMay: 'admins',
    examples: [{ words: () => 'hosts add', runs: false }],
    read: () => asking({}),
    answer: 'hosts add',
  }),
  command({
    name: 'hosts remove',
    usage: '[host]',
    does: 'stops watching a host',
    whoMay: 'admins',
    read: ([host]) => asking({ host: host ?? null }),
    answer: 'hosts remove',
  }),
  command({
    name: 'mute',
    usage: '<host|service|tag> [1h] [because …]',
    does: 'stops posting about a host, a service or all hosts with a tag; kills are still recorded',
    examples: [{ words: ({ host }) => `mute ${host} 1h`, runs: false }],
    read: (words) => readMute(words, UNMUTE.read),
    answer: (handlers, ask, requester) => handlers.mute(ask, requester),
  }),
  UNMUTE,
  command({
    name: 'test',
    also: ['send-test'],
    usage: '[destination]',
    does: 'sends a marked example to a channel or webhook, or to all, and says what became of it',
    read: ([destination]) => asking({ destination: destination ?? null }),
    answer: (handlers, ask, requester) => handlers.sendTest(ask, requester),
  }),
  command({
    name: 'drill',
    whoMay: 'approvers and admins',
    usage: '<host>',
    does: 'tests the whole path with a real, harmless kill on a host, and says how long it took',
    examples: [{ words: ({ host }) => `drill ${host}`, runs: false }],
    read: ([host]) => (host === undefined ? incomplete('drill', 'a host', 'drill db01') : asking({ host })),
    answer: (handlers, ask, requester) => handlers.drill(ask, requester),
  }),
  command({
    name: 'explain',
    usage: '[report]',
    does: 'explains a report that you paste, to you alone',
    examples: [{ words: () => 'explain', runs: false }],
    read: () => asking({}),
    answer: 'explain',
  }),
  command({
    name: 'audit',
    usage: '[host]',
    does: 'who proposed, approved, muted, added or removed what',
    examples: [{ words: () => 'audit', runs: true }],
    read: ([host]) => asking({ host: host ?? null }),
    answer: (handlers, ask, requester) => handlers.answerAudit(ask, requester),
  }),
  command({
    name: 'help',
    also: ['?'],
    usage: '',
    does: 'examples with your own host names',
    read: () => asking({}),
    answer: (handlers, _, requester) => handlers.answerHelp(requester),
  }),
];

/** Reads words typed by a person; none ask for help. Typos come back with what was probably meant. */
export function readCommand(words: readonly string[]): Parsed {
  const [first = 'help', second, ...rest] = words;
  const said = first.toLowerCase().replace(/^-+/, '');
  const named = called(said);
  if (named === undefined) return typo(first, nearest(said, topLevel()), words.slice(1));
  if (second === undefined) return named.read([]);
  const sub = called(`${named.name} ${second.toLowerCase()}`);
  if (sub !== undefined) return sub.read(rest);
  const subs = COMMANDS.filter((one) => one.name.startsWith(`${named.name} `)).map((one) => one.name);
  // A name that takes nothing but the second word of a longer name.
  if (named.usage === '' && subs.length > 0)
    return typo(`${named.name} ${second}`, nearest(`${named.name} ${second}`, subs), rest);
  return named.read([second, ...rest]);
}

/** `last <host> | history …`: what Slack shows while somebody types. */
export function usageHint(): string {
  return COMMANDS.filter((one) => !one.name.includes(' '))
    .map((one) => `${one.name} ${one.usage}`.trim())
    .join(' | ');
}

/** The lines of the help, with names that are known here. */
export function helpLines(
  names: KnownNames,
  isShown: (command: Command) => boolean = () => true,
): { command: string; does: string; runs: boolean }[] {
  return COMMANDS.filter(isShown).flatMap((one) =>
    one.examples.flatMap(({ words, runs, does = one.does }) => {
      const command = words(names);
      return command === null ? [] : [{ command, does, runs }];
    }),
  );
}

function called(name: string): Command | undefined {
  return COMMANDS.find((one) => one.name === name || one.also.includes(name));
}

function topLevel(): string[] {
  return COMMANDS.map((one) => one.name).filter((name) => !name.includes(' '));
}

function typo(word: string, corrected: string | null, rest: readonly string[]): Slip {
  return { kind: 'typo', word, corrected: corrected === null ? null : `${corrected} ${joinWords(rest)}`.trim() };
}
