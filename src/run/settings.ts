import type { FleetHost } from '../app/host-link.ts';
import { webhookDestination, type WebhookRoute } from '../app/webhook.ts';
import { ConfigError, type Config } from '../config/config.ts';
import type { Receiver } from '../hook/open-webhooks.ts';

export interface Settings {
  /** As they are in force now; a reload may change them. */
  now: () => Config;
  /**
   * Reads the configuration again and puts it to use; gives the keys that need a restart. What `take` throws on, or what cannot be
   * read, leaves the old one in force.
   */
  reload: (take: () => Promise<void>) => Promise<string[]>;
}

/** These are read once, at the start. */
const RESTART_KEYS = ['http', 'database', 'socket', 'slack', 'logLevel'] as const;

/** The configuration, read anew on demand. Throws ConfigError, also for a secret that cannot be read. */
export function openSettings(load: () => Config): Settings {
  let config = loadWhole();

  function loadWhole(): Config {
    const loaded = load();
    const faults = loaded.webhooks.flatMap(({ secret }) => (secret.kind === 'fault' ? [secret.sentence] : []));
    if (faults.length > 0) throw new ConfigError(faults.join('\n'));
    return loaded;
  }

  async function reload(take: () => Promise<void>): Promise<string[]> {
    const next = loadWhole();
    const before = config;
    config = next;
    try {
      await take();
    } catch (error) {
      config = before;
      throw error;
    }
    return RESTART_KEYS.filter((key) => JSON.stringify(before[key]) !== JSON.stringify(next[key]));
  }

  return { now: () => config, reload };
}

/** Who may approve. In the local workspace, where one person plays all, everybody but the proposer. */
export function approvalsOf({ approvals }: Config, isLocal: boolean): Config['approvals'] {
  return isLocal && approvals.approvers === null ? { ...approvals, approvers: 'anyone' } : approvals;
}

/** Where the kills of a host are told. */
export function channelFor({ routes, workspace }: Config, host: FleetHost | undefined): string {
  return host?.channel ?? routeOf(routes, host)?.channel ?? workspace.channel;
}

/** Whom an announcement about a host notifies; null: nobody. A host with a channel of its own takes no route. */
export function mentionFor({ routes }: Config, host: FleetHost | undefined): string | null {
  return host?.channel == null ? (routeOf(routes, host)?.mention ?? null) : null;
}

function routeOf(routes: Config['routes'], host: FleetHost | undefined): Config['routes'][number] | undefined {
  return routes.find((one) => one.tags.every((tag) => host?.tags.includes(tag)));
}

/** The webhooks that get the incidents of a host. CloudEvents are a record: they get those that are muted too. */
export function webhooksFor({ webhooks }: Config, host: FleetHost | undefined): WebhookRoute[] {
  return webhooks
    .filter(({ tags }) => tags.every((tag) => host?.tags.includes(tag)))
    .map(({ name, format }) => ({ destination: webhookDestination(name), hearsMuted: format === 'cloudevents' }));
}

/** Where webhooks send to; one whose secret is not known is left out. */
export function receiversOf({ webhooks }: Config): Receiver[] {
  return webhooks.flatMap(({ name, format, url, secret }) =>
    secret.kind === 'known' ? [{ name, format, url, secret: secret.value }] : [],
  );
}

/** How early a host is warned of; null: not at all. */
export function warningFor({ earlyWarning }: Config, host: FleetHost | undefined): number | null {
  return earlyWarning.find((one) => one.tags.every((tag) => host?.tags.includes(tag)))?.withinMs ?? null;
}

export function databaseUrl({ database }: Config): string {
  return database.kind === 'sqlite' ? `sqlite:${database.path}` : database.url;
}
