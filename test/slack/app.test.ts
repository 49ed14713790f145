import pino from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { openSlack, type Slack } from '../../src/slack/app.ts';
import { REDACTED_PATHS } from '../../src/slack/bolt-logger.ts';
import { describeIncident } from '../../src/notice/incident/incident-notice.ts';
import { homeView, noticeView } from '../../src/slack/views.ts';
import { anIncident } from '../support/an-incident.ts';
import { answeringHandlers, type AnsweringHandlers } from '../support/answering-handlers.ts';
import { openSlackStandIn, type SlackStandIn } from '../support/slack-stand-in.ts';
import { realClock } from '../support/real-clock.ts';

const cleanUps: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

interface Bench {
  slack: Slack;
  standIn: SlackStandIn;
  handlers: AnsweringHandlers;
  logged: string[];
}

async function aBench(): Promise<Bench> {
  const standIn = await openSlackStandIn();
  cleanUps.push(standIn.close);
  const handlers = answeringHandlers();
  const logged: string[] = [];
  const logger = pino(
    { level: 'trace', redact: [...REDACTED_PATHS] },
    { write: (line: string) => void logged.push(line) },
  );
  const slack = openSlack({
    botToken: 'xoxb-test',
    appToken: 'xapp-test',
    apiUrl: standIn.apiUrl,
    logger,
    clock: realClock,
  });
  cleanUps.push(slack.close);
  await slack.start(handlers, new AbortController().signal);
  return { slack, standIn, handlers, logged };
}

describe('at the start', () => {
  it.each([
    [
      'xoxb-wrong',
      'xapp-test',
      /^Slack refuses SLACK_BOT_TOKEN \(invalid_auth\): install the app again and copy its bot token\.$/,
    ],
    ['xoxb-test', 'xapp-wrong', /^Slack refuses SLACK_APP_TOKEN \(invalid_auth\): make an app-level token/],
    ['xapp-test', 'xoxb-test', /^SLACK_BOT_TOKEN must be a bot token/],
    ['xoxb-test', 'xoxb-test', /^SLACK_APP_TOKEN must be an app-level token/],
  ])('says in one sentence that %s with %s is wrong', async (botToken, appToken, sentence) => {
    const standIn = await openSlackStandIn();
    cleanUps.push(standIn.close);
    const options = { apiUrl: standIn.apiUrl, logger: pino({ level: 'silent' }), clock: realClock };

    await expect(async () => {
      const slack = openSlack({ botToken, appToken, ...options });
      await slack.start(answeringHandlers(), new AbortController().signal);
    }).rejects.toThrow(sentence);
  });

  it('keeps trying while Slack is away', async () => {
    const standIn = await openSlackStandIn();
    cleanUps.push(standIn.close);
    let failures = 2;
    standIn.script.answer = ({ method }) => (method === 'auth.test' && (failures -= 1) >= 0 ? { status: 503 } : null);
    const clock = { ...realClock, sleep: () => Promise.resolve() };

    const slack = openSlack({
      botToken: 'xoxb-test',
      appToken: 'xapp-test',
      apiUrl: standIn.apiUrl,
      logger: pino({ level: 'silent' }),
      clock,
    });
    cleanUps.push(slack.close);
    await slack.start(answeringHandlers(), new AbortController().signal);

    expect(standIn.calls.filter((call) => call.method === 'auth.test')).toHaveLength(3);
    expect(standIn.socketCount()).toBe(1);
  });
});

