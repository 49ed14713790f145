import PQueue from 'p-queue';
import { inPlace } from '../in-place.ts';
import type { Clock } from '../ports.ts';

/** Runs a look at a host, with what is put on record then, when there is room for it. Rejects if the signal has aborted by then. */
export type Looks = <T>(look: () => Promise<T>, signal: AbortSignal) => Promise<T>;

/** When thousands of hosts are connected at once, more at a time would only keep each other, and the record, waiting. */
const PLACES = 12;
const PLACE_MS = 2_000;

/** Bounds the looks under way in this process. */
export function openLooks(clock: Clock): Looks {
  const places = new PQueue({ concurrency: PLACES });
  return (look, signal) =>
    inPlace(
      (hold) => void places.add(hold),
      async () => {
        signal.throwIfAborted();
        return look();
      },
      (done) => clock.sleep(PLACE_MS, done),
    );
}
