import { describe, expect, it, onTestFinished } from 'vitest';
import { exampleNotices } from '../../src/run/example-notices.ts';
import { checkSlack, type SlackCheck, type SlackReport } from '../../src/slack/check-slack.ts';
import { layoutsOf } from '../../src/slack/layouts.ts';
import { SCOPES } from '../../src/slack/scopes.ts';
import { openSlackStandIn, type Call, type SlackStandIn } from '../support/slack-stand-in.ts';
import { openWorkspaceOfManifest } from '../support/whole-bot.ts';

const LAYOUTS = layoutsOf(exampleNotices(Date.UTC(2026, 10, 30)));
const ALL = SCOPES.map((scope) => scope.name);
const OOM = { id: 'C00000001', name: 'oom', is_member: true };
type Scripted = ReturnType<SlackStandIn['script']['answer']>;

/** What the check finds where Slack answers one thing otherwise. Its waits cost no time. */
async function reportOf(
  fault: {
    answer?: (call: Call) => Scripted;
    scopes?: readonly string[];
    check?: Partial<SlackCheck>;
    aheadMs?: number;
  } = {},
): Promise<{ report: SlackReport; standIn: SlackStandIn; slept: number[] }> {
  const standIn = await openSlackStandIn();
  onTestFinished(standIn.close);
  standIn.script.answer = fault.answer ?? (() => null);
  standIn.granted.scopes = fault.scopes ?? ALL;
  const slept: number[] = [];
  const report = await checkSlack({
    botToken: 'xoxb-test',
    appToken: 'xapp-test',
    apiUrl: standIn.apiUrl,
    channels: [{ channel: '#oom', keys: ['workspace.channel'] }],
    people: [],
    layouts: LAYOUTS.slice(0, 2),
    postTo: null,
    mayRemove: () => Promise.resolve(),
    clock: {
      nowMs: () => Date.now() + (fault.aheadMs ?? 0),
      sleep: (ms) => Promise.resolve(void slept.push(ms)),
    },
    signal: new AbortController().signal,
    ...fault.check,
  });
  return { report, standIn, slept };
}

function saying(method: string, body: object, headers?: Record<string, string>): (call: Call) => Scripted {
  return (call) => (call.method === method ? { status: 200, body, ...(headers ? { headers } : {}) } : null);
}

function listing(channel: object): (call: Call) => Scripted {
  return saying('conversations.list', { ok: true, channels: [{ ...OOM, ...channel }] });
}

function without(scope: string): string[] {
  return ALL.filter((one) => one !== scope);
}

describe('where all is well', () => {
  it('finds nothing, posts nothing and opens no socket', async () => {
    const { report, standIn } = await reportOf({
      check: {
        layouts: LAYOUTS,
        people: [
          { id: 'U00000001', key: 'admins', also: [] },
          { id: 'S00000001', key: 'approvals.approvers', also: [] },
        ],
        channels: [
          { channel: '#oom', keys: ['workspace.channel'] },
          { channel: '#db-alerts', keys: ['routes[0].channel'] },
        ],
      },
    });

    expect(report).toEqual({ place: { team: 'T', bot: 'oombot' }, findings: [], checked: LAYOUTS.length });
    expect(standIn.calls.map((call) => call.method).filter((method) => /^(?:chat|views)\./.test(method))).toEqual([]);
    expect(standIn.socketCount()).toBe(0);
  });

  it('asks about one layout a second', async () => {
    const { slept } = await reportOf({ check: { layouts: LAYOUTS } });

    expect(slept).toEqual(LAYOUTS.map(() => 1_000));
  });
});