describe('a command', () => {
  it('is acknowledged first and answered privately', async () => {
    const { standIn, handlers } = await aBench();

    const ack = await standIn.command('last db01');
    const answer = await standIn.response();

    expect(ack.payload).toEqual({});
    expect(handlers.asked).toEqual(['last db01']);
    expect(answer).toMatchObject({ response_type: 'ephemeral', replace_original: false });
    expect(answer['text']).toContain('`mysqld` of `mysql.service` was killed on `db01`');
  });

  it('is acknowledged while the work still goes on, and too many at once are told to come back', async () => {
    const { standIn, handlers } = await aBench();
    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    const quick = handlers.answerScores;
    handlers.answerScores = async (ask, requester) => held.then(() => quick(ask, requester));

    const acks = await Promise.all(Array.from({ length: 101 }, () => standIn.command('scores db01')));
    const first = await standIn.response();
    release();
    await standIn.response(100);

    expect(acks).toHaveLength(101);
    expect(first['text']).toContain('Too many questions at once');
    expect(standIn.responses.filter((answer) => String(answer['text']).includes('scores of db01'))).toHaveLength(100);
  });

  it('that takes long is answered with what is looked at, then with the answer', async () => {
    const { standIn, handlers } = await aBench();
    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    const quick = handlers.answerWhy;
    handlers.answerWhy = async (ask, requester) => held.then(() => quick(ask, requester));

    await standIn.command('why a&lt;b mysqld');
    const first = await standIn.response();
    release();
    await standIn.response(1);

    expect(first).toMatchObject({ response_type: 'ephemeral', text: 'Looking at `a&lt;b`…' });
    expect(standIn.responses).toHaveLength(2);
    expect(standIn.responses[1]?.['text']).not.toContain('Looking at');
  });

  it.each([
    ['lats db01', 'Did you mean `/oom last db01`?'],
    ['last dbo1', 'Did you mean `db01`?'],
    ['last', '“last” needs a host'],
    ['', 'What you can ask'],
    ['hosts add', 'You can’t add or remove hosts. Ask one of the approvers.'],
  ])('“%s” gets an answer', async (text, says) => {
    const { standIn } = await aBench();

    await standIn.command(text);

    expect((await standIn.response())['text']).toContain(says);
  });

  it('that nobody knows is answered as well', async () => {
    const { standIn } = await aBench();

    await standIn.command('last db01', '/other');

    expect((await standIn.response())['text']).toContain('is from another version');
  });

  it('that fails inside is answered with a word to look for, and tells nothing else', async () => {
    const { standIn, logged } = await aBench();

    await standIn.command('last boom');
    const { text } = await standIn.response();

    const reference = /logged as `([0-9a-f]{8})`/.exec(String(text))?.[1];
    expect(reference).toBeDefined();
    expect(text).not.toContain('store is gone');
    expect(logged.find((line) => line.includes(reference ?? '?'))).toContain('the store is gone');
    expect(logged.join('')).not.toContain('xoxb-123456-secret');
  });

  it('is answered by a private message when the response URL is used up', async () => {
    const { standIn } = await aBench();
    standIn.script.answer = ({ method }) => (method === 'respond' ? { status: 404 } : null);

    await standIn.command('scores web1');

    expect((await standIn.call('chat.postEphemeral')).args).toMatchObject({
      channel: 'C00000001',
      user: 'U00000001',
      text: 'scores of web1',
    });
  });
});

describe('a click', () => {
  it('runs the command in its value', async () => {
    const { standIn, handlers } = await aBench();

    await standIn.click('run.101', 'mute “db01” 2h');
    await standIn.response();

    expect(handlers.asked).toEqual(['mute db01 7200000']);
  });

  it('on share shows the answer to the channel', async () => {
    const { standIn } = await aBench();

    await standIn.click('share.3', 'inc-1');

    expect(await standIn.response()).toMatchObject({ response_type: 'in_channel', replace_original: false });
  });

  it('has nothing to share in a view, which belongs to no channel', () => {
    const incident = anIncident();
    const notice = describeIncident(incident, {
      nowMs: incident.lastAtMs,

      protect: false,
      asAnswer: true,
    });

    expect(notice.buttons.map((button) => button.id)).toContain('share');
    for (const view of [noticeView('Last kill', notice), homeView(notice)])
      expect(JSON.stringify(view)).not.toContain('"share');
  });

  it('on share for something that is gone is answered privately', async () => {
    const { standIn } = await aBench();

    await standIn.click('share.3', 'gone');

    const answer = await standIn.response();
    expect(answer).toMatchObject({ response_type: 'ephemeral' });
    expect(answer['text']).toContain('no longer exists');
  });

  it('on a button that nobody knows is answered', async () => {
    const { standIn } = await aBench();

    await standIn.click('forged.0', 'x');

    expect((await standIn.response())['text']).toContain('is from another version');
  });

  it('in App Home is answered in a window', async () => {
    const { standIn } = await aBench();

    await standIn.click('run.101', 'last db01', 'home');
    await standIn.call('views.open');

    expect(JSON.stringify((await standIn.call('views.update')).args['view'])).toContain('was killed on db01');
  });
});

