import { describeAudit } from '../../notice/answer/audit-notice.ts';
import type { AnswersWorld } from './answers-world.ts';
import type { Handlers } from './handlers.ts';
import type { Targets } from './targets.ts';

const ENTRIES_SHOWN = 20;

/** Who did what: mutes and edits of hosts, newest first. */
export function openAuditAnswer({ store }: AnswersWorld, targets: Targets): Handlers['answerAudit'] {
  return async ({ host: asked }) => {
    // The record of a host outlives the host: what is on record under the very name needs no host that is still watched.
    let host = asked;
    let rows = await store.audit(host, ENTRIES_SHOWN + 1);
    if (asked !== null && rows.length === 0) {
      const target = await targets.host(asked);
      if (target.kind === 'refused') return target;
      host = target.name;
      rows = await store.audit(host, ENTRIES_SHOWN + 1);
    }
    const more = rows.length > ENTRIES_SHOWN;
    return { kind: 'notice', notice: describeAudit(host, rows.slice(0, ENTRIES_SHOWN), more) };
  };
}
