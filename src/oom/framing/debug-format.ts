import { asJournal, NO_CONTEXT } from './json-context.ts';
import { openLines, type Filter } from './filter.ts';

// rsyslog's template RSYSLOG_DebugFormat tells each message three times, with all that is known of it:
//
//   Debug line with all properties:
//   FROMHOST: 'db01', fromhost-ip: '10.0.0.7', HOSTNAME: 'db01', PRI: 4,
//   syslogtag 'kernel:', programname: 'kernel', APP-NAME: 'kernel', PROCID: '-', MSGID: '-',
//   TIMESTAMP: 'Nov 22 19:51:13', STRUCTURED-DATA: '-',
//   msg: ' [  107.500000] Out of memory: Killed process 365 (mariadbd) …'
//   escaped msg: ' [  107.500000] Out of memory: …'
//   inputname: imklog rawmsg: '<4>…'

const START = 'Debug line with all properties:';
const MESSAGE = /^msg: '(.*)'$/s;
const HOST = /HOSTNAME: '([^']{1,255})'/;
const TIME = /TIMESTAMP: '([^']{1,40})'/;
const PROGRAM = /programname: '([^']{1,64})'/;

export function isDebugFormat(head: string): boolean {
  return head.includes(START) && /^msg: '/m.test(head);
}

/** Gives the messages, each with its host and time. */
export function openDebugFormat(): Filter {
  let host = '';
  let time = '';
  let program = '';

  return openLines((line) => {
    if (line === START) {
      host = time = program = '';
      return '\n';
    }
    host = HOST.exec(line)?.[1] ?? host;
    time = TIME.exec(line)?.[1] ?? time;
    program = PROGRAM.exec(line)?.[1] ?? program;
    const message = MESSAGE.exec(line)?.[1];
    if (message === undefined) return '\n';
    const context = { ...NO_CONTEXT, host, time, program: program === 'kernel' ? '' : program };
    return `${JSON.stringify({ message: message.replace(/^ /, ''), ...asJournal(context) })}\n`;
  });
}
