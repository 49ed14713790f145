import { randomUUID } from 'node:crypto';
import { pino, type Logger } from 'pino';
import { openAnswers } from './app/answer/answers.ts';
import type { ChangeWorld } from './app/change/change-world.ts';
import { openLiveScans } from './app/live-scan.ts';
import { seenBefore } from './app/seen-before.ts';
import type { HostDraft } from './app/answer/handlers.ts';
import { openCauseWatch } from './app/watch/cause-watch.ts';
import { openReturnWatch } from './app/watch/return-watch.ts';
import { openDelivery } from './app/tell/delivery.ts';
import { KEEP_KILLS_MS, shareWork, tidyUp } from './run/chores.ts';
import type { Clock } from './app/ports.ts';
import { tellBefore } from './app/watch/before-kill.ts';
import { warmUp } from './app/watch/warm-up.ts';
import { tellWeeks } from './app/answer/weekly-digest.ts';
import type { Saved } from './app/watch/save-queue.ts';
import type { Store } from './app/store-port.ts';
import { openChangeSide } from './run/change-side.ts';
import { addedHostConfig, loadConfig, type Config, type HostConfig } from './config/config.ts';
import { openFleet, type WatchedFleet } from './run/fleet.ts';
import type { Incident } from './incident/incident.ts';
import { openLocal, type Local } from './run/local-run.ts';
import { describeIncident } from './notice/incident/incident-notice.ts';
import type { Notice } from './notice/notice.ts';
import { printNews } from './run/print-news.ts';
import { healthOf } from './http/health.ts';
import { countKills, openMetrics, watchFleet, watchOutbox } from './http/metrics.ts';
import { openHttp } from './http/server.ts';
import { openSlack, type Slack } from './slack/app.ts';
import { REDACTED_PATHS } from './slack/bolt-logger.ts';
import { openSsh } from './ssh/open-ssh.ts';
import { readHostKey } from './ssh/read-host-key.ts';
import type { SshTarget } from './ssh/target.ts';
import { openStore } from './store/store.ts';
import { systemClock } from './run/system-clock.ts';

export interface RunOptions {
  /** Reads the configuration; called again on reload. */
  load?: () => Config;
  /** Where incidents and the way to the page are printed. */
  print: (text: string) => void;
  signal: AbortSignal;
}

export interface Running {
  /** Of /healthz, /metrics and the local workspace's page. */
  url: string;
  fleet: WatchedFleet;
  store: Store;
  local: Local | null;
  /** Takes up a changed configuration without dropping the hosts that it does not touch; gives the keys that need a restart. Throws ConfigError. */
  reload: () => Promise<string[]>;
  close: () => Promise<void>;
}

export const clock: Clock = systemClock;

/** Builds the world and hands it to the use cases; nothing else opens a client, a store or a port. Throws one sentence. */
export async function run(options: RunOptions): Promise<Running> {
  const opened: (() => Promise<void>)[] = [];
  try {
    return await openWorld(options, opened);
  } catch (error) {
    // What is open would keep the process, its port and its database.
    for (const close of opened.toReversed()) await close();
    throw error;
  }
}

