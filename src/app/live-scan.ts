import type { ContainerName } from '../oom/proc/container-name.ts';
import { hasUnnamed } from './engine-names.ts';
import { parseProcScan, type ProcScan } from '../oom/proc/proc-scan.ts';
import type { Fleet, HostLink, LinkState } from './host-link.ts';
import type { Clock } from './ports.ts';
import { withTimeout } from './with-timeout.ts';

/** What came of looking at a host's processes now. `away`: there is no connection. `unreadable`: it answered, but no scan. */
export type LiveScan =
  | { kind: 'scan'; scan: ProcScan; atMs: number }
  | { kind: 'away'; state: LinkState }
  | { kind: 'late'; waitedMs: number }
  | { kind: 'unreadable'; sentence: string };

export interface LiveScans {
  /** Reads all processes of a host of the fleet. Never takes longer than `limitMs`. A scan of the last `maxAgeMs` will do. */
  read: (host: string, limitMs: number, maxAgeMs?: number) => Promise<LiveScan>;
}

/** The hosts, and what their processes are now. */
export interface Hosts {
  fleet: Fleet;
  scans: LiveScans;
}

/** A scan that is still under way after so long was lost. */
const SHARED_MAX_MS = 30_000;
/** Scans of large hosts are megabytes. */
const KEPT_MAX = 20;

/**
 * Live scans; people who ask at the same time share one. `noted`: what containers of a host are called beside what a scan shows,
 * as the last snapshot has it.
 */
export function openLiveScans(
  fleet: Fleet,
  clock: Clock,
  noted: (host: string) => Promise<readonly ContainerName[]> = () => Promise.resolve([]),
): LiveScans {
  const underWay = new Map<string, { startedAtMs: number; scan: Promise<LiveScan> }>();

  /** The newest scan of each host, for those whom a recent one will do. */
  const newest = new Map<string, Extract<LiveScan, { kind: 'scan' }>>();

  async function read(host: string, limitMs: number, maxAgeMs = 0): Promise<LiveScan> {
    const recent = newest.get(host);
    if (recent !== undefined && clock.nowMs() - recent.atMs < maxAgeMs) return recent;
    const link = fleet.link(host);
    if (!link) return { kind: 'away', state: { kind: 'connecting', sinceMs: clock.nowMs(), sentence: 'not watched' } };
    const result = await withTimeout(clock, limitMs, async (signal) => {
      const state = await settledState(link, signal);
      return state.kind === 'connected' || state.kind === 'resting'
        ? sharedScan(link)
        : { kind: 'away' as const, state };
    });
    return result.kind === 'done' ? result.value : { kind: 'late', waitedMs: limitMs };
  }

  function sharedScan(link: HostLink): Promise<LiveScan> {
    const known = underWay.get(link.host);
    if (known && clock.nowMs() - known.startedAtMs < SHARED_MAX_MS) return known.scan;
    const entry = { startedAtMs: clock.nowMs(), scan: scanNow(link) };
    underWay.set(link.host, entry);
    entry.scan.then(forget, forget);
    return entry.scan;

    function forget(): void {
      if (underWay.get(link.host) === entry) underWay.delete(link.host);
    }
  }

  async function scanNow(link: HostLink): Promise<LiveScan> {
    const text = await link.scan('all');
    const atMs = clock.nowMs();
    if (text === null) {
      const state = link.state();
      if (state.kind !== 'connected') return { kind: 'away', state };
      return { kind: 'unreadable', sentence: 'the scan of its processes gave no answer.' };
    }
    const scan = parseProcScan(text);
    if (scan.kind === 'scan') {
      const more = hasUnnamed(scan) ? await noted(link.host) : [];
      const live = { kind: 'scan' as const, scan: withNames(scan, more), atMs };
      newest.delete(link.host);
      newest.set(link.host, live);
      for (const [oldest] of newest) if (newest.size > KEPT_MAX) newest.delete(oldest);
      return live;
    }
    const said = scan.text.trim();
    return {
      kind: 'unreadable',
      sentence: said === '' ? 'its shell said nothing.' : `its shell said something else: ${said}`,
    };
  }

  return { read };
}

/** What the scan itself says of an id counts before what was noted of it. */
function withNames(scan: ProcScan, noted: readonly ContainerName[]): ProcScan {
  const seen = new Set(scan.containers.map(({ kind, id }) => `${kind} ${id}`));
  const more = noted.filter(({ kind, id }) => !seen.has(`${kind} ${id}`));
  return more.length === 0 ? scan : { ...scan, containers: [...scan.containers, ...more] };
}

/** The state once it is no longer `connecting`, or as it is when the signal aborts. */
function settledState(link: HostLink, signal: AbortSignal): Promise<LinkState> {
  return new Promise((resolve) => {
    const now = link.state();
    if (now.kind !== 'connecting') {
      resolve(now);
      return;
    }
    const leave = link.onState((state) => {
      if (state.kind !== 'connecting') settle(state);
    });
    signal.addEventListener('abort', () => settle(link.state()), { once: true });

    function settle(state: LinkState): void {
      leave();
      resolve(state);
    }
  });
}
