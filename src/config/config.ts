import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

import type { AddedHost } from '../app/ports.ts';
import { ConfigError, describeIssue, fileFault, readDocument } from './document.ts';
import { resolveHosts, type HostConfig } from './hosts.ts';
import { ConfigFile, database, type Database, type InventoryEntry } from './schema.ts';
import { expandHome, opensshSettings } from './targets.ts';
import { resolveWebhooks, type WebhookConfig } from './webhooks.ts';

export { ConfigError } from './document.ts';
export type { WebhookConfig } from './webhooks.ts';
export type { HostConfig } from './hosts.ts';
export { CONFIG_KEYS, ENVIRONMENT } from './keys.ts';
export { DEFAULT_DATABASE_PATH } from './schema.ts';

export interface Config {
  /** null: there is no file, all defaults. */
  file: string | null;
  workspace: { channel: string };
  /** `mention`: whom an announcement notifies; null: nobody. */
  routes: { tags: string[]; channel: string; mention: string | null }[];
  webhooks: WebhookConfig[];
  approvals: {
    channel: string | null;
    /** null: not said. */
    approvers: string[] | 'anyone' | null;
    quorum: number;
    selfApproval: boolean;
    directMessages: boolean;
    guests: boolean;
    external: boolean;
    expireAfterMs: number;
  };
  admins: string[];
  /** `changes`: real hosts may be changed from the local workspace. */
  local: { changes: boolean };
  hosts: HostConfig[];
  inventory: InventoryEntry[];
  /** As the file has it: what hosts of inventories are reached by. */
  written: Pick<ConfigFile, 'ssh' | 'hosts'>;
  /** What was left out of the files, one sentence each with file and line. */
  warnings: string[];
  /** When each channel gets its weekly digest; null: never. `weekday` 0 is Sunday, `minute` is of the day there. */
  digest: { weekday: number; minute: number; zone: string } | null;
  /** `everyMs` null: no drills by themselves. `channel` null: where kills of the host are told. */
  drill: { everyMs: number | null; channel: string | null };
  /** How often memory is noted on each host; null: not. */
  sampleEveryMs: number | null;
  /** First match wins. */
  earlyWarning: { tags: string[]; withinMs: number }[];
  /** What a host gets that names nothing itself: those added from Slack. */
  sshDefaults: { user: string; port: number; identityFile: string | null; knownHosts: string[] };
  database: Database;
  /** Where the running bot answers the terminal; null: nowhere. */
  socket: string | null;
  /** `token`: what /healthz and /metrics ask for; null: nothing. Never logged, never stored. */
  http: { host: string; port: number; token: string | null };
  logLevel: LogLevel;
  slack: { botToken: string | null; appToken: string | null; apiUrl: string | null };
  /** Never logged, never stored. */
  sshPassphrase: string | null;
  /** Signs the head of the audit log. Never logged, never stored. */
  auditKey: string | null;
  sshAgentSocket: string | null;
  /** What local programs between the bot and a host find set: all but the bot's own secrets. */
  proxyEnvironment: NodeJS.ProcessEnv;
}

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Read in the working directory, the first that exists, where no other file is named. */
const DEFAULT_FILES = ['oombot.yaml', 'oombot.yml'];

/** Of the service in deploy/oombot.service. */
const RUNTIME_DIRECTORY = '/run/oombot';

/** Secrets, and where they are. */
const OWN_VARIABLES = /^(SLACK_|OOMBOT_|DATABASE_URL|CREDENTIALS_DIRECTORY$)/;

