import { randomBytes, randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { openAnswers } from './app/answer/answers.ts';
import type { AnswersWorld } from './app/answer/answers-world.ts';
import type { Handlers, HostDraft } from './app/answer/handlers.ts';
import { tellWeeks } from './app/answer/weekly-digest.ts';
import { noteAuditHeads } from './app/change/audit-note.ts';
import { openChangeExecutor } from './app/change/change-executor.ts';
import type { ChangeWorld } from './app/change/change-world.ts';
import { openRuleReconciler } from './app/change/rule-reconciler.ts';
import { keepDrills } from './app/drill/drill-schedule.ts';
import type { DrillWorld } from './app/drill/drill-world.ts';
import { openDrills, type Drills } from './app/drill/drills.ts';
import type { Store } from './app/store-port.ts';
import { openTelling, type Telling } from './app/tell/telling.ts';
import { tellBefore } from './app/watch/before-kill.ts';
import { openCauseWatch } from './app/watch/cause-watch.ts';
import { openReturnWatch } from './app/watch/return-watch.ts';
import { warmUp } from './app/watch/warm-up.ts';
import { addedHostConfig, loadConfig, type Config } from './config/config.ts';
import { countKills, watchDrills, watchLeases, watchRules } from './http/metrics.ts';
import { describer, logWarnings, openBase, type Base, type Opened } from './run/base.ts';
import { openWebhooks } from './hook/open-webhooks.ts';
import { followInventories, KEEP_KILLS_MS, shareWork, tidyUp } from './run/chores.ts';
import type { WatchedFleet } from './run/fleet.ts';
import { openFront, type Front } from './run/front.ts';
import { hostsNow, openHosts, takeUpHosts, type Hosts } from './run/hosts.ts';
import { untilDemoIsRead, type Local } from './run/local-run.ts';
import { printNews } from './run/print-news.ts';
import { approvalsOf, openSettings, receiversOf } from './run/settings.ts';
import { testDestinations } from './run/test-destinations.ts';
import { systemClock as clock } from './run/system-clock.ts';
import { openTerminalSocket } from './run/terminal-socket.ts';
import { readHostKey } from './ssh/read-host-key.ts';
import type { SshTarget } from './ssh/target.ts';

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

const NO_APPROVERS =
  'Changes are off: approvals.approvers names nobody. Set it to a list of users and user groups, or to the word anyone';
/** Members of an approvers' group are asked for anew; one card is decided within seconds by several. */
const APPROVERS_AGE_MS = 2_000;
/** What an inventory does not say by then at the start it says later. */
const INVENTORY_PATIENCE_MS = 15_000;
/** What is said besides comes so long behind the message about a kill. */
const BEHIND_MESSAGE_MS = 200;

/**
 * Builds the world in phases, each from what those before it gave, and hands it to the use cases; nothing else opens a client, a store
 * or a port. Throws one sentence.
 */
export async function run({ load = loadConfig, print, signal }: RunOptions): Promise<Running> {
  const opened: Opened = [];
  try {
    const base = await openBase(openSettings(load), opened);
    const stop = new AbortController();
    const stopped = AbortSignal.any([signal, stop.signal]);
    const hosts = openHosts(base, opened);
    const front = await openFront(base, hosts, opened);
    const tell = startTelling(base, hosts, front, opened);
    const watch = await startWatching(base, hosts, front, print, opened);
    // Shared hosts are watched from the work's first lease on.
    if (front.local !== null && base.settings.now().database.kind === 'sqlite')
      await untilDemoIsRead(base.store, clock, stopped);
    const drillWorld = drillWorldOf(base, hosts, front);
    const drills = openDrills(drillWorld);
    const answering = startAnswering(base, hosts, front, drills, stopped);
    const work = startWork(base, hosts, tell, answering.changes, stopped);
    work.chores.push(
      followInventories({
        inventories: base.inventories,
        hostsChanged: async () => hosts.fleet.replace(await hostsNow(base, front.local)),
        clock,
        log: base.log,
        signal: stopped,
      }),
    );
    work.chores.push(keepDrills(drillWorld, drills, stopped));
    if (base.recordOpened !== null)
      work.chores.push(takeUpHosts(base, hosts.fleet, front.local, base.recordOpened, stopped));
    opened.push(drills.close, () => (stop.abort(), Promise.all(work.chores)), work.closeChanges);
    const closeSocket = await openTerminalSocket(base, answering.forTerminals, opened);
    // All the rest goes on while Slack cannot be reached.
    await answering.started;
    return {
      url: front.http.url,
      fleet: hosts.fleet,
      store: base.store,
      local: front.local,
      reload: () => reload(base, hosts, front),
      close: async () => {
        stop.abort();
        await closeAll(base.log, [
          drills.close,
          closeSocket,
          () => Promise.all(work.chores),
          watch.close,
          work.closeChanges,
          hosts.close,
          tell.telling.close,
          front.recordWatch.close,
          front.slack.close,
          base.ssh.close,
          () => Promise.resolve(front.local?.close()),
          front.http.close,
          () => base.store.releaseLeases(base.owner),
          base.store.close,
        ]);
      },
    };
  } catch (error) {
    // What is open would keep the process, its port and its database.
    for (const close of opened.toReversed()) await close();
    throw error;
  }
}

/** Tells the channels what the ledger says, from the first kill on: Slack may be reached later. */
function startTelling(base: Base, { mentionOf }: Hosts, { slack }: Front, opened: Opened) {
  const { settings, log, owner, store, saved, unsaved, outbox, changed } = base;
  // Shared channels are nobody's before their lease is held.
  const isShared = settings.now().database.kind === 'postgres';
  let mine: { channels: ReadonlySet<string>; untilMs: number } = { channels: new Set(), untilMs: 0 };
  const telling: Telling = openTelling({
    store,
    workspace: slack,
    clock,
    log,
    owner,
    describe: describer(base),
    mentionOf,
    webhook: openWebhooks({ receivers: () => receiversOf(settings.now()), nowMs: clock.nowMs }),
    isMine: (channel) => !isShared || (mine.channels.has(channel) && clock.nowMs() < mine.untilMs),
  });
  opened.push(telling.close);
  saved.hear(telling.see);
  unsaved.hear(({ incident, channel }) => telling.hand(incident, channel, false));
  outbox.hear(telling.wake);
  changed.hear(telling.wake);
  return {
    telling,
    serveOnly: (channels: readonly string[], untilMs: number) => {
      mine = { channels: new Set(channels), untilMs };
      telling.wake();
    },
  };
}

/** Follows the hosts, and does what comes of each kill on record. */
async function startWatching(
  base: Base,
  { fleet, scans, channelOf }: Hosts,
  { local }: Front,
  print: (text: string) => void,
  opened: Opened,
): Promise<{ close: () => Promise<unknown> }> {
  const { settings, log, metrics, store, saved, outbox } = base;
  const world = { store, fleet, scans, clock, log, channelOf, wake: outbox.ring };
  const returns = openReturnWatch({ ...world, bootAtMs: (host) => fleet.watchState(host)?.facts?.bootAtMs ?? null });
  opened.push(returns.close);
  const causes = openCauseWatch(world);
  opened.push(causes.close);
  const describe = describer(base);
  saved.hear(returns.see);
  saved.hear(causes.see);
  saved.hear((kills) => countKills(metrics, kills, clock.nowMs()));
  // The message that people wait for has the event loop, and the record, for itself.
  saved.hear((kills) => void tellBefore(kills, world), BEHIND_MESSAGE_MS);
  saved.hear((kills) => void printNews(kills, { store, clock, describe, print, log }), BEHIND_MESSAGE_MS);
  warmUp();
  await base.inventories.refresh('all', AbortSignal.timeout(INVENTORY_PATIENCE_MS));
  await fleet.replace(await hostsNow(base, local));
  if (settings.now().database.kind === 'sqlite') fleet.watchOnly(null);
  return { close: () => Promise.all([returns.close(), causes.close()]) };
}

/** What drills need of the world. */
function drillWorldOf(base: Base, { fleet, drillWatch, channelOf }: Hosts, { local }: Front): DrillWorld {
  const { settings, log, metrics, store, outbox } = base;
  return {
    store,
    fleet,
    watch: drillWatch,
    clock,
    log,
    channelOf,
    wake: outbox.ring,
    newId: () => randomBytes(16).toString('hex'),
    shared: settings.now().database.kind === 'postgres',
    schedule: () => settings.now().drill,
    isReadOnly: readOnlyHosts(base, local),
    onEnded: watchDrills(metrics),
  };
}

/** Real hosts in the local workspace, where nobody can be asked who decides. */
function readOnlyHosts({ settings }: Base, local: Local | null): (host: string) => boolean {
  return (host) => local !== null && !settings.now().local.changes && !local.isSimulated(host);
}

/** Connects to Slack and answers there, from `started` on; gives what terminals ask, and what the work on changes needs beside that. */
function startAnswering(
  base: Base,
  { fleet, scans, channelOf }: Hosts,
  { local, slack }: Front,
  drills: Drills,
  signal: AbortSignal,
): { changes: ChangeWorld; forTerminals: Handlers; started: Promise<void> } {
  const { settings, log, owner, store, ssh, outbox, changed } = base;
  const both = { store, fleet, scans, clock, log, channelOf, accountNow: slack.account };
  const changes: ChangeWorld = {
    ...both,
    owner,
    shared: settings.now().database.kind === 'postgres',
    newId: () => randomUUID().slice(0, 8),
    approvals: () => approvalsOf(settings.now(), local !== null),
    groupMembersNow: (group) => slack.groupMembers(group, APPROVERS_AGE_MS),
    isReadOnly: readOnlyHosts(base, local),
    isMine: (host) => fleet.watchState(host) !== null,
    wake: changed.ring,
  };
  const world: AnswersWorld = {
    ...both,
    settings: () => ({
      admins: settings.now().admins,
      hosts: [...settings.now().hosts, ...(local?.hosts ?? []), ...base.inventories.last()].map(
        ({ name, target, from }) => ({ name, address: target.address, from: from ?? null }),
      ),
      inventoryProblems: base.inventories.problems(),
    }),
    watchState: fleet.watchState,
    checkHost: fleet.check,
    found: new Map(),
    testing: () => testDestinations(settings.now(), slack, clock),
    groupMembers: (group) => slack.groupMembers(group),
    editing: {
      readHostKey: async (draft) => {
        const seen = await readHostKey(ssh, addedTarget(settings.now(), draft));
        return seen.kind === 'failed'
          ? seen
          : { kind: 'key', key: { keyType: seen.key.type, fingerprint: seen.key.fingerprint } };
      },
      hostsChanged: async () => fleet.replace(await hostsNow(base, local)),
    },
    wake: () => {
      outbox.ring();
      changed.ring();
    },
    drills: { begin: drills.begin, setupLine: fleet.setupLine },
    keepKillsMs: KEEP_KILLS_MS,
    changes,
  };
  if (changes.approvals().approvers === null) log.warn({}, NO_APPROVERS);
  // A terminal has no chat to confirm in, so nobody edits hosts from there.
  const forTerminals = openAnswers({ ...world, editing: null });
  return { changes, forTerminals, started: slack.start(openAnswers(world), signal) };
}

/** Carries out changes, and what else goes on by itself until the signal. */
function startWork(
  base: Base,
  { fleet, channelOf }: Hosts,
  { serveOnly }: ReturnType<typeof startTelling>,
  changeWorld: ChangeWorld,
  signal: AbortSignal,
) {
  const { settings, log, metrics, owner, store, outbox, changed } = base;
  const executor = openChangeExecutor(changeWorld);
  const rules = openRuleReconciler(changeWorld);
  watchRules(metrics, rules.drifted);
  changed.hear(executor.wake);
  const work = { store, fleet, clock, log, signal };
  const chores = [
    tidyUp(work),
    noteAuditHeads({ ...work, channel: () => settings.now().approvals.channel, wake: outbox.ring }),
    tellWeeks({
      ...work,
      schedule: () => settings.now().digest,
      channelOf,
      wake: outbox.ring,
      keepKillsMs: KEEP_KILLS_MS,
    }),
  ];
  if (settings.now().database.kind === 'postgres')
    chores.push(shareWork({ ...work, owner, watchOnly: fleet.watchOnly, serveOnly, onRenewed: watchLeases(metrics) }));
  return {
    chores,
    // Nothing is sent to hosts any more; what is under way is finished.
    closeChanges: async () => {
      await rules.close();
      await executor.close();
    },
  };
}

async function reload(base: Base, { fleet }: Hosts, { local }: Front): Promise<string[]> {
  const restart = await base.settings.reload(async () => {
    await base.inventories.refresh('all', AbortSignal.timeout(INVENTORY_PATIENCE_MS));
    await fleet.replace(await hostsNow(base, local));
  });
  logWarnings(base.log, base.settings.now());
  for (const { name } of fleet.hosts()) fleet.reconnectNow(name);
  return restart;
}

/** Where a host is that somebody wants to add: its key is not known yet. */
function addedTarget(config: Config, draft: HostDraft): SshTarget {
  return addedHostConfig(config, { ...draft, fingerprint: '', addedBy: '', addedAtMs: 0 }).target;
}

/** One step that fails must not leave the others undone. */
async function closeAll(log: Logger, steps: readonly (() => Promise<unknown>)[]): Promise<void> {
  for (const step of steps)
    await step().catch((error: unknown) => log.error({ err: error }, 'A component could not be closed'));
}
