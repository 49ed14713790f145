import type { Change } from '../change/change.ts';
import type { Rule } from '../change/rule.ts';
import type { NewDelivery } from './ports.ts';
import type { AuditEntry } from './store-port.ts';

export type ChangeSaved =
  | { kind: 'saved'; change: Change }
  /** Somebody was faster. `current` is what is stored now; null: it is gone. */
  | { kind: 'conflict'; current: Change | null };

/** Where a change's card stands in Slack, and what is under way about it. */
export interface Card {
  changeId: string;
  channel: string;
  /** null: not posted yet. */
  ts: string | null;
  /** Revision that card and thread show; -1: something else than what is true. */
  shown: number;
  /** The outcome that the thread was told last. */
  told: string | null;
  /** A request whose answer was not noted: look for it before it is repeated. */
  trying: 'post' | 'reply' | null;
  tryingSinceMs: number | null;
  attempts: number;
  notBeforeMs: number;
}

/** Changes, their cards and rules. Each function does all of its work or throws and has done nothing. */
export interface ChangeStore {
  /** A new change (revision 0 as handed in) with its card to post and its entry in the audit log. */
  addChange: (change: Change, entry: AuditEntry) => Promise<Change>;
  /** Saves the next step if `change.revision` is still the stored one, with its audit entries and what is to be told of it. */
  updateChange: (
    change: Change,
    entries: readonly AuditEntry[],
    deliveries?: readonly NewDelivery[],
  ) => Promise<ChangeSaved>;
  change: (id: string) => Promise<Change | null>;
  /** Newest first, of a host or of all. */
  changes: (host: string | null, limit: number) => Promise<Change[]>;
  /** Those to which something can still happen, oldest first. */
  openChanges: () => Promise<Change[]>;

  /** Cards that do not show what is true; they are this owner's for `ttlMs`. */
  claimCards: (claim: { owner: string; nowMs: number; ttlMs: number; limit: number }) => Promise<Card[]>;
  /** False: another owner has it now. */
  saveCard: (card: Card, owner: string) => Promise<boolean>;
  /** Shows the card anew: somebody acted on one that was not up to date. */
  repairCard: (changeId: string) => Promise<void>;

  /** Replaces the rule if its revision is still the stored one (0: a new one). null: somebody was faster. */
  putRule: (rule: Rule) => Promise<Rule | null>;
  /** Those that have not ended, oldest first. */
  rules: () => Promise<Rule[]>;
}
