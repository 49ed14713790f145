import { randomUUID } from 'node:crypto';
import { describeTest, type TestOutcome } from '../notice/answer/test-notice.ts';
import type { Clock, SendOutcome, Workspace } from './ports.ts';
import type { FindWebhook } from './webhook.ts';
import { withTimeout } from './with-timeout.ts';

/** Where incidents can go, and how a marked example gets there. */
export interface TestDestination {
  /** A channel, or a webhook by its name. */
  name: string;
  kind: 'channel' | 'webhook';
  /** `by`: the user who asked for it; null: somebody in a terminal. */
  send: (by: string | null) => Promise<SendOutcome>;
}

/** So many are tested at once; who has more names one. */
export const TESTED_MAX = 20;
const TEST_WITHIN_MS = 30_000;

/** The example as one message of a channel. */
export function channelTest(channel: string, workspace: Pick<Workspace, 'post'>, clock: Clock): TestDestination {
  return {
    name: channel,
    kind: 'channel',
    send: (by) =>
      workspace.post({
        channel,
        notice: describeTest(by, clock.nowMs()),
        mark: { id: `test-${randomUUID()}`, also: [] },
      }),
  };
}

/** The example as a webhook sends it: an event that says it is a test, or an alert that is resolved at once. */
export function webhookTest(name: string, destination: string, find: FindWebhook, clock: Clock): TestDestination {
  return {
    name,
    kind: 'webhook',
    send: async () => {
      const hook = find(destination);
      if (hook === null) return { kind: 'refused', reason: 'its secret cannot be read' };
      const message = { kind: 'test' as const, id: `test-${randomUUID()}`, atMs: clock.nowMs() };
      return hook.send(message, AbortSignal.timeout(TEST_WITHIN_MS));
    },
  };
}

/** Sends to each, side by side. Never throws. */
export function sendTests(
  destinations: readonly TestDestination[],
  by: string | null,
  clock: Clock,
): Promise<TestOutcome[]> {
  return Promise.all(
    destinations.slice(0, TESTED_MAX).map(async ({ name, kind, send }): Promise<TestOutcome> => {
      try {
        const sent = await withTimeout(clock, TEST_WITHIN_MS, () => send(by));
        return { name, kind, outcome: sent.kind === 'done' ? sent.value : { kind: 'unknown', reason: 'no answer' } };
      } catch (error) {
        return {
          name,
          kind,
          outcome: { kind: 'unknown', reason: error instanceof Error ? error.message : 'no answer' },
        };
      }
    }),
  );
}
