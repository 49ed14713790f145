import { describe, expect, it } from 'vitest';
import { answerWords } from '../../src/app/answer/answer-words.ts';
import { parseCommand } from '../../src/slack/typed-text.ts';
import { renderText } from '../../src/notice/render-text.ts';
import { anAnsweringBot } from '../support/an-answering-bot.ts';

async function suggested(typed: string): Promise<string | undefined> {
  const { handlers } = await anAnsweringBot();
  const reply = await answerWords(parseCommand(typed), handlers, { userId: 'UANN', channelId: 'C0000001' });
  if (reply.kind !== 'notice') throw new Error('a form');
  expect(renderText(reply.notice)).toContain('Did you mean');
  return reply.notice.buttons[0]?.value;
}

describe('a slip in the verb', () => {
  it.each([
    ['lats db01', 'last db01'],
    ['lats db1', 'last db01'],
    ['lats bd01', 'last db01'],
    ['scroes wbe1 5', 'scores web1 5'],
    ['hsitory prd 7d', 'history prod 7d'],
    ['protekt db1 "my app" -500 because db1', 'protect db01 "my app" -500 because db1'],
    ['protect db1 mysqld kep', 'protect db01 mysqld keep'],
    ['lats nothing-like-it', 'last nothing-like-it'],
    ['hlep', 'help'],
  ])('/oom %s suggests what works: /oom %s', async (typed, expected) => {
    expect(await suggested(typed)).toBe(expected);
  });
});
