import type { GroupFacts, HostFacts, UnitFacts } from './host-facts.ts';

const LINES_MAX = 500;
const TEXT_MAX = 200;
/** "No limit" in version 1: the largest number of pages, in bytes. */
const UNLIMITED = 2 ** 62;

/** What was asked about beside the host itself. */
export interface LookSubject {
  unit: string | null;
  group: string | null;
}

/** Reads the answer of a look at a host, also one that was cut off; null: it is none. Texts are hostile. Never throws. */
export function parseHostLook(text: string, subject: LookSubject, atMs: number): HostFacts | null {
  const lines = text.split('\n', LINES_MAX);
  const start = lines.indexOf('#look 1');
  if (start < 0) return null;
  const said = lines.slice(start + 1).map((line) => line.split(' '));
  /** The rest of each line that begins with these words. */
  function all(...words: string[]): string[][] {
    return said.filter((line) => words.every((word, at) => line[at] === word)).map((line) => line.slice(words.length));
  }
  function pairs(word: string): Record<string, number> {
    return Object.fromEntries(
      all(word).flatMap(([key, value]) => (key && whole(value) !== null ? [[key, whole(value) ?? 0]] : [])),
    );
  }
  const memory = pairs('mem');
  const full = /avg10=(\d+\.\d+)/.exec(all('psi', 'full')[0]?.join(' ') ?? '');
  const some = /avg10=(\d+\.\d+)/.exec(all('psi', 'some')[0]?.join(' ') ?? '');
  const zram = all('zram').reduce((sum, [bytes]) => sum + (whole(bytes) ?? 0), 0);
  const arc = whole(all('arc')[0]?.[0]);
  const [ago, ...what] = all('package')[0] ?? [];
  const agoSeconds = whole(ago);
  return {
    atMs,
    uptimeSeconds: decimal(all('up')[0]?.[0]),
    memory: {
      totalKiB: memory['MemTotal'] ?? null,
      availableKiB: memory['MemAvailable'] ?? null,
      swapTotalKiB: memory['SwapTotal'] ?? null,
      swapFreeKiB: memory['SwapFree'] ?? null,
      committedKiB: memory['Committed_AS'] ?? null,
      commitLimitKiB: memory['CommitLimit'] ?? null,
      shmemKiB: memory['Shmem'] ?? null,
      slabUnreclaimableKiB: memory['SUnreclaim'] ?? null,
      slabReclaimableKiB: memory['SReclaimable'] ?? null,
      pageTablesKiB: memory['PageTables'] ?? null,
      mlockedKiB: memory['Mlocked'] ?? null,
      corruptedKiB: memory['HardwareCorrupted'] ?? null,
      hugePageKiB: memory['Hugepagesize'] ?? null,
      hugeTotal: memory['HugePages_Total'] ?? null,
      hugeFree: memory['HugePages_Free'] ?? null,
      hugeReserved: memory['HugePages_Rsvd'] ?? null,
    },
    pressure: some && full ? { someAvg10: Number(some[1]), fullAvg10: Number(full[1]) } : null,
    vm: pairs('vm'),
    counters: pairs('count'),
    swaps: all('swap').flatMap(([size, used, ...device]) => {
      const [sizeKiB, usedKiB] = [whole(size), whole(used)];
      return sizeKiB === null || usedKiB === null ? [] : [{ device: cut(device), sizeKiB, usedKiB }];
    }),
    tmpfs: all('tmpfs').flatMap(([size, used, ...where]) => {
      const [sizeKiB, usedKiB] = [whole(size), whole(used)];
      return sizeKiB === null || usedKiB === null ? [] : [{ path: cut(where), sizeKiB, usedKiB }];
    }),
    balloon: all('balloon')[0]?.[0] ?? null,
    zramKiB: zram > 0 ? Math.round(zram / 1_024) : null,
    zfsArcKiB: arc === null ? null : Math.round(arc / 1_024),
    group: subject.group === null ? null : groupOf(all('group'), subject.group, pairs('event'), pairs('stat')),
    unit: subject.unit === null ? null : unitOf(all('unit'), subject.unit, decimal(all('up')[0]?.[0])),
    packages: agoSeconds === null ? null : { agoSeconds, text: cut(what) },
  };
}

function groupOf(
  lines: string[][],
  path: string,
  events: Record<string, number>,
  stats: Record<string, number>,
): GroupFacts | null {
  const files = new Map(lines.map(([name, value]) => [name ?? '', value ?? '']));
  const version = files.get('version');
  if (version !== '1' && version !== '2') return null;
  function size(name: string): number | null {
    const bytes = whole(files.get(name));
    return bytes === null || bytes >= UNLIMITED ? null : Math.round(bytes / 1_024);
  }
  const isFirst = version === '1';
  return {
    version: isFirst ? 1 : 2,
    path,
    currentKiB: size(isFirst ? 'memory.usage_in_bytes' : 'memory.current'),
    peakKiB: size(isFirst ? 'memory.max_usage_in_bytes' : 'memory.peak'),
    limitKiB: size(isFirst ? 'memory.limit_in_bytes' : 'memory.max'),
    highKiB: isFirst ? null : size('memory.high'),
    swapLimitKiB: isFirst ? null : size('memory.swap.max'),
    oomGroup: files.has('memory.oom.group') ? files.get('memory.oom.group') === '1' : null,
    events,
    statsKiB: Object.fromEntries(Object.entries(stats).map(([key, bytes]) => [key, Math.round(bytes / 1_024)])),
  };
}

function unitOf(lines: string[][], name: string, uptimeSeconds: number | null): UnitFacts | null {
  const values = new Map(
    lines.map((line) => {
      const text = line.join(' ');
      const at = text.indexOf('=');
      return [text.slice(0, at), text.slice(at + 1)] as const;
    }),
  );
  const activeState = values.get('ActiveState') ?? null;
  if (activeState === null) return null;
  function size(...keys: string[]): number | null {
    // systemd prints "no limit" as a word, or as the largest number that there is.
    const bytes = keys.map((key) => whole(values.get(key))).find((value) => value !== null && value < UNLIMITED);
    return bytes == null ? null : Math.round(bytes / 1_024);
  }
  const enteredUs = whole(values.get('ActiveEnterTimestampMonotonic'));
  const tasksMax = whole(values.get('TasksMax'));
  return {
    name,
    activeState: activeState.slice(0, TEXT_MAX),
    restarts: whole(values.get('NRestarts')),
    restart: values.get('Restart')?.slice(0, TEXT_MAX) ?? null,
    memoryMaxKiB: size('MemoryMax', 'MemoryLimit'),
    memoryHighKiB: size('MemoryHigh'),
    tasksMax: tasksMax === null || tasksMax >= UNLIMITED ? null : tasksMax,
    oomScoreAdjust: whole(values.get('OOMScoreAdjust')),
    oomPolicy: values.get('OOMPolicy')?.slice(0, TEXT_MAX) ?? null,
    activeForMs:
      enteredUs === null || enteredUs === 0 || uptimeSeconds === null
        ? null
        : Math.max(0, Math.round(uptimeSeconds * 1_000 - enteredUs / 1_000)),
  };
}

function cut(words: readonly string[]): string {
  return words.join(' ').slice(0, TEXT_MAX);
}

/** Up to 2^64 - 1, as kernels print "no limit". */
function whole(text: string | undefined): number | null {
  return text !== undefined && /^-?\d{1,20}$/.test(text) ? Number(text) : null;
}

function decimal(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,12}(?:\.\d{1,6})?$/.test(text) ? Number(text) : null;
}
