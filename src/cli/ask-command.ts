import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pino } from 'pino';
import { openAnswers } from '../app/answer/answers.ts';
import { findConfigProblems, printFindings } from './check-config.ts';
import { answerInText } from '../app/answer/answer-in-text.ts';
import { noticeOf, refuseSlip } from '../app/answer/answer-words.ts';
import { askBot } from './ask-bot.ts';
import type { Asked, Command } from '../app/answer/command.ts';
import { checkConnection } from '../run/check-connection.ts';
import { notedNames } from '../app/engine-names.ts';
import { openLiveScans } from '../app/live-scan.ts';
import type { Store } from '../app/store-port.ts';
import { addedHostConfig, loadConfig, type Config, type HostConfig } from '../config/config.ts';
import { openFleet, type WatchedFleet } from '../run/fleet.ts';
import { KEEP_KILLS_MS } from '../run/chores.ts';
import { openInventories } from '../run/inventories.ts';
import { databaseUrl } from '../run/settings.ts';
import { systemClock as clock } from '../run/system-clock.ts';
import { renderText } from '../notice/render-text.ts';
import { canWatch } from '../setup/finding.ts';
import { renderCheck } from '../setup/render-check.ts';
import { openSsh, type Ssh } from '../ssh/open-ssh.ts';
import { openStore } from '../store/store.ts';

const EXIT_REFUSED = 1;
const EXIT_USAGE = 2;
const INVENTORY_PATIENCE_MS = 15_000;

/**
 * A question typed in the terminal: the running bot answers it, from its record and its links to the hosts. Where none runs it is answered
 * from the record, over connections of its own. Gives the exit status.
 */
export async function askWords(command: Command, words: readonly string[]): Promise<number> {
  const { name, read, terminal } = command;
  const parsed = read(words);
  if (parsed.kind !== 'command') {
    process.stderr.write(`oombot ${name}: ${renderText(noticeOf(refuseSlip(parsed, 'oombot')))}\n`);
    return EXIT_USAGE;
  }
  const config = loadConfig();
  const fromBot = await askBot(config.socket, [name, ...words]);
  switch (fromBot.kind) {
    case 'answer': {
      const { answer, note } = fromBot;
      (answer.status === 0 ? process.stdout : process.stderr).write(`${answer.text}\n`);
      if (note !== null) process.stderr.write(`${note}\n`);
      return answer.status;
    }
    case 'failed':
      process.stderr.write(`oombot ${name}: ${fromBot.sentence}\n`);
      return EXIT_REFUSED;
    case 'none':
      if (fromBot.because !== null) process.stderr.write(`${fromBot.because}\n`);
      if (terminal?.needs !== 'bot') return answerAlone(config, parsed, terminal?.needs === 'record');
      process.stderr.write(`oombot ${name}: ${noBot(config.socket)}\n`);
      return EXIT_REFUSED;
  }
}

function noBot(socket: string | null): string {
  const looked =
    socket === null
      ? 'No oombot can be asked here: set "socket" in oombot.yaml, then start it.'
      : `No oombot runs here: nothing answers at ${socket}. Start it with: oombot run.`;
  return `${looked} To look at the hosts without it: oombot check`;
}

/** Without a record a name that nobody knows is still told as such, and then only what needs a record fails. */
async function answerAlone(config: Config, asked: Asked, needsRecord: boolean): Promise<number> {
  const { store, missing } = await openRecord(config);
  const ssh = openSshFor(config);
  const log = pino({ level: 'silent' });
  const fleet: WatchedFleet = openFleet(await hostsOf(config, store), {
    ssh,
    store,
    clock,
    log,
    channelOf: () => '',
    onSaved: () => undefined,
    onLines: () => undefined,
    onGap: () => undefined,
  });
  try {
    const handlers = openAnswers({
      store,
      fleet,
      scans: openLiveScans(fleet, clock, notedNames(store)),
      clock,
      log,
      settings: () => ({ admins: [], hosts: [] }),
      watchState: () => null,
      checkHost: fleet.check,
      groupMembers: () => Promise.resolve([]),
      editing: null,
      wake: () => undefined,
      keepKillsMs: KEEP_KILLS_MS,
    });
    const { status, text } = await answerInText(asked, handlers);
    const isUnknown = status === EXIT_USAGE;
    if (missing !== null && needsRecord && !isUnknown) throw missing;
    (status === 0 ? process.stdout : process.stderr).write(`${text}\n`);
    // Somebody else may be on record: hosts that were added from Slack, services, hosts of before.
    if (missing !== null && isUnknown) process.stderr.write(`${missing.message}\n`);
    return status;
  } finally {
    await fleet.close();
    await ssh.close();
    await store.close();
  }
}

