import type { Change, ChangeState, DropIn, ProcessState } from '../../change/change.ts';
import { concludeApply, concludeUndo, settleBySight, type SeenValue } from '../../change/outcome.ts';
import type { ProcScan } from '../../oom/proc/proc-scan.ts';
import { auditHashOf } from './change-record.ts';
import type { ChangeWorld } from './change-world.ts';
import { readDropIn } from './host-means.ts';
import { undoOn } from './host-requests.ts';

const SCAN_MS = 15_000;

/** What is true of a change whose answer was lost, from the host's own values. null: the host does not tell now. */
export async function settleOn(
  world: ChangeWorld,
  change: Change,
  state: Extract<ChangeState, { kind: 'unknown' }>,
): Promise<Change | null> {
  const link = world.fleet.link(change.host);
  const live = await world.scans.read(change.host, SCAN_MS);
  if (link === null || live.kind !== 'scan' || !live.scan.complete) return null;
  const seen = valuesIn(live.scan, change);
  const processes = settleBySight(change.processes, seen, state.during);
  let dropIn: ProcessState | null = null;
  if (change.dropIn !== null) {
    const value = await readDropIn(link, live.scan.bootId, change.dropIn.unit);
    if (value === 'unknown') return null;
    dropIn = dropInState(change.dropIn, value, state.during);
  }
  const nowMs = world.clock.nowMs();
  if (state.during === 'undo') return concludeUndo(change, { processes, dropIn, why: null }, nowMs, state.askedBy);
  const why = { kind: processes.every((one) => one === 'gone') ? 'process-gone' : 'interrupted' } as const;
  const isWhole = processes.every((one) => one === 'written' || one === 'gone') && (dropIn ?? 'written') === 'written';
  if (isWhole || !processes.includes('written')) return concludeApply(change, { processes, dropIn, why }, nowMs);
  // Done in part, which nobody approved: put back. It is still unknown on record, so this is looked at again if it is interrupted.
  const hash = await auditHashOf(world.store, change);
  const back = await undoOn(link, withStates(change, processes, dropIn), live.scan.bootId, hash);
  return concludeApply(change, { ...back, why }, world.clock.nowMs());
}

function withStates(change: Change, states: readonly ProcessState[], dropIn: ProcessState | null): Change {
  return {
    ...change,
    processes: change.processes.map((one, at) => ({ ...one, state: states[at] ?? one.state })),
    dropIn: change.dropIn === null ? null : { ...change.dropIn, state: dropIn ?? change.dropIn.state },
  };
}

/** The present value of each process of a change; null: it is gone. */
function valuesIn(scan: ProcScan, change: Change): SeenValue[] {
  return change.processes.map(({ pid, startTicks }) => {
    if (scan.bootId !== change.bootId) return null;
    return scan.processes.find((one) => one.pid === pid && one.startTicks === startTicks)?.oomScoreAdj ?? null;
  });
}

function dropInState({ from, to }: DropIn, value: number | null, during: 'apply' | 'undo'): ProcessState {
  if (value === to) return 'written';
  if (value !== from) return 'left';
  return during === 'apply' ? 'refused' : 'restored';
}
