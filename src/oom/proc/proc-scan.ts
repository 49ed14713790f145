import { parseNameLine, type ContainerName } from './container-name.ts';
import { chooseFormula, oomScoreAdjOfOomAdj, rankTasks, type Formula, type RankedTask } from '../badness/badness.ts';

/** One live process as the scan saw it. Texts are hostile. */
export interface ProcessFacts {
  pid: number;
  parentPid: number;
  uid: number;
  /** The kernel's own `/proc/PID/oom_score`, on that kernel's scale. */
  oomScore: number;
  oomScoreAdj: number;
  /** Kernels before 2.6.36 have only this one; `oomScoreAdj` is then what writing it would set today. */
  legacyOomAdj: number | null;
  rssKiB: number;
  swapKiB: number;
  pageTablesKiB: number;
  threads: number;
  /** Clock ticks after boot. With boot id and pid it names this process and no later one. */
  startTicks: number;
  /** comm: at most 15 bytes of anything. */
  name: string;
  /** Memory controller's path, else systemd's. null: no cgroups. */
  cgroup: string | null;
  /** Arguments joined by blanks, secrets masked on the host, at most 200 bytes. null: none, or not readable. */
  commandLine: string | null;
}

export interface ProcScan {
  kind: 'scan';
  bootId: string;
  kernelRelease: string;
  uptimeSeconds: number;
  clockTicksPerSecond: number;
  pageSizeKiB: number;
  memTotalKiB: number;
  memAvailableKiB: number | null;
  swapTotalKiB: number;
  swapFreeKiB: number;
  /** `oom_kill` of /proc/vmstat since boot (4.13 and newer). */
  oomKills: number | null;
  /** Share of the last 10 s in which all tasks waited for memory, in per cent; null without PSI. */
  pressureFullAvg10: number | null;
  /** Mount option of /proc: 0 none, 1 noaccess, 2 invisible, 4 ptraceable. */
  hidepid: number;
  /** False: processes of other users are hidden from this user, so a ranking would be wrong. */
  seesAll: boolean;
  allocatingTask: boolean | null;
  panicOnOom: number | null;
  processes: ProcessFacts[];
  /** What containers and pods there are called, as far as it can be seen without rights. */
  containers: ContainerName[];
  /** False: the reply was cut before its end. */
  complete: boolean;
  /** Lines that are no row. */
  unreadRows: number;
}

export interface ScanFault {
  kind: 'fault';
  /** `no-answer`: the marker line is missing. `bad-header`: it lacks what a ranking needs. */
  fault: 'no-answer' | 'bad-header';
  /** The reply's first 300 characters, as evidence. */
  text: string;
}

const MARKER = '#oomscan 2\t';
const NAME_LINE = /^#(?:container|pod|conmon)\t/;
const HIDEPID: Readonly<Record<string, number>> = { off: 0, noaccess: 1, invisible: 2, ptraceable: 4 };

/** Reads the reply of PROC_SCAN or PROC_SCAN_LIGHT; what a login shell said before it is skipped. Never throws. */
export function parseProcScan(text: string): ProcScan | ScanFault {
  const lines = text.split(/\r?\n/);
  const start = lines.findIndex((line) => line.startsWith(MARKER));
  const evidence = text.slice(0, 300);
  if (start === -1) return { kind: 'fault', fault: 'no-answer', text: evidence };

  const header = parseHeader(lines[start] ?? '');
  if (header === null) return { kind: 'fault', fault: 'bad-header', text: evidence };

  const processes: ProcessFacts[] = [];
  const containers: ContainerName[] = [];
  let nameRows = 0;
  let unreadRows = 0;
  let rowsPromised: number | null = null;
  for (const line of lines.slice(start + 1)) {
    if (line.startsWith('#end\t')) {
      rowsPromised = whole(line.slice('#end\t'.length));
      break;
    }
    if (NAME_LINE.test(line)) {
      nameRows += 1;
      const name = parseNameLine(line);
      if (name !== null) containers.push(name);
      continue;
    }
    const row = parseRow(line);
    if (row) processes.push(row);
    else if (line !== '') unreadRows += 1;
  }
  const complete = rowsPromised === processes.length + nameRows + unreadRows;
  return { ...header, processes, containers, complete, unreadRows };
}

function parseHeader(line: string): Omit<ProcScan, 'processes' | 'containers' | 'complete' | 'unreadRows'> | null {
  const facts = new Map<string, string>();
  for (const field of line.split('\t').slice(1)) {
    const at = field.indexOf('=');
    facts.set(field.slice(0, at), field.slice(at + 1));
  }
  function get(key: string): string {
    return facts.get(key) ?? '';
  }
  const memTotalKiB = whole(get('total'));
  const bootId = get('boot');
  const kernelRelease = get('kernel');
  if (memTotalKiB === null || memTotalKiB <= 0 || kernelRelease === '' || !/^[0-9a-f-]{36}$/.test(bootId)) return null;
  const allocating = whole(get('allocating'));
  return {
    kind: 'scan',
    bootId,
    kernelRelease,
    uptimeSeconds: decimal(get('uptime')) ?? 0,
    clockTicksPerSecond: whole(get('hz')) || 100,
    pageSizeKiB: (whole(get('page')) || 4096) / 1024,
    memTotalKiB,
    memAvailableKiB: whole(get('available')),
    swapTotalKiB: whole(get('swap')) ?? 0,
    swapFreeKiB: whole(get('swapfree')) ?? 0,
    oomKills: whole(get('oomkills')),
    pressureFullAvg10: decimal(get('fullavg10')),
    hidepid: whole(get('hidepid')) ?? HIDEPID[get('hidepid')] ?? 0,
    seesAll: get('seesall') === '1',
    allocatingTask: allocating === null ? null : allocating !== 0,
    panicOnOom: whole(get('panic')),
  };
}

