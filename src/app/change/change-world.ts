import type { Account } from '../../change/account.ts';
import type { ApprovalPolicy } from '../../change/policy.ts';
import type { Log } from '../ports.ts';
import type { Fleet } from '../host-link.ts';
import type { LiveScans } from '../live-scan.ts';
import type { Clock } from '../ports.ts';
import type { Store } from '../store-port.ts';

/** What proposing, deciding and carrying out changes need. */
export interface ChangeWorld {
  store: Store;
  fleet: Fleet;
  scans: LiveScans;
  clock: Clock;
  log: Log;
  /** One id for each start of the program. */
  owner: string;
  /** True where other processes of the bot work on the same record. */
  shared: boolean;
  newId: () => string;
  /** Read anew each time: the configuration may be reloaded. `channel` null: where it was proposed. */
  approvals: () => ApprovalPolicy & { channel: string | null };
  /** Members of a user group now, not remembered from before. Throws when that cannot be found out. */
  groupMembersNow: (groupId: string) => Promise<readonly string[]>;
  /** Who somebody is, asked of the chat now. Throws when it does not say. Absent: no chat is there. */
  accountNow?: ((userId: string) => Promise<Account>) | undefined;
  channelOf: (of: { host: string }) => string;
  /** False: another process of the bot watches that host. */
  isMine: (host: string) => boolean;
  /** Something is to be done, or a card is to be shown. */
  wake: () => void;
}
