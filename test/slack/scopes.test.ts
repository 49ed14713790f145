import pino from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { NotPermitted } from '../../src/app/not-permitted.ts';
import type { SendOutcome } from '../../src/app/ports.ts';
import { openLocalWorkspace, type LocalWorkspace } from '../../src/local/workspace.ts';
import { aNotice } from '../../src/notice/notice.ts';
import { openSlack, type Slack } from '../../src/slack/app.ts';
import { SCOPES } from '../../src/slack/scopes.ts';
import { answeringHandlers, type AnsweringHandlers } from '../support/answering-handlers.ts';
import { realClock } from '../support/real-clock.ts';
import { openSlackStandIn } from '../support/slack-stand-in.ts';

const NOTICE = aNotice({ headline: [{ words: 'mysqld was killed' }] });
const MARK = { id: 'i1', also: [] };
const REQUIRED = SCOPES.filter((scope) => scope.isRequired).map((scope) => scope.name);
const OPTIONAL = SCOPES.filter((scope) => !scope.isRequired).map((scope) => scope.name);

interface Bench {
  slack: Slack;
  workspace: LocalWorkspace;
  handlers: AnsweringHandlers;
  logged: { level: number; scope?: string; lost?: string }[];
  post: (channel: string) => Promise<SendOutcome>;
  idOf: (channel: string) => string;
}

/** The bot in a workspace that granted all but `declined`; `#away` is public, and the bot is not in it. */
async function aBenchWithout(...declined: string[]): Promise<Bench> {
  const workspace = await openLocalWorkspace({
    channels: ['#oom', { name: '#secret', isPrivate: true }, { name: '#away', hasBot: false }],
    userGroups: [{ id: 'S0000001', handle: 'dba', name: 'DBAs', users: ['ULOCALBEN'] }],
    commands: [{ command: '/oom', shouldEscape: true }],
    shortcuts: [{ callbackId: 'explain-message', name: 'Explain' }],
    scopes: SCOPES.map((scope) => scope.name).filter((name) => !declined.includes(name)),
  });
  onTestFinished(workspace.close);
  const handlers = answeringHandlers();
  const logged: Bench['logged'] = [];
  const { botToken, appToken, apiUrl } = workspace;
  const slack = openSlack({
    botToken,
    appToken,
    apiUrl,
    logger: pino({ level: 'warn' }, { write: (line: string) => void logged.push(JSON.parse(line) as never) }),
    clock: realClock,
  });
  await slack.start(handlers, new AbortController().signal);
  onTestFinished(slack.close);
  return {
    slack,
    workspace,
    handlers,
    logged,
    post: (channel) => slack.post({ channel, notice: NOTICE, mark: MARK }),
    idOf: (channel) => `CLOCAL00${['#oom', '#secret', '#away'].indexOf(channel) + 1}`,
  };
}

describe('at the start', () => {
  it.each(SCOPES.map(({ name, isRequired, lost }) => [name, isRequired, lost] as const))(
    'the log says what is lost without %s',
    async (name, isRequired, lost) => {
      const { logged } = await aBenchWithout(name);

      const said = logged.filter((line) => line.scope !== undefined);
      expect(said).toMatchObject([{ scope: name, lost, level: isRequired ? 50 : 40 }]);
    },
  );

  it('nothing is said where all is granted', async () => {
    const { logged } = await aBenchWithout();

    expect(logged).toEqual([]);
  });
});

describe('with the required scopes alone', () => {
  it('a kill is told in a channel that is named by its id, and edited, and answered in its thread', async () => {
    const { slack, workspace, idOf, post } = await aBenchWithout(...OPTIONAL);
    const channel = idOf('#secret');

    const posted = await post(channel);
    const ts = posted.kind === 'sent' ? posted.ts : '';
    const edited = await slack.update({ channel, ts, notice: NOTICE, mark: MARK });
    const replied = await slack.reply({ channel, threadTs: ts, notice: NOTICE, mark: MARK });

    expect([posted.kind, edited.kind, replied.kind]).toEqual(['sent', 'sent', 'sent']);
    expect(workspace.messages('#secret', ts)).toHaveLength(2);
  });

  it('a command and a button are answered, and Slack says who somebody is', async () => {
    const { slack, workspace, handlers } = await aBenchWithout(...OPTIONAL);
    const ana = workspace.as('Ana');

    await ana.command('#oom', '/oom last db01');
    const answer = await workspace.until(() => ana.privateAnswers('#oom')[0]);
    await ana.click(answer, 'scores.0').catch(() => undefined);

    expect(handlers.asked[0]).toBe('last db01');
    expect(await slack.account('ULOCALANA')).toMatchObject({ kind: 'member' });
  });
});

