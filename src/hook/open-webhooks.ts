import type { SendOutcome } from '../app/ports.ts';
import { webhookName, type FindWebhook, type HookMessage, type Webhook } from '../app/webhook.ts';
import { cloudEventOf } from './cloud-event.ts';
import { pagerEventOf, pagerTests } from './pager-event.ts';
import { postJson } from './post-json.ts';
import { signedHeaders } from './signature.ts';

/** One receiver, as it is configured. */
export interface Receiver {
  name: string;
  format: 'cloudevents' | 'pagerduty';
  url: string;
  secret: string;
}

export interface WebhookWorld {
  /** Read anew for each message: the configuration may be reloaded. */
  receivers: () => readonly Receiver[];
  nowMs: () => number;
  /** For one request. */
  timeoutMs?: number;
}

const TIMEOUT_MS = 10_000;

/** Finds the webhook of a destination in the ledger; each sends over HTTP. */
export function openWebhooks({ receivers, nowMs, timeoutMs = TIMEOUT_MS }: WebhookWorld): FindWebhook {
  return (destination) => {
    const name = webhookName(destination);
    const receiver = receivers().find((one) => one.name === name);
    if (receiver === undefined) return null;
    return receiver.format === 'cloudevents' ? cloudEvents(receiver, nowMs, timeoutMs) : pagerDuty(receiver, timeoutMs);
  };
}

function cloudEvents({ url, secret }: Receiver, nowMs: () => number, timeoutMs: number): Webhook {
  return {
    takes: 'events',
    send: (message, signal) => {
      if (message.kind !== 'event' && message.kind !== 'test') return Promise.resolve(wrongKind(message));
      const body = JSON.stringify(cloudEventOf(message));
      const headers = {
        'content-type': 'application/cloudevents+json; charset=utf-8',
        ...signedHeaders(secret, message.id, body, nowMs()),
      };
      return postJson({ url, headers, body, timeoutMs }, signal);
    },
  };
}

function pagerDuty({ url, secret }: Receiver, timeoutMs: number): Webhook {
  function sendOne(message: Parameters<typeof pagerEventOf>[0], signal: AbortSignal): Promise<SendOutcome> {
    const body = JSON.stringify(pagerEventOf(message, secret));
    return postJson({ url, headers: { 'content-type': 'application/json' }, body, timeoutMs }, signal);
  }

  return {
    takes: 'alerts',
    send: async (message, signal) => {
      if (message.kind === 'event') return wrongKind(message);
      if (message.kind !== 'test') return sendOne(message, signal);
      let outcome = wrongKind(message);
      for (const one of pagerTests(message.id, message.atMs)) {
        outcome = await sendOne(one, signal);
        if (outcome.kind !== 'sent') return outcome;
      }
      return outcome;
    },
  };
}

/** The format of a webhook was changed while one of its messages was on its way. */
function wrongKind({ kind }: HookMessage): SendOutcome {
  return { kind: 'unsent', reason: `the webhook takes no ${kind}` };
}
