import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCommand, plainTyping, readDuration, splitWords, type Command } from '../../src/slack/grammar.ts';
import { HOSTILE_NAMES } from '../support/hostile-names.ts';

const HOUR = 3_600_000;
const piece = fc.oneof(
  fc.constantFrom('last', 'mute ', 'hosts ', '"', '“', '<', '>', '|', '&amp;', '<#C1|x>', ' ', '1h', '—'),
  fc.constantFrom(...HOSTILE_NAMES),
  fc.string({ unit: 'binary', maxLength: 10 }),
);

describe('what people type', () => {
  it.each(['protect db01 mysqld', 'unprotect db01 mysqld', 'rules', 'PENDING'])(
    'knows %s, which is not there yet',
    (text) => {
      expect(parseCommand(text)).toEqual({ kind: 'not-yet', verb: text.split(' ')[0]?.toLowerCase() });
    },
  );

  it.each<[string, Command]>([
    ['', { verb: 'help' }],
    ['help', { verb: 'help' }],
    ['?', { verb: 'help' }],
    ['last db01', { verb: 'last', host: 'db01' }],
    ['  LAST   db01 ', { verb: 'last', host: 'db01' }],
    ['last <http://edge7.example.net|edge7.example.net>', { verb: 'last', host: 'edge7.example.net' }],
    ['last <http://edge7.example.net/>', { verb: 'last', host: 'edge7.example.net' }],
    ['history db 7d', { verb: 'history', target: 'db', forMs: 7 * 24 * HOUR }],
    ['history db01', { verb: 'history', target: 'db01', forMs: null }],
    ['history', { verb: 'history', target: null, forMs: null }],
    ['history 24h', { verb: 'history', target: null, forMs: 24 * HOUR }],
    ['history db01 last 2 days', { verb: 'history', target: 'db01', forMs: 48 * HOUR }],
    ['report', { verb: 'report', target: null, forMs: null }],
    ['report db 14d', { verb: 'report', target: 'db', forMs: 14 * 24 * HOUR }],
    ['weekly', { verb: 'report', target: null, forMs: null }],
    ['scores db01', { verb: 'scores', host: 'db01', limit: null }],
    ['scores db01 5', { verb: 'scores', host: 'db01', limit: 5 }],
    ['scores db01 5000', { verb: 'scores', host: 'db01', limit: 50 }],
    ['top db01', { verb: 'scores', host: 'db01', limit: null }],
    ['audit', { verb: 'audit', host: null }],
    ['audit db01', { verb: 'audit', host: 'db01' }],
    ['hosts', { verb: 'hosts' }],
    ['hosts add', { verb: 'hosts add' }],
    ['hosts remove db09', { verb: 'hosts remove', host: 'db09' }],
    ['hosts check', { verb: 'hosts check', host: null }],
    ['hosts check db01', { verb: 'hosts check', host: 'db01' }],
    ['mute db01', { verb: 'mute', target: 'db01', forMs: null }],
    ['mute db01 1h', { verb: 'mute', target: 'db01', forMs: HOUR }],
    ['mute db01 for 1h30m', { verb: 'mute', target: 'db01', forMs: 1.5 * HOUR }],
    ['mute “php fpm” 2 hours', { verb: 'mute', target: 'php fpm', forMs: 2 * HOUR }],
    ['mute ‘php fpm’ 2h', { verb: 'mute', target: 'php fpm', forMs: 2 * HOUR }],
    ['mute mysql.service off', { verb: 'unmute', target: 'mysql.service' }],
    ['unmute db01', { verb: 'unmute', target: 'db01' }],
    ['—help', { verb: 'help' }],
    ['--help', { verb: 'help' }],
    ['explain', { verb: 'explain' }],
    ['last a&amp;b', { verb: 'last', host: 'a&b' }],
    ['mute <#C024BE7LR|general> 1h', { verb: 'mute', target: '#general', forMs: HOUR }],
    ['last db–01', { verb: 'last', host: 'db-01' }],
    ['last\u00a0db01', { verb: 'last', host: 'db01' }],
  ])('reads “%s”', (text, command) => {
    expect(parseCommand(text)).toEqual({ kind: 'command', command });
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
      example: '/oom last db01',
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
