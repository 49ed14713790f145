import { describe, expect, it } from 'vitest';
import type { SendOutcome } from '../../src/app/ports.ts';
import type { TestDestination } from '../../src/app/send-test.ts';
import { renderText } from '../../src/notice/render-text.ts';
import { describeRefusal } from '../../src/notice/answer/refusal-text.ts';
import { anAnsweringBot } from '../support/an-answering-bot.ts';

const ANN = { userId: 'U1', channelId: 'C1' };

function destinations(sent: string[], outcomes: Record<string, SendOutcome>): () => TestDestination[] {
  return () =>
    Object.entries(outcomes).map(([name, outcome]) => ({
      name,
      kind: name.startsWith('#') ? 'channel' : 'webhook',
      send: async (by) => {
        sent.push(`${name} by ${by}`);
        return outcome;
      },
    }));
}

describe('/oom test', () => {
  it('says of each destination whether the example got there, and how to fix what did not', async () => {
    const sent: string[] = [];
    const { handlers, store } = await anAnsweringBot({
      testing: destinations(sent, {
        '#oom': { kind: 'sent', ts: '1.1' },
        '#private': { kind: 'refused', reason: 'no channel #private: create it, or invite the bot if it is private' },
        '#old': { kind: 'refused', reason: 'is_archived' },
        hook: { kind: 'unsent', reason: 'HTTP 401' },
        moved: { kind: 'unsent', reason: 'HTTP 302, a redirect, which is not followed: configure the address itself' },
        slow: { kind: 'unknown', reason: 'no answer within 10 s' },
        pagerduty: { kind: 'rate-limited', retryAfterMs: 60_000 },
      }),
    });

    const answer = await handlers.sendTest({ destination: null }, ANN);

    expect(answer.kind === 'notice' && renderText(answer.notice)).toBe(
      [
        'The test did not reach 6 of 7 destinations',
        '',
        '#private: not sent: no channel #private: create it, or invite the bot if it is private. Then invite the bot there: /invite @oombot',
        '#old: not sent: is_archived. Unarchive the channel, or name another one in the configuration.',
        'hook (webhook): not sent: HTTP 401. The receiver does not know the secret, or does not let this machine in: check secretEnv or secretFile.',
        'moved (webhook): not sent: HTTP 302, a redirect, which is not followed: configure the address itself. ',
        'slow (webhook): no confirmation: no answer within 10 s. Check host and port in url, and the firewall between.',
        'pagerduty (webhook): not sent: too many requests. Try again in 1 min.',
        '#oom: sent.',
      ].join('\n'),
    );
    expect(sent).toHaveLength(7);
    expect(sent[0]).toBe('#oom by U1');
    expect((await store.audit(null, 1))[0]).toMatchObject({ actor: 'U1', action: 'send test' });
  });

  it('sends to the one that is named, with or without its sign, and not twice within seconds', async () => {
    const sent: string[] = [];
    const { handlers, clock } = await anAnsweringBot({
      testing: destinations(sent, { '#oom': { kind: 'sent', ts: '' }, hook: { kind: 'sent', ts: '' } }),
    });

    for (const destination of ['oom', 'webhook:hook', '#oom']) {
      expect((await handlers.sendTest({ destination }, ANN)).kind).toBe('notice');
      expect(await handlers.sendTest({ destination }, ANN)).toMatchObject({ refusal: { kind: 'busy' } });
      await clock.advance(11_000);
    }

    expect(sent).toEqual(['#oom by U1', 'hook by U1', '#oom by U1']);
  });

  it('names what there is for a name that it does not know', async () => {
    const { handlers } = await anAnsweringBot({
      testing: destinations([], { '#oom': { kind: 'sent', ts: '' }, hook: { kind: 'sent', ts: '' } }),
    });

    const answer = await handlers.sendTest({ destination: '#omo' }, ANN);

    expect(answer.kind === 'refused' && renderText(describeRefusal(answer.refusal))).toBe(
      'No channel or webhook called #omo. Did you mean #oom? Destinations: #oom, hook.',
    );
  });
});
