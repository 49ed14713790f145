import type { WebClient } from '@slack/web-api';
import { WebClient as Client } from '@slack/web-api';
import { afterEach, describe, expect, it } from 'vitest';
import type { LocalWorkspace, LocalWorkspaceOptions } from '../../src/local/workspace.ts';
import { openTestWorkspace } from './a-bolt-app.ts';

const opened: LocalWorkspace[] = [];

afterEach(async () => {
  for (const workspace of opened.splice(0)) await workspace.close();
});

async function world(
  options: Partial<LocalWorkspaceOptions> = {},
): Promise<{ workspace: LocalWorkspace; client: WebClient }> {
  const workspace = await openTestWorkspace(options);
  opened.push(workspace);
  const client = new Client(workspace.botToken, {
    slackApiUrl: workspace.apiUrl,
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
  });
  return { workspace, client };
}

function refusal(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'ok',
    (error: { data?: { error?: string }; code?: string }) => error.data?.error ?? error.code ?? 'no code',
  );
}

async function call(
  workspace: LocalWorkspace,
  method: string,
  options: { token?: string; body?: string; type?: string } = {},
) {
  const response = await fetch(`${workspace.apiUrl}${method}`, {
    method: 'POST',
    headers: {
      'content-type': options.type ?? 'application/x-www-form-urlencoded',
      ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
    },
    body: options.body ?? '',
  });
  return (await response.json()) as Record<string, unknown>;
}

describe('tokens', () => {
  it('are needed, must be right, and of the right kind', async () => {
    const { workspace } = await world();

    expect([
      await call(workspace, 'auth.test'),
      await call(workspace, 'auth.test', { token: 'xoxb-wrong' }),
      await call(workspace, 'auth.test', { token: workspace.appToken }),
      await call(workspace, 'apps.connections.open', { token: workspace.botToken }),
      await call(workspace, 'auth.test', { body: `token=${workspace.botToken}` }),
    ]).toMatchObject([
      { ok: false, error: 'not_authed' },
      { ok: false, error: 'invalid_auth' },
      { ok: false, error: 'not_allowed_token_type' },
      { ok: false, error: 'not_allowed_token_type' },
      { ok: true, user_id: 'ULOCALBOT', bot_id: 'BLOCALBOT' },
    ]);
  });

  it('are new at each start', async () => {
    const [one, other] = [await world(), await world()];

    expect(one.workspace.botToken).not.toBe(other.workspace.botToken);
    expect(await call(other.workspace, 'auth.test', { token: one.workspace.botToken })).toMatchObject({
      error: 'invalid_auth',
    });
  });

  it('do not open methods that are not there', async () => {
    const { workspace } = await world();

    for (const method of ['chat.scheduleMessage', 'toString', '__proto__']) {
      expect(await call(workspace, method, { token: workspace.botToken })).toEqual({
        ok: false,
        error: 'unknown_method',
        req_method: method,
      });
    }
  });
});

describe('scopes', () => {
  it('are needed for what the manifest did not ask for', async () => {
    const { client } = await world({ scopes: ['chat:write', 'channels:read'] });

    expect([
      await refusal(client.chat.postMessage({ channel: '#oom', text: 'x' })),
      await refusal(client.chat.postMessage({ channel: '#general', text: 'x' })),
      await refusal(client.conversations.list({ types: 'public_channel' })),
      await refusal(client.conversations.list({ types: 'public_channel,private_channel' })),
      await refusal(client.conversations.history({ channel: 'CLOCAL001' })),
      await refusal(client.conversations.join({ channel: 'CLOCAL003' })),
      await refusal(client.usergroups.users.list({ usergroup: 'SLOCALDBA' })),
    ]).toEqual(['ok', 'not_in_channel', 'ok', 'missing_scope', 'missing_scope', 'missing_scope', 'missing_scope']);
  });

  it('let an app post to public channels without being in them', async () => {
    const { client, workspace } = await world({ scopes: ['chat:write', 'chat:write.public'] });

    await client.chat.postMessage({ channel: '#general', text: 'x' });

    expect(workspace.messages('#general')).toHaveLength(1);
  });
});

