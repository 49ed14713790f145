import type { SendOutcome } from '../../src/app/ports.ts';
import type { HookMessage, Webhook } from '../../src/app/webhook.ts';

/** What happens to a request: taken or not, and what its sender is told; `hang`: nothing, ever. */
export interface HookFate {
  taken: boolean;
  told: SendOutcome | 'hang';
}

export interface ScriptedWebhook extends Webhook {
  /** What the receiver took, in order, repeats too. */
  taken: { message: HookMessage; atMs: number }[];
  /** All requests. */
  calls: HookMessage[];
  script: { fate: (message: HookMessage) => HookFate | undefined };
  /** Events by their id, as a receiver keeps them that drops repeats. */
  events: () => Extract<HookMessage, { kind: 'event' }>[];
  /** Alerts by their key, as a pager keeps them. */
  alerts: () => Map<string, PagerAlert>;
}

export interface PagerAlert {
  state: 'open' | 'taken' | 'resolved';
  /** How often it was opened: more than once is a second page. */
  opened: number;
  severity: string;
  summary: string;
  details: Record<string, unknown>;
}

/** A receiver in memory that fails as it is told to. */
export function scriptedWebhook(takes: Webhook['takes'], nowMs: () => number): ScriptedWebhook {
  const taken: ScriptedWebhook['taken'] = [];
  const calls: HookMessage[] = [];
  const script: ScriptedWebhook['script'] = { fate: () => undefined };
  return {
    takes,
    taken,
    calls,
    script,
    send: async (message) => {
      calls.push(message);
      const fate = script.fate(message) ?? { taken: true, told: { kind: 'sent', ts: '' } };
      if (fate.taken) taken.push({ message, atMs: nowMs() });
      return fate.told === 'hang' ? new Promise(() => {}) : fate.told;
    },
    events: () => {
      const byId = new Map<string, Extract<HookMessage, { kind: 'event' }>>();
      for (const { message } of taken)
        if (message.kind === 'event' && !byId.has(message.id)) byId.set(message.id, message);
      return [...byId.values()];
    },
    alerts: () => pagerAlerts(taken.map(({ message }) => message)),
  };
}

/** What a pager shows after these messages. */
export function pagerAlerts(messages: readonly HookMessage[]): Map<string, PagerAlert> {
  const alerts = new Map<string, PagerAlert>();
  for (const message of messages) {
    if (message.kind === 'event' || message.kind === 'test') continue;
    const known = alerts.get(message.key);
    if (message.kind === 'trigger') {
      const { severity, summary, details } = message.words;
      const isOpen = known !== undefined && known.state !== 'resolved';
      const opened = (known?.opened ?? 0) + (isOpen ? 0 : 1);
      alerts.set(message.key, { state: isOpen ? known.state : 'open', opened, severity, summary, details });
    } else if (known !== undefined && known.state !== 'resolved')
      known.state = message.kind === 'resolve' ? 'resolved' : 'taken';
  }
  return alerts;
}
