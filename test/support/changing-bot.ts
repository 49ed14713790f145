// Run as a child process that a test ends with SIGKILL: node changing-bot.ts URL 'HOST-CONFIG-JSON'
// Carries out the changes on record, as `oombot run` does, and those that come on standard input, one in JSON a line.
// Prints "connected" when the host is, and "ID STATE" when a change has another state.
import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { openChangeExecutor } from '../../src/app/change/change-executor.ts';
import { openLiveScans } from '../../src/app/live-scan.ts';
import type { Change } from '../../src/change/change.ts';
import type { HostConfig } from '../../src/config/config.ts';
import { realClock } from './real-clock.ts';
import { watchHosts } from './watched-fleet.ts';

const [url = '', given = ''] = process.argv.slice(2);
const host = JSON.parse(given) as HostConfig;
const { fleet, store } = await watchHosts({ hosts: [host], url });
fleet.watchOnly(null);
const work = openChangeExecutor({
  store,
  fleet,
  scans: openLiveScans(fleet, realClock),
  clock: realClock,
  log: { info: () => {}, warn: () => {}, error: (facts, words) => console.error(words, facts) },
  owner: randomUUID(),
  shared: false,
  newId: () => randomUUID(),
  approvals: () => ({
    approvers: 'anyone',
    quorum: 1,
    selfApproval: false,
    directMessages: true,
    guests: false,
    external: false,
    expireAfterMs: 1_800_000,
    channel: null,
  }),
  groupMembersNow: () => Promise.resolve([]),
  channelOf: () => '#oom',
  isReadOnly: () => false,
  isMine: () => true,
  wake: () => {},
});
createInterface({ input: process.stdin }).on('line', (line) => {
  const change = JSON.parse(line) as Change;
  const entry = {
    atMs: Date.now(),
    actor: 'UBEN',
    action: 'approve',
    host: change.host,
    details: { change: change.id },
  };
  store.addChange(change, entry).then(work.wake, (error: unknown) => console.error(error));
});
const said = new Map<string, string>();
function say(about: string, words: string): void {
  if (said.get(about) !== words) process.stdout.write(`${about} ${words}\n`);
  said.set(about, words);
}
for (;;) {
  if (fleet.link(host.name)?.state().kind === 'connected') say('host', 'connected');
  for (const { id, state } of await store.changes(null, 200)) say(id, state.kind);
  await sleep(10);
}
