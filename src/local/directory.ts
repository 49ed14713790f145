/** Ids are fixed, so that a configuration may name them (`approvers: [ULOCALBEN]`). */
export const TEAM = { id: 'TLOCALDEV', domain: 'local', name: 'Local workspace' } as const;
export const APP_ID = 'ALOCALAPP';
export const BOT = { id: 'ULOCALBOT', botId: 'BLOCALBOT', name: 'oombot', realName: 'oombot' } as const;
/** Who speaks when Slack itself has something to say. */
export const SLACKBOT_ID = 'USLACKBOT';

export interface Person {
  id: string;
  name: string;
  realName: string;
  isBot: boolean;
  /** Fields of the user object that are other than an ordinary member's, such as `is_restricted`. */
  account: Readonly<Record<string, unknown>>;
}

export interface Channel {
  id: string;
  name: string;
  kind: 'public' | 'private' | 'im';
  /** Direct messages: whose, beside the bot. */
  person: string | null;
}

export interface UserGroup {
  id: string;
  handle: string;
  name: string;
  users: string[];
}

export interface ChannelSeed {
  /** With or without `#`. */
  name: string;
  isPrivate?: boolean;
  /** Default true. */
  hasBot?: boolean;
}

export interface DirectorySeed {
  people: readonly { id: string; name: string; account?: Readonly<Record<string, unknown>> }[];
  channels: readonly (string | ChannelSeed)[];
  userGroups: readonly UserGroup[];
}

export interface Directory {
  people: () => Person[];
  person: (idOrName: string) => Person | null;
  userGroups: () => UserGroup[];
  channels: () => Channel[];
  /** By id, or by name with or without `#`. */
  channel: (idOrName: string) => Channel | null;
  /** The bot's direct conversation with one person. */
  direct: (person: string) => Channel | null;
  /** Public and private channels have all people; the bot is in those that it was put into or joined. */
  isMember: (channel: Channel, user: string) => boolean;
  join: (channel: Channel, user: string) => void;
}

/** The people and channels of the workspace. Every person has a direct conversation with the bot. */
export function openDirectory(seed: DirectorySeed): Directory {
  const people: Person[] = [
    ...seed.people.map(({ id, name, account = {} }) => ({
      id,
      name: name.toLowerCase(),
      realName: name,
      isBot: false,
      account,
    })),
    { id: BOT.id, name: BOT.name, realName: BOT.realName, isBot: true, account: {} },
  ];
  const seeds = seed.channels.map((one) => (typeof one === 'string' ? { name: one } : one));
  const channels: Channel[] = [
    ...seeds.map(({ name, isPrivate }, at) => ({
      id: `CLOCAL${String(at + 1).padStart(3, '0')}`,
      name: name.replace(/^#/, ''),
      kind: isPrivate === true ? ('private' as const) : ('public' as const),
      person: null,
    })),
    ...seed.people.map(({ id }) => ({ id: `D${id.slice(1)}`, name: id, kind: 'im' as const, person: id })),
  ];
  const botIn = new Set(channels.filter((_, at) => seeds[at]?.hasBot !== false).map((channel) => channel.id));

  function channel(idOrName: string): Channel | null {
    const name = idOrName.replace(/^#/, '');
    const named = channels.find((one) => one.kind !== 'im' && one.name === name);
    return channels.find((one) => one.id === idOrName) ?? named ?? null;
  }

  return {
    people: () => people,
    person: (idOrName) => people.find((one) => one.id === idOrName || one.name === idOrName.toLowerCase()) ?? null,
    userGroups: () => [...seed.userGroups],
    channels: () => channels,
    channel,
    direct: (person) => channels.find((one) => one.kind === 'im' && one.person === person) ?? null,
    isMember(one, user) {
      if (one.kind === 'im') return user === one.person || user === BOT.id;
      return user === BOT.id ? botIn.has(one.id) : true;
    },
    join(one, user) {
      if (user === BOT.id) botIn.add(one.id);
    },
  };
}
