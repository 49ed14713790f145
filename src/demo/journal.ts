import { createHash } from 'node:crypto';

export interface JournalLine {
  /** With dashes. */
  bootId: string;
  /** When journald took it. Rises from entry to entry. */
  atUsec: number;
  /** Since that boot. */
  monotonicUsec: number;
  /** systemd's unit, or the kernel. */
  from: 'kernel' | { unit: string; pid: number };
  level: number;
  text: string;
}

/** `killers`: units of userspace killers alone; `all`: the kernel and those. */
export type JournalFilter = 'all' | 'killers';

export interface Journal {
  append: (line: JournalLine) => void;
  /** Entries as `journalctl -o json` prints them, each with its line end, oldest first. */
  entries: (filter: JournalFilter, from: JournalFrom) => string[];
  onEntry: (filter: JournalFilter, listener: (entry: string) => void) => () => void;
}

/** `cursor`: from that entry on, itself included, or from where it would stand if it is gone. */
export type JournalFrom =
  { kind: 'last'; count: number } | { kind: 'cursor'; cursor: string } | { kind: 'since'; atUsec: number };

const ENTRIES_MAX = 20_000;

interface Entry extends JournalLine {
  json: string;
}

/** The journal of a simulated machine, bounded. The same line gets the same cursor in every run. */
export function openJournal(hostname: string): Journal {
  const listeners = new Set<(entry: Entry) => void>();
  let held: Entry[] = [];

  function append(line: JournalLine): void {
    const atUsec = Math.max(line.atUsec, (held.at(-1)?.atUsec ?? 0) + 1);
    const entry = { ...line, atUsec, json: renderEntry({ ...line, atUsec }, hostname) };
    held.push(entry);
    if (held.length > ENTRIES_MAX) held = held.slice(-ENTRIES_MAX / 2);
    for (const listener of listeners) listener(entry);
  }

  return {
    append,
    entries: (filter, from) => {
      const matching = held.filter((entry) => fits(entry, filter));
      if (from.kind === 'last') return matching.slice(-from.count).map((entry) => entry.json);
      const atUsec =
        from.kind === 'since' ? from.atUsec : Number.parseInt(/;t=([0-9a-f]+);/.exec(from.cursor)?.[1] ?? '0', 16);
      return matching.filter((entry) => entry.atUsec >= atUsec).map((entry) => entry.json);
    },
    onEntry: (filter, listener) => {
      function hear(entry: Entry): void {
        if (fits(entry, filter)) listener(entry.json);
      }
      listeners.add(hear);
      return () => listeners.delete(hear);
    },
  };
}

function fits(entry: JournalLine, filter: JournalFilter): boolean {
  return entry.from === 'kernel' ? filter === 'all' : KILLER_UNITS.has(entry.from.unit);
}

const KILLER_UNITS = new Set(['systemd-oomd.service', 'earlyoom.service']);

function renderEntry(line: JournalLine, hostname: string): string {
  const boot = line.bootId.replaceAll('-', '');
  const mark = createHash('sha256').update(JSON.stringify(line)).digest('hex');
  const [monotonic, at] = [line.monotonicUsec.toString(16), line.atUsec.toString(16)];
  const machine = createHash('sha256').update(hostname).digest('hex').slice(0, 32);
  const source =
    line.from === 'kernel'
      ? {
          _TRANSPORT: 'kernel',
          SYSLOG_FACILITY: '0',
          SYSLOG_IDENTIFIER: 'kernel',
          _SOURCE_MONOTONIC_TIMESTAMP: String(line.monotonicUsec),
        }
      : {
          _TRANSPORT: 'journal',
          SYSLOG_IDENTIFIER: line.from.unit.replace(/\.service$/, ''),
          _SYSTEMD_UNIT: line.from.unit,
          _PID: String(line.from.pid),
        };
  const fields = {
    __CURSOR: `s=${machine};i=${at};b=${boot};m=${monotonic};t=${at};x=${mark.slice(0, 16)}`,
    __REALTIME_TIMESTAMP: String(line.atUsec),
    __MONOTONIC_TIMESTAMP: String(line.monotonicUsec),
    _BOOT_ID: boot,
    _HOSTNAME: hostname,
    PRIORITY: String(line.level),
    ...source,
    MESSAGE: line.text,
  };
  return `${JSON.stringify(fields)}\n`;
}
