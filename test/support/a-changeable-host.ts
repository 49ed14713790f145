import type { RequestEnd } from '../../src/app/host-link.ts';
import { aScan, type ScanRow } from './a-scan.ts';
import { BOOT_ID, type ScriptedHost } from './scripted-host.ts';

export interface ChangeableHost {
  rows: ScanRow[];
  adj: (pid: number) => number | undefined;
  dropIns: Map<string, number>;
  bootId: string;
  /** Values that were written, in order. */
  writes: string[];
  /** Whether its helper takes a reference for its log, and those that it was given. */
  takesRefs: boolean;
  refs: string[];
  /** Asked before each request; what it gives is the answer instead. */
  before: (line: string) => RequestEnd | null | Promise<RequestEnd | null>;
}

/** Lets a scripted host have processes, and a helper that checks and writes as the real one does. */
export function makeChangeable(link: ScriptedHost, rows: ScanRow[]): ChangeableHost {
  const host: ChangeableHost = {
    rows,
    adj: (pid) => host.rows.find((one) => one.pid === pid)?.adj ?? 0,
    dropIns: new Map(),
    bootId: BOOT_ID,
    writes: [],
    takesRefs: false,
    refs: [],
    before: () => null,
  };
  link.scan = () => Promise.resolve(aScan(host.rows, { boot: host.bootId, total: 8_388_608 }));
  link.helperSays(
    async (line) => (await host.before(line)) ?? { kind: 'answered', text: answer(host, line), asUid: null },
  );
  return host;
}

function answer(host: ChangeableHost, given: string): string {
  if (given === 'v1 hello\n')
    return `ok oom-adj=1 min=-1000 max=1000 capability=yes writable=yes file=oom_score_adj units=yes${host.takesRefs ? ' ref=yes' : ''}\n`;
  const ref = / ([0-9a-f]{16,64})\n$/.exec(given)?.[1];
  if (ref !== undefined && !host.takesRefs) return 'refused fields\n';
  if (ref !== undefined) host.refs.push(ref);
  const line = ref === undefined ? given : given.replace(` ${ref}`, '');
  const unit = /^v1 unit (\S+) (\S+) (\S+) (\S+)\n$/.exec(line);
  if (unit) {
    const [, bootId, name = '', was = '', next = ''] = unit;
    if (bootId !== host.bootId) return 'refused boot\n';
    const found = String(host.dropIns.get(name) ?? '-');
    if (found !== was) return `refused changed:${found}\n`;
    if (was !== next) host.writes.push(`${name} ${next}`);
    if (next === '-') host.dropIns.delete(name);
    else host.dropIns.set(name, Number(next));
    return `ok unit=${name} old=${found} new=${next}\n`;
  }
  const [, bootId, pid, start, was, next] = /^v1 (\S+) (\d+) (\d+) (\S+) (\S+)\n$/.exec(line) ?? [];
  if (bootId !== host.bootId) return 'refused boot\n';
  const row = host.rows.find((one) => one.pid === Number(pid));
  if (!row) return 'refused gone\n';
  if ((row.startTicks ?? row.pid) !== Number(start)) return 'refused reused\n';
  if ((row.adj ?? 0) !== Number(was)) return `refused changed:${row.adj ?? 0}\n`;
  row.adj = Number(next);
  host.writes.push(`${pid} ${next}`);
  return `ok pid=${pid} old=${was} new=${next} oom_score=600\n`;
}
