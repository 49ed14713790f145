import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitWords } from '../../src/app/answer/command-words.ts';
import { readDuration } from '../../src/app/duration.ts';
import { parseCommand, plainTyping } from '../../src/slack/typed-text.ts';
import { HOSTILE_NAMES } from '../support/hostile-names.ts';

const HOUR = 3_600_000;
const piece = fc.oneof(
  fc.constantFrom('last', 'mute ', 'hosts ', '"', '“', '<', '>', '|', '&amp;', '<#C1|x>', ' ', '1h', '—'),
  fc.constantFrom(...HOSTILE_NAMES),
  fc.string({ unit: 'binary', maxLength: 10 }),
);

function wantsProtect(given: object): object {
  return { name: 'protect', host: 'db01', what: 'mysqld', adj: null, forMs: null, keep: false, why: null, ...given };
}

/** The command that a text is read as, with what it asks. */
function asked(text: string): object {
  const parsed = parseCommand(text);
  return parsed.kind === 'command' ? { name: parsed.name, ...parsed.ask } : parsed;
}

describe('what people type', () => {
  it.each([
    ['protect', 'incomplete'],
    ['protect db01', 'incomplete'],
    ['unprotect db01', 'incomplete'],
    ['rules end', 'incomplete'],
    ['protect db01 mysqld -5000', 'bad-value'],
    ['protect db01 mysqld -500 -400', 'bad-value'],
    ['protect db01 mysqld for ever', 'bad-value'],
    ['protect db01 mysqld for', 'bad-value'],
    ['protect db01 mysqld; reboot', 'bad-value'],
    ['protect db01 mysqld $(id)', 'bad-value'],
    ['unprotect db01 mysqld now', 'bad-value'],
    ['protect db01 mysqld keep on', 'bad-value'],
    ['protect db01 mysqld keep on tag', 'bad-value'],
    ['protect db01 mysqld keep on db', 'bad-value'],
    ['protect db01 mysqld keep matching', 'bad-value'],
    ['protect db01 mysqld on tag db', 'bad-value'],
    ['protect db01 mysqld show', 'bad-value'],
    ['protekt db01 mysqld', 'typo'],
  ])('%s is asked back', (text, kind) => {
    expect(parseCommand(text).kind).toBe(kind);
  });

  it('suggests the verb that was meant', () => {
    expect(parseCommand('protekt db01 mysqld')).toMatchObject({ corrected: 'protect db01 mysqld' });
  });

  it('suggests the word that was meant within a proposal', () => {
    expect(parseCommand('protect db01 "my app" -500 kep on tag db because kep')).toMatchObject({
      kind: 'typo',
      word: 'kep',
      corrected: 'protect db01 "my app" -500 keep on tag db because kep',
    });
  });

  it.each([
    ['keep on tag db', { tag: 'db', commandLine: null, onDrift: 'mend' }],
    ['on tag db keep show', { tag: 'db', commandLine: null, onDrift: 'show' }],
    ['keep matching "-jar shop.*"', { tag: null, commandLine: '-jar shop.*', onDrift: 'mend' }],
  ] as const)('takes %s as what a rule says', (words, terms) => {
    expect(asked(`protect db01 mysqld -500 ${words}`)).toEqual(wantsProtect({ adj: -500, keep: true, terms }));
  });

  it.each<[string, object]>([
    ['', { name: 'help' }],
    ['help', { name: 'help' }],
    ['?', { name: 'help' }],
    ['last db01', { name: 'last', host: 'db01' }],
    ['  LAST   db01 ', { name: 'last', host: 'db01' }],
    ['last <http://edge7.example.net|edge7.example.net>', { name: 'last', host: 'edge7.example.net' }],
    ['last <http://edge7.example.net/>', { name: 'last', host: 'edge7.example.net' }],
    ['history db 7d', { name: 'history', target: 'db', forMs: 7 * 24 * HOUR }],
    ['history db01', { name: 'history', target: 'db01', forMs: null }],
    ['history', { name: 'history', target: null, forMs: null }],
    ['history 24h', { name: 'history', target: null, forMs: 24 * HOUR }],
    ['history db01 last 2 days', { name: 'history', target: 'db01', forMs: 48 * HOUR }],
    ['report', { name: 'report', target: null, forMs: null }],
    ['report db 14d', { name: 'report', target: 'db', forMs: 14 * 24 * HOUR }],
    ['weekly', { name: 'report', target: null, forMs: null }],
    ['scores db01', { name: 'scores', host: 'db01', limit: null }],
    ['scores db01 5', { name: 'scores', host: 'db01', limit: 5 }],
    ['scores db01 5000', { name: 'scores', host: 'db01', limit: 50 }],
    ['top db01', { name: 'scores', host: 'db01', limit: null }],
    ['audit', { name: 'audit', host: null }],
    ['audit db01', { name: 'audit', host: 'db01' }],
    ['protect db01 mysqld', wantsProtect({})],
    [
      'protect db01 mysqld -500 for 2h because it pays the bills',
      wantsProtect({ adj: -500, forMs: 2 * HOUR, why: 'it pays the bills' }),
    ],
    ['protect db01 mysqld —500', wantsProtect({ adj: -500 })],
    ['protect db01 4711 to -250 keep', wantsProtect({ what: '4711', adj: -250, keep: true })],
    ['protect db01 "tor worker" for 2 hours', wantsProtect({ what: 'tor worker', forMs: 2 * HOUR })],
    ['protect db01 mysqld for 1 h 30 min -100', wantsProtect({ adj: -100, forMs: 1.5 * HOUR })],
    ['protect db01 mysqld because keep calm for 2h', wantsProtect({ why: 'keep calm for 2h' })],
    ['unprotect db01 mysql.service', { name: 'unprotect', host: 'db01', what: 'mysql.service', why: null }],
    ['unprotect db01 mysqld because quiet', { name: 'unprotect', host: 'db01', what: 'mysqld', why: 'quiet' }],
    ['PENDING', { name: 'pending' }],
    ['rules', { name: 'rules', host: null }],
    ['rules db01', { name: 'rules', host: 'db01' }],
    ['rules pause r1', { name: 'rules pause', rule: 'r1', to: 'paused' }],
    ['rules resume r1', { name: 'rules resume', rule: 'r1', to: 'active' }],
    ['rules end mysqld', { name: 'rules end', rule: 'mysqld', to: 'ended' }],
    ['hosts', { name: 'hosts' }],
    ['hosts add', { name: 'hosts add' }],
    ['hosts remove db09', { name: 'hosts remove', host: 'db09' }],
    ['hosts check', { name: 'hosts check', host: null }],
    ['hosts check db01', { name: 'hosts check', host: 'db01' }],
    ['mute db01', { name: 'mute', target: 'db01', forMs: null }],
    ['mute db01 1h', { name: 'mute', target: 'db01', forMs: HOUR }],
    ['mute db01 for 1h30m', { name: 'mute', target: 'db01', forMs: 1.5 * HOUR }],
    ['mute “php fpm” 2 hours', { name: 'mute', target: 'php fpm', forMs: 2 * HOUR }],
    ['mute ‘php fpm’ 2h', { name: 'mute', target: 'php fpm', forMs: 2 * HOUR }],
    ['mute mysql.service off', { name: 'unmute', target: 'mysql.service' }],
    ['unmute db01', { name: 'unmute', target: 'db01' }],
    ['—help', { name: 'help' }],
    ['--help', { name: 'help' }],
    ['explain', { name: 'explain' }],
    ['last a&amp;b', { name: 'last', host: 'a&b' }],
    ['mute <#C024BE7LR|general> 1h', { name: 'mute', target: '#general', forMs: HOUR }],
    ['last db–01', { name: 'last', host: 'db-01' }],
    ['last\u00a0db01', { name: 'last', host: 'db01' }],
  ])('reads “%s”', (text, command) => {
    expect(asked(text)).toEqual(command);
  });

  it.each([
    ['lats db01', 'lats', 'last db01'],
    ['scoers db01 5', 'scoers', 'scores db01 5'],
    ['histroy db', 'histroy', 'history db'],
    ['hlep', 'hlep', 'help'],
    ['hosts ad', 'hosts ad', 'hosts add'],
    ['hist db01', 'hist', 'history db01'],
  ])('asks what “%s” was meant to be', (text, word, corrected) => {
    expect(parseCommand(text)).toEqual({ kind: 'typo', word, corrected });
  });

  it('does not guess when nothing is near', () => {
    expect(parseCommand('xyzzy db01')).toEqual({ kind: 'typo', word: 'xyzzy', corrected: null });
  });

  it.each(['constructor', '__proto__', 'toString', 'hasOwnProperty'])('takes “%s” for a word like others', (word) => {
    expect(parseCommand(word)).toMatchObject({ kind: 'typo' });
  });

  it('says what is missing, with an example', () => {
    expect(parseCommand('last')).toEqual({
      kind: 'incomplete',
      verb: 'last',
      wanted: 'a host',
      example: 'last db01',
    });
    expect(parseCommand('mute')).toMatchObject({ kind: 'incomplete', verb: 'mute' });
  });

  it('says what it cannot read', () => {
    expect(parseCommand('mute db01 soon')).toMatchObject({ kind: 'bad-value', given: 'soon' });
    expect(parseCommand('scores db01 many')).toMatchObject({ kind: 'bad-value', given: 'many' });
    expect(parseCommand('scores db01 0')).toMatchObject({ kind: 'bad-value', given: '0' });
  });

  it('reads any text without a fault', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        expect(['command', 'typo', 'incomplete', 'bad-value']).toContain(parseCommand(pieces.join('')).kind);
      }),
    );
  }, 30_000);

  it('is quick with the worst that fits', () => {
    const texts = [
      '1'.repeat(4_000),
      `mute x ${'1m'.repeat(2_000)}`,
      '<'.repeat(4_000),
      '"'.repeat(4_000),
      ' '.repeat(4_000),
      '<http://'.repeat(500),
    ];
    const before = performance.now();

    texts.forEach((text) => parseCommand(text));

    expect(performance.now() - before).toBeLessThan(1_500);
  });
});

describe('times', () => {
  it.each([
    ['90s', 90_000],
    ['30m', 1_800_000],
    ['1h', HOUR],
    ['1.5h', 1.5 * HOUR],
    ['2 days', 48 * HOUR],
    ['1w', 7 * 24 * HOUR],
    ['1h30m', 1.5 * HOUR],
  ])('%s', (text, expected) => expect(readDuration(text)).toBe(expected));

  it.each(['', '1', 'h', '-1h', '0m', '1y', '400d', '1h!', '∞'])('refuses “%s”', (text) =>
    expect(readDuration(text)).toBeNull(),
  );
});

describe('typing undone', () => {
  it('unescapes once only', () => {
    expect(plainTyping('&amp;lt;!channel&amp;gt;')).toBe('&lt;!channel&gt;');
  });

  it('keeps a quote that is never closed', () => {
    expect(splitWords('it"s here')).toEqual(['it"s', 'here']);
  });
});
