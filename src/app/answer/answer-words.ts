import { describeTypo } from '../../notice/answer/answer-notice.ts';
import { describeRefusal } from '../../notice/answer/refusal-text.ts';
import type { Notice } from '../../notice/notice.ts';
import type { Parsed, Reply, Slip } from './command.ts';
import { joinWords, splitWords } from './command-words.ts';
import type { Answer, Requester, Handlers } from './handlers.ts';
import { readCommand } from './registry.ts';

/** An answer as something to read. */
export function noticeOf(answer: Answer): Notice {
  return answer.kind === 'notice' ? answer.notice : describeRefusal(answer.refusal);
}

/** Carries out what was typed after `prefix` (`/oom`), if this person may. Slips are answered with what was probably meant. */
export async function answerWords(
  parsed: Parsed,
  handlers: Handlers,
  requester: Requester,
  prefix = '/oom',
): Promise<Reply> {
  if (parsed.kind === 'command') {
    const no = parsed.whoMay === 'admins' ? await handlers.mayEditHosts(requester) : null;
    return no ?? parsed.answer(handlers, requester);
  }
  if (parsed.kind === 'typo' && parsed.corrected !== null)
    return { kind: 'notice', notice: describeTypo(parsed.word, await correctTarget(parsed.corrected, handlers)) };
  return refuseSlip(parsed, prefix);
}

/** What is wrong with the words, and what to type. */
export function refuseSlip(slip: Slip, prefix: string): Extract<Answer, { kind: 'refused' }> {
  switch (slip.kind) {
    case 'typo':
      return { kind: 'refused', refusal: { kind: 'unknown-word', word: slip.word, nearest: slip.corrected } };
    case 'incomplete':
      return { kind: 'refused', refusal: { ...slip, example: `${prefix} ${slip.example}` } };
    case 'bad-value':
      return { kind: 'refused', refusal: slip };
  }
}

/** Who slips in the verb slips in the name as well: what is suggested should work. */
async function correctTarget(text: string, handlers: Handlers): Promise<string> {
  const parsed = readCommand(splitWords(text));
  if (parsed.kind !== 'command') return text;
  const ask: { host?: string | null; target?: string | null } = parsed.ask;
  const said = ask.host ?? ask.target ?? null;
  const meant = said === null ? null : await handlers.meantTarget(said);
  if (said === null || meant === null || meant.toLowerCase() === said.toLowerCase()) return text;
  const words = splitWords(text);
  const at = words.indexOf(said, 1);
  return joinWords(words.map((word, place) => (place === at ? meant : word)));
}
