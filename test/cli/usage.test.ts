// What somebody reads who mistyped: which verb, what is wrong, a line to copy, and exit status 2.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { answerInText } from '../../src/app/answer/answer-in-text.ts';
import { readCommand } from '../../src/app/answer/registry.ts';
import type { Asked } from '../../src/app/answer/command.ts';
import { answeringHandlers } from '../support/answering-handlers.ts';
import { runCommand, type Ran } from '../support/command.ts';

const dir = mkdtempSync(path.join(tmpdir(), 'oombot-usage-'));
afterAll(() => rmSync(dir, { recursive: true }));

function oombot(...args: string[]): Promise<Ran> {
  return runCommand(args, { cwd: dir, env: { HOME: dir } });
}

describe('a mistyped command line', () => {
  it.concurrent.each<[string[], RegExp]>([
    [
      ['last'],
      /^oombot last: missing required argument 'host'\nFor example: oombot last db01\nTry: oombot last --help\n$/,
    ],
    [['lst', 'db01'], /^oombot: unknown command 'lst'\n\(Did you mean last\?\)\nTry: oombot --help\n$/],
    [['drill', 'db01'], /^oombot drill: that is done in Slack: \/oom drill <host>\n$/],
    [['unprotect', 'db01', '--x'], /^oombot unprotect: that is done in Slack: \/oom unprotect <host> <process\|unit> /],
    [
      ['setup', '--user', 'root'],
      /^oombot setup: --user "root" cannot be used: expected a name of its own such as oombot/,
    ],
    [['setup', '--key', '/nope'], /^oombot setup: the key file \/nope cannot be read: name the public key, such as /],
    [['backup', '/nope/x.db'], /^oombot backup: there is no folder \/nope: make it first, or name another file\n$/],
    [['migrate-database', 'a', 'b'], /^oombot migrate-database: name both databases as sqlite:PATH or postgres:/],
    [
      ['check', '--config', '/nope.yaml'],
      /it does not exist\. Name the file that is meant with --config or OOMBOT_CONFIG\.\n$/,
    ],
    [['history', 'db', '7x'], /7x is not a valid duration\. Expected a time such as 30m, 2h, 7d or 1h30m\.\n$/],
  ])('%j', async (args, says) => {
    const { status, out, err } = await oombot(...args);

    expect(err).toMatch(says);
    expect([status, out]).toEqual([2, '']);
  });
});

it('names in an answer what can be typed in a terminal as it is typed there, and leaves the rest to the chat', async () => {
  const handlers = {
    ...answeringHandlers(),
    showIncident: () =>
      Promise.resolve({
        kind: 'refused' as const,
        refusal: { kind: 'no-such-incident' as const, id: 'zzz', isAmbiguous: false },
      }),
    answerRules: () =>
      Promise.resolve({
        kind: 'notice' as const,
        notice: {
          tone: 'plain' as const,
          headline: [{ words: 'Add keep to /oom protect.' }],
          sentence: null,
          parts: [],
          small: [],
          buttons: [],
        },
      }),
  };

  const shown = await answerInText(readCommand(['show', 'zzz']) as Asked, handlers);
  const rules = await answerInText(readCommand(['rules']) as Asked, handlers);

  expect(shown).toEqual({
    status: 2,
    text: 'No incident zzz. Its id is in the small print of its message; see also oombot last <host>.',
  });
  expect(rules.text).toBe('Add keep to /oom protect.');
});
