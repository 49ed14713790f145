import { setTimeout as sleep } from 'node:timers/promises';
import PQueue from 'p-queue';
import { withPlace } from '../app/with-place.ts';

export interface Handshakes {
  /**
   * Runs one login when there is room. One that takes long gives its room back after two seconds while it goes on, so that
   * dead hosts never slow the others, whether they say nothing or stall halfway.
   */
  pass: <T>(bastion: string | null, attempt: () => Promise<T>) => Promise<T>;
}

// What goes through a bastion are channels of one login there: its sshd's MaxStartups counts none of them, fewer at once spare it a burst.
const IN_ALL = 32;
const PER_BASTION = 4;
const ROOM_MS = 2_000;

/** Bounds the logins begun at once in this process: 32 in all, 4 through one bastion. */
export function openHandshakes(): Handshakes {
  const all = new PQueue({ concurrency: IN_ALL });
  const bastions = new Map<string, PQueue>();

  function pass<T>(bastion: string | null, attempt: () => Promise<T>): Promise<T> {
    return withPlace(
      (hold) => void (bastion === null ? all.add(hold) : queueOf(bastion).add(() => all.add(hold))),
      attempt,
      (signal) => sleep(ROOM_MS, undefined, { signal }),
    );
  }

  function queueOf(bastion: string): PQueue {
    const known = bastions.get(bastion);
    if (known) return known;
    const queue = new PQueue({ concurrency: PER_BASTION });
    queue.on('idle', () => bastions.delete(bastion));
    bastions.set(bastion, queue);
    return queue;
  }

  return { pass };
}
