import type { DemoMachine } from './machine.ts';
import { TOTAL_PAGES } from './machine.ts';
import { scoreOf } from './report-text.ts';

const MIN = -900;
const MAX = 1000;

/** What the root-owned helper says to one request line, with its exit code: the same protocol as on a real host. */
export function answerAdjHelper(machine: DemoMachine, request: string): { line: string; code: number } {
  const line = request.replace(/\n$/, '');
  if (line === 'v1 hello')
    return { line: `ok oom-adj=1 min=${MIN} max=${MAX} capability=yes writable=yes file=oom_score_adj`, code: 0 };
  const fields = /^v1 ([0-9a-f-]{36}) (\d{1,7}) (\d{1,18}) (-?\d{1,4}) (-?\d{1,4})$/.exec(line);
  if (fields === null || !request.endsWith('\n')) return { line: 'refused fields', code: 1 };
  const [pid, start, current, wanted] = fields.slice(2).map(Number);
  if (pid === undefined || pid <= 1) return { line: 'refused pid', code: 1 };
  if (wanted === undefined || wanted < MIN || wanted > MAX) return { line: 'refused range', code: 1 };
  if (fields[1] !== machine.bootId) return { line: 'refused boot', code: 3 };
  const process = machine.processes().find((one) => one.pid === pid);
  if (process === undefined) return { line: 'refused gone', code: 3 };
  if (process.startTicks !== start) return { line: 'refused reused', code: 3 };
  if (process.oomScoreAdj !== current) return { line: `refused changed:${process.oomScoreAdj}`, code: 4 };
  if (wanted > current && KEPT.test(process.kind.name)) return { line: 'refused protected', code: 1 };
  machine.setOomScoreAdj(pid, wanted);
  const score = scoreOf({ ...process, oomScoreAdj: wanted }, TOTAL_PAGES);
  return { line: `ok pid=${pid} old=${current} new=${wanted} oom_score=${score}`, code: 0 };
}

/** Never made likelier to die. */
const KEPT = /^(?:sshd|systemd|systemd-.*|dbus-daemon|init|containerd|dockerd)$/;
