import { describe, expect, it } from 'vitest';
import type { Kill } from '../../src/incident/incident.ts';
import type { HostLink, WatchState } from '../../src/app/host-link.ts';
import { healthOf } from '../../src/http/health.ts';
import { countKills, openMetrics, watchFleet, watchHealth, type Metrics } from '../../src/http/metrics.ts';
import type { Store } from '../../src/app/store-port.ts';
import { aKill } from '../support/a-kill.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { scriptedHost } from '../support/scripted-host.ts';

const clock = fakeClock(Date.UTC(2026, 10, 22, 12));

function aFleet(members: Record<string, { link: HostLink; watch: WatchState['kind'] | null; waiting?: number }>) {
  return {
    hosts: () => Object.keys(members).map((name) => ({ name, tags: [], channel: null })),
    link: (name: string) => members[name]?.link ?? null,
    watchState: (name: string): WatchState | null => {
      const kind = members[name]?.watch ?? null;
      if (kind === null) return null;
      return { kind, sinceMs: 0, sentence: `${name}: ${kind}`, lastLineAtMs: null, sources: [], gaps: 0, facts: null };
    },
    killsWaiting: (name: string) => members[name]?.waiting ?? 0,
  };
}

async function valuesOf(metrics: Metrics, name: string): Promise<Record<string, number>> {
  const lines = (await metrics.registry.metrics()).split('\n').filter((line) => line.startsWith(name));
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.lastIndexOf(' ');
      return [line.slice(name.length, at), Number(line.slice(at))];
    }),
  );
}

/** A database that says since when incidents wait. */
function aRecord(untoldSinceMs: number | null = null): Pick<Store, 'queueLengths'> {
  const queue = { channel: '#oom', waiting: 1, inFlight: 0, failed: 0, nextAtMs: 0, untoldSinceMs };
  return {
    queueLengths: () => Promise.resolve([queue, { ...queue, untoldSinceMs: null }]),
  };
}

const WELL = { fault: () => Promise.resolve(null) };
const FULL = { fault: () => Promise.resolve({ sinceMs: 3_000, sentence: 'The disk is full.' }) };

describe('hosts in the metrics', () => {
  const away = scriptedHost('away', clock);
  away.become('unreachable');
  const here = { link: scriptedHost('here', clock) };
  const fleet = aFleet({
    db01: { ...here, watch: 'watching', waiting: 2 },
    db02: { ...here, watch: 'watching' },
    nolog: { ...here, watch: 'failed', waiting: 3 },
    asked: { ...here, watch: null },
    gone: { link: away, watch: 'waiting' },
  });

  it('have the state that /healthz gives them: one that is connected but not watched shows', async () => {
    const metrics = openMetrics();
    watchFleet(metrics, fleet);
    const health = await healthOf(fleet, aRecord(), WELL, { isConnected: () => true, lastSentAtMs: () => 5 });

    expect(health.hosts.map(({ host, state }) => `${host} ${state}`)).toEqual([
      'db01 watching',
      'db02 watching',
      'nolog failed',
      'asked elsewhere',
      'gone unreachable',
    ]);
    expect(health.hosts.map(({ sentence }) => sentence).slice(2)).toEqual([
      'nolog: failed',
      '',
      'away is unreachable.',
    ]);
    expect(await valuesOf(metrics, 'oombot_hosts')).toEqual({
      '{state="watching"}': 2,
      '{state="failed"}': 1,
      '{state="elsewhere"}': 1,
      '{state="unreachable"}': 1,
      '{state="starting"}': 0,
      '{state="waiting"}': 0,
      '{state="connecting"}': 0,
      '{state="refused"}': 0,
      '{state="resting"}': 0,
    });
  });

  it('stand beside their kills that wait for the record', async () => {
    const metrics = openMetrics();
    watchFleet(metrics, fleet);

    expect(await valuesOf(metrics, 'oombot_kills_waiting')).toEqual({ '': 5 });
  });
});

describe('how late kills are on record', () => {
  it('counts every kill that was news, however late, and no history', async () => {
    const metrics = openMetrics();
    const nowMs = clock.nowMs();
    function killAgo(agoMs: number): Kill {
      return aKill({ key: `k${agoMs}`, atMs: nowMs - agoMs, seenAtMs: nowMs });
    }
    const news = [killAgo(20), killAgo(300_000)];

    countKills(
      metrics,
      { fresh: [...news, killAgo(86_400_000)], amended: [], incidents: [], news, told: [], asked: [] },
      nowMs,
    );

    const lags = await valuesOf(metrics, 'oombot_kill_lag_seconds');
    expect(lags).toMatchObject({
      '_bucket{le="0.05"}': 1,
      '_bucket{le="60"}': 1,
      '_bucket{le="+Inf"}': 2,
      _count: 2,
      _sum: 300.02,
    });
    expect(await valuesOf(metrics, 'oombot_kills_total')).toEqual({ '{host="db01",killer="kernel"}': 3 });
  });

  it('say whether the chat hears and the database takes anything, and since when somebody has not been told', async () => {
    const fleet = aFleet({});
    const chat = { isConnected: () => false, lastSentAtMs: () => null };

    expect(await healthOf(fleet, aRecord(7_000), WELL, { ...chat, isConnected: () => true })).toMatchObject({
      ok: true,
      untoldSinceMs: 7_000,
    });
    expect(await healthOf(fleet, aRecord(), WELL, chat)).toMatchObject({ ok: false, chat: false, record: true });
    expect(await healthOf(fleet, aRecord(), FULL, { ...chat, isConnected: () => true })).toMatchObject({
      ok: false,
      record: false,
      recordFault: { sinceMs: 3_000, sentence: 'The disk is full.' },
    });
  });

  it('give the same to alert on', async () => {
    const metrics = openMetrics();
    watchHealth(metrics, () =>
      healthOf(aFleet({}), aRecord(7_000), WELL, { isConnected: () => true, lastSentAtMs: () => 9_000 }),
    );

    const text = await metrics.registry.metrics();

    expect(text).toContain('oombot_chat_connected 1');
    expect(text).toContain('oombot_record_writable 1');
    expect(text).toContain('oombot_record_fault_since_timestamp_seconds 0');
    expect(text).toContain('oombot_last_sent_timestamp_seconds 9');
    expect(text).toContain('oombot_untold_since_timestamp_seconds 7');
  });

  it('say since when the record takes nothing', async () => {
    const metrics = openMetrics();
    watchHealth(metrics, () =>
      healthOf(aFleet({}), aRecord(), FULL, { isConnected: () => true, lastSentAtMs: () => 1 }),
    );

    const text = await metrics.registry.metrics();

    expect(text).toContain('oombot_record_writable 0');
    expect(text).toContain('oombot_record_fault_since_timestamp_seconds 3');
  });
});
