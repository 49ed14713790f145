import type { LedgerPatch, LedgerRow } from '../ledger.ts';
import type { HookMessage } from '../webhook.ts';

/** One message that is to be sent, and what is so once it has arrived. */
export interface HookStep {
  /** What fails alone is known again by this. */
  id: string;
  message: HookMessage;
  rows: readonly LedgerRow[];
  arrived: readonly LedgerPatch[];
}

/** `nothing`: what was looked at is settled or placed; look again. */
export type HookPlan =
  { kind: 'send'; step: HookStep } | { kind: 'nothing' } | { kind: 'wait'; untilMs: number | null };

/** How one kind of receiver is told. `tries`: how often each id failed; the least tried comes first. */
export interface HookTeller {
  /** Throws when the record cannot be read. */
  next: (rows: readonly LedgerRow[], tries: (id: string) => number) => Promise<HookPlan>;
  sent: (id: string) => void;
}