describe('chat', () => {
  it('takes forms and JSON, channel names and ids, and people for direct messages', async () => {
    const { workspace, client } = await world();

    await client.chat.postMessage({ channel: '#oom', text: 'form' });
    await call(workspace, 'chat.postMessage', {
      token: workspace.botToken,
      type: 'application/json; charset=utf-8',
      body: JSON.stringify({
        channel: 'CLOCAL001',
        text: 'json',
        blocks: [{ type: 'header', text: { type: 'plain_text', text: 'x' } }],
      }),
    });
    await client.chat.postMessage({ channel: 'ULOCALANA', text: 'direct' });

    expect(workspace.messages('#oom').map((one) => one.text)).toEqual(['form', 'json']);
    expect(
      workspace
        .as('Ana')
        .sees('direct')
        .map((one) => one.text),
    ).toEqual(['direct']);
    expect(workspace.as('Ben').sees('direct')).toEqual([]);
  });

  it('refuses as Slack does', async () => {
    const { workspace, client } = await world();
    const { ts } = await client.chat.postMessage({ channel: '#oom', text: 'own' });
    workspace.as('Ana').say('#oom', 'mine');
    const hers = workspace.messages('#oom')[1]!.ts;
    const long = 'x'.repeat(3000);
    const sections = Array.from(
      { length: 5 },
      () => ({ type: 'section', text: { type: 'mrkdwn', text: long } }) as const,
    );

    expect([
      await refusal(client.chat.postMessage({ channel: '#nowhere', text: 'x' })),
      await refusal(client.chat.postMessage({ channel: '#general', text: 'x' })),
      await refusal(client.chat.postMessage({ channel: '#oom', text: '' })),
      await refusal(client.chat.postMessage({ channel: '#oom', text: 'x'.repeat(40_001) })),
      await refusal(client.chat.postMessage({ channel: '#oom', text: 'x', blocks: sections })),
      await refusal(
        client.chat.postMessage({ channel: '#oom', text: 'x', metadata: { event_type: '', event_payload: {} } }),
      ),
      await refusal(client.chat.update({ channel: 'CLOCAL001', ts: ts!, text: 'x'.repeat(4_001) })),
      await refusal(client.chat.update({ channel: 'CLOCAL001', ts: '1.000000', text: 'x' })),
      await refusal(client.chat.update({ channel: '#oom', ts: ts!, text: 'x' })),
      await refusal(client.chat.update({ channel: 'CLOCAL001', ts: hers, text: 'x' })),
      await refusal(client.chat.postEphemeral({ channel: 'CLOCAL001', user: 'UNOBODY', text: 'x' })),
      await refusal(client.conversations.history({ channel: 'CLOCAL003' })),
      await refusal(client.conversations.replies({ channel: 'CLOCAL001', ts: '1.000000' })),
    ]).toEqual([
      'channel_not_found',
      'not_in_channel',
      'no_text',
      'msg_too_long',
      'msg_blocks_too_long',
      'invalid_metadata_format',
      'msg_too_long',
      'message_not_found',
      'channel_not_found',
      'cant_update_message',
      'user_not_in_channel',
      'not_in_channel',
      'thread_not_found',
    ]);
  });

  it('says which field of the blocks is bad', async () => {
    const { client } = await world();
    const blocks = [{ type: 'header', text: { type: 'plain_text', text: 'x'.repeat(151) } }] as const;

    const posting = client.chat.postMessage({ channel: '#oom', text: 'x', blocks: [...blocks] });

    await expect(posting).rejects.toMatchObject({
      data: {
        error: 'invalid_blocks',
        response_metadata: {
          messages: ['[ERROR] must be less than 151 characters [json-pointer:/blocks/0/text/text]'],
        },
      },
    });
  });

  it('edits as Slack does: blocks replace, text alone removes the blocks, nothing changes nothing', async () => {
    const { workspace, client } = await world();
    const header = { type: 'header', text: { type: 'plain_text', text: 'x' } } as const;
    const { ts } = await client.chat.postMessage({ channel: '#oom', text: 'one', blocks: [header] });
    const [message] = workspace.messages('#oom');
    const at = { channel: 'CLOCAL001', ts: ts! };
    const seen: unknown[] = [];
    function note() {
      seen.push([message?.text, message?.blocks.length, message?.metadata?.event_type ?? null]);
    }

    await client.chat.update({
      ...at,
      text: 'two',
      blocks: [header, header],
      metadata: { event_type: 'a', event_payload: {} },
    });
    note();
    await client.chat.update({ ...at, text: 'three' });
    note();
    await client.chat.update({ ...at } as never);
    note();

    expect(seen).toEqual([
      ['two', 2, 'a'],
      ['three', 0, 'a'],
      ['three', 0, 'a'],
    ]);
  });

  it('makes up block_ids and action_ids where there are none', async () => {
    const { workspace, client } = await world();
    const button = { type: 'button', text: { type: 'plain_text', text: 'Go' } } as const;

    await client.chat.postMessage({ channel: '#oom', text: 'x', blocks: [{ type: 'actions', elements: [button] }] });

    expect(workspace.messages('#oom')[0]?.blocks).toEqual([
      { type: 'actions', block_id: expect.any(String), elements: [{ ...button, action_id: expect.any(String) }] },
    ]);
  });
});

