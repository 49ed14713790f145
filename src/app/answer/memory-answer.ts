import { describeMemory } from '../../notice/answer/memory-notice.ts';
import type { AnswersWorld } from './answers-world.ts';
import type { Handlers } from './handlers.ts';
import type { Targets } from './targets.ts';

const HOUR_MS = 60 * 60_000;
const SPAN_MS = 6 * HOUR_MS;
const SPAN_MIN_MS = 20 * 60_000;
/** Samples are kept a little longer than a day. */
const SPAN_MAX_MS = 24 * HOUR_MS;
const KILLS_MAX = 500;

/** A host's memory over the last hours, from what was noted of it. */
export function openMemoryAnswer({ store, clock }: AnswersWorld, targets: Targets): Handlers['answerMemory'] {
  return async ({ host, forMs }) => {
    const target = await targets.host(host);
    if (target.kind === 'refused') return target;
    const untilMs = clock.nowMs();
    const sinceMs = untilMs - Math.min(SPAN_MAX_MS, Math.max(SPAN_MIN_MS, forMs ?? SPAN_MS));
    const [moments, kills] = await Promise.all([
      store.samples(target.name, sinceMs, untilMs + 1),
      store.killTimes({ hosts: [target.name], service: null, sinceMs, untilMs: null, limit: KILLS_MAX }),
    ]);
    return {
      kind: 'notice',
      notice: describeMemory({ host: target.name, sinceMs, untilMs, moments, kills: kills.toReversed() }),
    };
  };
}
