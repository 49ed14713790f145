import { renderText } from '../../notice/render-text.ts';
import { noticeOf } from './answer-words.ts';
import type { Asked } from './command.ts';
import type { Handlers } from './handlers.ts';
import { COMMANDS } from './registry.ts';

const TERMINAL = { userId: 'terminal', channelId: null };
const EXIT_REFUSED = 1;
const EXIT_USAGE = 2;
const UNKNOWN = ['unknown-host', 'unknown-target', 'no-such-incident'];

/** An answer for a terminal. `status`: the exit status, 0 an answer, 2 a name that nobody knows, 1 another refusal. */
export interface TextAnswer {
  status: number;
  text: string;
}

/** Answers a question in plain text, whoever asks. Throws where it needs a form, and on a fault. */
export async function answerInText(asked: Asked, handlers: Handlers): Promise<TextAnswer> {
  const answer = await asked.answer(handlers, TERMINAL);
  if (answer.kind === 'form') throw new Error(`${asked.name} opens a form, which needs Slack`);
  const isUnknown = answer.kind === 'refused' && UNKNOWN.includes(answer.refusal.kind);
  const status = answer.kind === 'notice' ? 0 : isUnknown ? EXIT_USAGE : EXIT_REFUSED;
  return { status, text: asTyped(renderText(noticeOf(answer))) };
}

/** What can be typed in a terminal is named as it is typed there; the rest is for the chat. */
function asTyped(text: string): string {
  return text.replace(/\/oom ([a-z]+)\b/g, (whole, name: string) =>
    COMMANDS.some((one) => one.name === name && one.terminal !== null) ? `oombot ${name}` : whole,
  );
}
