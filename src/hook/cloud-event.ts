import type { HookMessage } from '../app/webhook.ts';
import type { Incident } from '../incident/incident.ts';
import { cutText } from '../notice/host-text.ts';
import { headlineOf } from '../notice/incident/headline.ts';
import { plainText } from '../notice/render-text.ts';

const SERVICES_MAX = 200;
const NAME_CHARS = 300;
const TEXT_CHARS = 2_000;

/** A message as a CloudEvent (version 1.0, JSON), as docs/webhooks.md describes it. */
export function cloudEventOf(message: Extract<HookMessage, { kind: 'event' | 'test' }>): Record<string, unknown> {
  const frame = { specversion: '1.0', id: message.id, datacontenttype: 'application/json' };
  if (message.kind === 'test')
    return {
      ...frame,
      type: 'oombot.test',
      source: '/oombot',
      time: timeOf(message.atMs),
      data: { test: true, text: 'A test from oombot. Nothing was killed.' },
    };
  const { incident, type, isOnRecord } = message;
  const atMs = type === 'opened' ? incident.firstAtMs : (incident.closedAtMs ?? incident.lastAtMs);
  return {
    ...frame,
    type: `oombot.incident.${type}`,
    source: `/oombot/hosts/${encodeURIComponent(incident.host.toWellFormed())}`,
    subject: incident.id,
    time: timeOf(atMs),
    data: dataOf(incident, isOnRecord),
  };
}

function dataOf(incident: Incident, isOnRecord: boolean): Record<string, unknown> {
  const { victims, cause, back, ack } = incident;
  return {
    id: incident.id,
    revision: incident.revision,
    host: incident.host,
    headline: plainText(headlineOf(incident)),
    service: cutText(incident.service, NAME_CHARS),
    services: victims
      .slice(0, SERVICES_MAX)
      .map(({ service, count }) => ({ service: cutText(service, NAME_CHARS), kills: count })),
    moreServices: Math.max(0, victims.length - SERVICES_MAX),
    kills: incident.killCount,
    killer: incident.killer,
    domain: incident.domain,
    cause: cause === null ? null : { code: cause.code, sure: cause.sure, text: cutText(cause.text, TEXT_CHARS) },
    firstAt: timeOf(incident.firstAtMs),
    lastAt: timeOf(incident.lastAtMs),
    back: back.kind,
    backAfterMs: back.kind === 'restarted' ? back.afterMs : null,
    takenBy: ack?.by ?? null,
    mutedUntil: timeOf(incident.mutedUntilMs),
    closedAt: timeOf(incident.closedAtMs),
    onRecord: isOnRecord,
  };
}

/** ISO 8601; null: not known, or no date. */
function timeOf(atMs: number | null): string | null {
  return atMs === null || !Number.isFinite(atMs) || Math.abs(atMs) > 8.64e15 ? null : new Date(atMs).toISOString();
}