/** `opened`: how to close again what is open so far. */
async function openWorld(options: RunOptions, opened: (() => Promise<void>)[]): Promise<Running> {
  const { print } = options;
  const load = options.load ?? loadConfig;
  let config = load();
  const stopping = new AbortController();
  const signal = AbortSignal.any([options.signal, stopping.signal]);
  const log = openLog(config);
  const owner = randomUUID();
  const metrics = openMetrics();
  const store = await openStore(databaseUrl(config));
  opened.push(store.close);
  const ssh = openSsh({
    clock,
    random: Math.random,
    passphrase: config.sshPassphrase,
    agentSocket: config.sshAgentSocket,
  });
  opened.push(ssh.close);
  let wake: () => void = ignore;
  let see: (saved: Saved) => void = ignore;
  const fleet = openFleet([], {
    ssh,
    store,
    clock,
    log,
    newId: randomUUID,
    channelOf,
    onLines: (count) => metrics.lines.inc(count),
    onGap: (host) => metrics.gaps.inc({ host }),
    sampleEveryMs: () => config.sampleEveryMs,
    warnWithinMs,
    onSaved: (saved) => {
      wake();
      see(saved);
      void tellBefore(saved, { store, clock, log, channelOf, wake: () => wake() });
      countKills(metrics, saved, clock.nowMs());
      printNews(saved, { store, clock, describe, print }).catch((error: unknown) =>
        log.error({ err: error }, 'News could not be printed'),
      );
    },
  });

  warmUp();

  let slack: Slack | null = null;
  const scans = openLiveScans(fleet, clock);

  function channelOf(incident: Pick<Incident, 'host'>): string {
    const host = fleet.hosts().find((one) => one.name === incident.host);
    if (host?.channel != null) return host.channel;
    const route = config.routes.find((one) => one.tags.every((tag) => host?.tags.includes(tag)));
    return route?.channel ?? config.workspace.channel;
  }

  function warnWithinMs(name: string): number | null {
    const host = fleet.hosts().find((one) => one.name === name);
    return config.earlyWarning.find((one) => one.tags.every((tag) => host?.tags.includes(tag)))?.withinMs ?? null;
  }

  async function describe(incident: Incident): Promise<Notice> {
    const past = await seenBefore(store, incident);
    return describeIncident(incident, { nowMs: clock.nowMs(), seenBefore: past, protect: true });
  }

  async function hostsNow(): Promise<HostConfig[]> {
    const named = new Set(config.hosts.map((host) => host.name));
    const added = (await store.addedHosts()).filter((host) => !named.has(host.name));
    return [...config.hosts, ...added.map((host) => addedHostConfig(config, host)), ...(local?.hosts ?? [])];
  }

  opened.push(fleet.close);
  watchFleet(metrics, fleet);
  watchOutbox(metrics, store);
  const http = await openHttp(config.http, metrics, () => healthOf(fleet, store, slack !== null));
  opened.push(http.close);
  const local = config.slack.botToken === null ? await openLocal({ http, config, clock }) : null;
  if (local !== null) opened.push(local.close);
  await fleet.replace(await hostsNow());
  if (config.database.kind === 'sqlite') await fleet.watchOnly(null);

  const returns = openReturnWatch({
    store,
    fleet,
    scans,
    clock,
    log,
    channelOf,
    bootAtMs: (host) => fleet.watchState(host)?.facts?.bootAtMs ?? null,
    wake: () => wake(),
  });
  opened.push(returns.close);
  const causes = openCauseWatch({ store, fleet, clock, log, channelOf, wake: () => wake() });
  opened.push(causes.close);
  see = (saved) => {
    returns.see(saved);
    causes.see(saved);
  };

  async function hostsChanged(): Promise<void> {
    await fleet.replace(await hostsNow());
  }

  let wakeChanges: () => void = ignore;
  const changes: ChangeWorld = {
    store,
    fleet,
    scans,
    clock,
    log,
    owner,
    shared: config.database.kind === 'postgres',
    newId: () => randomUUID().slice(0, 8),
    approvals: () => config.approvals,
    groupMembersNow: (group) =>
      slack?.groupMembers(group, APPROVERS_AGE_MS) ?? Promise.reject(new Error('Slack is not connected yet')),
    channelOf,
    isMine: (host) => fleet.watchState(host) !== null,
    wake: () => wakeChanges(),
  };
  const handlers = openAnswers({
    store,
    fleet,
    scans,
    clock,
    log,
    settings: () => ({
      admins: config.admins,
      hosts: [...config.hosts, ...(local?.hosts ?? [])].map(({ name, target }) => ({ name, address: target.address })),
    }),
    watchState: fleet.watchState,
    checkHost: (host) => fleet.check(host),
    groupMembers: (group) => slack?.groupMembers(group) ?? Promise.reject(new Error('Slack is not connected yet')),
    editing: {
      readHostKey: async (draft) => {
        const seen = await readHostKey(ssh, addedTarget(draft));
        return seen.kind === 'failed'
          ? seen
          : { kind: 'key', key: { keyType: seen.key.type, fingerprint: seen.key.fingerprint } };
      },
      hostsChanged,
    },
    channelOf,
    wake: () => {
      wake();
      wakeChanges();
    },
    keepKillsMs: KEEP_KILLS_MS,
    protect: true,
    changes,
  });

  /** Where a host is that somebody wants to add: its key is not known yet. */
  function addedTarget(draft: HostDraft): SshTarget {
    return addedHostConfig(config, { ...draft, fingerprint: '', addedBy: '', addedAtMs: 0 }).target;
  }

  const tokens = local ?? {
    botToken: config.slack.botToken ?? '',
    appToken: config.slack.appToken ?? '',
    apiUrl: config.slack.apiUrl ?? undefined,
  };
  slack = await openSlack({
    botToken: tokens.botToken,
    appToken: tokens.appToken,
    apiUrl: tokens.apiUrl,
    handlers,
    logger: log,
    clock,
    signal,
  });
  let channels: ReadonlySet<string> | null = null;
  const delivery = openDelivery({
    store,
    workspace: slack,
    clock,
    log,
    owner,
    describe,
    isMine: (channel) => channels?.has(channel) ?? true,
  });
  wake = delivery.wake;
  const changeSide = openChangeSide(changes, store, slack);
  wakeChanges = () => {
    changeSide.wake();
    wake();
  };
  function serveOnly(mine: readonly string[]): void {
    channels = new Set(mine);
    delivery.wake();
  }
  const work = { store, fleet, clock, log, signal };
  const chores = [
    tidyUp(work),
    tellWeeks({ ...work, schedule: () => config.digest, channelOf, wake: () => wake(), keepKillsMs: KEEP_KILLS_MS }),
  ];
  if (config.database.kind === 'postgres')
    chores.push(shareWork({ ...work, owner, watchOnly: fleet.watchOnly, serveOnly }));

  return {
    url: http.url,
    fleet,
    store,
    local,
    reload: async () => {
      const next = load();
      const before = config;
      config = next;
      try {
        await hostsChanged();
      } catch (error) {
        config = before;
        throw error;
      }
      for (const { name } of fleet.hosts()) fleet.reconnectNow(name);
      return RESTART_KEYS.filter((key) => JSON.stringify(before[key]) !== JSON.stringify(next[key]));
    },
    close: async () => {
      stopping.abort();
      const steps = [
        () => Promise.all(chores),
        returns.close,
        causes.close,
        changeSide.stopWork,
        fleet.close,
        delivery.close,
        changeSide.close,
        () => slack?.close(),
        ssh.close,
        () => local?.close(),
        http.close,
        () => store.releaseLeases(owner),
        store.close,
      ];
      // One step that fails must not leave the others undone.
      for (const step of steps) {
        await Promise.resolve(step()).catch((error: unknown) =>
          log.error({ err: error }, 'A component could not be closed'),
        );
      }
    },
  };
}

/** These are read once, at the start. */
const RESTART_KEYS = ['http', 'database', 'slack', 'logLevel'] as const;
/** Members of an approvers' group are asked for anew; one card is decided within seconds by several. */
const APPROVERS_AGE_MS = 2_000;

export function databaseUrl({ database }: Config): string {
  return database.kind === 'sqlite' ? `sqlite:${database.path}` : database.url;
}

/** To standard error: standard output is for people. */
function openLog(config: Config): Logger {
  return pino(
    { level: config.logLevel, redact: [...REDACTED_PATHS, 'passphrase', '*.passphrase'] },
    pino.destination(2),
  );
}

function ignore(): void {
  // Nothing to wake yet.
}
