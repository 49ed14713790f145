import { z } from 'zod';
import { messageOf } from './document.ts';
import { list, path, section, tag, value } from './values.ts';

const PAGERDUTY_URL = 'https://events.pagerduty.com/v2/enqueue';
const CLOUDEVENTS_SECRET_MIN = 16;

const url = value(
  'an https:// address without a user or password in it (http:// only to 127.0.0.1, [::1] or localhost)',
  z.string().max(2_000).refine(isUsable),
);

export const WebhookEntry = section({
  name: value('a name of letters, digits, dots and dashes', z.string().regex(/^[A-Za-z0-9][\w.-]{0,99}$/)).optional(),
  url: url.optional(),
  format: value('cloudevents or pagerduty', z.enum(['cloudevents', 'pagerduty'])),
  tags: list(tag).default([]),
  secretEnv: value('the name of an environment variable', z.string().regex(/^[A-Za-z_]\w{0,99}$/)).optional(),
  secretFile: path.optional(),
});
type WebhookEntry = z.output<typeof WebhookEntry>;

export interface WebhookConfig {
  name: string;
  format: 'cloudevents' | 'pagerduty';
  url: string;
  tags: string[];
  /** Never logged, never stored. Whoever only reads the record may not be able to read it. */
  secret: { kind: 'known'; value: string } | { kind: 'fault'; sentence: string };
}

/** Reads a secret from the variable or the file that is named. Throws a sentence without a full stop. */
export type ReadSecret = (from: 'secretEnv' | 'secretFile', named: string) => string;

/** Entries to webhooks; each thing that does not fit together goes to `fault`. */
export function resolveWebhooks(
  entries: readonly WebhookEntry[],
  read: ReadSecret,
  fault: (at: PropertyKey[], sentence: string) => void,
): WebhookConfig[] {
  const names = new Set<string>();
  return entries.map((entry, index) => {
    const { format, tags, secretEnv, secretFile } = entry;
    const said = `webhooks[${index}]`;
    const url = entry.url ?? (format === 'pagerduty' ? PAGERDUTY_URL : '');
    if (url === '') fault(['webhooks', index], `${said}.url is missing, expected an https:// address.`);
    const name = entry.name ?? (format === 'pagerduty' || url === '' ? format : nameOf(url));
    if (names.has(name))
      fault(['webhooks', index], `${said}.name is "${name}", expected a name that no other webhook has.`);
    names.add(name);
    if ((secretEnv === undefined) === (secretFile === undefined))
      fault(['webhooks', index], `${said} needs its secret, expected either secretEnv or secretFile.`);
    return { name, format, url, tags, secret: secretOf(entry, said, read) };
  });
}

function secretOf(
  { secretEnv, secretFile, format }: WebhookEntry,
  said: string,
  read: ReadSecret,
): WebhookConfig['secret'] {
  const [from, named] =
    secretEnv === undefined ? (['secretFile', secretFile ?? ''] as const) : (['secretEnv', secretEnv] as const);
  try {
    const value = read(from, named);
    if (format === 'pagerduty' || value.length >= CLOUDEVENTS_SECRET_MIN) return { kind: 'known', value };
    throw new Error(`is too short, expected at least ${CLOUDEVENTS_SECRET_MIN} characters: openssl rand -base64 32`);
  } catch (error) {
    return { kind: 'fault', sentence: `${said}.${from} is "${named}": its secret ${messageOf(error)}.` };
  }
}

function nameOf(address: string): string {
  return new URL(address).hostname.replace(/^\[|\]$/g, '');
}

function isUsable(given: string): boolean {
  if (!URL.canParse(given)) return false;
  const { protocol, hostname, username, password } = new URL(given);
  if (username !== '' || password !== '') return false;
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname));
}

/** As the URL parser writes it: `127.1` is 127.0.0.1 by then. */
function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
