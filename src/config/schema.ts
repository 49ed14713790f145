import ms from 'ms';
import { z } from 'zod';
import { list, path, section, tag, text, value } from './values.ts';
import { WebhookEntry } from './webhooks.ts';

/** Where the record is when nothing is said. */
export const DEFAULT_DATABASE_PATH = './data/oombot.db';

const hostName = value(
  'a name of letters, digits, dots, dashes and underscores',
  z.string().regex(/^[A-Za-z0-9][\w.-]{0,99}$/),
);
// A leading dash would be an option to ssh in the hints that people copy.
const address = value('a host name or IP address', z.string().regex(/^[A-Za-z0-9:_][\w.:%-]{0,252}$/));
const port = value('a port, 1 to 65535', z.int().min(1).max(65_535));
const user = value('a login name', z.string().regex(/^[A-Za-z0-9_][\w.@+$-]{0,63}$/));
const paths = value('a path or a list of paths', z.union([text.transform((one) => [one]), z.array(text).min(1)]));
const channel = value(
  'a channel such as "#oom" (quoted: # starts a comment) or its id',
  z.string().regex(/^(#[^\s#<>&]{1,80}|[CGD][A-Z0-9]{5,20})$/),
);
const person = value('a user id (U…) or a user group id (S…)', z.string().regex(/^[UWS][A-Z0-9]{2,20}$/));
const approvers = value(
  'the word anyone, or a list of user ids (U…) and user group ids (S…)',
  z.union([z.literal('anyone'), z.array(z.string().regex(/^[UWS][A-Z0-9]{2,20}$/)).min(1)]),
);
const duration = value(
  'a duration such as 30m, 2h or 7d',
  z
    .string()
    .regex(/^\d+(\.\d+)? ?(s|m|h|d|w|sec|min|hours?|days?|weeks?|minutes?|seconds?)$/)
    .transform((given) => ms(given as ms.StringValue))
    .pipe(z.number().min(1000).max(ms('365d'))),
);
const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const weekTime = value(
  'a weekday and a time such as mon 09:00, or off',
  z
    .string()
    .regex(/^(off|(mon|tue|wed|thu|fri|sat|sun)[a-z]* ([01]?\d|2[0-3]):[0-5]\d)$/i)
    .transform((given): { weekday: number; minute: number } | null => {
      const [day = '', time = ''] = given.toLowerCase().split(' ');
      const [hours, minutes] = time.split(':').map(Number);
      return day === 'off'
        ? null
        : { weekday: WEEKDAYS.indexOf(day.slice(0, 3)), minute: (hours ?? 0) * 60 + (minutes ?? 0) };
    }),
);
const zone = value('a time zone such as UTC or Europe/Berlin', z.string().refine(isTimeZone));
const pace = value(
  'a duration from 10s to 10m, or off',
  z.union([
    z.literal('off').transform(() => null),
    z
      .string()
      .regex(/^\d+ ?(s|m|sec|min|minutes?|seconds?)$/)
      .transform((given): number | null => ms(given as ms.StringValue))
      .pipe(z.number().min(ms('10s')).max(ms('10m'))),
  ]),
);
const drillPace = value(
  'a duration of an hour or more such as 7d, or off',
  z.union([
    z.literal('off').transform(() => null),
    z
      .string()
      .regex(/^\d+ ?(h|d|w|hours?|days?|weeks?)$/)
      .transform((given): number | null => ms(given as ms.StringValue))
      .pipe(z.number().min(ms('1h')).max(ms('365d'))),
  ]),
);
const logFile = value('an absolute path of a log file', z.string().regex(/^\/[^\0-\x1f\x7f]{1,1000}$/));

export const httpAddress = value(
  'address:port, such as 127.0.0.1:3000',
  z
    .string()
    .regex(/^(\[[0-9a-fA-F:]+\]|[\w.-]+):\d{1,5}$/)
    .transform((given) => {
      const colon = given.lastIndexOf(':');
      return { host: given.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(given.slice(colon + 1)) };
    })
    .pipe(z.object({ host: z.string(), port: z.int().max(65_535) })),
);

export type Database = { kind: 'sqlite'; path: string } | { kind: 'postgres'; url: string };
export const database = value(
  'sqlite:PATH or postgres://user@host/name',
  z
    .string()
    .regex(/^(sqlite:.+|postgres(ql)?:\/\/.+)$/)
    .transform((given): Database =>
      given.startsWith('sqlite:')
        ? { kind: 'sqlite', path: given.slice('sqlite:'.length) }
        : { kind: 'postgres', url: given },
    ),
);

const jump = value(
  'a host name of this file, or [user@]address[:port]',
  z.string().regex(/^([\w.@+$-]+@)?[A-Za-z0-9:_[][\w.:%[\]-]*$/),
);
const proxyCommand = value(
  'a list of words, the program first, such as [cloudflared, access, ssh, --hostname, "%h"]',
  z.array(text).min(1).max(50),
);

const transport = value('auto, ssh2 or openssh', z.enum(['auto', 'ssh2', 'openssh']));

export const HostEntry = section({
  name: hostName.optional(),
  address: address.optional(),
  port: port.optional(),
  user: user.optional(),
  identityFile: path.optional(),
  knownHosts: paths.optional(),
  fingerprints: list(
    value('SHA256: and 43 characters, as ssh-keygen -l prints', z.string().regex(/^SHA256:[A-Za-z0-9+/]{43}$/)),
  ).default([]),
  jump: jump.optional(),
  sshConfig: hostName.optional(),
  proxyCommand: proxyCommand.optional(),
  transport: transport.optional(),
  allowSha1: value('true or false', z.boolean()).optional(),
  tags: list(tag).default([]),
  channel: channel.optional(),
  logFiles: list(logFile).optional(),
});
export type HostEntry = z.output<typeof HostEntry>;

const inventorySource = section({
  kind: value(
    'file_sd, http_sd, ansible, ssh_config or directory',
    z.enum(['file_sd', 'http_sd', 'ansible', 'ssh_config', 'directory']),
  ),
  from: value('a path, a pattern or a URL', text),
  tags: list(tag).default([]),
  channel: channel.optional(),
  user: user.optional(),
  port: port.optional(),
  identityFile: path.optional(),
  knownHosts: paths.optional(),
  trustFirstKey: path.optional(),
  jump: jump.optional(),
  proxyCommand: proxyCommand.optional(),
  transport: transport.optional(),
  labels: list(value('the name of a label', text)).optional(),
  nameLabel: value('the name of a label', text).optional(),
  addressLabel: value('the name of a label', text).optional(),
  tokenFile: path.optional(),
}).refine(({ kind, from }) => kind !== 'http_sd' || /^https?:\/\/[^\s@]+$/.test(from), {
  path: ['from'],
  message: 'expected a URL, http:// or https://, without a password in it',
});
export type InventoryEntry = z.output<typeof inventorySource>;

export const ConfigFile = section({
  workspace: section({ channel: channel.default('#oom') }).prefault({}),
  routes: list(section({ tags: list(tag), channel, mention: person.optional() })).default([]),
  webhooks: list(WebhookEntry).default([]),
  approvals: section({
    channel: channel.optional(),
    approvers: approvers.optional(),
    quorum: value('a whole number, 1 to 10', z.int().min(1).max(10)).default(1),
    selfApproval: value('true or false', z.boolean()).default(false),
    directMessages: value('true or false', z.boolean()).default(true),
    guests: value('true or false', z.boolean()).default(false),
    external: value('true or false', z.boolean()).default(false),
    expireAfter: duration.default(ms('30m')),
  }).prefault({}),
  admins: list(person).default([]),
  local: section({ changes: value('true or false', z.boolean()).default(false) }).prefault({}),
  ssh: section({
    user: user.default('oombot'),
    port: port.default(22),
    identityFile: path.optional(),
    knownHosts: paths.default(['~/.ssh/known_hosts']),
    configFile: path.default('~/.ssh/config'),
    allowProxyCommand: value('true or false', z.boolean()).default(false),
    transport: transport.default('auto'),
    allowSha1: value('true or false', z.boolean()).default(false),
  }).prefault({}),
  hosts: list(HostEntry).default([]),
  inventory: list(inventorySource).default([]),
  digest: section({
    at: weekTime.default({ weekday: 1, minute: 9 * 60 }),
    zone: zone.default('UTC'),
  }).prefault({}),
  drill: section({ every: drillPace.default(null), channel: channel.optional() }).prefault({}),
  samples: section({ every: pace.default(ms('1m')) }).prefault({}),
  earlyWarning: list(section({ tags: list(tag), within: duration.default(ms('30m')) })).default([]),
  database: database.default({ kind: 'sqlite', path: DEFAULT_DATABASE_PATH }),
  socket: value('a path, or off', z.union([z.literal('off'), text])).optional(),
  http: httpAddress.default({ host: '127.0.0.1', port: 3000 }),
});
export type ConfigFile = z.output<typeof ConfigFile>;

function isTimeZone(given: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: given }).resolvedOptions().timeZone !== '';
  } catch {
    return false; // RangeError: no such zone
  }
}
