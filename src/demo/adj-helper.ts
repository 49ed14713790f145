import { identifyCgroup } from '../oom/proc/cgroup.ts';
import { drillProcess, REDIS_SCOPE } from './processes.ts';
import { TOTAL_PAGES, type DemoMachine } from './machine.ts';
import { renderGroupReport, roomIn, scoreOf } from './report-text.ts';

export interface HelperAnswer {
  line: string;
  /** 0 ok, 1 request, 3 process or boot gone, 4 value changed. */
  code: number;
}

/** As the helper of a real host has it from Docker. */
const CACHE_NAME = [
  'name',
  'docker',
  identifyCgroup(REDIS_SCOPE).container,
  '"/shop-cache-1"',
  '"redis:7.2"',
  '"shop"',
  '"cache"',
  '"unless-stopped"',
  128 * 1_024 * 1_024,
].join('\t');
const MIN = -900;
const MAX = 1000;
const DRILL_LIMIT_PAGES = 2_048;

/** The root-owned helper of a simulated machine: takes a request line and answers by the same protocol as on a real host. */
export function openAdjHelper(machine: DemoMachine): (request: string) => HelperAnswer {
  function refuse(reason: string, code: number): HelperAnswer {
    return { line: `refused ${reason}`, code };
  }

  function changeUnit(unit: string, current: string, wanted: string, isTry: boolean): HelperAnswer {
    const starts = machine.startsWith(unit);
    const value = wanted === '-' ? null : Number(wanted);
    if (value !== null && (value < MIN || value > MAX)) return refuse('range', 1);
    const old = String(starts?.dropIn ?? '-');
    if (old !== current) return refuse(`changed:${old}`, 4);
    if (value !== null && starts === null) return refuse('unit', 1);
    if (value !== null && starts !== null && value > starts.own) return refuse('no-raise', 1);
    if (isTry) return { line: 'ok try', code: 0 };
    machine.setDropIn(unit, value);
    return { line: `ok unit=${unit} old=${old} new=${wanted}`, code: 0 };
  }

  /** A process grows in a group of 8 MiB until the kernel kills it. */
  function drill(nonce: string): void {
    const started = machine.start(drillProcess(nonce));
    machine.setOomScoreAdj(started.pid, 1_000);
    machine.fill(started.pid, roomIn(DRILL_LIMIT_PAGES, []));
    const victim = machine.processes().find(({ pid }) => pid === started.pid) ?? started;
    const { cgroup: memcg } = victim.kind;
    const scene = { memcg, limitPages: DRILL_LIMIT_PAGES, trigger: victim, victim, others: [], processes: [victim] };
    const { dump, deaths } = renderGroupReport(scene);
    machine.logKernel([...dump, ...deaths]);
    machine.countKill();
    machine.end(started.pid);
  }

  return (request) => {
    if (!request.endsWith('\n')) return refuse('incomplete', 1);
    const asked = request.slice(0, -1);
    const isTry = asked.startsWith('v1 try ');
    const line = asked.replace(/^v1 try /, 'v1 ').replace(/ [0-9a-f]{16,64}$/, '');
    if (line === 'v1 hello') {
      return {
        line: `ok oom-adj=1 min=${MIN} max=${MAX} capability=yes writable=yes file=oom_score_adj units=yes raise=no log=yes try=yes ref=yes names=yes drill=yes`,
        code: 0,
      };
    }
    if (line === 'v1 names') return { line: `${CACHE_NAME}\nok names=1`, code: 0 };
    const ofDrill = /^v1 drill ([0-9a-f]{32})$/.exec(
      asked.replace(/^v1 try /, 'v1 ').replace(/( [0-9a-f]{32}) [0-9a-f]{16,64}$/, '$1'),
    );
    if (ofDrill !== null) {
      if (isTry) return { line: 'ok try', code: 0 };
      const [, nonce = ''] = ofDrill;
      drill(nonce);
      return { line: `ok drill=${nonce}`, code: 0 };
    }
    const ofUnit =
      /^v1 unit ([0-9a-f-]{36}) ([A-Za-z0-9_:][A-Za-z0-9._@:\\-]{0,190}\.service) (-|-?\d{1,4}) (-|-?\d{1,4})$/.exec(
        line,
      );
    if (ofUnit !== null) {
      const [, boot, unit = '', current = '', wanted = ''] = ofUnit;
      return boot === machine.bootId ? changeUnit(unit, current, wanted, isTry) : refuse('boot', 3);
    }
    const fields = /^v1 ([0-9a-f-]{36}) (\d{1,7}) (\d{1,18}) (-?\d{1,4}) (-?\d{1,4})$/.exec(line);
    if (fields === null) return refuse('fields', 1);
    const [pid = 0, start, current = 0, wanted = 0] = fields.slice(2).map(Number);
    if (pid <= 1) return refuse('pid', 1);
    if (wanted < MIN || wanted > MAX) return refuse('range', 1);
    if (fields[1] !== machine.bootId) return refuse('boot', 3);
    const process = machine.processes().find((one) => one.pid === pid);
    if (process === undefined) return refuse('gone', 3);
    if (process.startTicks !== start) return refuse('reused', 3);
    if (process.oomScoreAdj !== current) return refuse(`changed:${process.oomScoreAdj}`, 4);
    // Where it was found, a process here is as its service starts it.
    if (wanted > current && wanted > process.kind.oomScoreAdj) return refuse('no-raise', 1);
    if (isTry) return { line: 'ok try', code: 0 };
    machine.setOomScoreAdj(pid, wanted);
    const score = scoreOf({ ...process, oomScoreAdj: wanted }, TOTAL_PAGES);
    return { line: `ok pid=${pid} old=${current} new=${wanted} oom_score=${score}`, code: 0 };
  };
}
