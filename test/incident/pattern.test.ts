import { describe, expect, it } from 'vitest';
import { changeBefore, killLoopOf, otherHostsOf } from '../../src/incident/pattern.ts';

const MINUTE_MS = 60_000;
const NOON = Date.UTC(2026, 7, 1, 12);

function at(minute: number): number {
  return NOON + minute * MINUTE_MS;
}

describe('a kill loop', () => {
  it.each([
    [[0, 4, 9], 3],
    [[-300, 0, 4, 9, 10], 4],
    [[0, 4, 11], 0],
    [[0, 9], 0],
    // A group that dies as a whole is one death.
    [[0, 0, 0.001, 0.01], 0],
    [[0, 0, 4, 4, 9, 9.01], 3],
    [[], 0],
  ])('of kills at minutes %j counts %i', (minutes, count) => {
    expect(killLoopOf(minutes.map(at))).toBe(count);
  });
});

describe('a kill after a change', () => {
  const deploy = { atMs: at(-10), what: 'deploy' };
  const old = { atMs: at(-40), what: 'upgrade' };

  it.each([
    ['the newest one within a quarter of an hour', [old, deploy], [], deploy],
    ['none that is older', [old], [], null],
    ['none when an earlier kill came after it', [deploy], [at(-5)], null],
    ['one, whatever died before it', [deploy], [at(-11), at(-300)], deploy],
    ['none that came later', [{ atMs: at(1), what: 'late' }], [], null],
  ])('names %s', (_, changes, earlier, expected) => {
    expect(changeBefore(at(0), changes, earlier)).toEqual(expected);
  });
});

describe('the same service on other hosts', () => {
  it('is named with the nearest in time first, each host once', () => {
    const kill = { host: 'web1', service: 'app.service', atMs: at(0) };
    const kills = [
      kill,
      { host: 'web2', service: 'app.service', atMs: at(-50) },
      { host: 'web3', service: 'app.service', atMs: at(20) },
      { host: 'web2', service: 'app.service', atMs: at(-55) },
      { host: 'web4', service: 'app.service', atMs: at(-61) },
      { host: 'web5', service: 'other.service', atMs: at(0) },
    ];

    expect(otherHostsOf(kill, kills)).toEqual(['web3', 'web2']);
  });
});
