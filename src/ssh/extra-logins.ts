import type { Clock } from '../app/ports.ts';
import type { DialResult } from './dial.ts';
import type { LoggedIn } from './logged-in.ts';

/** Logins beside the first, for servers that give each one or few sessions. They last as long as the first does. */
export interface ExtraLogins {
  now: () => readonly LoggedIn[];
  /** Logs in once more; those who ask meanwhile share it. null: there are enough, or it failed lately. */
  more: () => Promise<LoggedIn | null>;
  /** Hangs all up. */
  drop: () => void;
}

// MaxSessions 1 takes one for each stream, kmsg and journal, and one for requests.
const EXTRAS_MAX = 3;
const AGAIN_MS = 60_000;

/** `dial` gives null while the connection is not there. */
export function openExtraLogins(dial: () => Promise<DialResult> | null, clock: Clock): ExtraLogins {
  let all: { login: LoggedIn; release: () => void }[] = [];
  let pending: Promise<LoggedIn | null> | null = null;
  let notBeforeMs = 0;
  /** Counts up with each `drop`: what was begun before it is hung up at once. */
  let age = 0;

  async function open(dialling: Promise<DialResult>): Promise<LoggedIn | null> {
    const mine = age;
    const result = await dialling.catch(() => null);
    if (result?.kind !== 'in') {
      notBeforeMs = clock.nowMs() + AGAIN_MS;
      return null;
    }
    const { login, release } = result;
    if (mine !== age) {
      login.destroy();
      release();
      return null;
    }
    const extra = { login, release };
    all.push(extra);
    void login.gone.then(() => {
      all = all.filter((one) => one !== extra);
      login.destroy();
      release();
    });
    return login;
  }

  async function more(): Promise<LoggedIn | null> {
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
    for (const { login } of all) void login.goodbye();
    all = [];
  }

  return { now: () => all.map(({ login }) => login), more, drop };
}