describe('finds', () => {
  it.each<[string, Parameters<typeof reportOf>[0], 'wrong' | 'limited' | 'note', RegExp, RegExp]>([
    [
      'a refused bot token',
      { check: { botToken: 'xoxb-wrong' } },
      'wrong',
      /^Slack refuses SLACK_BOT_TOKEN \(invalid_auth\)/,
      /Install App: install it again/,
    ],
    [
      'a refused app token',
      { check: { appToken: 'xapp-wrong' } },
      'wrong',
      /^Slack refuses SLACK_APP_TOKEN \(invalid_auth\)/,
      /generate one with connections:write.*Socket Mode/,
    ],
    [
      'a socket server that cannot be reached',
      { answer: saying('apps.connections.open', { ok: true, url: 'wss://127.0.0.1:1/link' }) },
      'wrong',
      /socket server 127\.0\.0\.1:1 cannot be reached/,
      /HTTPS and WebSocket/,
    ],
    ...SCOPES.filter((scope) => !/^(?:channels|groups):read$/.test(scope.name)).map(
      ({ name, isRequired, lost }): [string, object, 'wrong' | 'limited', RegExp, RegExp] => [
        `that ${name} was not granted`,
        { scopes: without(name) },
        isRequired ? 'wrong' : 'limited',
        new RegExp(`The scope ${name} was not granted: ${escaped(lost.replaceAll('`', ''))}`),
        new RegExp(`add ${name}, then reinstall`),
      ],
    ),
    [
      'a scope that is not used',
      { scopes: [...ALL, 'reactions:write'] },
      'note',
      /not used by oombot: reactions:write/,
      /remove what nothing else needs/,
    ],
    [
      'a clock that is off',
      { aheadMs: 40_000 },
      'limited',
      /clock here is (?:39|40|41) s ahead of Slack’s/,
      /timedatectl set-ntp true/,
    ],
    [
      'a clock that is far off',
      { aheadMs: -3_600_000 },
      'wrong',
      /clock here is 3(?:599|600|601) s behind Slack’s/,
      /timedatectl set-ntp true/,
    ],
    [
      'no such channel',
      { check: { channels: [{ channel: '#oops', keys: ['routes[0].channel'] }] } },
      'wrong',
      /There is no channel #oops \(routes\[0\]\.channel\)/,
      /create it, or if it is private, in that channel: \/invite @oombot/,
    ],
    [
      'no channel of that id',
      {
        answer: saying('conversations.info', { ok: false, error: 'channel_not_found' }),
        check: { channels: [{ channel: 'C0000000X', keys: ['approvals.channel'] }] },
      },
      'wrong',
      /There is no channel C0000000X \(approvals\.channel\)/,
      /correct the id/,
    ],
    ['an archived channel', { answer: listing({ is_archived: true }) }, 'wrong', /#oom .* is archived/, /unarchive it/],
    [
      'a private channel without the bot',
      { answer: listing({ is_member: false, is_private: true }) },
      'wrong',
      /oombot is not in #oom/,
      /in that channel: \/invite @oombot/,
    ],
    [
      'a public channel that it will join',
      { answer: listing({ is_member: false }) },
      'note',
      /joins with its first message/,
      /^$/,
    ],
    [
      'a channel where few may post',
      { answer: listing({ is_read_only: true }) },
      'wrong',
      /only some people may post/,
      /who can post: add @oombot/,
    ],
    [
      'a channel shared with another organisation',
      { answer: listing({ is_ext_shared: true }) },
      'limited',
      /shared with another organisation/,
      /of your own workspace/,
    ],
    [
      'an approver whom Slack does not know',
      {
        answer: saying('users.info', { ok: false, error: 'user_not_found' }),
        check: { people: [{ id: 'U0000000X', key: 'approvals.approvers', also: [] }] },
      },
      'wrong',
      /approvals\.approvers names U0000000X, and Slack knows nobody/,
      /correct it/,
    ],
    [
      'an approver who left',
      {
        answer: saying('users.info', { ok: true, user: { id: 'U00000009', team_id: 'T00000001', deleted: true } }),
        check: { people: [{ id: 'U00000009', key: 'admins', also: [] }] },
      },
      'limited',
      /admins names U00000009, who does not count: a deactivated account/,
      /take them off/,
    ],
    [
      'an empty group of approvers',
      {
        answer: saying('usergroups.users.list', { ok: true, users: [] }),
        check: { people: [{ id: 'S00000009', key: 'approvals.approvers', also: [] }] },
      },
      'limited',
      /user group S00000009 \(approvals\.approvers\) has no members/,
      /add people/,
    ],
    [
      'a layout that Slack refuses',
      {
        answer: ({ method, args }) =>
          method === 'blocks.validate' && JSON.stringify(args).includes('data_table')
            ? {
                status: 200,
                body: {
                  ok: false,
                  error: 'invalid_message',
                  errors: [{ pointer: '/blocks/4/type', code: 'unknown_block', message: 'is not supported' }],
                },
              }
            : null,
        check: { layouts: LAYOUTS.slice(0, 1) },
      },
      'limited',
      /Slack refuses the layout “a kill” \(message\): \/blocks\/4\/type is not supported\. .*plain form/,
      /update oombot/,
    ],
    [
      'a server without blocks.validate',
      { answer: saying('blocks.validate', { ok: false, error: 'unknown_method' }) },
      'note',
      /did not look at 2 of 2 layouts: unknown_method/,
      /try again/,
    ],
  ])('%s', async (_what, fault, severity, what, fix) => {
    const { report } = await reportOf(fault);

    expect(report.findings.map((finding) => ({ ...finding, fix: finding.fix ?? '' }))).toEqual([
      { severity, what: expect.stringMatching(what), fix: expect.stringMatching(fix) },
    ]);
  });

  it.each(['channels:read', 'groups:read'])('that %s was not granted, and what that does to a name', async (scope) => {
    const { report } = await reportOf({
      scopes: without(scope),
      check: { channels: [{ channel: '#secret', keys: ['workspace.channel'] }] },
    });

    expect(report.findings.map(({ what }) => what)).toEqual([
      expect.stringContaining(`The scope ${scope} was not granted`),
      expect.stringContaining('There is no channel #secret'),
    ]);
    expect(report.findings[1]?.fix).toContain(`without ${scope}, name it by its id (C…)`);
  });

  it('that Slack cannot be reached at all, and stops there', async () => {
    const gone = await openSlackStandIn();
    await gone.close();
    const { report } = await reportOf({ check: { apiUrl: gone.apiUrl } });

    expect(report.place).toBeNull();
    expect(report.findings.map(({ what }) => what)).toEqual([
      'Slack cannot be asked about SLACK_BOT_TOKEN: ECONNREFUSED.',
      'Slack cannot be asked about SLACK_APP_TOKEN: ECONNREFUSED.',
    ]);
  });

  it('a limit: it waits as long as Slack says, and goes on', async () => {
    let limits = 2;
    const { report, slept } = await reportOf({
      answer: ({ method }) =>
        method === 'blocks.validate' && (limits -= 1) >= 0
          ? { status: 429, body: { ok: false, error: 'ratelimited' }, headers: { 'retry-after': '7' } }
          : null,
    });

    expect(report).toMatchObject({ findings: [], checked: 2 });
    expect(slept).toEqual([7_000, 7_000, 1_000, 1_000]);
  });
});

describe('with a channel to post in', () => {
  const messages = LAYOUTS.filter((layout) => layout.kind === 'message');

  it('posts one of each message, marked as an example, and removes them once somebody has looked', async () => {
    let before: string[] = [];
    const calls: Call[] = [];
    const { report } = await reportOf({
      answer: (call) => (calls.push(call), null),
      check: {
        layouts: LAYOUTS,
        postTo: '#oom',
        mayRemove: () => Promise.resolve(void (before = calls.map((call) => call.method))),
      },
    });

    const posted = calls.filter((call) => call.method === 'chat.postMessage');
    expect(report.findings).toEqual([]);
    expect(posted).toHaveLength(messages.length);
    for (const { args } of posted) {
      expect(args['text']).toContain('Example: ');
      expect(JSON.stringify(args['blocks'])).toContain('nothing was killed and nothing was changed');
    }
    expect(before).not.toContain('chat.delete');
    expect(calls.filter((call) => call.method === 'chat.delete')).toHaveLength(messages.length);
  });

  it('removes what it posted also when it is stopped in the middle', async () => {
    const stop = new AbortController();
    const calls: Call[] = [];
    let posts = 0;
    const { report } = await reportOf({
      answer: (call) => {
        calls.push(call);
        if (call.method === 'chat.postMessage' && (posts += 1) === 3) stop.abort();
        return null;
      },
      check: { layouts: LAYOUTS, postTo: '#oom', signal: stop.signal },
    });

    expect(report.findings).toMatchObject([{ severity: 'note', what: 'Stopped before all examples were posted.' }]);
    expect(calls.filter((call) => call.method === 'chat.postMessage')).toHaveLength(3);
    expect(calls.filter((call) => call.method === 'chat.delete')).toHaveLength(3);
  });

  it('says what stands in the way, and what it could not remove', async () => {
    const closed = await reportOf({
      answer: saying('chat.postMessage', { ok: false, error: 'not_in_channel' }),
      check: { postTo: '#db-alerts' },
    });
    const stuck = await reportOf({
      answer: saying('chat.delete', { ok: false, error: 'cant_delete_message' }),
      check: { postTo: '#oom', layouts: messages.slice(0, 2) },
    });

    expect(closed.report.findings).toMatchObject([
      { severity: 'wrong', what: expect.stringContaining('not_in_channel'), fix: expect.stringContaining('/invite') },
    ]);
    expect(stuck.report.findings).toMatchObject([
      { severity: 'limited', what: '2 examples are still in the channel.', fix: expect.stringContaining('by hand') },
    ]);
  });
});

describe('against the local workspace, with the scopes of the manifest', () => {
  it('finds nothing, and what it posted is gone afterwards', async () => {
    const workspace = await openWorkspaceOfManifest({ channels: ['#oom', { name: '#secret', isPrivate: true }] });
    onTestFinished(workspace.close);
    const { botToken, appToken, apiUrl } = workspace;
    let seen = 0;

    const { report } = await reportOf({
      check: {
        botToken,
        appToken,
        apiUrl,
        channels: [
          { channel: 'CLOCAL001', keys: ['workspace.channel'] },
          { channel: '#secret', keys: ['approvals.channel'] },
        ],
        people: [{ id: 'ULOCALANA', key: 'admins', also: [] }],
        layouts: LAYOUTS,
        postTo: '#secret',
        mayRemove: () => Promise.resolve(void (seen = workspace.messages('#secret').length)),
      },
    });

    expect(report).toEqual({
      place: { team: 'Local workspace', bot: 'oombot' },
      findings: [],
      checked: LAYOUTS.length,
    });
    expect(seen).toBe(LAYOUTS.filter((layout) => layout.kind === 'message').length);
    expect(workspace.messages('#secret')).toEqual([]);
  });

  it('finds a layout that breaks a rule, with the place of the fault', async () => {
    const workspace = await openWorkspaceOfManifest({ channels: ['#oom'] });
    onTestFinished(workspace.close);
    const { botToken, appToken, apiUrl } = workspace;
    const long = { type: 'header' as const, text: { type: 'plain_text' as const, text: 'x'.repeat(151) } };
    const [first] = LAYOUTS;
    const layouts = first?.kind === 'message' ? [{ ...first, blocks: [long] }] : [];

    const { report } = await reportOf({ check: { botToken, appToken, apiUrl, layouts } });

    expect(report.findings).toMatchObject([
      { severity: 'limited', what: expect.stringMatching(/layout “a kill” \(message\): \/blocks\/0\/text\/text /) },
    ]);
  });
});

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