describe('forms', () => {
  it('explain takes a paste that is split over fields', async () => {
    const { standIn, handlers } = await aBench();
    await standIn.command('explain');
    expect((await standIn.call('views.open')).args['view']).toMatchObject({ callback_id: 'explain' });

    const ack = await standIn.submit('explain', {
      report: 'mysqld invoked oom-killer',
      'report-2': 'Killed process 1 (mysqld)',
    });
    const shown = await standIn.call('views.update');

    expect(ack.payload).toMatchObject({ response_action: 'update' });
    expect(handlers.asked[0]).toContain('mysqld invoked oom-killer\nKilled process 1 (mysqld)');
    expect(JSON.stringify(shown.args['view'])).toContain('was killed by the kernel');
  });

  it('a message shortcut explains the message', async () => {
    const { standIn, handlers } = await aBench();

    await standIn.shortcut('explain-message', '```\nOut of memory: Killed process 5 (a&lt;b)\n```');
    await standIn.call('views.update');

    expect(handlers.asked[0]).toContain('Killed process 5 (a<b)');
  });

  it('a new host is added only with the fingerprint that was shown', async () => {
    const { standIn, handlers } = await aBench();

    await standIn.submit('host-add', { name: 'db09', address: '10.0.0.9', port: '2222', user: '', tags: 'db, prod' });
    const confirm = (await standIn.call('views.update')).args['view'] as {
      callback_id: string;
      private_metadata: string;
    };
    expect(confirm.callback_id).toBe('host-confirm');
    await standIn.submit('host-confirm', {}, confirm.private_metadata);
    await standIn.call('views.update', 1);

    expect(handlers.asked).toEqual([
      'read key 10.0.0.9 2222',
      'add db09 10.0.0.9 2222 db+prod SHA256:abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG',
    ]);
  });

  it('says at the field what is wrong with it', async () => {
    const { standIn, handlers } = await aBench();

    const ack = await standIn.submit('host-add', {
      name: '-oProxyCommand=x',
      address: 'a b',
      port: '99999',
      user: '',
      tags: '',
    });

    expect(ack.payload).toMatchObject({ response_action: 'errors' });
    expect(Object.keys((ack.payload?.['errors'] ?? {}) as object)).toEqual(['name', 'address', 'port']);
    expect(handlers.asked).toEqual([]);
  });

  it.each([
    ['::1', 'first.last', 'db', []],
    ['fe80::1%eth0', '', '', []],
    ['10.0.0.9', '', Array.from({ length: 21 }, (_, at) => `t${at}`).join(' '), ['tags']],
    ['10.0.0.9', '-oProxyCommand', 'a/b', ['tags', 'user']],
  ])('takes in a form what the rules take: %s, %s, %s', async (address, user, tags, wrong) => {
    const { standIn } = await aBench();
    const ack = await standIn.submit('host-add', { name: 'db09', address, port: '', user, tags });

    expect(Object.keys((ack.payload?.['errors'] ?? {}) as object).toSorted()).toEqual(wrong);
  });

  it('a form that nobody knows is answered in its window', async () => {
    const { standIn } = await aBench();

    const ack = await standIn.submit('from-another-version', {});

    expect(JSON.stringify(ack.payload)).toContain('another version');
  });

  it('a damaged confirmation adds nothing', async () => {
    const { standIn, handlers } = await aBench();

    await standIn.submit('host-confirm', {}, '{"draft":{}}');

    expect(JSON.stringify((await standIn.call('views.update')).args['view'])).toContain('no longer exists');
    expect(handlers.asked).toEqual([]);
  });
});

