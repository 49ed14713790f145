import type { Incident } from '../../incident/incident.ts';
import type { Notice } from '../../notice/notice.ts';
import type { Clock, Log, Workspace } from '../ports.ts';
import type { DeliveryStore, IncidentStore } from '../store-port.ts';

export interface DeliveryWorld {
  store: DeliveryStore & IncidentStore;
  workspace: Workspace;
  clock: Clock;
  log: Log;
  /** One id for each start of the process: what it claims is its own until it is settled. */
  owner: string;
  /** The incident's message as it should read now. */
  describe: (incident: Incident) => Promise<Notice>;
}
