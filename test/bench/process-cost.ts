// How the bot is started as `npm start` starts it, and what a process costs.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const START = (
  JSON.parse(readFileSync(path.join(import.meta.dirname, '../../package.json'), 'utf8')) as {
    scripts: { start: string };
  }
).scripts.start;
export const NODE_OPTIONS = START.split(' ').filter((word) => word.startsWith('--'));
export const START_ENV = Object.fromEntries(
  [...START.matchAll(/^(\w+)=(\S+) /g)].map(([, name = '', value]) => [name, value]),
);

export function rssMiB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_024;
}

/** Time on a processor, of all threads. The ticks of /proc/PID/stat miss what is shorter than they are, as keep-alives are. */
export function cpuSeconds(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  const times = threads.map((tid) => Number(readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'utf8').split(' ')[0]));
  return times.reduce((sum, one) => sum + one, 0) / 1e9;
}
