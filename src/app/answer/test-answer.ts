import { describeTestOutcomes } from '../../notice/answer/test-notice.ts';
import { nearest } from '../nearest.ts';
import type { People } from '../people.ts';
import { sendTests, TESTED_MAX } from '../send-test.ts';
import type { AnswersWorld } from './answers-world.ts';
import type { Handlers } from './handlers.ts';

/** Whoever tests again at once would only fill channels. */
const TEST_EVERY_MS = 10_000;

/** Sends a marked example to a destination, or to all, and says what became of it. */
export function openTestAnswer({ testing, store, clock }: AnswersWorld, people: People): Pick<Handlers, 'sendTest'> {
  let testedAtMs = -Infinity;

  async function sendTest({ destination }: { destination: string | null }, { userId }: { userId: string }) {
    const stranger = await people.refuseStranger(userId, 'send a test');
    if (stranger !== null) return { kind: 'refused' as const, refusal: stranger };
    const all = testing?.() ?? [];
    const chosen = destination === null ? all : all.filter(({ name }) => isCalled(name, destination));
    if (chosen.length === 0) {
      const known = all.map(({ name }) => name);
      const given = destination ?? '';
      const refusal = { kind: 'unknown-destination' as const, given, nearest: nearest(given, known), known };
      return { kind: 'refused' as const, refusal };
    }
    const nowMs = clock.nowMs();
    if (nowMs - testedAtMs < TEST_EVERY_MS) return { kind: 'refused' as const, refusal: { kind: 'busy' as const } };
    testedAtMs = nowMs;
    const details = { destinations: chosen.slice(0, TESTED_MAX).map(({ name }) => name) };
    await store.appendAudit({ atMs: nowMs, actor: userId, action: 'send test', host: null, details });
    const outcomes = await sendTests(chosen, userId, clock);
    return { kind: 'notice' as const, notice: describeTestOutcomes(outcomes, chosen.length - outcomes.length) };
  }

  return { sendTest };
}

/** With or without the sign of a channel or the prefix of a webhook. */
export function isCalled(name: string, given: string): boolean {
  return [name, name.replace(/^#/, ''), `webhook:${name}`].includes(given.trim());
}