describe('conversations', () => {
  it('give history newest first with cursors, metadata on request, and no private answers', async () => {
    const { client } = await world();
    for (const text of ['1', '2', '3']) {
      await client.chat.postMessage({
        channel: '#oom',
        text,
        metadata: { event_type: 'kill', event_payload: { id: text } },
      });
    }
    await client.chat.postEphemeral({ channel: 'CLOCAL001', user: 'ULOCALANA', text: 'private' });

    const first = await client.conversations.history({ channel: 'CLOCAL001', limit: 2, include_all_metadata: true });
    const second = await client.conversations.history({
      channel: 'CLOCAL001',
      limit: 2,
      cursor: first.response_metadata?.next_cursor ?? '',
    });

    expect(first).toMatchObject({
      has_more: true,
      messages: [
        { text: '3', metadata: { event_type: 'kill', event_payload: { id: '3' } } },
        { text: '2', bot_id: 'BLOCALBOT' },
      ],
    });
    expect(second.messages).toEqual([expect.not.objectContaining({ metadata: expect.anything() })]);
    expect(second.has_more).toBe(false);
  });

  it('keep replies out of the channel, count them on the parent, and give the thread oldest first', async () => {
    const { client } = await world();
    const parent = await client.chat.postMessage({ channel: '#oom', text: 'parent' });
    const reply = await client.chat.postMessage({ channel: '#oom', text: 'reply', thread_ts: parent.ts! });
    await client.chat.postMessage({ channel: '#oom', text: 'to a reply', thread_ts: reply.ts! });

    const history = await client.conversations.history({ channel: 'CLOCAL001' });
    const replies = await client.conversations.replies({ channel: 'CLOCAL001', ts: parent.ts! });

    expect(history.messages).toMatchObject([{ text: 'parent', reply_count: 2 }]);
    expect(replies.messages?.map((one) => one.text)).toEqual(['parent', 'reply', 'to a reply']);
  });

  it('cut history by oldest and latest', async () => {
    const { client } = await world();
    const stamps: string[] = [];
    for (const text of ['1', '2', '3']) stamps.push((await client.chat.postMessage({ channel: '#oom', text })).ts!);
    const [oldest, , latest] = stamps as [string, string, string];

    const between = await client.conversations.history({ channel: 'CLOCAL001', oldest, latest });
    const all = await client.conversations.history({ channel: 'CLOCAL001', oldest, latest, inclusive: true });

    expect(between.messages?.map((one) => one.text)).toEqual(['2']);
    expect(all.messages?.map((one) => one.text)).toEqual(['3', '2', '1']);
  });

  it('list channels, and let the bot join', async () => {
    const { client } = await world();

    const before = await client.conversations.list({ types: 'public_channel' });
    await client.conversations.join({ channel: 'CLOCAL003' });
    const after = await client.conversations.list({ types: 'public_channel' });

    expect(before.channels?.map((one) => [one.name, one.is_member])).toEqual([
      ['oom', true],
      ['db-alerts', true],
      ['general', false],
    ]);
    expect(after.channels?.at(-1)?.is_member).toBe(true);
  });
});

