import { RespondError, type App } from '@slack/bolt';
import { afterEach, describe, expect, it } from 'vitest';
import type { LocalWorkspace, LocalWorkspaceOptions } from '../../src/local/workspace.ts';
import { aBoltApp, aStoppedClock, openTestWorkspace, start } from './a-bolt-app.ts';

const opened: { app: App; workspace: LocalWorkspace }[] = [];

afterEach(async () => {
  for (const { app, workspace } of opened.splice(0)) {
    await app.stop();
    await workspace.close();
  }
});

async function world(register: (app: App) => void, options: Partial<LocalWorkspaceOptions> = {}) {
  const workspace = await openTestWorkspace(options);
  const app = aBoltApp(workspace);
  register(app);
  opened.push({ app, workspace });
  await start(app, workspace);
  return { app, workspace, ana: workspace.as('Ana'), ben: workspace.as('Ben') };
}

const BUTTON = {
  type: 'actions',
  block_id: 'b1',
  elements: [
    { type: 'button', action_id: 'go', value: 'db01', text: { type: 'plain_text', text: 'Go' }, style: 'primary' },
  ],
} as const;

describe('commands', () => {
  it('shows the text of an acknowledgement to the one who asked and to nobody else', async () => {
    const { ana, ben } = await world((app) =>
      app.command('/oom', async ({ ack, command }) => ack(`You said ${command.text}`)),
    );

    const outcome = await ana.command('#oom', '/oom last <db01> & more');

    expect(outcome).toEqual({ ok: true });
    expect(ana.sees('#oom').map((one) => [one.text, one.onlyFor])).toEqual([
      ['You said last &lt;db01&gt; &amp; more', 'ULOCALANA'],
    ]);
    expect(ben.sees('#oom')).toEqual([]);
  });

  it('sends names as mentions when the manifest says should_escape', async () => {
    const { ana } = await world((app) => app.command('/oom', async ({ ack, command }) => ack(`[${command.text}]`)));

    await ana.command('#oom', '/oom protect @ben #oom @nobody');

    expect(ana.sees('#oom')[0]?.text).toBe('[protect <@ULOCALBEN|ben> <#CLOCAL001|oom> @nobody]');
  });

  it('says what Slack says when nobody acknowledges in three seconds', async () => {
    const clock = aStoppedClock();
    const { ana } = await world((app) => app.command('/oom', async () => clock.advance(3_000)), { clock });

    const outcome = await ana.command('#oom', '/oom last');

    expect(outcome).toEqual({ ok: false, error: '/oom failed with the error "operation_timeout"' });
    expect(ana.privateAnswers('#oom').map((one) => [one.user, one.text])).toEqual([
      ['USLACKBOT', '/oom failed with the error "operation_timeout"'],
    ]);
  });

  it('says what Slack says when no app is connected', async () => {
    const workspace = await openTestWorkspace();

    const outcome = await workspace.as('Ana').command('#oom', '/oom last');

    expect(outcome).toEqual({ ok: false, error: '/oom failed with the error "dispatch_failed"' });
    await workspace.close();
  });

  it('knows no other command, and none in threads', async () => {
    const { ana } = await world((app) => app.command('/oom', async ({ ack }) => ack('yes')));

    expect(await ana.command('#oom', '/mmo last')).toMatchObject({
      error: expect.stringContaining('/mmo is not a valid command.'),
    });
    expect(await ana.command('#oom', '/oom last', '1.000001')).toEqual({
      ok: false,
      error: '/oom is not supported in threads. Sorry!',
    });
  });
});

