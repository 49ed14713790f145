import { execFile } from 'node:child_process';
import path from 'node:path';

const cli = path.join(import.meta.dirname, '../../src/cli.ts');
const node = path.join(import.meta.dirname, '../../node_modules/.bin/node');

export interface Ran {
  /** -1: it was ended by a signal, or never came to an end of its own. */
  status: number;
  out: string;
  err: string;
}

/** The command line as a process of its own, with the Node that it is installed with and nothing to read. Bounded by a minute. */
export function runCommand(
  args: readonly string[],
  { env = {}, cwd }: { env?: NodeJS.ProcessEnv; cwd?: string } = {},
): Promise<Ran> {
  const options = { cwd, env: { PATH: process.env['PATH'], NO_COLOR: '1', ...env }, timeout: 60_000 };
  return new Promise((resolve) => {
    const child = execFile(node, [cli, ...args], options, (error, out, err) => {
      const status = error === null ? 0 : error.code;
      resolve({ status: typeof status === 'number' ? status : -1, out, err });
    });
    child.stdin?.end();
  });
}
