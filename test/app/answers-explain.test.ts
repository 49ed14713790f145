import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { explainText } from '../../src/app/answer/explain.ts';
import { renderText } from '../../src/notice/render-text.ts';
import { noticeOf, refusalOf, textOf } from '../support/an-answering-bot.ts';
import { ownCorpus, readLogFile } from '../support/corpus.ts';

const corpus = ownCorpus();
const PASTED = 'd12-unit-java.dmesg.log';
const REPORT = read(PASTED);
const KILL_LINE = REPORT.split('\n').find((line) => line.includes('Killed process')) ?? '';

function read(file: string): string {
  return readLogFile(corpus, file).toString('utf8');
}

/** What a text comes to, without the small print. */
function gist(text: string): string {
  const notice = noticeOf(explainText(text));
  return renderText({ ...notice, small: [] });
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function wrappedAtBlank(text: string, width: number): string {
  return text.replaceAll(new RegExp(`(.{${width - 20},${width}}) (?=\\S)`, 'g'), '$1\n');
}

function wrappedAnywhere(text: string, width: number): string {
  return text
    .split('\n')
    .map((line) => (line.match(new RegExp(`.{1,${width}}`, 'gs')) ?? ['']).join('\n'))
    .join('\n');
}

describe('a pasted report', () => {
  it('is explained: victim, trigger, what ran out, cause', () => {
    const text = textOf(explainText(REPORT));

    expect(text).toContain('java (pid 569) was killed by the kernel');
    expect(text).toContain('memory group /system.slice/app-web.service');
    expect(text).toContain('Only you can see this. None of it is stored.');
  });

  it.each<[string, (text: string) => string]>([
    ['with Windows line ends', (text) => text.replaceAll('\n', '\r\n')],
    ['with the entities of a chat', escaped],
    ['with entities twice', (text) => escaped(escaped(text)).replaceAll('&amp;amp;', '&amp;')],
    ['in a code block', (text) => `\`\`\`\n${text}\n\`\`\``],
    ['in a code block that begins in its line', (text) => `\`\`\`${text}\`\`\``],
    ['quoted', (text) => text.replaceAll(/^/gm, '> ')],
    ['quoted, with entities', (text) => text.replaceAll(/^/gm, '&gt; ')],
    ['with long dashes and curly quotes', (text) => text.replaceAll('-', '–').replaceAll('"', '”')],
    ['with hard blanks', (text) => text.replaceAll(' ', '\u00a0')],
    ['with hidden characters', (text) => text.replaceAll('(', '\u200b(')],
    ['with empty lines between', (text) => text.replaceAll('\n', '\n\n')],
    ['as a JSON string', (text) => JSON.stringify({ events: [{ message: text }] })],
    ['as a table', (text) => `time,message\n2026-11-22,"${text.replaceAll('"', '""')}"\n`],
    ['behind a front that nobody knows', (text) => text.replaceAll(/^/gm, 'srv-7 (core) | ')],
    ['with the newest line first', (text) => text.trimEnd().split('\n').toReversed().join('\n')],
    ['wrapped at blanks', (text) => wrappedAtBlank(text, 80)],
    ['wrapped at any character', (text) => wrappedAnywhere(text, 80)],
    ['wrapped at any character, at 132', (text) => wrappedAnywhere(text, 132)],
    ['with its lines run together', (text) => text.trimEnd().replaceAll('\n', ' ')],
    ['in fields of 3,000 characters', (text) => (text.match(/.{1,3000}/gs) ?? []).join('\n')],
    ['after words of the person', (text) => `hi, what is this?\n${text}\nthanks!`],
  ])('%s says the same', (_what, mangle) => {
    expect(gist(mangle(REPORT))).toBe(gist(REPORT));
  });

  it('without any stamps, wrapped at blanks, still tells who died and what it held', () => {
    const bare = KILL_LINE.replace(/^\[[^\]]+\] /, '');
    const wrapped = bare.replace(' anon-rss', '\nanon-rss').replace(' UID', '\n  UID');

    expect(gist(wrapped)).toBe(gist(bare));
    expect(gist(wrapped)).toContain('java (pid 569) was killed by the kernel');
    expect(gist(wrapped)).toMatch(/Memory freed: +48 MiB/);
  });

  it('of a message in which a link was made of a unit’s name is read by its label', () => {
    const linked = REPORT.replaceAll('app-web.service', '<http://app-web.service|app-web.service>');

    expect(gist(linked)).toBe(gist(REPORT));
  });

  it('with several kills lists them', () => {
    const text = textOf(explainText(read('d12-global-mysqld.dmesg.log')));

    expect(text).toContain('2 kills in this text');
    expect(text).toContain('mariadbd (pid 365)');
    expect(text).toContain('php-fpm8.2 (pid 1099)');
  });

  it.each(corpus.entries.filter((entry) => entry.form === 'dmesg' && !entry.file.endsWith('.gz')))(
    'of $file comes through the entities of a chat unchanged',
    ({ file }) => {
      const text = read(file).slice(0, 60_000);

      expect(explainText(escaped(text))).toEqual(explainText(text));
    },
  );
});

describe('a pasted text', () => {
  it('without a report is refused with what to paste', () => {
    expect(refusalOf(explainText('mysql is down again\ncan somebody look?'))).toEqual({
      kind: 'no-report-found',
      lineCount: 2,
    });
    expect(refusalOf(explainText(' \n\n'))).toEqual({ kind: 'no-report-found', lineCount: 0 });
  });

  it('of a host without a kill is refused too', () => {
    expect(refusalOf(explainText('[ 1.0] Linux version 6.1.0\n[ 2.0] Out of cheese\n')).kind).toBe('no-report-found');
  });

  it('is read up to five million characters, and that is said', () => {
    const text = `${REPORT}\n${`${'x'.repeat(99)}\n`.repeat(50_000)}\n${read('d12-global-mysqld.dmesg.log')}`;

    const explained = textOf(explainText(text));

    expect(explained).toContain('java (pid 569)');
    expect(explained).not.toContain('mariadbd');
    expect(explained).toContain('The text was longer than 5 MB');
  });

  it('never makes it fail', () => {
    const anything = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 400 }),
      fc
        .tuple(fc.nat(REPORT.length), fc.nat(3_000), fc.string({ unit: 'binary', maxLength: 20 }))
        .map(([from, length, noise]) => REPORT.slice(from, from + length) + noise),
    );
    fc.assert(
      fc.property(anything, (text) => {
        const answer = explainText(text);
        if (answer.kind === 'notice') expect(renderText(answer.notice)).not.toBe('');
      }),
      { numRuns: 300 },
    );
  });

  it('of the greatest length is read, whatever it repeats', () => {
    const texts = [
      '[ 1.000000] '.repeat(9_000),
      `${KILL_LINE}\n`.repeat(1_000),
      'a\n'.repeat(50_000),
      '> '.repeat(50_000),
    ];

    for (const text of texts) expect(explainText(text).kind).toMatch(/notice|refused/);
  });
});
