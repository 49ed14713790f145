import type { Change } from '../../change/change.ts';
import type { AuditEntry, AuditStore } from '../store-port.ts';

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

const NEWEST = 50;

/** The hash of the newest entry about a change, for the host's own log. null: it cannot be read, which stops nothing. */
export async function auditHashOf(store: AuditStore, { id, host }: Change): Promise<string | null> {
  const rows = await store.audit(host, NEWEST).catch(() => []);
  return rows.find(({ details }) => details['change'] === id)?.hash ?? null;
}
