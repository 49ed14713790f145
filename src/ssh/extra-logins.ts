import type { Client } from 'ssh2';

import type { Clock } from '../app/ports.ts';
import type { DialResult } from './dial.ts';

/** Logins beside the first, for servers that give each one or few sessions. They last as long as the first does. */
export interface ExtraLogins {
  now: () => readonly Client[];
  /** Logs in once more; those who ask meanwhile share it. null: there are enough, or it failed lately. */
  more: () => Promise<Client | null>;
  /** Hangs all up. */
  drop: () => void;
}

// MaxSessions 1 takes one for each stream, kmsg and journal, and one for requests.
const EXTRAS_MAX = 3;
const AGAIN_MS = 60_000;

/** `dial` gives null while the connection is not there. */
export function openExtraLogins(dial: () => Promise<DialResult> | null, clock: Clock): ExtraLogins {
  let all: { client: Client; release: () => void }[] = [];
  let pending: Promise<Client | null> | null = null;
  let notBeforeMs = 0;
  /** Counts up with each `drop`: what was begun before it is hung up at once. */
  let age = 0;

  async function open(dialling: Promise<DialResult>): Promise<Client | null> {
    const mine = age;
    const result = await dialling.catch(() => null);
    if (result?.kind !== 'in') {
      notBeforeMs = clock.nowMs() + AGAIN_MS;
      return null;
    }
    const { client, release } = result;
    if (mine !== age) {
      client.destroy();
      release();
      return null;
    }
    const extra = { client: client.setMaxListeners(30), release };
    all.push(extra);
    function forget(): void {
      all = all.filter((one) => one !== extra);
      client.destroy();
      release();
    }
    client.once('close', forget);
    client.once('end', forget);
    return client;
  }

  async function more(): Promise<Client | null> {
    if (pending === null && (all.length >= EXTRAS_MAX || clock.nowMs() < notBeforeMs)) return null;
    if (pending !== null) return pending;
    const dialling = dial();
    if (dialling === null) return null;
    pending = open(dialling);
    try {
      return await pending;
    } finally {
      pending = null;
    }
  }

  function drop(): void {
    age++;
    for (const { client } of all) client.end();
    all = [];
  }

  return { now: () => all.map(({ client }) => client), more, drop };
}
