import { userInfo } from 'node:os';

import type { Clock } from '../app/ports.ts';
import type { SshTarget } from '../ssh/target.ts';
import { openClientKey } from './client-key.ts';
import { openControls, type DemoControl } from './controls.ts';
import { openDemoCommands } from './demo-commands.ts';
import { openLoopbackServer, type LoopbackServer } from './loopback-server.ts';
import { openJournal } from './journal.ts';
import { openDemoMachine } from './machine.ts';
import { runShell } from './run-shell.ts';
import { rebootAfterStory, writeStory } from './story.ts';

/** A host as the configuration would have it. */
export interface DemoHost {
  name: string;
  tags: string[];
  channel: null;
  logFiles: null;
  target: SshTarget;
}

export interface DemoHosts {
  hosts: DemoHost[];
  /** False: there is a real machine behind that name. */
  isSimulated: (name: string) => boolean;
  /** What can be let happen on demo-db01. */
  controls: DemoControl[];
  /** Ends both servers and all that they run; removes the key. */
  close: () => Promise<void>;
}

/** The simulated one. */
export const DEMO_NAME = 'demo-db01';
const DEMO_USER = 'oombot';

/**
 * The hosts of the local workspace, each behind an SSH server of its own on 127.0.0.1, for a key made now: `localhost`, this
 * machine, where commands run as this process's user, and `demo-db01`, a simulated machine with the founding story in its past.
 */
export async function openDemoHosts({ clock }: { clock: Clock }): Promise<DemoHosts> {
  const leaving = new AbortController();
  const nowMs = clock.nowMs();
  const journal = openJournal(DEMO_NAME);
  writeStory(journal, nowMs);
  const machine = openDemoMachine({ bootAtMs: rebootAfterStory(nowMs), journal, clock });
  const key = await openClientKey();
  const { username } = userInfo();
  const servers: LoopbackServer[] = [];

  async function close(): Promise<void> {
    leaving.abort();
    machine.close();
    await Promise.all(servers.map((server) => server.close()));
    await key.close();
  }

  async function openHost(
    name: string,
    tags: string[],
    user: string,
    run: Parameters<typeof openLoopbackServer>[0]['run'],
  ): Promise<DemoHost> {
    const server = await openLoopbackServer({ user, clientKey: key.publicBlob, run });
    servers.push(server);
    const { address, port, fingerprint } = server;
    const target: SshTarget = {
      name,
      address,
      port,
      user,
      identityFile: key.file,
      knownHosts: [],
      fingerprints: [fingerprint],
      jump: null,
    };
    return { name, tags, channel: null, logFiles: null, target };
  }

  try {
    const hosts = [
      await openHost('localhost', ['local'], username, runShell),
      await openHost(DEMO_NAME, ['db', 'demo'], DEMO_USER, openDemoCommands(machine, clock)),
    ];
    return {
      hosts,
      isSimulated: (name) => name === DEMO_NAME,
      controls: openControls(machine, clock, leaving.signal),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
