import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = path.join(import.meta.dirname, '..');
const STOPS = [
  ...readFileSync(path.join(ROOT, 'docs/architecture.md'), 'utf8').matchAll(/^(\d)\. `(src\/[^`]+)` `(\w+)`/gm),
].map(([, number, file, name]) => [Number(number), file ?? '', name ?? ''] as const);

describe('the way of a kill in docs/architecture.md', () => {
  it('begins at SSH, ends in Slack, and has at most eight stops', () => {
    expect(STOPS.map(([number]) => number)).toEqual(STOPS.map((_, at) => at + 1));
    expect(STOPS.length).toBeLessThanOrEqual(8);
    expect(STOPS[0]?.[1]).toMatch(/^src\/ssh\//);
    expect(STOPS.at(-1)?.[1]).toMatch(/^src\/slack\//);
  });

  it.each(STOPS)('stop %i is a function that there is: %s %s', (_, file, name) => {
    expect(readFileSync(path.join(ROOT, file), 'utf8')).toMatch(
      new RegExp(`^export (?:async )?function ${name}\\b`, 'm'),
    );
  });
});
