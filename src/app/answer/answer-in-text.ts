import { renderText } from '../../notice/render-text.ts';
import { noticeOf } from './answer-words.ts';
import type { Asked } from './command.ts';
import type { Handlers } from './handlers.ts';

const TERMINAL = { userId: 'terminal', channelId: null };
const EXIT_REFUSED = 1;
const EXIT_USAGE = 2;

/** An answer for a terminal. `status`: the exit status, 0 an answer, 2 a name that nobody knows, 1 another refusal. */
export interface TextAnswer {
  status: number;
  text: string;
}

/** Answers a question in plain text, whoever asks. Throws where it needs a form, and on a fault. */
export async function answerInText(asked: Asked, handlers: Handlers): Promise<TextAnswer> {
  const answer = await asked.answer(handlers, TERMINAL);
  if (answer.kind === 'form') throw new Error(`${asked.name} opens a form, which needs Slack`);
  const isUnknown = answer.kind === 'refused' && ['unknown-host', 'unknown-target'].includes(answer.refusal.kind);
  const status = answer.kind === 'notice' ? 0 : isUnknown ? EXIT_USAGE : EXIT_REFUSED;
  return { status, text: renderText(noticeOf(answer)) };
}
