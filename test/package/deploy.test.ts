// What stands in deploy/, checked with the tools that will read it.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { ENVIRONMENT } from '../../src/config/config.ts';
import { NO_HOSTS, type Health } from '../../src/http/health.ts';
import { openMetrics, watchFleet, watchHealth, watchLeases, watchOutbox, watchRules } from '../../src/http/metrics.ts';
import type { WatchedHosts } from '../../src/app/host-link.ts';
import type { Store } from '../../src/app/store-port.ts';
import { needs } from '../support/needs.ts';

const root = path.join(import.meta.dirname, '../..');
const deploy = path.join(root, 'deploy');
const METRIC = /\boombot_[a-z_]+/g;

function read(name: string): string {
  return readFileSync(path.join(deploy, name), 'utf8');
}

async function metricNames(): Promise<Set<string>> {
  const metrics = openMetrics();
  watchFleet(metrics, { hosts: () => [] } as Partial<WatchedHosts> as WatchedHosts);
  watchOutbox(metrics, { queueLengths: () => Promise.resolve([]) } as Partial<Store> as Store);
  const health: Partial<Health> = { chat: true, lastSentAtMs: null, untoldSinceMs: null, record: true, hosts: [] };
  watchHealth(metrics, () => Promise.resolve(health as Health));
  watchRules(metrics, () => 0);
  watchLeases(metrics);
  const text = await metrics.registry.metrics();
  return new Set([...text.matchAll(/^# TYPE (\w+)/gm)].map((match) => match[1] ?? ''));
}

describe('alert rules and dashboard', () => {
  it.each(['prometheus-rules.yaml', 'grafana-dashboard.json'])('%s names only metrics that exist', async (name) => {
    const known = await metricNames();
    const used = [...read(name).matchAll(METRIC)].map(([metric]) => metric.replace(/_bucket$/, ''));

    expect(used.length).toBeGreaterThan(4);
    expect(used.filter((metric) => !known.has(metric))).toEqual([]);
  });

  it('name only states that hosts can have', () => {
    const states = [...read('prometheus-rules.yaml').matchAll(/state=~"([^"]+)"/g)].flatMap((match) =>
      (match[1] ?? '').split('|'),
    );

    expect(states.filter((state) => !(state in NO_HOSTS))).toEqual([]);
  });

  it('pass promtool', needs('promtool'), () => {
    execFileSync('promtool', ['check', 'rules', 'deploy/prometheus-rules.yaml'], { cwd: root });
    execFileSync('promtool', ['test', 'rules', 'test/package/prometheus-rules.test.yaml'], { cwd: root });
  });
});

describe('the service', () => {
  it('is exposed as little as V8 allows', needs('systemd-analyze'), () => {
    const said = execFileSync('systemd-analyze', ['security', '--offline=true', '--no-pager', 'oombot.service'], {
      cwd: deploy,
      encoding: 'utf8',
    });

    expect(Number(/exposure level for oombot\.service: ([\d.]+)/.exec(said)?.[1])).toBeLessThanOrEqual(2.5);
  });

  it('gets its secrets by names that oombot reads', () => {
    const names = [...read('oombot.service').matchAll(/^LoadCredential=([A-Z_]+):/gm)].map((match) => match[1]);

    expect(names).toEqual(['SLACK_BOT_TOKEN', 'SLACK_APP_TOKEN']);
  });
});

describe('the compose file', () => {
  const Service = z.strictObject({
    build: z.strictObject({ context: z.string(), dockerfile: z.string() }).optional(),
    image: z.string().optional(),
    restart: z.enum(['always']),
    read_only: z.boolean().optional(),
    stop_grace_period: z.string().optional(),
    cap_drop: z.array(z.string()).optional(),
    security_opt: z.array(z.string()).optional(),
    env_file: z.string().optional(),
    environment: z.record(z.string(), z.string()).default({}),
    secrets: z.array(z.string()).default([]),
    volumes: z.array(z.string()).default([]),
    ports: z.array(z.string()).default([]),
    depends_on: z.record(z.string(), z.strictObject({ condition: z.enum(['service_healthy']) })).default({}),
    healthcheck: z.strictObject({ test: z.array(z.string()), interval: z.string() }).optional(),
  });
  const Compose = z.strictObject({
    services: z.record(z.string(), Service),
    secrets: z.record(z.string(), z.strictObject({ file: z.string() })),
    volumes: z.record(z.string(), z.null()),
  });
  const { services, secrets, volumes } = Compose.parse(parse(read('compose.yaml')));
  const all = Object.values(services);

  it('names secrets, volumes and services that it has', () => {
    const named = all.flatMap((service) => service.volumes.map((volume) => volume.split(':')[0] ?? ''));

    expect(all.flatMap((service) => service.secrets).filter((name) => !(name in secrets))).toEqual([]);
    expect(named.filter((name) => !name.startsWith('./') && !(name in volumes))).toEqual([]);
    for (const service of all)
      for (const name of Object.keys(service.depends_on)) expect(services[name]?.healthcheck).toBeDefined();
  });

  it('builds from files that are there, and sets what oombot reads', () => {
    const { build, environment } = services['oombot'] ?? {};

    expect(existsSync(path.resolve(deploy, build?.context ?? '', build?.dockerfile ?? ''))).toBe(true);
    const known = ENVIRONMENT.map(({ name }) => name);
    expect(Object.keys(environment ?? {}).filter((name) => !known.includes(name.replace(/_FILE$/, '')))).toEqual([]);
  });
});
