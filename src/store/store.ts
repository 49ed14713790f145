import path from 'node:path';
import type { Batch } from '../app/ports.ts';
import type { RecordStore, Store } from '../app/store-port.ts';
import { verifyAudit } from './audit-check.ts';
import { appendAudit, loadAudit, loadHead } from './audit.ts';
import {
  addChange,
  loadAppliedChanges,
  loadChange,
  loadChanges,
  loadOpenChanges,
  loadRules,
  putRule,
  updateChange,
} from './changes.ts';
import { saveBatch } from './batches.ts';
import { countDrillKills, loadDrills, loadLastDrills, loadOpenDrills, newsState, putDrill } from './drills.ts';
import {
  loadAddedHosts,
  loadInventory,
  saveInventory,
  loadMutes,
  loadSamples,
  loadSnapshot,
  putHost,
  putMute,
  removeHost,
  removeMute,
  saveSamples,
  saveSnapshot,
} from './hosts.ts';
import {
  loadIncident,
  loadIncidents,
  loadIncidentsCalled,
  loadOpenIncidents,
  hostsWithOpenIncidents,
  updateIncident,
} from './incidents.ts';
import {
  countKernelKills,
  countKills,
  loadCounter,
  loadHostKills,
  loadKills,
  loadKillsOfIncident,
  loadKillTimes,
  loadPositions,
  loadServices,
  saveCounter,
} from './kills.ts';
import { beat, enqueueOnce, loadHostProfiles, readMarker, saveHostProfile } from './host-profile.ts';
import { claimLeases, releaseLeases } from './leases.ts';
import { noteMachine } from './machines.ts';
import { migrate } from './migrations.ts';
import {
  alertMembers,
  alertsSince,
  failedDeliveries,
  loadLedger,
  loadPosted,
  queueLengths,
  saveLedger,
  sentSince,
} from './ledger.ts';
import { insertDeliveries, showChange } from './ledger-entries.ts';
import { isLost } from './postgres-driver.ts';
import { openPostgres } from './postgres.ts';
import { isRecordFault } from './record-fault.ts';
import { loadReport, saveReports } from './reports.ts';
import { prune } from './retention.ts';
import type { Database } from './schema.ts';
import { openSqlite } from './sqlite.ts';

/** From a death to its being read: what is older is news no more. */
const RECENT_MS = 10 * 60_000;

/**
 * Opens the record at `sqlite:PATH` or `postgres://…` and brings its tables up to date. With `readOnly` nothing is made or
 * changed, and it works beside a running bot. Throws one sentence that says what is wrong and what to do.
 */
export async function openStore(
  url: string,
  { readOnly = false, auditKey = null }: { readOnly?: boolean; auditKey?: string | null } = {},
): Promise<Store> {
  const [opened, place] = openDatabase(url, readOnly);
  let refusal: string | null = null;
  function noting(transact: Database['transact']): Database['transact'] {
    return async (work) => {
      try {
        return await transact(work);
      } catch (error) {
        if (isRecordFault(error)) refusal = reasonOf(sentenceOf(place, error));
        throw error;
      }
    };
  }
  const { urgent, leases } = opened;
  const database: Database = {
    ...opened,
    auditKey,
    transact: noting(opened.transact),
    urgent: urgent && { db: urgent.db, transact: noting(urgent.transact) },
  };
  try {
    await migrate(database, place, readOnly);
    // Connected once, they outlast a server that is restarted.
    if (!readOnly) for (const way of [urgent, leases]) await way?.transact(() => Promise.resolve());
  } catch (error) {
    await database.close();
    throw sentenceOf(place, error);
  }
  return {
    ...storeOf(database),
    beat: (atMs) =>
      database.transact((trx) => beat(trx, atMs)).catch((error: unknown) => Promise.reject(sentenceOf(place, error))),
    takeRefusal: () => {
      const taken = refusal;
      refusal = null;
      return taken;
    },
  };
}

/** Whether what `openStore` threw only says that a PostgreSQL server could not be reached: it may come up. */
export function isAway(error: unknown): boolean {
  return error instanceof Error && isLost(error.cause);
}

export function openDatabase(url: string, readOnly: boolean): [Database, string] {
  if (url.startsWith('sqlite:') && url.length > 'sqlite:'.length) {
    const file = path.resolve(url.slice('sqlite:'.length));
    return [openSqlite(file, readOnly), `The database ${file}`];
  }
  if (/^postgres(ql)?:\/\//.test(url) && URL.canParse(url)) {
    const { host, pathname } = new URL(url);
    return [openPostgres(url, readOnly), `The PostgreSQL database ${pathname.slice(1)} at ${host}`];
  }
  // The address may hold a password: it is not repeated.
  throw new Error('The database is expected as sqlite:PATH or postgres://USER@HOST/NAME.');
}

function sentenceOf(place: string, error: unknown): unknown {
  // Our own sentences name the place already.
  if (!(error instanceof Error) || error.message.startsWith(place)) return error;
  // Several addresses of one name, each with its own reason (net.connect, autoSelectFamily).
  const reasons = error instanceof AggregateError ? error.errors.map(reasonOf).join(', ') : error.message;
  return new Error(`${place} cannot be used: ${reasons}.`, { cause: error });
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown reason';
}