describe('response_url', () => {
  it('answers five times, in channels without the bot too, and then refuses', async () => {
    const { ana } = await world((app) =>
      app.command('/oom', async ({ ack, respond }) => {
        await ack();
        for (let at = 1; at <= 5; at++) await respond(`answer ${at}`);
        const error: unknown = await respond('answer 6').catch((reason: unknown) => reason);
        await respond({ text: '' }).catch(() => null);
        refusals.push(error instanceof RespondError ? error.statusCode : null);
      }),
    );
    const refusals: unknown[] = [];

    await ana.command('#general', '/oom last');

    await expect.poll(() => refusals).toEqual([404]);
    expect(ana.privateAnswers('#general').map((one) => one.text)).toEqual([1, 2, 3, 4, 5].map((n) => `answer ${n}`));
  });

  it('answers everybody with in_channel, and replaces its own answer with replace_original', async () => {
    const { ben, ana, workspace } = await world((app) =>
      app.command('/oom', async ({ ack, respond }) => {
        await ack();
        await respond({ text: 'Looking …', response_type: 'in_channel' });
        await respond({ text: 'Found.', replace_original: true });
      }),
    );

    await ana.command('#oom', '/oom last');

    await workspace.until(() => ben.sees('#oom')[0]?.text === 'Found.');
    expect(ben.sees('#oom')).toHaveLength(1);
  });

  it('is over after thirty minutes', async () => {
    const clock = aStoppedClock();
    const urls: string[] = [];
    const { ana, workspace } = await world(
      (app) =>
        app.command('/oom', async ({ ack, command }) => {
          urls.push(command.response_url);
          await ack();
        }),
      { clock },
    );
    await ana.command('#oom', '/oom last');
    async function post() {
      const response = await fetch(urls[0] ?? '', { method: 'POST', body: JSON.stringify({ text: 'late' }) });
      return [response.status, await response.json()];
    }

    clock.advance(29 * 60_000);
    const inTime = await post();
    clock.advance(2 * 60_000);
    const late = await post();

    expect([inTime, late]).toEqual([
      [200, { ok: true }],
      [404, { ok: false, error: 'expired_url' }],
    ]);
    expect(workspace.calls().filter((call) => call.method === 'response_url')).toHaveLength(2);
  });

  it('refuses blocks that Slack refuses', async () => {
    const statuses: unknown[] = [];
    const { ana } = await world((app) =>
      app.command('/oom', async ({ ack, respond }) => {
        await ack();
        const blocks = [{ type: 'header', text: { type: 'plain_text', text: 'x'.repeat(151) } }] as const;
        const error: unknown = await respond({ text: 'x', blocks: [...blocks] }).catch((reason: unknown) => reason);
        statuses.push(error instanceof RespondError ? error.statusCode : null);
      }),
    );

    await ana.command('#oom', '/oom last');

    await expect.poll(() => statuses).toEqual([400]);
  });
});

describe('messages and clicks', () => {
  it('posts, edits on a click by its response_url, and knows who clicked', async () => {
    const { app, workspace, ben } = await world((a) =>
      a.action('go', async ({ ack, respond, body, action }) => {
        await ack();
        const value = action.type === 'button' ? action.value : null;
        await respond({ replace_original: true, text: `${body.user.id} chose ${value}` });
      }),
    );
    await app.client.chat.postMessage({ channel: '#oom', text: 'Choose', blocks: [BUTTON] });
    const message = workspace.messages('#oom')[0]!;

    const outcome = await ben.click(message, 'go');

    expect(outcome).toEqual({ ok: true });
    await workspace.until(() => message.text === 'ULOCALBEN chose db01');
    expect(workspace.messages('#oom')).toEqual([
      expect.objectContaining({ ts: message.ts, blocks: [], editedTs: expect.any(String) }),
    ]);
  });

  it('tells the person when a click is not acknowledged', async () => {
    const clock = aStoppedClock();
    const { app, workspace, ana } = await world((a) => a.action('go', async () => clock.advance(3_000)), { clock });
    await app.client.chat.postMessage({ channel: '#oom', text: 'Choose', blocks: [BUTTON] });

    const outcome = await ana.click(workspace.messages('#oom')[0]!, 'go');

    expect(outcome).toEqual({ ok: false, error: expect.stringContaining('operation_timeout') });
  });

  it('sends the state of the other inputs along with a choice', async () => {
    const seen: unknown[] = [];
    const { app, workspace, ana } = await world((a) =>
      a.action('how', async ({ ack, body }) => {
        await ack();
        seen.push('state' in body ? body.state : null);
      }),
    );
    function option(value: string) {
      return { text: { type: 'plain_text' as const, text: value }, value };
    }
    await app.client.chat.postMessage({
      channel: '#oom',
      text: 'Choose',
      blocks: [
        {
          type: 'actions',
          block_id: 'b',
          elements: [
            { type: 'static_select', action_id: 'how', options: [option('1h'), option('4h')] },
            { type: 'static_select', action_id: 'day', options: [option('today')] },
          ],
        },
      ],
    });

    await ana.click(workspace.messages('#oom')[0]!, 'how', { value: '4h', values: { b: { how: '4h' } } });

    expect(seen).toEqual([
      {
        values: {
          b: {
            how: { type: 'static_select', selected_option: option('4h') },
            day: { type: 'static_select', selected_option: null },
          },
        },
      },
    ]);
  });
});

