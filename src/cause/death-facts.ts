/** What a host says of something that is gone. null: it does not say. Texts are the host's. */
export interface DeathFacts {
  bootId: string;
  uptimeSeconds: number;
  /** `oom_kill` of /proc/vmstat since boot; null before 4.13. */
  oomKills: number | null;
  /** Userspace killers that run there. */
  killers: readonly string[];
  unit: UnitEnd | null;
  /** systemd did not answer the account about the unit. */
  unitUnread: boolean;
  /** Kills in the unit's own group since that was made; null: the group is gone. */
  groupOomKills: number | null;
  /** How often a fork was refused there for want of tasks. */
  forksRefused: number | null;
  /** Seconds since boot of the oldest and newest line of the kernel's log; null: it could not be read. */
  ring: { firstSeconds: number; lastSeconds: number } | null;
  /** Lines of crashes and kills. */
  lines: readonly { seconds: number; text: string }[];
  /** What systemd logged of the unit, by the host's clock. */
  said: readonly { atMs: number; text: string }[];
}

/** How a unit of systemd is or ended (`systemctl show`, org.freedesktop.systemd1). */
export interface UnitEnd {
  name: string;
  activeState: string;
  /** `success`, `exit-code`, `signal`, `core-dump`, `watchdog`, `timeout`, `start-limit-hit`, `oom-kill`, `resources` … */
  result: string;
  /** Of its main process: `exited`, `killed`, `dumped`; null: it has none, or never ended. */
  how: 'exited' | 'killed' | 'dumped' | null;
  /** The exit code or the number of the signal. */
  status: number | null;
  mainPid: number | null;
  /** Seconds since boot; null: not yet. */
  startedSeconds: number | null;
  endedSeconds: number | null;
  restarts: number;
  /** Kills that systemd counted (259 and newer). */
  oomKills: number | null;
  managedOomKills: number | null;
  watchdogSeconds: number | null;
  stopTimeoutSeconds: number | null;
  runtimeMaxSeconds: number | null;
  tasksMax: number | null;
  /** LimitAS=, the most address space of each of its processes. */
  limitAddressBytes: number | null;
}

// waitid(2): CLD_EXITED 1, CLD_KILLED 2, CLD_DUMPED 3.
const HOW = { 1: 'exited', 2: 'killed', 3: 'dumped' } as const;
const LINES_MAX = 60;

/** Reads the answer of the script `why`; null: it is none, or was cut off. Never throws. */
export function parseDeathFacts(text: string): DeathFacts | null {
  const lines = text.split(/\r?\n/);
  const begin = lines.indexOf('#why 1');
  const end = lines.lastIndexOf('#end');
  if (begin < 0 || end < begin) return null;
  const body = lines.slice(begin + 1, end);
  function all(key: string): string[] {
    return body.filter((line) => line.startsWith(`${key} `)).map((line) => line.slice(key.length + 1));
  }
  const bootId = all('boot')[0] ?? '';
  const uptimeSeconds = decimal(all('up')[0]);
  if (!/^[0-9a-f-]{36}$/.test(bootId) || uptimeSeconds === null) return null;
  const [firstSeconds, lastSeconds] = (all('ring')[0] ?? '').split(' ').map(decimal);
  const counted = all('group').map((line) => line.split(' '));
  return {
    bootId,
    uptimeSeconds,
    oomKills: whole(all('oomkill')[0]),
    killers: all('killer').filter((name) => /^[a-z-]{1,40}$/.test(name)),
    unit: unitOf(all('unit')),
    unitUnread: all('unit-unread').length > 0,
    groupOomKills: largest(counted, 'memory', 'oom_kill'),
    forksRefused: largest(counted, 'pids', 'max'),
    ring: firstSeconds == null || lastSeconds == null ? null : { firstSeconds, lastSeconds },
    lines: all('line')
      .slice(-LINES_MAX)
      .flatMap((line) => {
        const [time = ''] = line.split(' ', 1);
        const seconds = decimal(time);
        return seconds === null ? [] : [{ seconds, text: line.slice(time.length + 1) }];
      }),
    said: all('said')
      .slice(-LINES_MAX)
      .flatMap((line) => {
        const [time = ''] = line.split(' ', 1);
        const seconds = decimal(time);
        return seconds === null ? [] : [{ atMs: Math.round(seconds * 1_000), text: line.slice(time.length + 1) }];
      }),
  };
}

function unitOf(lines: readonly string[]): UnitEnd | null {
  const facts = new Map(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
  function get(key: string): string {
    return facts.get(key) ?? '';
  }
  // `show` answers for what was never there, too.
  if (get('LoadState') === 'not-found' && get('ActiveState') !== 'failed') return null;
  if (get('Id') === '' || get('ActiveState') === '') return null;
  const code = whole(get('ExecMainCode'));
  const how = code === 1 || code === 2 || code === 3 ? HOW[code] : null;
  return {
    name: get('Id'),
    activeState: get('ActiveState'),
    result: get('Result'),
    how,
    status: how === null ? null : whole(get('ExecMainStatus')),
    mainPid: whole(get('ExecMainPID')) || null,
    startedSeconds: sinceBoot(get('ExecMainStartTimestampMonotonic')),
    endedSeconds: sinceBoot(get('ExecMainExitTimestampMonotonic')) ?? sinceBoot(get('InactiveEnterTimestampMonotonic')),
    restarts: whole(get('NRestarts')) ?? 0,
    oomKills: whole(get('OOMKills')),
    managedOomKills: whole(get('ManagedOOMKills')),
    watchdogSeconds: span(get('WatchdogUSec')),
    stopTimeoutSeconds: span(get('TimeoutStopUSec')),
    runtimeMaxSeconds: span(get('RuntimeMaxUSec')),
    tasksMax: whole(get('TasksMax')),
    limitAddressBytes: whole(get('LimitAS')),
  };
}

function largest(counted: readonly string[][], kind: string, name: string): number | null {
  const values = counted.flatMap(([is, called, value]) => {
    const number = is === kind && called === name ? whole(value) : null;
    return number === null ? [] : [number];
  });
  return values.length === 0 ? null : Math.max(...values);
}

function whole(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

function decimal(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,12}(?:\.\d{1,9})?$/.test(text) ? Number(text) : null;
}

function sinceBoot(text: string): number | null {
  const micros = whole(text);
  return micros === null || micros === 0 ? null : micros / 1e6;
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { us: 1e-6, ms: 1e-3, s: 1, min: 60, h: 3_600, d: 86_400 };

/** `1min 30s`, `infinity`, `0`: as systemctl prints a span. null: none or without end. */
function span(text: string): number | null {
  const parts = text.split(' ').map((part) => /^(\d{1,9}(?:\.\d{1,6})?)(us|ms|s|min|h|d)$/.exec(part));
  if (parts.length === 0 || parts.some((part) => part === null)) return null;
  return parts.reduce((sum, part) => sum + Number(part?.[1]) * (UNIT_SECONDS[part?.[2] ?? ''] ?? 0), 0);
}
