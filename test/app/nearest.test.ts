import { describe, expect, it } from 'vitest';
import { nearest } from '../../src/app/nearest.ts';

describe('what somebody probably meant', () => {
  it.each([
    ['dbo1', 'db01'],
    ['DB01', 'db01'],
    ['d01b', 'db01'],
    ['db', 'db01'],
    ['webserver-eu-wset-1', 'webserver-eu-west-1'],
    ['xyz', null],
    ['', null],
  ])('“%s” is %s', (word, meant) => expect(nearest(word, ['db01', 'web1', 'webserver-eu-west-1'])).toBe(meant));

  it('knows nothing without candidates', () => expect(nearest('db01', [])).toBeNull());

  it('is quick with a thousand hosts and a long word', () => {
    const hosts = Array.from({ length: 1_000 }, (_, at) => `host-number-${at}.example.net`);
    const before = performance.now();

    nearest('h'.repeat(4_000), hosts);

    expect(performance.now() - before).toBeLessThan(500);
  });
});
