import type { HookMessage } from '../app/webhook.ts';

const KEY_CHARS = 255;

type AlertMessage = Exclude<HookMessage, { kind: 'event' | 'test' }>;

/** A message as the Events API v2 of PagerDuty takes it. `routingKey`: the integration key of a service. */
export function pagerEventOf(message: AlertMessage, routingKey: string): Record<string, unknown> {
  const frame = {
    routing_key: routingKey,
    event_action: message.kind,
    dedup_key: message.key.slice(0, KEY_CHARS),
    client: 'oombot',
  };
  if (message.kind !== 'trigger') return frame;
  const { summary, source, severity, component, firstAtMs, details } = message.words;
  return {
    ...frame,
    payload: {
      summary,
      source,
      severity,
      component,
      class: 'out of memory',
      timestamp: new Date(firstAtMs).toISOString(),
      custom_details: details,
    },
  };
}

/** Opens an alert that says it is a test, and resolves it. */
export function pagerTests(id: string, atMs: number): AlertMessage[] {
  const words = {
    severity: 'info' as const,
    summary: 'Test from oombot: nothing was killed',
    source: 'oombot',
    component: 'test',
    firstAtMs: atMs,
    details: { test: 'It was sent by hand, and is resolved at once.' },
  };
  return [
    { kind: 'trigger', key: id, words },
    { kind: 'resolve', key: id },
  ];
}
