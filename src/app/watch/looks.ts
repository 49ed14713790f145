import PQueue from 'p-queue';
import type { Clock } from '../ports.ts';
import { unlessAborted } from '../unless-aborted.ts';
import { withPlace } from '../with-place.ts';

/** What the hosts of one process share when they are looked at and the record is asked. */
export interface Looks {
  /**
   * Runs a look at a host, with what the record is asked then, once few enough others are under way; one that is `urgent` before the others
   * that wait. Rejects as soon as the signal aborts; what had not begun by then is left out.
   */
  whenThereIsRoom: <T>(look: () => Promise<T>, signal: AbortSignal, urgent?: 'urgent') => Promise<T>;
  /** The record did not answer one of them just now: the others need not wait for it as well. */
  isRecordSilent: () => boolean;
  /** It answered, or did not in time, what was asked at that moment. */
  recordAnswered: (answered: boolean, askedAtMs: number) => void;
}

/** When thousands of hosts are connected at once, more at a time would only keep each other, and the record, waiting. */
const PLACES = 12;
const PLACE_MS = 2_000;
const SILENT_MS = 4_000;

export function openLooks(clock: Clock): Looks {
  const places = new PQueue({ concurrency: PLACES });
  let silentUntilMs = 0;
  let answeredAtMs = -Infinity;
  return {
    whenThereIsRoom: (look, signal, urgent) =>
      unlessAborted(
        withPlace(
          (hold) => void places.add(hold, { priority: urgent === undefined ? 0 : 1 }),
          async () => {
            signal.throwIfAborted();
            return look();
          },
          (done) => clock.sleep(PLACE_MS, done),
        ),
        signal,
      ),
    isRecordSilent: () => clock.nowMs() < silentUntilMs,
    recordAnswered: (answered, askedAtMs) => {
      if (answered) [answeredAtMs, silentUntilMs] = [clock.nowMs(), 0];
      else if (askedAtMs >= answeredAtMs) silentUntilMs = clock.nowMs() + SILENT_MS;
    },
  };
}
