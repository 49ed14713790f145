import type { App } from '@slack/bolt';
import type { KnownBlock, View } from '@slack/types';
import type { LocalWorkspace } from '../../src/local/workspace.ts';
import { aBoltApp, start } from './a-bolt-app.ts';
import { HOME, KILL, MODAL } from './gallery.ts';

/** Blocks that the published types do not know are sent all the same. */
export function asBlocks(blocks: unknown[]): KnownBlock[] {
  return blocks as KnownBlock[];
}

/** A small Bolt app that answers everything on the page. */
export async function startDemoApp(workspace: LocalWorkspace): Promise<App> {
  const app = aBoltApp(workspace);
  app.command('/oom', async ({ ack, command, respond }) => {
    await ack();
    if (command.text.startsWith('last')) await respond({ text: 'mysqld was killed', blocks: asBlocks(KILL) });
    else await respond(`I do not know \`${command.text}\`. Did you mean \`/oom last demo-db01\`?`);
  });
  app.action('protect', async ({ ack, client, body }) => {
    await ack();
    if ('trigger_id' in body) await client.views.open({ trigger_id: body.trigger_id, view: MODAL as unknown as View });
  });
  app.action(/.*/, async ({ ack, action, respond, body }) => {
    await ack();
    if (body.type !== 'block_actions' || !('action_id' in action) || action.action_id === 'protect') return;
    if (body.response_url)
      await respond({ replace_original: false, text: `${body.user.id} pressed ${action.action_id}` });
  });
  app.view('protect', async ({ ack, view, body, client }) => {
    const why = view.state.values['why']?.['why']?.value ?? '';
    if (why.includes('because')) {
      await ack();
      await client.chat.postMessage({ channel: 'CLOCAL001', text: `<@${body.user.id}> proposes: ${why}` });
    } else await ack({ response_action: 'errors', errors: { why: 'Say "because".' } });
  });
  app.shortcut({ callback_id: 'explain', type: 'message_action' }, async ({ ack, shortcut, respond }) => {
    await ack();
    await respond({ replace_original: false, text: `Explained: ${shortcut.message.text}` });
  });
  app.event('app_home_opened', async ({ event, client }) => {
    await client.views.publish({ user_id: event.user, view: HOME as unknown as View });
  });
  app.event('app_mention', async ({ event, say }) => {
    await say({ text: 'Here I am.', thread_ts: event.thread_ts ?? event.ts });
  });
  await start(app, workspace);
  return app;
}
