import { styleText } from 'node:util';
import type { Reporter, TestCase, TestModule } from 'vitest/node';
import { partOf, type PartName } from './needs.ts';

/** Closes a run with what it did not run for want of something. In CI that is a failure, unless it is optional. */
// oxlint-disable-next-line import/no-default-export -- vitest loads a reporter by its default export
export default class NotRunReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const tests = new Map<PartName, number>();
    for (const module of modules) {
      for (const test of module.children.allTests('skipped')) {
        for (const name of lacksOf(test)) tests.set(name, (tests.get(name) ?? 0) + 1);
      }
    }
    if (tests.size === 0) return;
    const rows = [...tests].map(([name, count]) => ({ count, ...partOf(name) }));
    const width = Math.max(...rows.map(({ called, count }) => sentence(called, count).length));
    const lines = rows
      .sort((one, other) => other.count - one.count)
      .map(({ called, count, get }) => `  ${sentence(called, count).padEnd(width)}  ${get}`);
    process.stderr.write(`${styleText('yellow', 'Not run:')}\n${lines.join('\n')}\n\n`);
    const missing = rows.filter(({ optional }) => optional !== true);
    if (process.env['CI'] === 'true' && missing.length > 0) {
      process.stderr.write(`In CI everything must be there: ${missing.map(({ called }) => called).join(', ')}\n`);
      process.exitCode = 1;
    }
  }
}

function sentence(called: string, count: number): string {
  return `${count} ${count === 1 ? 'test needs' : 'tests need'} ${called}:`;
}

/** What a skipped test lacks, by itself or by a group around it. */
function lacksOf(test: TestCase): PartName[] {
  const found = new Set<PartName>();
  let at: TestCase | TestCase['parent'] = test;
  while (at.type !== 'module') {
    for (const name of at.meta().lacks ?? []) found.add(name);
    at = at.parent;
  }
  return [...found];
}
