import { randomUUID } from 'node:crypto';
import { pino, type Logger } from 'pino';
import { openBell, type Bell } from '../app/bell.ts';
import { seenBefore } from '../app/seen-before.ts';
import type { AddedHost } from '../app/ports.ts';
import type { Store } from '../app/store-port.ts';
import type { Saved } from '../app/watch/save-queue.ts';
import type { Config } from '../config/config.ts';
import { openMetrics, type Metrics } from '../http/metrics.ts';
import type { Incident } from '../incident/incident.ts';
import { describeIncident } from '../notice/incident/incident-notice.ts';
import type { Notice } from '../notice/notice.ts';
import { REDACTED_PATHS } from '../slack/bolt-logger.ts';
import type { HostKey } from '../app/host-link.ts';
import type { SshTarget } from '../ssh/target.ts';
import { openInventories, type Inventories } from './inventories.ts';
import { openSsh, type Ssh } from '../ssh/open-ssh.ts';
import { openLate } from '../store/late-store.ts';
import { isRecordFault } from '../store/record-fault.ts';
import { isAway, openStore } from '../store/store.ts';
import { databaseUrl, type Settings } from './settings.ts';
import { systemClock as clock } from './system-clock.ts';

/** A fault of the record that lasts is logged again after this. */
const SAY_AGAIN_MS = 60 * 60_000;

/** How to close what is open, in the order in which it was opened. */
export type Opened = (() => Promise<unknown>)[];

/** What everything else stands on. */
export interface Base {
  settings: Settings;
  log: Logger;
  /** The record takes writes again: what comes of its next fault is logged anew. */
  recordIsBack: () => void;
  /** One id for each start of the program. */
  owner: string;
  metrics: Metrics;
  store: Store;
  /** Resolves when the record is open, at the latest when it is closed. null: it was at once. */
  recordOpened: Promise<void> | null;
  /** Hosts that were added from Slack. */
  addedHosts: () => Promise<AddedHost[]>;
  ssh: Ssh;
  inventories: Inventories;
  /** Kills went on record. */
  saved: Bell<Saved>;
  /** An incident that the database does not take, and the channel that must hear of it. */
  unsaved: Bell<{ incident: Incident; channel: string }>;
  /** Messages wait to be sent. */
  outbox: Bell;
  /** A change moved on. */
  changed: Bell;
}

/** Throws one sentence; a PostgreSQL server that is only away is tried again while all the rest goes on. */
export async function openBase(settings: Settings, opened: Opened): Promise<Base> {
  const config = settings.now();
  const { log, recordIsBack } = openLog(config);
  logWarnings(log, config);
  const late = await openLate(() => openStore(databaseUrl(config), { auditKey: config.auditKey }), {
    clock,
    isAway,
    onFault: (error) =>
      log.error(
        { reason: String(error) },
        'The database cannot be opened; hosts are watched, and kills are told from memory',
      ),
  });
  const { store } = late;
  opened.push(store.close);
  const { sshPassphrase, sshAgentSocket, proxyEnvironment } = config;
  const ssh = openSsh({
    clock,
    random: Math.random,
    passphrase: sshPassphrase,
    agentSocket: sshAgentSocket,
    onFirstKey: (target, key) => recordFirstKey(store, log, target, key),
    proxyEnvironment,
  });
  opened.push(ssh.close);
  return {
    settings,
    log,
    recordIsBack,
    owner: randomUUID(),
    metrics: openMetrics(),
    store,
    recordOpened: late.opened,
    addedHosts: rememberHosts(store),
    ssh,
    inventories: openInventories({ config: settings.now, store, clock, log }),
    saved: openBell<Saved>(),
    unsaved: openBell<{ incident: Incident; channel: string }>(),
    outbox: openBell(),
    changed: openBell(),
  };
}

/** Those that the record knows, or knew when it could be read last. */
function rememberHosts(store: Store): () => Promise<AddedHost[]> {
  let last: AddedHost[] = [];
  return async () => {
    try {
      last = await store.addedHosts();
    } catch (error) {
      if (!isRecordFault(error)) throw error;
    }
    return last;
  };
}

/** An incident's message as it should read now. */
export function describer({ store }: Base): (incident: Incident) => Promise<Notice> {
  return async (incident) => {
    // Without the past while the database cannot be read: what people must hear does not wait for it.
    const past = await seenBefore(store, incident).catch(() => null);
    return describeIncident(incident, { nowMs: clock.nowMs(), seenBefore: past, protect: true });
  };
}

/** Trusting a key at first sight is a decision of the configuration; what came of it is on record. */
function recordFirstKey(store: Store, log: Logger, target: SshTarget, { type, fingerprint }: HostKey): void {
  const { name, address, port, trustFirstKey: file } = target;
  const details = { address, port, type, fingerprint, file };
  log.warn({ host: name, ...details }, 'The first key of a host was trusted');
  store
    .appendAudit({ atMs: clock.nowMs(), actor: 'oombot', action: 'trust-first-key', host: name, details })
    .catch((error: unknown) =>
      log.error({ err: error, host: name }, 'A trusted key could not be put into the audit log'),
    );
}

/** What the files ask for and the bot leaves out. */
export function logWarnings(log: Logger, { warnings }: Config): void {
  for (const sentence of warnings) log.warn({ sentence }, 'Look at a line of the configuration');
}

/**
 * To standard error: standard output is for people. What comes of one fault of the record is said once in each of its sentences, and not
 * again for each host and channel that meets it every second.
 */
function openLog(config: Config): Pick<Base, 'log' | 'recordIsBack'> {
  const saidAtMs = new Map<string, number>();
  const log = pino(
    {
      level: config.logLevel,
      redact: [...REDACTED_PATHS, 'passphrase', '*.passphrase'],
      hooks: {
        logMethod(given, method) {
          const [facts, sentence] = given as unknown as [unknown, unknown];
          if (typeof facts === 'object' && facts !== null && 'err' in facts && isRecordFault(facts.err)) {
            const nowMs = clock.nowMs();
            if (nowMs - (saidAtMs.get(String(sentence)) ?? -Infinity) < SAY_AGAIN_MS) return;
            saidAtMs.set(String(sentence), nowMs);
          }
          method.apply(this, given);
        },
      },
    },
    pino.destination(2),
  );
  return { log, recordIsBack: () => saidAtMs.clear() };
}