const MODAL = {
  type: 'modal',
  callback_id: 'protect',
  title: { type: 'plain_text', text: 'Protect' },
  submit: { type: 'plain_text', text: 'Propose' },
  blocks: [
    {
      type: 'input',
      block_id: 'adj',
      label: { type: 'plain_text', text: 'oom_score_adj' },
      element: { type: 'plain_text_input', action_id: 'n', max_length: 5, initial_value: '-500' },
    },
  ],
} as const;

describe('modals', () => {
  it('opens, refuses wrong input itself, shows the errors of the app, and closes', async () => {
    const { ana } = await world((app) => {
      app.command('/oom', async ({ ack, client, command }) => {
        await ack();
        await client.views.open({ trigger_id: command.trigger_id, view: { ...MODAL, blocks: [...MODAL.blocks] } });
      });
      app.view('protect', async ({ ack, view }) => {
        const value = view.state.values['adj']?.['n']?.value;
        if (value === '-1000')
          await ack({ response_action: 'errors', errors: { adj: 'Never to be killed: too much.' } });
        else await ack();
      });
    });
    await ana.command('#oom', '/oom protect');
    await expect.poll(() => ana.view()?.callback_id).toBe('protect');

    const tooLong = await ana.submit({ adj: { n: '-10000' } });
    const refused = await ana.submit({ adj: { n: '-1000' } });
    const untouched = await ana.submit();

    expect(tooLong).toMatchObject({ ok: false, errors: { adj: 'Enter at most 5 characters.' } });
    expect(refused).toMatchObject({ ok: false, errors: { adj: 'Never to be killed: too much.' } });
    expect(untouched).toEqual({ ok: true });
    expect(ana.view()).toBeNull();
  });

  it('updates by the answer to a submission', async () => {
    function title(text: string) {
      return { ...MODAL, blocks: [...MODAL.blocks], title: { type: 'plain_text' as const, text } };
    }
    const { ana } = await world((app) => {
      app.command('/oom', async ({ ack, client, command }) => {
        await ack();
        await client.views.open({ trigger_id: command.trigger_id, view: title('One') });
      });
      app.view('protect', async ({ ack }) => ack({ response_action: 'update', view: title('Two') }));
    });
    await ana.command('#oom', '/oom protect');
    await expect.poll(() => ana.view()?.title).toEqual({ type: 'plain_text', text: 'One' });

    const outcome = await ana.submit();

    expect([outcome.ok, ana.view()?.title]).toEqual([true, { type: 'plain_text', text: 'Two' }]);
    expect([ana.closeView(), ana.view()]).toEqual([{ ok: true }, null]);
  });

  it('refuses a trigger after three seconds, a used one, and an invented one', async () => {
    const triggers: string[] = [];
    const clock = aStoppedClock();
    const { app, ana } = await world(
      (a) =>
        a.command('/oom', async ({ ack, command }) => {
          triggers.push(command.trigger_id);
          await ack();
        }),
      { clock },
    );
    await ana.command('#oom', '/oom a');
    await ana.command('#oom', '/oom b');
    async function open(trigger_id: string) {
      const view = { ...MODAL, blocks: [...MODAL.blocks] };
      return app.client.views.open({ trigger_id, view }).then(
        () => 'opened',
        (error: { data: { error: string } }) => error.data.error,
      );
    }

    const answers = [await open(triggers[0]!), await open(triggers[0]!), await open('1.2.3')];
    clock.advance(3_001);
    answers.push(await open(triggers[1]!));

    expect(answers).toEqual(['opened', 'exchanged_trigger_id', 'invalid_trigger_id', 'expired_trigger_id']);
  });
});

