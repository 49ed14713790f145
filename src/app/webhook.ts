import type { Incident } from '../incident/incident.ts';
import type { AlertWords } from '../notice/incident/alert-words.ts';
import type { SendOutcome } from './ports.ts';

const PREFIX = 'webhook:';

/** The destination of a webhook in the ledger. No channel is called so. */
export function webhookDestination(name: string): string {
  return `${PREFIX}${name}`;
}

/** The name of the webhook that a destination of the ledger is; null: it is a channel. */
export function webhookName(destination: string): string | null {
  return destination.startsWith(PREFIX) ? destination.slice(PREFIX.length) : null;
}

/** A webhook that gets the incidents of a host. */
export interface WebhookRoute {
  destination: string;
  /** Also what people silenced. */
  hearsMuted: boolean;
}

/** One message to a receiver. The same id, or key and action, is the same message however often it comes. */
export type HookMessage =
  | {
      kind: 'event';
      id: string;
      type: 'opened' | 'updated' | 'closed';
      incident: Incident;
      /** False: the database does not take it yet. */
      isOnRecord: boolean;
    }
  | { kind: 'trigger'; key: string; words: AlertWords }
  | { kind: 'acknowledge' | 'resolve'; key: string }
  | { kind: 'test'; id: string; atMs: number };

/** A receiver of incidents that is no chat. */
export interface Webhook {
  /** `events`: each incident by itself. `alerts`: one alert for an incident, or for a storm. */
  takes: 'events' | 'alerts';
  /** Never throws; ends soon after the signal, or by its own time-out. `sent` has an empty `ts`. */
  send: (message: HookMessage, signal: AbortSignal) => Promise<SendOutcome>;
}

/** The webhook of a destination as it is configured now; null: there is none. */
export type FindWebhook = (destination: string) => Webhook | null;