/** Reads file and environment into one frozen Config. No file at the default place: all defaults, no hosts. Throws ConfigError. */
export function loadConfig(options: { path?: string; env?: NodeJS.ProcessEnv } = {}): Config {
  const env = options.env ?? process.env;
  const asked = options.path ?? setOr(env['OOMBOT_CONFIG'], null);
  const file = asked === null ? (DEFAULT_FILES.find((name) => existsSync(name)) ?? null) : expandHome(asked);
  const faults: string[] = [];
  function secret(name: string): string | null {
    return readSecret(env, name, faults);
  }
  const document = file === null ? null : readDocument(file);
  const parsed = ConfigFile.safeParse(document?.value ?? {});
  if (!parsed.success) {
    throw new ConfigError(parsed.error.issues.flatMap((issue) => describeIssue(issue, document)).join('\n'));
  }
  const given = parsed.data;

  const warnings = new Set<string>();
  function fault(at: PropertyKey[], sentence: string): void {
    faults.push(`${document?.where(at) ?? ''}${sentence}`);
  }
  const hosts = resolveHosts(given, { env, fault, warn: (sentence) => warnings.add(sentence) });
  const record = databaseOf(secret('DATABASE_URL'), given, faults);
  const config: Config = {
    file,
    workspace: given.workspace,
    routes: given.routes.map((route) => ({ ...route, mention: route.mention ?? null })),
    webhooks: resolveWebhooks(given.webhooks, (from, named) => readNamed(env, from, named), fault),
    approvals: {
      channel: given.approvals.channel ?? null,
      approvers: given.approvals.approvers ?? null,
      quorum: given.approvals.quorum,
      selfApproval: given.approvals.selfApproval,
      directMessages: given.approvals.directMessages,
      guests: given.approvals.guests,
      external: given.approvals.external,
      expireAfterMs: given.approvals.expireAfter,
    },
    admins: given.admins,
    local: given.local,
    hosts,
    inventory: given.inventory,
    written: { ssh: given.ssh, hosts: given.hosts },
    warnings: [...warnings],
    drill: { everyMs: given.drill.every, channel: given.drill.channel ?? null },
    digest: given.digest.at === null ? null : { ...given.digest.at, zone: given.digest.zone },
    sampleEveryMs: given.samples.every,
    earlyWarning: given.earlyWarning.map(({ tags, within }) => ({ tags, withinMs: within })),
    sshDefaults: {
      user: given.ssh.user,
      port: given.ssh.port,
      identityFile: given.ssh.identityFile === undefined ? null : expandHome(given.ssh.identityFile),
      knownHosts: given.ssh.knownHosts.map(expandHome),
    },
    database: record,
    socket: socketOf(given.socket, record, env),
    http: { ...given.http, token: secret('OOMBOT_HTTP_TOKEN') },
    logLevel: logLevelOf(env, faults),
    slack: {
      botToken: secret('SLACK_BOT_TOKEN'),
      appToken: secret('SLACK_APP_TOKEN'),
      apiUrl: setOr(env['SLACK_API_URL'], null),
    },
    sshPassphrase: secret('OOMBOT_SSH_PASSPHRASE'),
    auditKey: secret('OOMBOT_AUDIT_KEY'),
    sshAgentSocket: setOr(env['SSH_AUTH_SOCK'], null),
    proxyEnvironment: Object.fromEntries(Object.entries(env).filter(([name]) => !OWN_VARIABLES.test(name))),
  };
  if (config.sampleEveryMs === null && config.earlyWarning.length > 0)
    faults.push(
      `${document?.where(['earlyWarning']) ?? ''}earlyWarning needs samples, and samples.every is off, expected a duration such as 1m there.`,
    );
  if ((config.slack.botToken === null) !== (config.slack.appToken === null)) {
    faults.push(
      'SLACK_BOT_TOKEN and SLACK_APP_TOKEN: only one of them is set, expected both (Slack) or neither (local workspace).',
    );
  }
  if (faults.length > 0) throw new ConfigError(faults.join('\n'));
  return freeze(config);
}

/** How a host that an admin added from Slack is reached. */
export function addedHostConfig(config: Config, added: AddedHost): HostConfig {
  const { identityFile, knownHosts } = config.sshDefaults;
  const { name, address, port, tags, fingerprint } = added;
  const user = added.user ?? config.sshDefaults.user;
  const { ssh } = config.written;
  const given = ['address', 'port', 'user', 'identityFile', 'knownHosts'] as const;
  const target = {
    name,
    address,
    port,
    user,
    identityFile,
    knownHosts,
    fingerprints: [fingerprint],
    jump: null,
    ...(ssh.transport === 'openssh' ? { openssh: opensshSettings(ssh, address, given) } : {}),
  };
  return { name, tags, channel: null, logFiles: null, from: 'added in Slack', target };
}

export interface HostChanges {
  added: HostConfig[];
  removed: string[];
  /** `reconnect`: false where only tags or channel changed, so that the stream can go on. */
  changed: { host: HostConfig; reconnect: boolean }[];
}