describe('without', () => {
  it.each([
    ['channels:read', '#oom', '#secret'],
    ['groups:read', '#secret', '#oom'],
  ])('%s, the name %s is refused with the way out, its id and %s are not', async (scope, unseen, seen) => {
    const { post, idOf } = await aBenchWithout(scope);

    const refused = await post(unseen);

    expect(refused).toMatchObject({ kind: 'refused', reason: expect.stringContaining(`without ${scope}`) });
    expect(refused).toMatchObject({ reason: expect.stringContaining('by its id (C…)') });
    expect(await post(idOf(unseen))).toMatchObject({ kind: 'sent' });
    expect(await post(seen)).toMatchObject({ kind: 'sent' });
  });

  it('both, no name is looked up at all', async () => {
    const { post, workspace } = await aBenchWithout('channels:read', 'groups:read');

    expect(await post('#oom')).toMatchObject({
      kind: 'refused',
      reason:
        '#oom cannot be looked up: without channels:read and groups:read the app finds it by its id (C…) alone: put that into oombot.yaml',
    });
    expect(workspace.calls().map((call) => call.method)).not.toContain('conversations.list');
  });

  it('channels:join, a channel that it is not in is refused with what to type', async () => {
    const { post } = await aBenchWithout('channels:join');

    expect(await post('#away')).toEqual({ kind: 'refused', reason: 'not_in_channel: /invite the bot there' });
    const { post: joining } = await aBenchWithout();
    expect(await joining('#away')).toMatchObject({ kind: 'sent' });
  });

  it.each([
    ['channels:history', '#oom', '#secret'],
    ['groups:history', '#secret', '#oom'],
  ])('%s, %s cannot be searched, and %s can', async (scope, closed, open) => {
    const { slack } = await aBenchWithout(scope);
    const where = { threadTs: null, sinceMs: 0 };

    expect(await slack.find({ channel: closed, ...where })).toEqual({
      kind: 'refused',
      reason: `missing_scope: ${scope}`,
    });
    expect(await slack.find({ channel: open, ...where })).toMatchObject({ kind: 'looked' });
  });

  it('users:read, nobody is taken for a member', async () => {
    const { slack } = await aBenchWithout('users:read');

    expect(await slack.account('ULOCALANA')).toMatchObject({ kind: 'not-permitted' });
  });

  it('usergroups:read, a group’s members are not known, and it is said why', async () => {
    const { slack } = await aBenchWithout('usergroups:read');

    await expect(slack.groupMembers('S0000001')).rejects.toThrow(NotPermitted);
  });

  it.each([
    ['app_mentions:read', '#oom', '<@ULOCALBOT> last db01'],
    ['im:history', 'direct', 'last db01'],
  ])('%s, nothing comes from %s, and the command works', async (scope, channel, words) => {
    const { workspace, handlers } = await aBenchWithout(scope);
    const ana = workspace.as('Ana');

    ana.say(channel, words);
    await ana.command('#oom', '/oom scores db01');
    await workspace.until(() => ana.privateAnswers('#oom')[0]);

    expect(handlers.asked).toEqual(['scores db01 null']);
  });

  it('files:read, the form asks for no file', async () => {
    const { workspace } = await aBenchWithout('files:read');
    const ana = workspace.as('Ana');

    await ana.command('#oom', '/oom explain');
    const view = await workspace.until(() => ana.view());

    expect(view.blocks.map((block) => block.block_id)).toEqual(['report', 'report-2', 'report-3', 'report-4']);
  });

  it('files:read, the shortcut says that the file beside a message was not read', async () => {
    const standIn = await openSlackStandIn();
    onTestFinished(standIn.close);
    standIn.script.answer = ({ method }) =>
      method === 'auth.test'
        ? {
            status: 200,
            body: { ok: true, user_id: 'UBOT00001', bot_id: 'B1' },
            headers: { 'x-oauth-scopes': 'commands' },
          }
        : null;
    const logger = pino({ level: 'silent' });
    const tokens = { botToken: 'xoxb-test', appToken: 'xapp-test' };
    const slack = openSlack({ ...tokens, apiUrl: standIn.apiUrl, logger, clock: realClock });
    await slack.start(answeringHandlers(), new AbortController().signal);
    onTestFinished(slack.close);

    await standIn.shortcut('explain-message', 'Out of memory: Killed process 5 (mysqld)', ['F0000001']);

    const shown = await standIn.call('views.update');
    expect(JSON.stringify(shown.args['view'])).toContain(
      'The file was not read: the Slack app lacks the scope files:read',
    );
  });
});

it('every scope is required or optional', () => {
  expect(REQUIRED).toEqual(['chat:write', 'commands', 'users:read']);
});
