import { BOOT_ID } from './scripted-host.ts';

export interface ScanRow {
  pid: number;
  name: string;
  rssKiB?: number;
  adj?: number;
  score?: number;
  cgroup?: string;
  startTicks?: number;
  parentPid?: number;
  uid?: number;
  commandLine?: string;
}

/** The reply of a process scan as a host sends it: 4 GB of RAM, no swap, kernel 6.1. `header` replaces fields of its first line. */
export function aScan(rows: readonly ScanRow[], header: Record<string, string | number> = {}): string {
  const facts = {
    boot: BOOT_ID,
    kernel: '6.1.0-50-amd64',
    uptime: '1902.47',
    hz: 100,
    page: 4096,
    total: 4_000_000,
    available: 3_000_000,
    swap: 0,
    swapfree: 0,
    oomkills: 3,
    fullavg10: '0.00',
    hidepid: 0,
    seesall: 1,
    allocating: 0,
    panic: 0,
    ...header,
  };
  const lines = rows.map(
    ({
      pid,
      name,
      rssKiB = 4_000,
      adj = 0,
      score = 700,
      cgroup = `/system.slice/${name}.service`,
      startTicks = pid,
      parentPid = 1,
      uid = 0,
      commandLine = name,
    }) => [pid, parentPid, uid, score, adj, rssKiB, 0, 40, 1, startTicks, name, cgroup, commandLine].join('\t'),
  );
  const head = Object.entries(facts).map(([key, value]) => `${key}=${value}`);
  return [['#oomscan 2', ...head].join('\t'), ...lines, `#end\t${rows.length}`, ''].join('\n');
}
