import { readFileSync } from 'node:fs';

import { JOURNAL_REQUEST } from '../remote/log-scripts.ts';
import { HELPER_VERBS, SCRIPTS, VERBS } from '../remote/scripts.ts';

/** Read without being named; others only when `setup --log-file` names them. */
const LOG_FILES = ['/var/log/kern.log', '/var/log/messages', '/var/log/syslog'];

/** The one command of the bot's key, with the very scripts that it would send to a host without it. `options`: words of setup. */
export function renderDispatcher(logFiles: readonly string[], options: readonly string[]): string {
  const scripts = Object.entries(SCRIPTS).map(([name, script]) => `${name})\n${script.trim()}\n;;`);
  const helpers = Object.entries(HELPER_VERBS).map(
    ([helper, verb]) => `${verb}) exec \${way:+"$way" -n} /usr/local/sbin/${helper} ;;`,
  );
  return textOf('oombot-host.sh')
    .replace('@FILES@', () => [...new Set([...LOG_FILES, ...logFiles])].join('\n'))
    .replace('@OPTIONS@', () => options.join(' '))
    .replace('@VERBS@', VERBS.join(' '))
    .replace('@SCRIPTS@', () => [...scripts, ...helpers].join('\n'));
}

export function renderJournalReader(): string {
  return textOf('oom-journal.sh').replace('# @REQUEST@', () => JOURNAL_REQUEST.trim());
}

function textOf(file: string): string {
  return readFileSync(new URL(file, import.meta.url), 'utf8');
}
