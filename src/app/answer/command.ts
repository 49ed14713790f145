import type { Answer, Handlers, ProtectForm, Requester } from './handlers.ts';

/** A form that a command opens. */
export type Form = 'explain' | 'hosts add' | 'hosts remove';

/** What a command or a button comes to: an answer, or a form to open. */
export type Reply = Answer | ProtectForm | { kind: 'form'; form: Form; host: string | null };

/** Words that cannot be carried out as they stand. */
export type Slip =
  /** `corrected` is the whole text with the slip put right; null: nothing is near. */
  | { kind: 'typo'; word: string; corrected: string | null }
  /** `example` can be typed after `/oom` or `oombot`. */
  | { kind: 'incomplete'; verb: string; wanted: string; example: string }
  | { kind: 'bad-value'; name: string; given: string; expected: string };

/** A command with what was asked. */
export interface Asked {
  kind: 'command';
  name: string;
  ask: object;
  whoMay: Command['whoMay'];
  form: Form | null;
  answer: (handlers: Handlers, requester: Requester) => Promise<Reply>;
}

export type Parsed = Slip | Asked;

/** Names of this installation, for examples that work. */
export interface KnownNames {
  host: string;
  /** A tag, or the host where no tag is known. */
  group: string;
  /** null: no host has one. */
  tag: string | null;
  /** A process that was killed or runs on that host. */
  process: string;
}

/** One command; everything that a person reads of it and both front ends come from here. */
export interface Command {
  /** As typed: `last`, `hosts add`. */
  name: string;
  /** What people also type for it. */
  also: readonly string[];
  /** The arguments: `<host> [7d]`. */
  usage: string;
  /** One line, without a capital and a full stop. */
  does: string;
  /** `admins` is checked before the answer; the others by the answer, which knows the change, rule or host in question. */
  whoMay: 'everyone' | 'admins' | 'approvers' | 'approvers and admins';
  /** Lines of `help`, null: not with these names; `runs`: with a button that runs it. */
  examples: readonly { words: (names: KnownNames) => string | null; runs: boolean; does?: string }[];
  /**
   * Also a verb of `oombot`, which asks the running bot: it only asks, and does nothing. null: in Slack alone. `needs`: without what
   * it fails where no bot runs; null: it looks at the host itself.
   */
  terminal: { needs: 'bot' | 'record' | null } | null;
  /** Reads the words after the name. */
  read: (words: readonly string[]) => Parsed;
}

type Entry<Ask extends object> = Pick<Command, 'name' | 'usage' | 'does'> &
  Partial<Pick<Command, 'also' | 'whoMay' | 'examples' | 'terminal'>> & {
    /** Gives what was asked, what is wrong with the words, or (`mute db01 off`) another command. */
    read: (words: readonly string[]) => { kind: 'ask'; ask: Ask } | Parsed;
    /** What answers it, or the form that opens. */
    answer: Form | ((handlers: Handlers, ask: Ask, requester: Requester) => Promise<Reply>);
  };

/** Makes a command of its entry; what is left out: no other name, everyone, no example, Slack alone. */
export function command<Ask extends object>(entry: Entry<Ask>): Command {
  const { name, also = [], usage, does, whoMay = 'everyone', examples = [], terminal = null } = entry;
  function read(words: readonly string[]): Parsed {
    const said = entry.read(words);
    if (said.kind !== 'ask') return said;
    const { ask } = said;
    const { answer } = entry;
    if (typeof answer !== 'string')
      return {
        kind: 'command',
        name,
        ask,
        whoMay,
        form: null,
        answer: (handlers, requester) => answer(handlers, ask, requester),
      };
    const reply: Reply = {
      kind: 'form',
      form: answer,
      host: 'host' in ask && typeof ask.host === 'string' ? ask.host : null,
    };
    return { kind: 'command', name, ask, whoMay, form: answer, answer: () => Promise.resolve(reply) };
  }
  return { name, also, usage, does, whoMay, examples, terminal, read };
}
