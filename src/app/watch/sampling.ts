import { restOf } from '../../incident/early-warning.ts';
import { largestServices, type Moment } from '../../incident/growth.ts';
import { PACE, waitAfter, type RestAt } from '../../incident/sampling-pace.ts';
import { serviceOfProcess } from '../../incident/service.ts';
import { parseMemorySample } from '../../oom/proc/memory-sample.ts';
import type { Clock, Log } from '../ports.ts';
import type { HostLink } from '../host-link.ts';
import type { HostStore, MemorySample } from '../store-port.ts';
import { phaseOf } from './spread.ts';

export interface Sampling {
  link: Pick<HostLink, 'host' | 'scan'>;
  store: HostStore;
  clock: Clock;
  log: Log;
  /** null: not now. Asked before each look, since the configuration may be read again. */
  everyMs: () => number | null;
  /** Whether to look more often while memory falls steeply. */
  isHurried: () => boolean;
  /** After each look. */
  onSample: (sample: MemorySample) => Promise<void>;
  signal: AbortSignal;
}

/** While it is off, it is asked this often whether that is still so. */
const OFF_MS = 60_000;
/** One in so long stays for a day. */
const LASTING_EVERY_MS = 10 * 60_000;
/** And what is lower than the last of these by such a share of all memory: how low it was must not be forgotten. */
const LOWER_SHARE = 0.02;

/** Notes a host's memory and its largest services again and again. A look that gives no answer is left out. Ends with the signal. */
export async function keepSampling(sampling: Sampling): Promise<void> {
  const { link, store, clock, log, everyMs, isHurried, onSample, signal } = sampling;
  const { host } = link;
  let lasting: Moment | null = null;
  let looks: RestAt[] = [];
  // Hosts that were connected at once are not asked at once.
  let waitMs = (everyMs() ?? OFF_MS) * phaseOf(host);
  while (!signal.aborted) {
    await clock.sleep(waitMs, signal).catch(() => undefined);
    if (signal.aborted) return;
    const pace = everyMs();
    waitMs = pace ?? OFF_MS;
    if (pace === null) continue;
    try {
      const nowMs = clock.nowMs();
      const moment = await look(link, nowMs);
      if (moment === null) continue;
      looks = [...looks.filter(({ atMs }) => nowMs - atMs <= PACE.budgetMs), restAt(moment)];
      if (isHurried()) waitMs = waitAfter(looks, pace);
      const isLasting = mustLast(moment, lasting);
      if (isLasting) lasting = moment;
      const sample = { ...moment, host, isLasting };
      await store.saveSamples([sample]);
      await onSample(sample);
    } catch (error) {
      if (!signal.aborted) log.warn({ err: error, host }, 'Memory of a host could not be sampled; retrying');
    }
  }
}

/** Whether a sample stays for a day, after the last one that does. */
export function mustLast(moment: Moment, last: Moment | null): boolean {
  if (last === null || moment.atMs - last.atMs >= LASTING_EVERY_MS) return true;
  return restOf(last) - restOf(moment) >= LOWER_SHARE * (moment.totalKiB + moment.totalSwapKiB);
}

async function look(link: Pick<HostLink, 'scan'>, atMs: number): Promise<Moment | null> {
  const text = await link.scan('sample');
  const seen = text === null ? null : parseMemorySample(text);
  if (seen === null) return null;
  const { rows, ...memory } = seen;
  const services = largestServices(rows.map((row) => ({ service: serviceOfProcess(row), sizeKiB: row.sizeKiB })));
  return { ...memory, atMs, services };
}

function restAt(moment: Moment): RestAt {
  return { atMs: moment.atMs, restKiB: restOf(moment), totalKiB: moment.totalKiB + moment.totalSwapKiB };
}