describe('events', () => {
  it('publishes an App Home when it is opened, and refuses an outdated hash', async () => {
    const { app, ana, workspace } = await world((a) =>
      a.event('app_home_opened', async ({ event, client }) => {
        await client.views.publish({
          user_id: event.user,
          view: { type: 'home', blocks: [{ type: 'header', text: { type: 'plain_text', text: 'x' } }] },
        });
      }),
    );

    ana.openHome();
    const home = await workspace.until(() => ana.home());
    const view = { type: 'home' as const, blocks: [] };
    await app.client.views.publish({ user_id: ana.id, view, hash: home.hash });

    await expect(app.client.views.publish({ user_id: ana.id, view, hash: 'old' })).rejects.toThrow('hash_conflict');
    expect(ana.home()?.blocks).toEqual([]);
  });

  it('brings mentions where the bot is, direct messages, and nothing else', async () => {
    const seen: string[] = [];
    const { ana, workspace } = await world((app) => {
      app.event('app_mention', async ({ event, say }) => {
        seen.push(`mention ${event.text}`);
        await say({ text: 'Here.', thread_ts: event.thread_ts ?? event.ts });
      });
      app.message(async ({ message }) => {
        seen.push(`direct ${'text' in message ? message.text : ''}`);
      });
    });

    ana.say('#general', 'hey @oombot last db01');
    ana.say('#oom', 'nothing for it');
    ana.say('#oom', '@oombot last db01 <!channel>');
    ana.say('direct', 'hello');

    await workspace.until(() => seen.length === 2 && workspace.messages('#oom')[1]?.replies.count === 1);
    expect(seen.toSorted()).toEqual(['direct hello', 'mention <@ULOCALBOT> last db01 &lt;!channel&gt;']);
  });

  it('brings only what the app subscribed to', async () => {
    const seen: string[] = [];
    const { ana, workspace } = await world(
      (app) => {
        app.event('app_mention', async () => {
          seen.push('mention');
        });
        app.message(async () => {
          seen.push('direct');
        });
      },
      { botEvents: ['app_mention'] },
    );

    ana.say('direct', 'hello');
    ana.say('#oom', '@oombot hello');

    await expect.poll(() => seen).toEqual(['mention']);
    expect(workspace.as('Ana').sees('direct')).toHaveLength(1);
  });

  it('delivers an event again when it was not acknowledged', async () => {
    const clock = aStoppedClock();
    const workspace = await openTestWorkspace({ clock });
    const app = aBoltApp(workspace);
    opened.push({ app, workspace });
    const seen: unknown[] = [];
    app.event('app_mention', async ({ event }) => {
      seen.push(event.text);
    });

    workspace.as('Ana').say('#oom', '@oombot are you there?');
    await start(app, workspace);
    clock.advance(1_000);

    await expect.poll(() => seen).toEqual(['<@ULOCALBOT> are you there?']);
  });

  it('brings message shortcuts with the message', async () => {
    const texts: unknown[] = [];
    const { ana, workspace } = await world((app) =>
      app.shortcut({ callback_id: 'explain', type: 'message_action' }, async ({ ack, shortcut }) => {
        await ack();
        texts.push(shortcut.message.text);
      }),
    );
    ana.say('#oom', 'Out of memory: Killed process 1');

    const outcome = await ana.messageShortcut(workspace.messages('#oom')[0]!, 'explain');

    expect([outcome, texts]).toEqual([{ ok: true }, ['Out of memory: Killed process 1']]);
  });
});

describe('sockets', () => {
  it('go on after Slack asks for a new connection, and after a cut', async () => {
    const { ana, workspace } = await world((app) => app.command('/oom', async ({ ack }) => ack('still here')));

    workspace.refreshSocket();
    await workspace.until(() => workspace.socketCount() === 1, 8_000);
    const afterRefresh = await ana.command('#oom', '/oom last');
    workspace.dropSockets();
    await workspace.until(() => workspace.socketCount() === 0);
    await workspace.until(() => workspace.socketCount() === 1, 8_000);
    const afterCut = await ana.command('#oom', '/oom last');

    expect([afterRefresh, afterCut]).toEqual([{ ok: true }, { ok: true }]);
  }, 20_000);

  it('bring each envelope to one of several connections', async () => {
    const seen: string[] = [];
    const { workspace, ana } = await world((app) =>
      app.command('/oom', async ({ ack }) => {
        seen.push('first');
        await ack();
      }),
    );
    const second = aBoltApp(workspace);
    opened.push({ app: second, workspace });
    second.command('/oom', async ({ ack }) => {
      seen.push('second');
      await ack();
    });
    await second.init();
    await second.start();
    await workspace.until(() => workspace.socketCount() === 2);

    for (let at = 0; at < 4; at++) await ana.command('#oom', '/oom last');

    expect(seen.toSorted()).toEqual(['first', 'first', 'second', 'second']);
  });

  it('are refused to a wrong token', async () => {
    const workspace = await openTestWorkspace();
    const app = aBoltApp(workspace, { appToken: 'xapp-wrong' });
    await app.init();

    await expect(app.start()).rejects.toThrow('invalid_auth');
    await workspace.close();
  });
});
