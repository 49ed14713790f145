import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { answerWords } from '../../src/app/answer/answer-words.ts';
import { COMMANDS, helpLines, readCommand, usageHint } from '../../src/app/answer/registry.ts';
import { splitWords } from '../../src/app/answer/command-words.ts';
import { answeringHandlers } from '../support/answering-handlers.ts';

const KNOWN = { host: 'db01', group: 'db', tag: 'db', process: 'mysqld' };
const EXAMPLES = helpLines(KNOWN).map(({ command }) => [command]);

describe('the registry of commands', () => {
  it('has each name and each other word once', () => {
    const words = COMMANDS.flatMap(({ name, also }) => [name, ...also]);

    expect(words.toSorted()).toEqual([...new Set(words)].toSorted());
  });

  it.each(EXAMPLES)('reads its own example “%s”', (example) => {
    expect(readCommand(splitWords(example))).toMatchObject({ kind: 'command' });
  });

  it.each(COMMANDS.map(({ name }) => [name]))(
    'reads “%s” as that command, or says what is missing, by an example that works',
    (name) => {
      const parsed = readCommand(name.split(' '));

      if (parsed.kind === 'incomplete') {
        expect(parsed.verb).toBe(name);
        expect(readCommand(splitWords(parsed.example))).toMatchObject({ kind: 'command', name });
      } else expect(parsed).toMatchObject({ kind: 'command', name });
    },
  );

  it.each(COMMANDS.filter(({ whoMay }) => whoMay === 'admins').map(({ name }) => [name]))(
    'refuses “%s” to somebody who is no admin',
    async (name) => {
      const reply = await answerWords(readCommand(name.split(' ')), answeringHandlers(), {
        userId: 'UANN',
        channelId: null,
      });

      expect(reply).toMatchObject({ kind: 'refused', refusal: { kind: 'not-allowed' } });
    },
  );

  it('gives Slack the hint that the manifest has', () => {
    const manifest = readFileSync(path.join(import.meta.dirname, '../../manifest.yml'), 'utf8');

    expect(manifest).toContain(`      usage_hint: ${usageHint()}\n`);
  });
});
