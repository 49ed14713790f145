import type { Incident } from '../incident/incident.ts';
import type { Notice } from '../notice/notice.ts';
import type { Clock, Workspace } from './ports.ts';
import type { Store } from './store-port.ts';

/** What delivery needs of the store. */
export type DeliveryStore = Pick<
  Store,
  | 'claimDeliveries'
  | 'settleDelivery'
  | 'adoptDeliveries'
  | 'queueLengths'
  | 'postedOf'
  | 'postedNews'
  | 'savePostedNews'
  | 'postedTogether'
  | 'forgetPosted'
  | 'incident'
>;

export interface DeliveryLog {
  info: (facts: Record<string, unknown>, message: string) => void;
  warn: (facts: Record<string, unknown>, message: string) => void;
  error: (facts: Record<string, unknown>, message: string) => void;
}

export interface DeliveryWorld {
  store: DeliveryStore;
  workspace: Workspace;
  clock: Clock;
  log: DeliveryLog;
  /** One id for each start of the process: what it claims is its own until it is settled. */
  owner: string;
  /** The incident's message as it should read now. */
  describe: (incident: Incident) => Promise<Notice>;
}