describe('events', () => {
  it('a mention in a thread is answered there, to who asked alone', async () => {
    const { standIn, handlers } = await aBench();

    await standIn.event({
      type: 'app_mention',
      user: 'U00000001',
      text: '<@UBOT00001> last db01',
      channel: 'C00000001',
      ts: '5.1',
      thread_ts: '4.1',
    });

    expect((await standIn.call('chat.postEphemeral')).args).toMatchObject({
      channel: 'C00000001',
      user: 'U00000001',
      thread_ts: '4.1',
    });
    expect(handlers.asked).toEqual(['last db01']);
  });

  it('an event that comes twice is answered once', async () => {
    const { standIn, handlers } = await aBench();
    const mention = {
      type: 'app_mention',
      user: 'U00000001',
      text: '<@UBOT00001> last db01',
      channel: 'C00000001',
      ts: '5.1',
    };

    await standIn.event(mention, 'Ev1');
    await standIn.event(mention, 'Ev1');
    await standIn.event({ ...mention, text: '<@UBOT00001> scores db01' }, 'Ev2');
    await standIn.call('chat.postEphemeral', 1);

    expect(handlers.asked).toEqual(['last db01', 'scores db01 null']);
  });

  it.each([
    ['a bot', { bot_id: 'BOTHER001' }],
    ['a workflow', { subtype: 'bot_message', bot_id: 'BWORKFLOW' }],
    ['a workflow without a user', { user: undefined, subtype: 'bot_message' }],
  ])('a mention by %s is not answered', async (_who, fields) => {
    const { standIn, handlers } = await aBench();
    const mention = { type: 'app_mention', user: 'U00000001', channel: 'C00000001', ts: '5.1' };

    await standIn.event({ ...mention, text: '<@UBOT00001> protect db01 mysqld', ...fields });
    await standIn.event({ ...mention, text: '<@UBOT00001> last db01' });
    await standIn.call('chat.postEphemeral');

    expect(handlers.asked).toEqual(['last db01']);
  });

  it('a direct message is answered, the bot’s own words are not', async () => {
    const { standIn, handlers } = await aBench();
    const message = { type: 'message', channel_type: 'im', user: 'U00000001', channel: 'D00000001', ts: '5.1' };

    await standIn.event({ ...message, text: 'last db01', bot_id: 'BBOT00001' });
    await standIn.event({ ...message, text: 'scores db01' });

    expect((await standIn.call('chat.postMessage')).args).toMatchObject({ channel: 'D00000001' });
    expect(handlers.asked).toEqual(['scores db01 null']);
  });

  it('what needs a window says how to get it', async () => {
    const { standIn } = await aBench();

    await standIn.event({
      type: 'app_mention',
      user: 'U00000001',
      text: '<@UBOT00001> explain',
      channel: 'C00000001',
      ts: '5.1',
    });

    expect((await standIn.call('chat.postEphemeral')).args['text']).toContain('Type `/oom explain`');
  });

  it('App Home shows the fleet', async () => {
    const { standIn } = await aBench();

    await standIn.event({ type: 'app_home_opened', user: 'U00000001', channel: 'D1', tab: 'home' });

    expect((await standIn.call('views.publish')).args).toMatchObject({ user_id: 'U00000001', view: { type: 'home' } });
  });
});

