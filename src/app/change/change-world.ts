import type { Account } from '../../change/account.ts';
import type { ApprovalPolicy } from '../../change/policy.ts';
import type { Hosts } from '../live-scan.ts';
import type { Base, Outbox } from '../ports.ts';
import type { Store } from '../store-port.ts';

/** What changes need beside what everything needs. */
export interface ChangeRules {
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
  /** True: nobody can be asked whether two people decide about that host, so that nothing is changed there. */
  isReadOnly: (host: string) => boolean;
  /** False: another process of the bot watches that host. */
  isMine: (host: string) => boolean;
}

/** What proposing, deciding and carrying out changes need. `wake`: something is to be done, or a card is to be shown. */
export interface ChangeWorld extends Base<Store>, Hosts, Outbox, ChangeRules {}
