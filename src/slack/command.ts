import type { RuleTerms } from '../change/change.ts';

/** What somebody asks for, once it is read. */
export type Command =
  | { verb: 'last'; host: string }
  | { verb: 'history'; target: string | null; forMs: number | null }
  | { verb: 'report'; target: string | null; forMs: number | null }
  | { verb: 'scores'; host: string; limit: number | null }
  | { verb: 'hosts' }
  | { verb: 'hosts add' }
  | { verb: 'hosts remove'; host: string | null }
  | { verb: 'hosts check'; host: string | null }
  | { verb: 'mute'; target: string; forMs: number | null }
  | { verb: 'unmute'; target: string }
  | { verb: 'audit'; host: string | null }
  | {
      verb: 'protect';
      host: string;
      what: string;
      adj: number | null;
      forMs: number | null;
      keep: boolean;
      terms?: RuleTerms;
      why: string | null;
    }
  | { verb: 'unprotect'; host: string; what: string; why: string | null }
  | { verb: 'pending' }
  | { verb: 'rules'; host: string | null }
  | { verb: 'rules edit'; rule: string; to: 'active' | 'paused' | 'ended' }
  | { verb: 'explain' }
  | { verb: 'help' };

export type Parsed =
  | { kind: 'command'; command: Command }
  /** `corrected` is the whole text with the slip put right; null: nothing is near. */
  | { kind: 'typo'; word: string; corrected: string | null }
  | { kind: 'incomplete'; verb: string; wanted: string; example: string }
  | { kind: 'bad-value'; name: string; given: string; expected: string };
