import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { HostConfig } from '../../src/config/config.ts';
import { openFleet } from '../../src/run/fleet.ts';
import type { Connection } from '../../src/ssh/connection.ts';
import type { Ssh } from '../../src/ssh/open-ssh.ts';
import type { SshTarget } from '../../src/ssh/target.ts';
import { openStore } from '../../src/store/store.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { QUIET } from '../support/quiet-log.ts';

/** Never connected. Where `held` is given, nothing that waits for it ends before that. */
function aConnection(target: SshTarget, held: Promise<void> | null): Connection {
  return {
    target,
    state: () => ({ kind: 'connecting', sinceMs: 0, sentence: '' }),
    onState: () => () => {},
    whenConnected: (signal: AbortSignal) =>
      new Promise((_, reject) => {
        signal.addEventListener(
          'abort',
          () => void (held ?? Promise.resolve()).then(() => reject(new Error('closed'))),
        );
      }),
    rest: () => {},
    keepUp: () => {},
    close: () => Promise.resolve(),
  } as unknown as Connection;
}

it('watches other hosts while a watch takes long to end, and that one again once it has ended', async () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'oombot-fleet-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const store = await openStore(`sqlite:${dir}/oombot.db`);
  onTestFinished(store.close);
  const clock = fakeClock(0);
  const held = Promise.withResolvers<void>();
  const ssh = { connect: (target: SshTarget) => aConnection(target, target.name === 'slow' ? held.promise : null) };
  const hosts = ['slow', 'other'].map((name) => ({ name, tags: [], channel: null, logFiles: null, target: { name } }));
  const fleet = openFleet(hosts as unknown as HostConfig[], {
    ssh: ssh as unknown as Ssh,
    store,
    clock,
    log: QUIET,
    channelOf: () => '#oom',
    onSaved: () => {},
    onLines: () => {},
    onGap: () => {},
  });
  fleet.watchOnly(['slow']);
  await clock.advance(1);

  fleet.watchOnly([]);
  await clock.advance(1);
  fleet.watchOnly(['slow', 'other']);

  expect([fleet.watchState('slow'), fleet.watchState('other')]).toEqual([null, expect.anything()]);
  held.resolve();
  await clock.advance(1);
  expect(fleet.watchState('slow')).not.toBeNull();
  await fleet.close();
});
