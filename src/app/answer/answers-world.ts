import type { Account } from '../../change/account.ts';
import type { Drills } from '../drill/drills.ts';
import type { ChangeRules } from '../change/change-world.ts';
import type { Watched } from '../host-link.ts';
import type { Hosts } from '../live-scan.ts';
import type { Base, Outbox } from '../ports.ts';
import type { TestDestination } from '../send-test.ts';
import type { Store } from '../store-port.ts';
import type { HostDraft, HostKeySeen } from './handlers.ts';

/** What of the configuration matters here. Read anew for each question: it may be reloaded. */
export interface AnswersSettings {
  /** Users (U…) and user groups (S…) who may add and remove hosts. */
  admins: readonly string[];
  /** Hosts that only the configuration file and inventories add and remove. `from`: the inventory; null: the file. */
  hosts: readonly { name: string; address: string; from?: string | null }[];
  /** What is wrong with inventories now, one sentence each. */
  inventoryProblems?: readonly string[];
}

/** Adding hosts at run time. */
export interface HostEditing {
  /** Reads the key that the host shows now, trusting nothing. */
  readHostKey: (draft: HostDraft) => Promise<{ kind: 'key'; key: HostKeySeen } | { kind: 'failed'; sentence: string }>;
  /** The list of added hosts in the store is another now: take it up. */
  hostsChanged: () => Promise<void>;
}

export interface AnswersWorld extends Base<Store>, Hosts {
  /** Messages wait to be edited. */
  wake: Outbox['wake'];
  /** Missing: nobody is told of a mute. */
  channelOf?: Outbox['channelOf'];
  settings: () => AnswersSettings;
  /** null: this process does not watch the host, another one does. */
  watchState: (host: string) => Watched | null;
  /** Sentences about what is off on a connected host, each with what would mend it. */
  checkHost: (host: string) => Promise<readonly string[]>;
  /** What the last check of each host found, wherever it was asked for; missing: only checks from here are known. */
  found?: Map<string, readonly string[]>;
  /** Members of a user group (S…). Throws when that cannot be found out. */
  groupMembers: (groupId: string) => Promise<readonly string[]>;
  /** As in ChangeWorld. */
  accountNow?: ((userId: string) => Promise<Account>) | undefined;
  /** null: hosts come from the configuration file alone. */
  editing: HostEditing | null;
  /** Channels and webhooks; missing: nothing can be sent from here. */
  testing?: () => readonly TestDestination[];
  /** Kills on purpose; missing: none can be had from here. `setupLine`: what brings the helper to a host. */
  drills?: Pick<Drills, 'begin'> & { setupLine: (host: string) => Promise<string | null> };
  /** Kills older than this are pruned. */
  keepKillsMs: number;
  /** What changes need beside all this; without it none can be proposed. */
  changes?: ChangeRules;
}
