// Child process of the watch bench: hosts watched as `oombot run` does, on an SQLite file.
// node fleet-client.ts COUNT TARGET-JSON SQLITE-FILE
// With COUNT 0 it ends at once: what it compiled is kept. Prints "connected MS" when all are watched, and "kill PID MS-SINCE-1970" as soon as an incident with it is on record.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Position } from '../../src/app/ports.ts';
import { warmUp } from '../../src/app/watch/warm-up.ts';
import { openFleet } from '../../src/run/fleet.ts';
import { openSsh } from '../../src/ssh/open-ssh.ts';
import type { SshTarget } from '../../src/ssh/target.ts';
import { openStore } from '../../src/store/store.ts';
import { systemClock as clock } from '../../src/run/system-clock.ts';
import { hostConfig } from '../support/watched-fleet.ts';

const [count = '', targetJson = '', file = ''] = process.argv.slice(2);
const target = JSON.parse(targetJson) as SshTarget;
const startedAt = performance.now();
/** On a machine where tests kill all day, a fresh record would begin with dozens of open incidents, unlike a host's own. */
function endOfRing(): Position {
  const ring = spawnSync('timeout', ['1', 'cat', '/dev/kmsg'], { maxBuffer: 2 ** 26 }).stdout.toString('latin1');
  const seq = Number([...ring.matchAll(/^\d+,(\d+),/gm)].at(-1)?.[1]);
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return { source: 'kmsg', value: JSON.stringify({ bootId, seq, atMs: Date.now() }) };
}

function never(): never {
  throw new Error('there are no kills to decide about');
}

const store = await openStore(`sqlite:${file}`);
if (count === '1')
  await store.saveBatch(
    { host: 'host-0', kills: [], positions: [endOfRing(), { source: 'past', value: 'read' }] },
    never,
  );
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
  channelOf: () => '#oom',
  onLines: () => {},
  onGap: () => {},
  onSaved: (saved) => {
    const atMs = performance.timeOrigin + performance.now();
    for (const kill of saved.fresh) process.stdout.write(`kill ${kill.record.pid} ${atMs}\n`);
  },
});
warmUp(); // as `oombot run` does
fleet.watchOnly(null);
while (hosts.some(({ name }) => fleet.watchState(name)?.kind !== 'watching')) await sleep(20);
process.stdout.write(`connected ${performance.now() - startedAt}\n`);
if (count === '0') {
  await fleet.close();
  await store.close();
  process.exit(0);
}
