import PQueue from 'p-queue';
import { inPlace } from '../in-place.ts';
import type { Clock } from '../ports.ts';

/** What the hosts of one process share when they are looked at and the record is asked. */
export interface Looks {
  /** Runs a look at a host, with what the record is asked then, when there is room for it. Rejects if the signal has aborted by then. */
  inTurn: <T>(look: () => Promise<T>, signal: AbortSignal) => Promise<T>;
  /** The record did not answer one of them just now: the others need not wait for it as well. */
  isRecordSilent: () => boolean;
  recordAnswered: (answered: boolean) => void;
}

/** When thousands of hosts are connected at once, more at a time would only keep each other, and the record, waiting. */
const PLACES = 12;
const PLACE_MS = 2_000;
const SILENT_MS = 4_000;

export function openLooks(clock: Clock): Looks {
  const places = new PQueue({ concurrency: PLACES });
  let silentUntilMs = 0;
  return {
    inTurn: (look, signal) =>
      inPlace(
        (hold) => void places.add(hold),
        async () => {
          signal.throwIfAborted();
          return look();
        },
        (done) => clock.sleep(PLACE_MS, done),
      ),
    isRecordSilent: () => clock.nowMs() < silentUntilMs,
    recordAnswered: (answered) => {
      silentUntilMs = answered ? 0 : clock.nowMs() + SILENT_MS;
    },
  };
}
