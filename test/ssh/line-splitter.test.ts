import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { openLineSplitter } from '../../src/ssh/line-splitter.ts';

function split(chunks: Buffer[]): { lines: string[]; cut: number[]; places: [number, number][] } {
  const splitter = openLineSplitter();
  const lines: string[] = [];
  const cut: number[] = [];
  const places: [number, number][] = [];
  for (const chunk of chunks) {
    const some = splitter.push(chunk);
    if (some === null) continue;
    cut.push(...[...some.cut].map((index) => index + lines.length));
    some.lines.forEach((line, index) => {
      lines.push(line);
      places.push([some.starts[index] ?? -1, some.ends[index] ?? -1]);
    });
  }
  return { lines, cut, places };
}

describe('openLineSplitter', () => {
  it('gives the same lines and places for any cutting of the bytes', () => {
    const bytes = fc.array(fc.oneof(fc.constant(10), fc.integer({ min: 0, max: 255 })), { maxLength: 200 });
    fc.assert(
      fc.property(bytes, fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }), (all, sizes) => {
        const whole = Buffer.from(all);
        const chunks: Buffer[] = [];
        for (let at = 0, n = 0; at < whole.length; n++) {
          const size = sizes[n % sizes.length] ?? 1;
          chunks.push(whole.subarray(at, at + size));
          at += size;
        }
        const { lines, places } = split(chunks);

        expect(lines).toEqual(whole.toString('latin1').split('\n').slice(0, -1));
        places.forEach(([start, end], index) => {
          expect(whole.toString('latin1', start, end)).toBe(`${lines[index]}\n`);
        });
      }),
    );
  });

  it('cuts a line at 64 KiB, says so once, and goes on with the next one in its place', () => {
    const long = Buffer.alloc(300_000, 0x61);
    const chunks = [
      Buffer.from('a\n'),
      long.subarray(0, 100_000),
      long.subarray(100_000),
      Buffer.from('\nb\nc'),
      Buffer.from('\n'),
    ];

    const { lines, cut, places } = split(chunks);

    expect(lines.map((line) => line.length)).toEqual([1, 65_536, 1, 1]);
    expect(cut).toEqual([1]);
    expect(places[2]).toEqual([300_003, 300_005]);
  });

  it('holds back no more than a line of noise without end', () => {
    const splitter = openLineSplitter();
    const noise = Buffer.alloc(1024 * 1024, 0xff);
    const before = process.memoryUsage().heapUsed;

    for (let n = 0; n < 200; n++) splitter.push(noise);

    expect(process.memoryUsage().heapUsed - before).toBeLessThan(64 * 1024 * 1024);
  });
});
