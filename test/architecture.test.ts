import { readFileSync } from 'node:fs';
import { globSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

// The only statement of who may import whom: a folder imports folders to its left; folders in one place never import each other.
const ORDER = [
  ['oom'],
  ['incident'],
  ['change'],
  ['notice'],
  ['app'],
  ['ssh', 'slack', 'local', 'store', 'parse', 'setup'],
  ['demo'],
];
const PURE = new Set(['oom', 'incident', 'change', 'notice']);
const IMPURE_CALLS = /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bperformance\.|\bprocess\.\w|\bfetch\(/;

const src = path.join(import.meta.dirname, '../src');
const place = new Map(ORDER.flatMap((folders, at) => folders.map((folder) => [folder, at] as const)));

describe('the order of folders', () => {
  for (const file of globSync('*/**/*.ts', { cwd: src })) {
    const folder = file.split(path.sep)[0] ?? '';
    it(`${file} imports only to its left`, () => {
      const text = readFileSync(path.join(src, file), 'utf8');
      const targets = [...text.matchAll(/^(?:import|export)[^;]*?from '(.+?)'/gms)].map((match) => match[1] ?? '');

      const wrong = targets.filter((target) => {
        if (!target.startsWith('.')) return PURE.has(folder);
        const to = path.relative(src, path.resolve(src, path.dirname(file), target)).split(path.sep)[0] ?? '';
        return to !== folder && (place.get(to) ?? Infinity) >= (place.get(folder) ?? -1);
      });

      expect(wrong).toEqual([]);
      if (PURE.has(folder)) expect(text).not.toMatch(IMPURE_CALLS);
    });
  }
});
