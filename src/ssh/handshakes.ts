import PQueue from 'p-queue';

export interface Handshakes {
  /**
   * Runs one login when there is room. `attempt` calls `onFirstByte` when the server has said something: one that stays
   * silent gives its room back after two seconds while it goes on waiting, so that dead hosts never slow the others.
   */
  pass: <T>(bastion: string | null, attempt: (onFirstByte: () => void) => Promise<T>) => Promise<T>;
}

// sshd's MaxStartups (10:30:100) starts refusing at 10 unauthenticated connections: a bastion gets fewer at once.
const IN_ALL = 32;
const PER_BASTION = 4;
const SILENT_MS = 2_000;

/** Bounds the logins under way in this process: 32 in all, 4 through one bastion. */
export function openHandshakes(): Handshakes {
  const all = new PQueue({ concurrency: IN_ALL });
  const bastions = new Map<string, PQueue>();

  async function pass<T>(bastion: string | null, attempt: (onFirstByte: () => void) => Promise<T>): Promise<T> {
    const started = Promise.withResolvers<{ result: Promise<T> }>();
    async function hold(): Promise<void> {
      const silent = Promise.withResolvers<void>();
      const timer = setTimeout(silent.resolve, SILENT_MS);
      const result = attempt(() => clearTimeout(timer));
      started.resolve({ result });
      await Promise.race([result.catch(() => {}), silent.promise]);
      clearTimeout(timer);
    }
    if (bastion === null) void all.add(hold);
    else void queueOf(bastion).add(() => all.add(hold));
    return (await started.promise).result;
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
