import type { Answer, Requester, Handlers } from '../app/answer/handlers.ts';
import { describeTypo } from '../notice/answer/answer-notice.ts';
import type { Notice } from '../notice/notice.ts';
import { describeRefusal } from '../notice/answer/refusal-text.ts';
import { joinWords } from './join-words.ts';
import { parseCommand, splitWords, type Command, type Parsed } from './grammar.ts';

/** A command that is answered with a form instead of a notice. */
export type Window = 'explain' | 'hosts add' | 'hosts remove';

/** What typed words come to: a notice, or a form to open. */
export type Reply = { kind: 'notice'; notice: Notice } | { kind: 'window'; window: Window; host: string | null };

/** An answer as something to read. */
export function noticeOf(answer: Answer): Notice {
  return answer.kind === 'notice' ? answer.notice : describeRefusal(answer.refusal);
}

/** Carries out what was typed. Slips are answered with what was probably meant. */
export async function answerWords(parsed: Parsed, handlers: Handlers, requester: Requester): Promise<Reply> {
  switch (parsed.kind) {
    case 'command':
      return answerCommand(parsed.command, handlers, requester);
    case 'typo':
      if (parsed.corrected !== null)
        return read(describeTypo(parsed.word, await correctTarget(parsed.corrected, handlers)));
      return read(describeRefusal({ kind: 'unknown-word', word: parsed.word, nearest: null }));
    case 'incomplete':
    case 'bad-value':
      return read(describeRefusal(parsed));
  }
}

/** Who slips in the verb slips in the name as well: what is suggested should work. */
async function correctTarget(text: string, handlers: Handlers): Promise<string> {
  const parsed = parseCommand(text);
  if (parsed.kind !== 'command') return text;
  const { command } = parsed;
  const said = 'host' in command ? command.host : 'target' in command ? command.target : null;
  const meant = said === null ? null : await handlers.meantTarget(said);
  if (said === null || meant === null || meant.toLowerCase() === said.toLowerCase()) return text;
  const words = splitWords(text);
  const at = words.indexOf(said, 1);
  return joinWords(words.map((word, place) => (place === at ? meant : word)));
}

async function answerCommand(command: Command, handlers: Handlers, requester: Requester): Promise<Reply> {
  switch (command.verb) {
    case 'last':
      return read(noticeOf(await handlers.answerLast(command, requester)));
    case 'history':
      return read(noticeOf(await handlers.answerHistory(command, requester)));
    case 'report':
      return read(noticeOf(await handlers.answerReport(command, requester)));
    case 'scores':
      return read(noticeOf(await handlers.answerScores(command, requester)));
    case 'hosts':
      return read(noticeOf(await handlers.answerHosts(requester)));
    case 'hosts check':
      return read(noticeOf(await handlers.checkHosts(command, requester)));
    case 'mute':
      return read(noticeOf(await handlers.mute(command, requester)));
    case 'unmute':
      return read(noticeOf(await handlers.unmute(command, requester)));
    case 'protect':
      return read(noticeOf(await handlers.protect({ ...command, incidentId: null }, requester)));
    case 'unprotect':
      return read(noticeOf(await handlers.unprotect(command, requester)));
    case 'pending':
      return read(noticeOf(await handlers.answerPending(requester)));
    case 'rules':
      return read(noticeOf(await handlers.answerRules(command, requester)));
    case 'rules edit':
      return read(noticeOf(await handlers.editRule(command, requester)));
    case 'audit':
      return read(noticeOf(await handlers.answerAudit(command, requester)));
    case 'help':
      return read(noticeOf(await handlers.answerHelp(requester)));
    case 'explain':
      return { kind: 'window', window: 'explain', host: null };
    case 'hosts add':
    case 'hosts remove': {
      const no = await handlers.mayEditHosts(requester);
      const host = command.verb === 'hosts remove' ? command.host : null;
      return no ? read(noticeOf(no)) : { kind: 'window', window: command.verb, host };
    }
  }
}

function read(notice: Notice): Reply {
  return { kind: 'notice', notice };
}
