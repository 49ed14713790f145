import { aNotice } from '../../notice/notice.ts';
import { newsFor } from '../deliveries.ts';
import type { Clock, Log } from '../ports.ts';
import type { Store } from '../store-port.ts';

const LOOK_EVERY_MS = 10 * 60_000;

export interface AuditNoteWorld {
  store: Store;
  clock: Clock;
  log: Log;
  /** Where changes wait for approval; null: no channel of their own. */
  channel: () => string | null;
  wake: () => void;
  signal: AbortSignal;
}

/**
 * Notes the head of the audit log once a day where a thief of the database does not reach: in the program's log and, where there is
 * one, in the channel of approvals. `oombot audit verify --head` takes it. Ends with the signal.
 */
export async function noteAuditHeads(world: AuditNoteWorld): Promise<void> {
  const { clock, log, signal } = world;
  while (!signal.aborted) {
    try {
      await noteHead(world);
    } catch (error) {
      log.error({ err: error }, 'The head of the audit log could not be noted; retrying');
    }
    await clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
  }
}

async function noteHead({ store, clock, log, channel, wake }: AuditNoteWorld): Promise<void> {
  const head = await store.auditHead();
  if (head === null) return;
  const nowMs = clock.nowMs();
  const noted = `${head.seq}:${head.hash}`;
  const to = channel();
  const notice = aNotice({
    headline: [{ words: `Audit log: ${head.seq} entries so far` }],
    parts: [
      {
        kind: 'text',
        text: [{ words: 'Check it any time with ' }, { hostText: `oombot audit verify --head ${noted}` }],
      },
    ],
    small: head.mac === null ? [] : [[{ words: `Signed ${head.mac}` }]],
  });
  const news = to === null ? [] : [newsFor(to, { notice }, nowMs)];
  const day = new Date(nowMs).toISOString().slice(0, 10);
  if (!(await store.enqueueOnce(`audit-head ${day}`, nowMs, news))) return;
  log.info({ head: noted, signature: head.mac }, 'The head of the audit log today');
  if (to !== null) wake();
}
