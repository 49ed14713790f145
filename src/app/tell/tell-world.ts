import type { Incident } from '../../incident/incident.ts';
import type { Notice } from '../../notice/notice.ts';
import type { LedgerStore } from '../ledger.ts';
import type { Clock, Log, Workspace } from '../ports.ts';
import type { ChangeStore, IncidentStore } from '../store-port.ts';
import type { FindWebhook } from '../webhook.ts';

export interface TellWorld {
  store: LedgerStore & Pick<IncidentStore, 'incident'> & Pick<ChangeStore, 'change'>;
  workspace: Workspace;
  clock: Clock;
  log: Log;
  /** One id for each start of the process. */
  owner: string;
  /** The incident's message as it should read now. */
  describe: (incident: Incident) => Promise<Notice>;
  /** The person or user group whom an announcement about a host notifies; null or missing: nobody. */
  mentionOf?: (host: string) => string | null;
  /** Missing: there are no webhooks. */
  webhook?: FindWebhook;
}

/** Edits count for the whole workspace: conversations share the allowance of `chat.update`, about 50 a minute. */
export interface EditAllowance {
  freeAtMs: number;
}