function parseRow(line: string): ProcessFacts | null {
  const fields = line.split('\t');
  if (fields.length !== 13) return null;
  const [pid, parentPid, uid, oomScore, adj, rssKiB, swapKiB, pageTablesKiB, threads, startTicks] = fields
    .slice(0, 10)
    .map((field, at) => whole(at === 4 ? field.replace(/^old/, '') : field));
  const wide = [pid, parentPid, uid, oomScore, adj, rssKiB, swapKiB, pageTablesKiB, threads, startTicks];
  if (!isNumbers(wide)) return null;
  const legacyOomAdj = fields[4]?.startsWith('old') === true ? wide[4] : null;
  return {
    pid: wide[0],
    parentPid: wide[1],
    uid: wide[2],
    oomScore: wide[3],
    oomScoreAdj: legacyOomAdj === null ? wide[4] : oomScoreAdjOfOomAdj(legacyOomAdj),
    legacyOomAdj,
    rssKiB: wide[5],
    swapKiB: wide[6],
    pageTablesKiB: wide[7],
    threads: wide[8],
    startTicks: wide[9],
    name: unescapeName(fields[10] ?? ''),
    cgroup: fields[11] || null,
    commandLine: fields[12] || null,
  };
}

type TenNumbers = [number, number, number, number, number, number, number, number, number, number];

function isNumbers(values: readonly (number | null | undefined)[]): values is TenNumbers {
  return values.length === 10 && values.every((value) => typeof value === 'number');
}

function whole(text: string): number | null {
  return /^-?\d{1,15}$/.test(text) ? Number(text) : null;
}

function decimal(text: string): number | null {
  return /^\d{1,12}(?:\.\d{1,6})?$/.test(text) ? Number(text) : null;
}

/** Undoes what the kernel's `status` and the script escape. */
export function unescapeName(text: string): string {
  const plain: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '\\': '\\' };
  return text.replace(/\\([ntr\\])/g, (whole, letter: string) => plain[letter] ?? whole);
}

export interface LiveRank {
  formula: Formula;
  totalPages: number;
  /** Most likely first. Empty when the kernel's formula (up to 2.6.35) cannot be recomputed: sort by `oomScore` then. */
  ranking: RankedTask<ProcessFacts>[];
}

/**
 * Who dies next if the host runs out of memory, or would with other adj values (`overrides`: pid → adj): the proof behind a change.
 * `score` is on the kernel's own scale, `permille` in thousandths of RAM and swap. A memory group that runs full chooses among its own
 * processes only: rank a scan of those alone.
 */
export function rankNext(scan: ProcScan, overrides: ReadonlyMap<number, number> = new Map()): LiveRank {
  const formula = chooseFormula(scan.kernelRelease, seenForm(scan.processes));
  const totalPages = Math.trunc((scan.memTotalKiB + scan.swapTotalKiB) / scan.pageSizeKiB);
  if (formula.scale === null) return { formula, totalPages, ranking: [] };
  // The task list is in the order of fork.
  const tasks = scan.processes
    .toSorted((a, b) => a.startTicks - b.startTicks || a.pid - b.pid)
    .map((facts) => ({
      facts,
      pid: facts.pid,
      rssPages: Math.trunc(facts.rssKiB / scan.pageSizeKiB),
      swapPages: Math.trunc(facts.swapKiB / scan.pageSizeKiB),
      pageTablePages: Math.trunc(facts.pageTablesKiB / scan.pageSizeKiB),
      oomScoreAdj: facts.oomScoreAdj,
      // uid 0 is the best guess for CAP_SYS_ADMIN; only kernels up to 4.16 care.
      privileged: facts.uid === 0,
    }));
  const ranking = rankTasks(tasks, totalPages, formula, overrides).map((row) => ({ ...row, task: row.task.facts }));
  return { formula, totalPages, ranking };
}

/** With adj 0 the scale of 5.9 and newer starts at 666, the older one at 0: what is seen outweighs the release. */
function seenForm(processes: readonly ProcessFacts[]): { hasOomScoreAdj?: boolean; hasShiftedScore?: boolean } {
  const plain = processes.filter((facts) => facts.oomScoreAdj === 0 && facts.pid !== 1);
  const hasOomScoreAdj = !processes.some((facts) => facts.legacyOomAdj !== null);
  if (plain.length === 0 || !hasOomScoreAdj) return { hasOomScoreAdj };
  return { hasOomScoreAdj, hasShiftedScore: plain.every((facts) => facts.oomScore >= 660) };
}
