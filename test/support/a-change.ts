import type { Change, ChangedProcess } from '../../src/change/change.ts';
import { BOOT_ID } from './scripted-host.ts';

export const PROPOSED_AT_MS = Date.UTC(2026, 7, 30, 1, 50, 8);

export function aProcess(given: Partial<ChangedProcess> = {}): ChangedProcess {
  return { pid: 512, startTicks: 512, name: 'mysqld', uid: 111, from: 0, to: -500, state: 'untouched', ...given };
}

/** mysqld on db01 from 0 to -500, proposed by UANN. */
export function aChange(given: Partial<Change> = {}): Change {
  return {
    id: 'c1',
    revision: 1,
    host: 'db01',
    bootId: BOOT_ID,
    subject: 'mysqld',
    unit: 'mysql.service',
    processes: [aProcess()],
    dropIn: null,
    to: -500,
    forMs: null,
    why: null,
    keep: false,
    proposedBy: 'UANN',
    proposedAtMs: PROPOSED_AT_MS,
    channel: 'C1',
    incidentId: null,
    expiresAtMs: PROPOSED_AT_MS + 30 * 60_000,
    quorum: 1,
    approvals: [],
    proof: { scope: { kind: 'host' }, atMs: PROPOSED_AT_MS, before: [], after: [], notes: [] },
    undoes: null,
    state: { kind: 'proposed' },
    ...given,
  };
}
