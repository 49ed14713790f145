import { sayKiB } from '../../src/oom/units.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shellPath, shellWord, showHostLine, showHostText } from '../../src/notice/host-text.ts';
import { sayClock, sayCount, sayDuration, sayNumber, sayShare, sayUtc } from '../../src/notice/units.ts';
import { HOSTILE_NAMES } from '../support/hostile-names.ts';

describe('numbers for people', () => {
  it.each([
    [0, '0 KiB'],
    [1, '1 KiB'],
    [999, '999 KiB'],
    [1_000, '1 MiB'],
    [1_536, '1.5 MiB'],
    [524_288, '512 MiB'],
    [6_141_916, '5.9 GiB'],
    [12_332_000, '12 GiB'],
    [2 ** 40, '1 PiB'],
    [-2_048, '-2 MiB'],
  ])('%i KiB is %s', (kiB, says) => expect(sayKiB(kiB)).toBe(says));

  it.each([
    [0, '0 ms'],
    [420, '420 ms'],
    [4_000, '4 s'],
    [59_700, '1 min'],
    [90_000, '2 min'],
    [6_600_000, '1 h 50 min'],
    [3_600_000, '1 h'],
    [7 * 86_400_000, '7 d'],
    [100_000_000, '1 d 4 h'],
    [-5, '0 ms'],
  ])('%i ms is %s', (ms, says) => expect(sayDuration(ms)).toBe(says));

  it('counts one and many', () => {
    expect([0, 1, 2, 1_000].map((count) => sayCount(count, 'kill'))).toEqual([
      '0 kills',
      '1 kill',
      '2 kills',
      '1,000 kills',
    ]);
    expect(sayCount(2, 'process', 'processes')).toBe('2 processes');
    expect(sayNumber(-1_234_567)).toBe('-1,234,567');
  });

  it('shares, clocks and times', () => {
    expect([sayShare(31, 100), sayShare(4, 1_000)]).toEqual(['31 %', '0.4 %']);
    expect([sayClock(95), sayClock(1_440), sayClock(-5)]).toEqual(['01:35', '00:00', '23:55']);
    expect(sayUtc(Number.POSITIVE_INFINITY)).toBe('at an unknown time');
  });
});

describe('host text for people', () => {
  it.each([
    ['', '(empty)'],
    ['  ', '(empty)'],
    ['a\nb', 'a\\nb'],
    ['\u001b[31mred', '\\u{1b}[31mred'],
    ['\u202egnp.exe', '\\u{202e}gnp.exe'],
    ['a\u200bb', 'a\\u{200b}b'],
    ['\ud83d', '\ufffd'],
    ['日本語', '日本語'],
  ])('%j is shown as %s', (text, shown) => expect(showHostText(text)).toBe(shown));

  it('is one line without control characters, never empty and never too long', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.constantFrom(...HOSTILE_NAMES), fc.string({ unit: 'binary', maxLength: 60 })),
        fc.integer({ min: 2, max: 80 }),
        (text, max) => {
          const shown = showHostText(text, max);

          expect(shown).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u);
          expect(shown.isWellFormed()).toBe(true);
          expect(shown.length).toBeGreaterThan(0);
          expect(Array.from(shown).length).toBeLessThanOrEqual(Math.max(max, '(empty)'.length));
          expect(Array.from(showHostLine(text, max)).length).toBeLessThanOrEqual(max);
        },
      ),
    );
  });

  it('gets into a command only if a shell takes it as it is', () => {
    expect(['mysql.service', 'getty@tty1.service', 'php-fpm8.2'].map(shellWord)).toEqual([
      'mysql.service',
      'getty@tty1.service',
      'php-fpm8.2',
    ]);
    expect(['-rf', 'a b', 'a;b', '$(x)', '`x`', 'a\nb', '', "a'b", 'a\\x2db'].map(shellWord)).toEqual(
      Array.from({ length: 9 }, () => null),
    );
    expect(['/system.slice/x.service', '/a/../b', 'a', '/a b'].map(shellPath)).toEqual([
      '/system.slice/x.service',
      null,
      null,
      null,
    ]);
  });
});
