// What a file begins with decides how it is read: no beginning may cost more than its length.
import { describe, expect, it } from 'vitest';
import { HEAD_BYTES, openContainer } from '../../src/oom/framing/container.ts';

describe('the beginning of a file is looked at in no time', () => {
  it.each([
    ['tabs behind a table’s header', `[ pid ]${'\t'.repeat(HEAD_BYTES)}`],
    ['empty lines behind JSON that prose stands before', `see:\n[\n["\n${'\n'.repeat(HEAD_BYTES)}`],
    ['marks of texts in code', `import a\n"Killed process 1 (a) total-vm:1kB"\n${"= '''".repeat(HEAD_BYTES / 5)}`],
    ['blanks behind a line’s known end', `a invoked oom-killer: gfp_mask=0x0, order=0${' '.repeat(HEAD_BYTES)}`],
  ])('%s', (_, text) => {
    const start = process.cpuUsage();

    const container = openContainer(text.slice(0, HEAD_BYTES));
    container?.push(text);
    container?.end();

    // What goes back and forth takes minutes.
    expect(process.cpuUsage(start).user / 1e6).toBeLessThan(2);
  });
});
