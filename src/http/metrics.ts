import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { LedgerStore } from '../app/ledger.ts';
import type { Saved } from '../app/watch/save-queue.ts';
import type { WatchedHosts } from '../app/host-link.ts';
import type { Drill } from '../incident/drill.ts';
import { NO_HOSTS, stateOf, type Health } from './health.ts';

export interface Metrics {
  registry: Registry;
  kills: Counter;
  lines: Counter;
  gaps: Counter;
  lagSeconds: Histogram;
}

/** What the program counts of itself. */
export function openMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  return {
    registry,
    kills: new Counter({
      name: 'oombot_kills_total',
      help: 'Processes that died, as recorded',
      labelNames: ['host', 'killer'],
      registers,
    }),
    lines: new Counter({ name: 'oombot_log_lines_total', help: 'Kernel log lines read', registers }),
    gaps: new Counter({
      name: 'oombot_log_gaps_total',
      help: 'Gaps seen in a kernel log',
      labelNames: ['host'],
      registers,
    }),
    lagSeconds: new Histogram({
      name: 'oombot_kill_lag_seconds',
      help: 'From the time of a kill to its record, of kills that were news',
      buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60],
      registers,
    }),
  };
}

/** Counts kills that were recorded, and how late that was. */
export function countKills(metrics: Metrics, saved: Saved, nowMs: number): void {
  for (const kill of saved.fresh) metrics.kills.inc({ host: kill.host, killer: kill.record.killer });
  // Only history says nothing about how fast news are.
  for (const kill of saved.news) metrics.lagSeconds.observe(Math.max(0, (nowMs - kill.atMs) / 1_000));
}

/** Counts drills that are over, and how long the way was that they tried. Kills of drills are in no count of kills. */
export function watchDrills(metrics: Metrics): (drill: Drill) => void {
  const registers = [metrics.registry];
  const drills = new Counter({
    name: 'oombot_drills_total',
    help: 'Drills that ended, by result: worked, failed, or refused by the host',
    labelNames: ['result'],
    registers,
  });
  const seconds = new Gauge({
    name: 'oombot_drill_seconds',
    help: 'From the kill of the last drill of a host to its channel; -1: it failed',
    labelNames: ['host'],
    registers,
  });
  return ({ host, state, killedAtMs, toldAtMs }) => {
    drills.inc({ result: state });
    if (state === 'worked' && killedAtMs !== null && toldAtMs !== null)
      seconds.set({ host }, (toldAtMs - killedAtMs) / 1_000);
    if (state === 'failed') seconds.set({ host }, -1);
  };
}

/** Hosts by state, and their kills that wait for the record; read when somebody asks. */
export function watchFleet(metrics: Metrics, fleet: WatchedHosts): void {
  const registers = [metrics.registry];
  const hosts = new Gauge({
    name: 'oombot_hosts',
    help: 'Hosts by state, as /healthz gives it',
    labelNames: ['state'],
    registers,
    collect: () => {
      for (const [state, none] of Object.entries(NO_HOSTS)) hosts.set({ state }, none);
      for (const { name } of fleet.hosts()) hosts.inc({ state: stateOf(fleet, name).state });
    },
  });
  const kills = new Gauge({
    name: 'oombot_kills_waiting',
    help: 'Kills not yet on record',
    registers,
    collect: () => {
      kills.set(fleet.hosts().reduce((sum, { name }) => sum + fleet.killsWaiting(name), 0));
    },
  });
}

/** Deliveries that wait, by channel. */
export function watchOutbox(metrics: Metrics, store: LedgerStore): void {
  const gauge = new Gauge({
    name: 'oombot_deliveries_waiting',
    help: 'Messages not yet in the chat',
    labelNames: ['channel'],
    registers: [metrics.registry],
    collect: async () => {
      gauge.reset();
      // While the record cannot be read nobody knows; the other figures do not wait for it.
      for (const queue of await store.queueLengths().catch(() => []))
        gauge.set({ channel: queue.channel }, queue.waiting + queue.inFlight);
    },
  });
}

/** What /healthz says, as numbers to alert on; read when somebody asks. */
export function watchHealth(metrics: Metrics, health: () => Promise<Health>): void {
  function gauge(name: string, help: string, valueOf: (now: Health) => number): void {
    const one: Gauge = new Gauge({
      name,
      help,
      registers: [metrics.registry],
      collect: async () => one.set(valueOf(await health())),
    });
  }

  gauge('oombot_chat_connected', '1: the socket to Slack is up', ({ chat }) => (chat ? 1 : 0));
  gauge('oombot_record_writable', '1: the database can be read and written', ({ record }) => (record ? 1 : 0));
  gauge(
    'oombot_record_fault_since_timestamp_seconds',
    'Since when the database refuses writes; 0: it takes them',
    ({ recordFault }) => (recordFault?.sinceMs ?? 0) / 1_000,
  );
  gauge(
    'oombot_last_sent_timestamp_seconds',
    'When Slack last took a message; 0: not since the start',
    ({ lastSentAtMs }) => (lastSentAtMs ?? 0) / 1_000,
  );
  gauge(
    'oombot_untold_since_timestamp_seconds',
    'Since when the oldest incident waits that its channel was not told of; 0: none',
    ({ untoldSinceMs }) => (untoldSinceMs ?? 0) / 1_000,
  );
}

/** On how many hosts a standing rule is not kept; read when somebody asks. */
export function watchRules(metrics: Metrics, drifted: () => number): void {
  const gauge: Gauge = new Gauge({
    name: 'oombot_rules_drifted',
    help: 'Hosts on which a standing rule is not kept, each rule counted by itself',
    registers: [metrics.registry],
    collect: () => gauge.set(drifted()),
  });
}

/** Where several processes share one database: when this one last renewed its leases, in ms, as whoever renews them says. */
export function watchLeases(metrics: Metrics): (atMs: number) => void {
  const gauge = new Gauge({
    name: 'oombot_leases_renewed_timestamp_seconds',
    help: 'When the leases on hosts and channels were renewed last; 0: not yet',
    registers: [metrics.registry],
  });
  return (atMs) => gauge.set(atMs / 1_000);
}
