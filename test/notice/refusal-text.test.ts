import type { Refusal } from '../../src/change/refusal.ts';
import { describe, expect, it } from 'vitest';
import { describeRefusal } from '../../src/notice/answer/refusal-text.ts';
import { renderText } from '../../src/notice/render-text.ts';

const T0 = Date.UTC(2026, 7, 30, 1, 35, 8);

describe('a refusal is one plain sentence that says what to do', () => {
  it.each<[Refusal, string]>([
    [
      { kind: 'unknown-host', host: 'dbo1', nearest: 'db01', known: ['db01', 'web1'] },
      'No host called dbo1. Did you mean db01? Hosts: db01, web1.',
    ],
    [{ kind: 'unknown-host', host: 'x', nearest: null, known: [] }, 'No host called x.'],
    [
      { kind: 'no-kill-known', host: 'db01', watchedSinceMs: T0 },
      'No kills on record for db01 since 2026-08-30 01:35:08 UTC.',
    ],
    [
      { kind: 'host-unreachable', host: 'db01', sinceMs: null, reason: 'connection refused' },
      'I can’t reach db01: connection refused',
    ],
    [
      { kind: 'not-allowed', what: 'add or remove hosts', whoMay: 'Ask an approver.' },
      'You can’t add or remove hosts. Ask an approver.',
    ],
    [
      { kind: 'unknown-word', word: 'lats', nearest: 'last' },
      'Unknown command lats. Did you mean last? /oom help shows everything.',
    ],
    [
      { kind: 'incomplete', verb: 'last', wanted: 'a host', example: '/oom last db01' },
      '“last” needs a host, for example: /oom last db01',
    ],
    [
      { kind: 'host-from-file', host: 'db01' },
      'db01 comes from the configuration file: remove it there, then reload with SIGHUP.',
    ],
    [
      { kind: 'no-such-incident', id: '1a2b', isAmbiguous: true },
      'Several incidents begin with 1a2b. Give more of its id.',
    ],
    [
      { kind: 'no-such-incident', id: 'x', isAmbiguous: false },
      'No incident x. Its id is in the small print of its message; see also /oom last <host>.',
    ],
    [{ kind: 'incident-closed', atMs: T0 }, 'This incident ended 2026-08-30 01:35:08 UTC: nobody needs to take it.'],
    [{ kind: 'stale', what: 'That incident' }, 'That incident no longer exists. Ask again for the current state.'],
    [
      { kind: 'fault', reference: 'a1b2c3d4' },
      'Something went wrong in the bot. It is logged as a1b2c3d4. Try again; if it keeps failing, search the log for that reference.',
    ],
  ])('%o', (refusal, sentence) => expect(renderText(describeRefusal(refusal))).toBe(sentence));

  it('names a dozen hosts and counts the rest', () => {
    const known = Array.from({ length: 15 }, (_, at) => `h${at}`);

    expect(renderText(describeRefusal({ kind: 'unknown-host', host: 'x', nearest: null, known }))).toContain(
      'h11 and 3 more.',
    );
  });
});