/** What a reload has to touch; hosts that are in neither list stay as they are. */
export function diffHosts(before: readonly HostConfig[], after: readonly HostConfig[]): HostChanges {
  const old = new Map(before.map((host) => [host.name, host]));
  const names = new Set(after.map((host) => host.name));
  return {
    added: after.filter((host) => !old.has(host.name)),
    removed: before.filter((host) => !names.has(host.name)).map((host) => host.name),
    changed: after.flatMap((host) => {
      const was = old.get(host.name);
      if (was === undefined || same(was, host)) return [];
      return [{ host, reconnect: !same([was.target, was.logFiles], [host.target, host.logFiles]) }];
    }),
  };
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function databaseOf(url: string | null, given: ConfigFile, faults: string[]): Database {
  if (url === null) return given.database;
  const parsed = database.safeParse(url);
  // Not quoted: it may hold a password.
  if (!parsed.success) faults.push('DATABASE_URL is not usable, expected sqlite:PATH or postgres://user@host/name.');
  return parsed.data ?? given.database;
}

/**
 * Bot and terminal come to the same path, each from its own environment: beside the database, else where systemd's RuntimeDirectory=oombot
 * makes a folder for the service, of the system or of a user. null: there is no such place, or it is off.
 */
function socketOf(given: string | undefined, record: Database, env: NodeJS.ProcessEnv): string | null {
  if (given !== undefined) return given === 'off' ? null : expandHome(given);
  if (record.kind === 'sqlite') return `${record.path}.sock`;
  const [service] = setOr(env['RUNTIME_DIRECTORY'], '').split(':');
  const user = setOr(env['XDG_RUNTIME_DIR'], null);
  const folder = service || (existsSync(RUNTIME_DIRECTORY) ? RUNTIME_DIRECTORY : user && `${user}/oombot`);
  return folder === null ? null : `${folder}/oombot.sock`;
}

function logLevelOf(env: NodeJS.ProcessEnv, faults: string[]): LogLevel {
  const asked = setOr(env['LOG_LEVEL'], 'info');
  const level = LOG_LEVELS.find((one) => one === asked);
  if (level === undefined) faults.push(`LOG_LEVEL is "${asked}", expected one of ${LOG_LEVELS.join(', ')}.`);
  return level ?? 'info';
}

/**
 * A secret by its name: from the variable, from the file that `NAME_FILE` names, or from `$CREDENTIALS_DIRECTORY/NAME` (systemd's
 * LoadCredential=). null: it is nowhere. The line end that editors leave is no part of it.
 */
function readSecret(env: NodeJS.ProcessEnv, name: string, faults: string[]): string | null {
  const given = setOr(env[name], null);
  const named = setOr(env[`${name}_FILE`], null);
  if (given !== null && named !== null) faults.push(`${name} and ${name}_FILE are both set, expected one of them.`);
  if (given !== null) return given;
  const credentials = setOr(env['CREDENTIALS_DIRECTORY'], null);
  const credential = credentials === null ? null : path.join(credentials, name);
  const file = named ?? (credential !== null && existsSync(credential) ? credential : null);
  const unread: string[] = [];
  const secret = file === null ? null : readSecretFile(file, unread);
  faults.push(...unread.map((fault) => `${name}_FILE is "${file}", which cannot be read: ${fault}.`));
  return secret;
}

/** null: it is empty, or cannot be read, which goes to `faults`. */
function readSecretFile(file: string, faults: string[]): string | null {
  try {
    return setOr(readFileSync(file, 'utf8').replace(/\r?\n$/, ''), null);
  } catch (error) {
    faults.push(fileFault(error));
    return null;
  }
}

/** A secret that the file of the configuration names. Throws what is wrong, as words that go on after "its secret". */
function readNamed(env: NodeJS.ProcessEnv, from: 'secretEnv' | 'secretFile', named: string): string {
  const faults: string[] = [];
  const secret = from === 'secretEnv' ? readSecret(env, named, faults) : readSecretFile(expandHome(named), faults);
  if (faults[0] !== undefined) throw new Error(`cannot be read: ${faults[0].replace(/\.$/, '')}`);
  if (secret === null) throw new Error(from === 'secretEnv' ? 'is not set' : 'is empty');
  return secret;
}

/** An empty variable counts as unset, as compose files and systemd units leave them. */
function setOr<T>(variable: string | undefined, otherwise: T): string | T {
  return variable === undefined || variable === '' ? otherwise : variable;
}

function freeze<T>(thing: T): T {
  if (typeof thing === 'object' && thing !== null && !Object.isFrozen(thing)) {
    Object.freeze(thing);
    for (const part of Object.values(thing)) freeze(part);
  }
  return thing;
}
