// Run as a child process that a test ends with SIGKILL: node watching-bot.ts URL 'HOST-CONFIG-JSON'…
// Watches the hosts that it gets by lease (all of them with SQLite), and prints "watching HOST" once each.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HostConfig } from '../../src/config/config.ts';
import { watchHosts } from './watched-fleet.ts';

// The claims are given back by nobody when a process dies at once: others must wait for their end.
const LEASE_MS = 5_000;

const [url = '', ...given] = process.argv.slice(2);
const hosts = given.map((text) => JSON.parse(text) as HostConfig);
const { fleet, store } = await watchHosts({ hosts, url });
const owner = randomUUID();
const said = new Set<string>();
if (url.startsWith('sqlite:')) fleet.watchOnly(null);
for (;;) {
  if (!url.startsWith('sqlite:')) {
    const names = hosts.map((host) => host.name);
    const nowMs = Date.now();
    const { held } = await store.claimLeases({ kind: 'host', owner, names, nowMs, ttlMs: LEASE_MS });
    fleet.watchOnly(held);
  }
  for (const { name } of hosts) {
    const isWatching = fleet.watchState(name)?.kind === 'watching';
    if (isWatching && !said.has(name)) process.stdout.write(`watching ${name}\n`);
    if (isWatching) said.add(name);
    else said.delete(name);
  }
  await sleep(url.startsWith('sqlite:') ? 20 : 1_000);
}
