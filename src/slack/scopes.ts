export interface Scope {
  name: string;
  /** False: whoever installs the app may decline it (`bot_optional` of the manifest). */
  isRequired: boolean;
  /** Web API methods that need it. */
  methods: readonly string[];
  /** Events that arrive with it alone. */
  events: readonly string[];
  why: string;
  /** What is lost without it. */
  lost: string;
}

/** Methods that need no scope of their own. */
export const FREE_METHODS: readonly string[] = [
  'apps.connections.open',
  'auth.test',
  'blocks.validate',
  'views.open',
  'views.publish',
  'views.update',
];

const READS_DOUBTFUL = ['conversations.history', 'conversations.replies'] as const;

/** Every right in Slack that oombot uses. Its manifest, the documents, the log and `oombot check slack` go by this list. */
export const SCOPES: readonly Scope[] = [
  {
    name: 'chat:write',
    isRequired: true,
    methods: ['chat.delete', 'chat.postEphemeral', 'chat.postMessage', 'chat.update'],
    events: [],
    why: 'posts, edits and answers',
    lost: 'nobody is told of anything',
  },
  {
    name: 'commands',
    isRequired: true,
    methods: [],
    events: [],
    why: '`/oom` and the message shortcut',
    lost: 'nobody can ask anything',
  },
  {
    name: 'users:read',
    isRequired: true,
    methods: ['users.info'],
    events: [],
    why: 'looks up who acts: only present, full members of the workspace may',
    lost: 'oombot only watches: nobody can propose, approve, mute, take an incident, or add and remove hosts',
  },
  {
    name: 'app_mentions:read',
    isRequired: false,
    methods: [],
    events: ['app_mention'],
    why: 'commands behind a mention, also in threads',
    lost: 'mentions get no answer; `/oom` works',
  },
  {
    name: 'channels:history',
    isRequired: false,
    methods: READS_DOUBTFUL,
    events: [],
    why: 'finds out whether a message of its own arrived when Slack’s answer was lost',
    lost: 'in public channels such a message may be posted twice, and then says so',
  },
  {
    name: 'channels:join',
    isRequired: false,
    methods: ['conversations.join'],
    events: [],
    why: 'joins a public channel that it has to post in',
    lost: 'somebody must `/invite` it to each channel',
  },
  {
    name: 'channels:read',
    isRequired: false,
    methods: ['conversations.info', 'conversations.list'],
    events: [],
    why: 'finds public channels by name',
    lost: 'the configuration must name public channels by id (`C…`)',
  },
  {
    name: 'files:read',
    isRequired: false,
    methods: ['files.info'],
    events: [],
    why: 'reads the files given to `/oom explain`',
    lost: 'reports can only be pasted, up to 12,000 characters',
  },
  {
    name: 'files:write',
    isRequired: false,
    methods: ['files.completeUploadExternal', 'files.getUploadURLExternal'],
    events: [],
    why: 'sends the lines of a full report as a file, into the incident’s thread or to whoever asked',
    lost: 'these lines are shown a page at a time',
  },
  {
    name: 'groups:history',
    isRequired: false,
    methods: READS_DOUBTFUL,
    events: [],
    why: 'as `channels:history`, in private channels',
    lost: 'in private channels such a message may be posted twice, and then says so',
  },
  {
    name: 'groups:read',
    isRequired: false,
    methods: ['conversations.info', 'conversations.list'],
    events: [],
    why: 'finds private channels by name',
    lost: 'the configuration must name private channels by id (`C…`)',
  },
  {
    name: 'im:history',
    isRequired: false,
    methods: READS_DOUBTFUL,
    events: ['message.im'],
    why: 'commands in a direct message; as `channels:history` there',
    lost: 'direct messages get no answer; `/oom` works; a card in a direct message may come twice',
  },
  {
    name: 'im:write',
    isRequired: false,
    methods: ['conversations.open'],
    events: [],
    why: 'shows the card of a change to approvers in a direct message too',
    lost: 'approvers see the card in its channel only',
  },
  {
    name: 'usergroups:read',
    isRequired: false,
    methods: ['usergroups.users.list'],
    events: [],
    why: 'looks up the members of user groups under `approvers` and `admins`',
    lost: 'user groups approve nothing and manage no hosts; people named one by one (`U…`) do',
  },
];

/** What of the list is missing among these. */
export function missingScopes(granted: ReadonlySet<string>): Scope[] {
  return SCOPES.filter((scope) => !granted.has(scope.name));
}
