import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

// The only statement of who may import whom: a room imports rooms of the rows above; rooms in one row never import each other.
// A folder with files of its own beside its rooms (`oom/report.ts` beside `oom/framing/`) is a room too.
const ORDER = [
  ['oom'],
  ['oom/framing', 'oom/badness'],
  ['oom/killers', 'oom/proc'],
  ['oom/report'],
  ['cause'],
  ['size'],
  ['incident'],
  ['change'],
  ['notice'],
  ['notice/incident', 'notice/change'],
  ['notice/answer'],
  ['app'],
  ['app/watch', 'app/tell'],
  ['app/change'],
  ['app/drill'],
  ['app/answer'],
  ['remote'],
  ['ssh', 'slack', 'store', 'hook', 'local', 'parse', 'setup'],
  ['demo', 'config'],
  ['http'],
  ['run'],
  ['main.ts'],
  ['cli'],
  ['cli.ts'],
];
const PURE = ['oom', 'cause', 'size', 'incident', 'change', 'notice'];
const IMPURE_CALLS = /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bperformance\.|\bprocess\.\w|\bfetch\(/;

const src = path.join(import.meta.dirname, '../src');
const row = new Map(ORDER.flatMap((rooms, at) => rooms.map((room) => [room, at] as const)));
const files = globSync('**/*.ts', { cwd: src, exclude: ['local/page/**'] });

function roomOf(file: string): string {
  return path.dirname(file) === '.' ? file : path.dirname(file);
}

function importsOf(file: string): string[] {
  const text = readFileSync(path.join(src, file), 'utf8');
  return [...text.matchAll(/^(?:import|export)[^;]*?from '(.+?)'|\bimport\('(.+?)'\)/gms)].map(
    (match) => match[1] ?? match[2] ?? '',
  );
}

/** Files of ours that a file imports, as paths in `src`. */
function filesFrom(file: string): string[] {
  return importsOf(file)
    .filter((target) => target.startsWith('.') && !target.endsWith('.json'))
    .map((target) => path.join(path.dirname(file), target));
}

/** Paths in a circle, type imports too; null: there is none. */
function findCircle(): string[] | null {
  const done = new Set<string>();
  function visit(file: string, path: readonly string[]): string[] | null {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return null;
    for (const next of filesFrom(file)) {
      const circle = visit(next, [...path, file]);
      if (circle !== null) return circle;
    }
    done.add(file);
    return null;
  }
  for (const file of files) {
    const circle = visit(file, []);
    if (circle !== null) return circle;
  }
  return null;
}

describe('the order of rooms', () => {
  it('has a place for each room', () => {
    expect([...new Set(files.map(roomOf))].filter((room) => !row.has(room))).toEqual([]);
  });

  it('lets each file import only from the rows above', () => {
    const wrong = files.flatMap((file) =>
      filesFrom(file)
        .filter((target) => roomOf(target) !== roomOf(file))
        .filter((target) => (row.get(roomOf(target)) ?? Infinity) >= (row.get(roomOf(file)) ?? -1))
        .map((target) => `${file} imports ${target}`),
    );

    expect(wrong).toEqual([]);
  });

  it('has no circle, not even of types', () => {
    expect(findCircle() ?? []).toEqual([]);
  });

  it('keeps packages, the clock, chance and the process out of the pure rooms', () => {
    const wrong = files
      .filter((file) => PURE.includes(file.split(path.sep)[0] ?? ''))
      .filter(
        (file) =>
          importsOf(file).some((target) => !target.startsWith('.')) ||
          IMPURE_CALLS.test(readFileSync(path.join(src, file), 'utf8')),
      );

    expect(wrong).toEqual([]);
  });
});