/** The record to read from; where it cannot be opened an empty one, and why. */
async function openRecord(config: Config): Promise<{ store: Store; missing: Error | null }> {
  try {
    return { store: await openStore(databaseUrl(config), { readOnly: true }), missing: null };
  } catch (error) {
    const folder = await mkdtemp(path.join(tmpdir(), 'oombot-'));
    const store = await openStore(`sqlite:${path.join(folder, 'empty.db')}`);
    async function close(): Promise<void> {
      await store.close();
      await rm(folder, { recursive: true });
    }
    return { store: { ...store, close }, missing: error instanceof Error ? error : new Error(String(error)) };
  }
}

/** The verb `check`: what is off on these hosts, or on all. Exit 1 when one of them cannot be watched. */
export async function checkHosts(names: readonly string[]): Promise<number> {
  const config = loadConfig();
  const store = await openStore(databaseUrl(config), { readOnly: true }).catch(() => null);
  const hosts = await hostsOf(config, store);
  await store?.close();
  const unknown = names.filter((name) => !hosts.some((host) => host.name === name));
  if (unknown.length > 0) {
    const known = hosts.map((host) => host.name).join(', ');
    process.stderr.write(
      `oombot check: no host is called ${unknown.join(' or ')}${known === '' ? ': none is configured' : `; configured are ${known}`}\n`,
    );
    return EXIT_USAGE;
  }
  const chosen = names.length === 0 ? hosts : hosts.filter((host) => names.includes(host.name));
  if (chosen.length === 0) {
    process.stderr.write('oombot check: no host is configured; name some under "hosts" in oombot.yaml\n');
    return EXIT_USAGE;
  }
  if (names.length === 0) printFindings(await findConfigProblems(config));
  const ssh = openSshFor(config);
  const watchable = await Promise.all(chosen.map((host) => checkOne(ssh, host)));
  await ssh.close();
  return watchable.every(Boolean) ? 0 : EXIT_REFUSED;
}

async function checkOne(ssh: Ssh, host: HostConfig): Promise<boolean> {
  const connection = ssh.connect(host.target);
  const findings = await checkConnection(host, connection, clock);
  await connection.close();
  process.stdout.write(renderCheck(host, findings, process.stdout.isTTY && process.stdout.hasColors()));
  return canWatch(findings);
}

/** Those of the configuration, and those that were added from Slack. Without a record there are none of the latter. */
async function hostsOf(config: Config, store: Store | null): Promise<HostConfig[]> {
  const named = new Set(config.hosts.map((host) => host.name));
  const added = (await store?.addedHosts()) ?? [];
  const known = [
    ...config.hosts,
    ...added.filter((host) => !named.has(host.name)).map((host) => addedHostConfig(config, host)),
  ];
  return [...known, ...(await inventoryHostsOf(config, store, new Set(known.map(({ name }) => name))))];
}

/** Those of inventories, as they answer now; the bot's own last reading stands in for one that does not. */
async function inventoryHostsOf(
  config: Config,
  store: Store | null,
  taken: ReadonlySet<string>,
): Promise<readonly HostConfig[]> {
  // The record belongs to the bot: nothing is kept from here.
  const kept = store === null ? null : { keptInventory: store.keptInventory, keepInventory: () => Promise.resolve() };
  const inventories = openInventories({ config: () => config, store: kept, clock, log: pino({ level: 'silent' }) });
  await inventories.refresh('all', AbortSignal.timeout(INVENTORY_PATIENCE_MS));
  for (const problem of inventories.problems()) process.stderr.write(`${problem}\n`);
  return inventories.hosts(taken);
}

function openSshFor(config: Config): Ssh {
  const { sshPassphrase, sshAgentSocket, proxyEnvironment } = config;
  return openSsh({
    clock,
    random: Math.random,
    passphrase: sshPassphrase,
    agentSocket: sshAgentSocket,
    proxyEnvironment,
  });
}
