import type { Change } from '../../change/change.ts';
import type { AuditEntry } from '../store-port.ts';

/** One step of a change, as the audit log keeps it. */
export function changeEntry(
  change: Change,
  action: string,
  actor: string,
  atMs: number,
  more: Record<string, unknown> = {},
): AuditEntry {
  const { id, host, subject, unit, processes, dropIn, why, forMs } = change;
  return {
    atMs,
    actor,
    action,
    host,
    details: {
      change: id,
      target: subject,
      unit,
      processes: processes.map(({ pid, startTicks, from, to, state }) => ({ pid, startTicks, from, to, state })),
      ...(dropIn === null ? {} : { dropIn }),
      ...(why === null ? {} : { because: why }),
      ...(forMs === null ? {} : { forMs }),
      ...more,
    },
  };
}