describe('posting', () => {
  const incident = anIncident();
  const notice = describeIncident(incident, { nowMs: incident.lastAtMs, protect: false });
  const mark = { id: incident.id, also: [] };

  it('posts to a channel by its name, with an unseen mark, edits it, and finds it again', async () => {
    const { slack, standIn } = await aBench();

    const sent = await slack.post({ channel: '#oom', notice, mark });
    const posted = await standIn.call('chat.postMessage');
    const edited = await slack.update({ channel: '#oom', ts: '1.1', notice, mark });
    const found = await slack.find({ channel: '#oom', threadTs: null, sinceMs: 0 });

    expect(sent.kind).toBe('sent');
    expect(posted.args).toMatchObject({
      channel: 'C00000001',
      unfurl_links: 'false',
      metadata: { event_type: 'oombot_incident', event_payload: { id: incident.id } },
    });
    expect(edited).toEqual({ kind: 'sent', ts: '1.1' });
    expect(found.kind === 'looked' && [...found.byId.keys()]).toEqual([incident.id]);
    expect(standIn.calls.filter((call) => call.method === 'conversations.list')).toHaveLength(1);
  });

  it('shows tables in plain form where Slack refuses the native ones', async () => {
    const { slack, standIn } = await aBench();
    standIn.script.answer = ({ method, args }) =>
      method === 'chat.postMessage' && JSON.stringify(args['blocks']).includes('data_table')
        ? {
            status: 200,
            body: {
              ok: false,
              error: 'invalid_blocks',
              response_metadata: { messages: ['unsupported type: data_table'] },
            },
          }
        : null;

    const sent = await slack.post({ channel: '#oom', notice, mark });

    expect(sent.kind).toBe('sent');
    expect(JSON.stringify((await standIn.call('chat.postMessage', 1)).args['blocks'])).toContain('Who held memory');
  });

  it('joins a public channel that it is not in', async () => {
    const { slack, standIn } = await aBench();
    let first = true;
    standIn.script.answer = ({ method }) => {
      if (method !== 'chat.postMessage' || !first) return null;
      first = false;
      return { status: 200, body: { ok: false, error: 'not_in_channel' } };
    };

    expect((await slack.post({ channel: '#oom', notice, mark })).kind).toBe('sent');
    expect(standIn.calls.map((call) => call.method)).toContain('conversations.join');
  });

  it.each([
    [
      { status: 429, headers: { 'retry-after': '7' } },
      { kind: 'rate-limited', retryAfterMs: 7_000 },
    ],
    [{ status: 502 }, { kind: 'unknown', reason: 'HTTP 502' }],
    [
      { status: 200, body: { ok: false, error: 'internal_error' } },
      { kind: 'unknown', reason: 'internal_error' },
    ],
    [
      { status: 200, body: { ok: false, error: 'is_archived' } },
      { kind: 'refused', reason: 'is_archived' },
    ],
    [{ status: 200, body: { ok: false, error: 'message_not_found' } }, { kind: 'gone' }],
  ])('tells what became of a post that Slack answered with %o, after one try', async (answer, outcome) => {
    const { slack, standIn } = await aBench();
    standIn.script.answer = ({ method }) => (method === 'chat.postMessage' ? answer : null);

    expect(await slack.post({ channel: '#oom', notice, mark })).toEqual(outcome);
    expect(standIn.calls.filter((call) => call.method === 'chat.postMessage')).toHaveLength(1);
  });

  it('says that a channel is not there', async () => {
    const { slack } = await aBench();

    expect(await slack.post({ channel: '#nowhere', notice, mark })).toEqual({
      kind: 'refused',
      reason: 'no channel #nowhere: create it, or invite the bot if it is private',
    });
  });

  it('asks once a minute for a channel that is not there, and anew for one that was archived', async () => {
    const { slack, standIn } = await aBench();
    function lists(): number {
      return standIn.calls.filter((call) => call.method === 'conversations.list').length;
    }

    await slack.post({ channel: '#nowhere', notice, mark });
    await slack.post({ channel: '#nowhere', notice, mark });
    expect(lists()).toBe(1);

    await slack.post({ channel: '#oom', notice, mark });
    standIn.script.answer = ({ method }) =>
      method === 'chat.postMessage' ? { status: 200, body: { ok: false, error: 'is_archived' } } : null;
    await slack.post({ channel: '#oom', notice, mark });
    expect(lists()).toBe(1);
    standIn.script.answer = () => null;
    expect(await slack.post({ channel: '#oom', notice, mark })).toMatchObject({ kind: 'sent' });
    expect(lists()).toBe(2);
  });

  it('asks who somebody is when it matters, remembers it for seconds, and knows nobody when Slack does not say', async () => {
    const { slack, standIn } = await aBench();
    let user: Record<string, unknown> = { id: 'U1', team_id: 'T1' };
    standIn.script.answer = ({ method }) => {
      if (method === 'auth.test') return { status: 200, body: { ok: true, team_id: 'T1', user_id: 'UBOT00001' } };
      return method === 'users.info' ? { status: 200, body: { ok: true, user } } : null;
    };

    expect(await slack.account('U1')).toEqual({ personId: 'U1', teamId: 'T1', kind: 'member' });
    await slack.account('U1');
    expect(standIn.calls.filter((call) => call.method === 'users.info')).toHaveLength(1);
    user = { id: 'U2', team_id: 'T1', deleted: true };
    expect(await slack.account('U2')).toMatchObject({ kind: 'deactivated' });
    standIn.script.answer = ({ method }) =>
      method === 'users.info' ? { status: 200, body: { ok: false, error: 'user_not_found' } } : null;
    await expect(slack.account('U3')).rejects.toThrow('user_not_found');
    standIn.script.answer = ({ method }) =>
      method === 'users.info' ? { status: 200, body: { ok: false, error: 'missing_scope' } } : null;
    expect(await slack.account('U4')).toMatchObject({ kind: 'not-permitted' });
  });

  it('knows who is in a user group, and asks once', async () => {
    const { slack, standIn } = await aBench();

    expect(await slack.groupMembers('S00000001')).toEqual(['U00000001', 'U00000002']);
    await slack.groupMembers('S00000001');

    expect(standIn.calls.filter((call) => call.method === 'usergroups.users.list')).toHaveLength(1);
  });

  it('answers again after the socket was cut', async () => {
    const { standIn, handlers } = await aBench();
    standIn.cut();
    while (standIn.socketCount() === 0) await new Promise((resolve) => setTimeout(resolve, 20));

    await standIn.command('scores db01');

    expect((await standIn.response())['text']).toContain('scores of db01');
    expect(handlers.asked).toEqual(['scores db01 null']);
  }, 20_000);
});
