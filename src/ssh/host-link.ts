import type { FollowRequest, HostLink } from '../app/host-link.ts';
import type { Clock } from '../app/ports.ts';
import { decodeText } from '../oom/bytes.ts';
import { openChangeAccess } from './change-requests.ts';
import type { Connection } from './connection.ts';
import { followHost, lookUpSpan } from './follow.ts';
import { readGroupKills } from './group-kills.ts';
import { lookAtHost, lookWhy, readSettings, readUnitState } from './host-look.ts';
import { readOomdKills } from './oomd-kills.ts';
import { probeHost, readCounters, type Probe } from './probe.ts';
import { COMMANDS, SCRIPTS } from '../remote/scripts.ts';

const SCAN_MAX_BYTES = 32 * 1024 * 1024; // 2,500 processes with command lines were 0.2 MB
const SCAN_TIMEOUT_MS = 20_000;
const SCANS = { all: 'scan', light: 'scan-light', sample: 'sample' } as const;

/** A host of the configuration as the use cases see it, over its SSH connection. */
export function openHostLink(
  host: string,
  connection: Connection,
  options: { logFiles: string[] | null; clock: Clock; ownHelper: () => string; openWriter?: () => Connection | null },
): HostLink {
  const { clock, logFiles } = options;
  let probe: Probe | null = null;
  /** Whether systemd counts systemd-oomd's kills; not asked again before the next probe where it does not. */
  let mayCountOomd = true;
  /** Ends the following, for the host to be looked at again. */
  let outdated = new AbortController();
  const changes = openChangeAccess(connection, {
    clock,
    logFiles,
    lastProbe: () => probe,
    ownHelper: options.ownHelper,
    openWriter: options.openWriter ?? (() => null),
  });

  return {
    host,
    state: connection.state,
    onState: connection.onState,
    whenConnected: connection.whenConnected,
    probe: async () => {
      const looked = await probeHost(connection, { logFiles, clock });
      if (looked.kind === 'failed') return { kind: 'failed', sentence: looked.sentence };
      ({ probe } = looked);
      mayCountOomd = true;
      outdated = new AbortController();
      return { kind: 'facts', facts: { ...probe, hostKey: connection.hostKey() } };
    },
    follow: async (request: FollowRequest) => {
      if (probe === null) return { kind: 'failed', sentence: 'the host has not been probed yet' };
      const over = outdated.signal;
      const signal = AbortSignal.any([request.signal, over]);
      const end = await followHost(connection, { ...request, signal, probe, logFiles, clock });
      return over.aborted && !request.signal.aborted ? { kind: 'done' } : end;
    },
    backfill: async ({ span, onLines, hold, signal }) =>
      probe !== null && lookUpSpan({ connection, clock, onLines, hold, signal }, { probe, logFiles, span }),
    counters: async () => {
      const seen = await readCounters(connection, clock);
      // A userspace killer was started since: its unit's journal is followed only where one was found.
      if (seen?.hasKillers === true && probe?.killers.length === 0) outdated.abort();
      return seen;
    },
    groupKills: () => readGroupKills(connection),
    oomdKills: async () => {
      if (!mayCountOomd) return null;
      const seen = await readOomdKills(connection, clock);
      mayCountOomd = seen !== 'unknown';
      return seen === 'unknown' ? null : seen;
    },
    scan: async (which) => {
      const name = SCANS[which];
      const { stdout, end } = await connection.exec(COMMANDS[name], {
        stdin: SCRIPTS[name],
        timeoutMs: SCAN_TIMEOUT_MS,
        maxBytes: SCAN_MAX_BYTES,
      });
      return end.kind === 'exit' ? decodeText(stdout.toString('latin1')) : null;
    },
    unit: (name) => readUnitState(connection, name),
    collectFacts: (request) => lookAtHost(connection, request),
    why: (unit) => lookWhy(connection, unit),
    settings: (ask) => readSettings(connection, ask),
    changes,
    close: async () => {
      await changes.close();
      await connection.close();
    },
  };
}