/** Somebody waits to hear of it: it is not the past of a host that is watched for the first time. */
function isUrgent({ kills }: Batch): boolean {
  return kills.some(({ atMs, seenAtMs }) => seenAtMs - atMs < RECENT_MS);
}

function storeOf(database: Database): Omit<Store, keyof RecordStore> {
  const { db, transact } = database;
  const urgent: Database = { ...database, ...database.urgent };
  return {
    saveBatch: (batch, decide) => saveBatch(isUrgent(batch) ? urgent : database, batch, decide),
    positions: (host) => loadPositions(db, host),

    kills: (query) => loadKills(db, query),
    killsOfIncident: (incidentId, limit) => loadKillsOfIncident(db, incidentId, limit),
    saveReports: (reports) => saveReports(database, reports),
    report: (host, keys) => loadReport(db, host, keys),
    countKills: (query) => countKills(db, query),
    killTimes: (query) => loadKillTimes(db, query),
    services: (limit) => loadServices(db, limit),
    hostKills: (sinceMs) => loadHostKills(db, sinceMs),
    countKernelKills: (host, bootId) => countKernelKills(db, host, bootId),
    countDrillKills: (host, bootId) => countDrillKills(db, host, bootId),
    saveCounter: (reading) => transact((trx) => saveCounter(trx, reading)),
    counter: (host, bootId, killer) => loadCounter(db, host, bootId, killer),

    incident: (id) => loadIncident(urgent, urgent.db, id),
    incidentsCalled: (prefix, limit) => loadIncidentsCalled(database, prefix, limit),
    incidents: (host, limit) => loadIncidents(database, host, limit),
    hostsWithOpenIncidents: () => hostsWithOpenIncidents(db),
    openIncidents: (host, after = null) => loadOpenIncidents(database, host, after),
    updateIncident: (incident, deliveries) => updateIncident(database, incident, deliveries),

    enqueue: (deliveries) => transact((trx) => insertDeliveries(trx, deliveries)),
    ledger: (destination, nowMs) => loadLedger(urgent.db, destination, nowMs),
    saveLedger: (owner, nowMs, patches, more = []) => saveLedger(urgent, owner, nowMs, patches, more),
    sentSince: (destination, sinceMs) => sentSince(urgent.db, destination, sinceMs),
    queueLengths: () => queueLengths(urgent.db),
    failedDeliveries: (limit) => failedDeliveries(db, limit),
    postedOf: (incidentId) => loadPosted(db, incidentId),
    alertMembers: (destination, alert, limit) => alertMembers(urgent.db, destination, alert, limit),
    alertsSince: (destination, sinceMs, limit) => alertsSince(urgent.db, destination, sinceMs, limit),

    putMute: (mute) => transact((trx) => putMute(trx, mute)),
    removeMute: (target) => transact((trx) => removeMute(trx, target)),
    mutes: (nowMs) => loadMutes(urgent.db, nowMs),
    putHost: (host) => transact((trx) => putHost(trx, host)),
    removeHost: (name) => transact((trx) => removeHost(trx, name)),
    addedHosts: () => loadAddedHosts(db),
    keepInventory: (source, body) => transact((trx) => saveInventory(trx, source, body)),
    keptInventory: (source) => loadInventory(db, source),
    saveSnapshot: (snapshot) => transact((trx) => saveSnapshot(trx, snapshot)),
    snapshot: (host) => loadSnapshot(db, host),
    saveSamples: (samples) => transact((trx) => saveSamples(trx, samples)),
    samples: (host, sinceMs, untilMs) => loadSamples(db, host, sinceMs, untilMs),

    putDrill: (drill, from = []) => putDrill(database, drill, from),
    drills: (host, sinceMs) => loadDrills(db, host, sinceMs),
    openDrills: () => loadOpenDrills(db),
    lastDrills: () => loadLastDrills(db),
    newsState: (channel, key) => newsState(db, channel, key),

    saveHostProfile: (hostProfile) => transact((trx) => saveHostProfile(trx, hostProfile)),
    hostProfiles: () => loadHostProfiles(db),
    noteMachine: (seen, configured) => noteMachine(database, seen, configured),

    marker: (name, atMs) => transact((trx) => readMarker(trx, name, atMs)),
    enqueueOnce: (name, atMs, deliveries) => transact((trx) => enqueueOnce(trx, name, atMs, deliveries)),

    claimLeases: (request) => claimLeases({ ...database, ...database.leases }, request),
    releaseLeases: (owner) => releaseLeases(database, owner),

    addChange: (change, entry, people = []) => addChange(database, change, entry, people),
    updateChange: (change, entries, deliveries = []) => updateChange(database, change, entries, deliveries),
    change: (id) => loadChange(urgent.db, id),
    changes: (host, limit) => loadChanges(db, host, limit),
    openChanges: () => loadOpenChanges(db),
    repairCard: (changeId) => transact((trx) => showChange(trx, changeId, true)),
    appliedChanges: (after = null) => loadAppliedChanges(db, after),
    putRule: (rule) => putRule(database, rule),
    rules: () => loadRules(db),

    appendAudit: (entry) => appendAudit(database, entry),
    audit: (host, limit) => loadAudit(db, host, limit),
    verifyAudit: (known) => verifyAudit(database, known ?? null),
    auditHead: () => loadHead(db),

    prune: (retention) => prune(database, retention),
    close: () => database.close(),
  };
}
