// Child process of the watch bench: hosts watched as `oombot run` does, on an SQLite file.
// node fleet-client.ts COUNT TARGET-JSON SQLITE-FILE
// Prints "connected MS" when all are watched, and "kill PID MS-SINCE-1970" as soon as an incident with it is on record.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { openFleet } from '../../src/fleet.ts';
import { openSsh } from '../../src/ssh/open-ssh.ts';
import type { SshTarget } from '../../src/ssh/target.ts';
import { openStore } from '../../src/store/store.ts';
import { hostConfig } from '../support/watched-fleet.ts';

const [count = '', targetJson = '', file = ''] = process.argv.slice(2);
const target = JSON.parse(targetJson) as SshTarget;
const startedAt = performance.now();
const clock = {
  nowMs: () => Date.now(),
  sleep: (ms: number, signal?: AbortSignal) => sleep(ms, undefined, signal === undefined ? {} : { signal }),
};
const store = await openStore(`sqlite:${file}`);
const ssh = openSsh({ clock, random: Math.random, passphrase: null, agentSocket: null });
// A target's user makes it a host of its own: the same target twice would share one connection.
const hosts = Array.from({ length: Number(count) }, (_, at) =>
  hostConfig(`host-${at}`, count === '1' ? target : { ...target, user: `user-${at}` }),
);
const fleet = openFleet(hosts, {
  ssh,
  store,
  clock,
  log: {
    info: () => {},
    warn: () => {},
    error: (facts, text) => process.stderr.write(`${text} ${JSON.stringify(facts)}\n`),
  },
  newId: randomUUID,
  channelOf: () => '#oom',
  onLines: () => {},
  onGap: () => {},
  onSaved: (saved) => {
    const atMs = performance.timeOrigin + performance.now();
    for (const kill of saved.fresh) process.stdout.write(`kill ${kill.record.pid} ${atMs}\n`);
  },
});
await fleet.watchOnly(null);
while (hosts.some(({ name }) => fleet.watchState(name)?.kind !== 'watching')) await sleep(20);
process.stdout.write(`connected ${performance.now() - startedAt}\n`);
