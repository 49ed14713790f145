import { styleText } from 'node:util';

import { showHostText } from '../notice/host-text.ts';
import type { Finding, Severity } from './finding.ts';

const WORDS: Record<Severity, { text: string; colour: 'red' | 'yellow' | 'gray' }> = {
  'cannot-watch': { text: 'cannot watch', colour: 'red' },
  unsafe: { text: 'unsafe', colour: 'red' },
  'watches-worse': { text: 'limited', colour: 'yellow' },
  'cannot-change': { text: 'cannot change', colour: 'yellow' },
  note: { text: 'note', colour: 'gray' },
};
const QUESTIONS = { login: 'log in', log: 'kernel log', scores: 'scores', changes: 'changes' } as const;

/** What was found on a host, for a terminal. Ends with a line break. */
export function renderCheck(host: { name: string }, findings: readonly Finding[], colour: boolean): string {
  function paint(format: 'bold' | 'green' | 'red' | 'yellow' | 'gray', text: string): string {
    return colour ? styleText(format, text, { validateStream: false }) : text;
  }
  const answers = (Object.keys(QUESTIONS) as (keyof typeof QUESTIONS)[]).map((about) => {
    const worst = findings.find((finding) => finding.about === about && finding.severity !== 'note');
    // Without a login nothing else was looked at.
    if (about !== 'login' && findings.some((finding) => finding.about === 'login')) return `${QUESTIONS[about]}: ?`;
    if (!worst) return `${QUESTIONS[about]}: ${paint('green', 'yes')}`;
    const limited = worst.severity === 'watches-worse' || worst.code === 'no-capability';
    return `${QUESTIONS[about]}: ${limited ? paint('yellow', 'partial') : paint('red', 'no')}`;
  });
  const lines = [`${paint('bold', showHostText(host.name, 80))}  ${answers.join(' · ')}`];
  for (const { severity, what, cost, fix } of findings) {
    const { text, colour: tone } = WORDS[severity];
    lines.push(`  ${paint(tone, text)}: ${showHostText(what, 1_000)}`, `      ${showHostText(cost, 400)}`);
    if (fix) {
      const name = showHostText(host.name, 80);
      const where = { host: `on ${name}, as root`, bot: 'here', configuration: `in oombot.yaml, for ${name}` }[
        fix.where
      ];
      lines.push(`      fix, ${where}: ${paint('bold', fix.line)}`);
    }
  }
  return `${lines.join('\n')}\n`;
}