describe('people', () => {
  it('of a user group are listed', async () => {
    const { client } = await world();

    const inGroup = await client.usergroups.users.list({ usergroup: 'SLOCALDBA' });

    expect(inGroup.users).toEqual(['ULOCALBEN']);
  });

  it('have unread messages until they read', async () => {
    const { workspace, client } = await world();
    await client.chat.postMessage({ channel: '#oom', text: '1' });
    await client.chat.postEphemeral({ channel: 'CLOCAL001', user: 'ULOCALANA', text: 'private' });
    workspace.as('Ana').say('#oom', 'mine');

    expect([workspace.as('Ana').unread('#oom'), workspace.as('Ben').unread('#oom')]).toEqual([2, 2]);
  });
});

describe('faults', () => {
  it('answers 429 with Retry-After before anything is done', async () => {
    const { workspace, client } = await world();
    workspace.faults.add({ method: 'chat.postMessage', status: 429, retryAfterSeconds: 7 });

    const posting = client.chat.postMessage({ channel: '#oom', text: 'x' });

    await expect(posting).rejects.toMatchObject({ retryAfter: 7 });
    expect(workspace.messages('#oom')).toEqual([]);
    await client.chat.postMessage({ channel: '#oom', text: 'again' });
    expect(workspace.messages('#oom')).toHaveLength(1);
  });

  it('answers 5xx after the message was taken', async () => {
    const { workspace, client } = await world();
    workspace.faults.add({ method: 'chat.postMessage', status: 503, when: 'after', times: 2 });

    const errors = [
      await refusal(client.chat.postMessage({ channel: '#oom', text: '1' })),
      await refusal(client.chat.postMessage({ channel: '#oom', text: '2' })),
      await refusal(client.chat.postMessage({ channel: '#oom', text: '3' })),
    ];

    expect(errors).toEqual(['slack_webapi_http_error', 'slack_webapi_http_error', 'ok']);
    expect(workspace.messages('#oom').map((one) => one.text)).toEqual(['1', '2', '3']);
  });

  it('cuts everything while it is down', async () => {
    const { workspace, client } = await world();

    workspace.faults.refuseAll(true);
    const down = await refusal(client.auth.test());
    workspace.faults.refuseAll(false);
    const up = await refusal(client.auth.test());

    expect([down, up]).toEqual(['slack_webapi_request_error', 'ok']);
  });

  it('cuts one connection before or after', async () => {
    const { workspace, client } = await world();
    workspace.faults.add({ method: '*', cut: true });
    workspace.faults.add({ method: '*', cut: true, when: 'after' });

    const errors = [
      await refusal(client.chat.postMessage({ channel: '#oom', text: 'before' })),
      await refusal(client.chat.postMessage({ channel: '#oom', text: 'after' })),
    ];

    expect(errors).toEqual(['slack_webapi_request_error', 'slack_webapi_request_error']);
    expect(workspace.messages('#oom').map((one) => one.text)).toEqual(['after']);
  });
});
