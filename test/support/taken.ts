import type { LedgerRow } from '../../src/app/ledger.ts';
import type { Store } from '../../src/app/store-port.ts';
import { patchOf } from '../../src/app/tell/row-patch.ts';

/** What a channel is asked to show, in the order of its telling; from then on it counts as shown there. */
export async function takeAsked(
  store: Store,
  channel: string,
  { nowMs, ts = '1.1', revision }: { nowMs: number; ts?: string; revision?: number },
): Promise<LedgerRow[]> {
  const taken: LedgerRow[] = [];
  for (;;) {
    const rows = await store.ledger(channel, nowMs);
    if (rows.length === 0) return taken;
    taken.push(...rows);
    for (const row of rows) {
      const incident = row.kind === 'incident' ? await store.incident(row.key) : null;
      const shown = revision ?? incident?.revision ?? row.shown;
      const told = { ...row.told, announcedAtMs: nowMs, evidence: true, kills: incident?.killCount ?? 0 };
      await store.saveLedger('test', nowMs, [patchOf(row, { ts, shown, told, attempt: null, doneUpTo: row.wanted })]);
    }
  }
}
