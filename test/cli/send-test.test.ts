import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, it, onTestFinished } from 'vitest';
import { openWebhookReceiver } from '../support/webhook-receiver.ts';
import { openWorkspaceOfManifest } from '../support/whole-bot.ts';

const cli = path.join(import.meta.dirname, '../../src/cli.ts');
const node = path.join(import.meta.dirname, '../../node_modules/.bin/node');

async function aPlace() {
  const dir = mkdtempSync(path.join(tmpdir(), 'oombot-send-test-'));
  const workspace = await openWorkspaceOfManifest({ channels: ['#oom'] });
  const receiver = await openWebhookReceiver();
  onTestFinished(async () => {
    await receiver.close();
    await workspace.close();
    rmSync(dir, { recursive: true, force: true });
  });
  writeFileSync(
    path.join(dir, 'oombot.yaml'),
    `routes: [{ tags: [db], channel: "#nowhere" }]
webhooks:
  - { name: hook, format: cloudevents, url: "${receiver.url('/hook')}", secretEnv: HOOK }
  - { format: pagerduty, url: "${receiver.url('/pager')}", secretEnv: PAGER }
`,
  );
  const tokens = {
    SLACK_BOT_TOKEN: workspace.botToken,
    SLACK_APP_TOKEN: workspace.appToken,
    SLACK_API_URL: workspace.apiUrl,
  };

  async function sendTest(args: string[], env: Record<string, string> = tokens) {
    const { PATH = '' } = process.env;
    const secrets = { HOOK: 'a secret of twenty-two', PAGER: 'R0UT1NGKEY' };
    const run = spawn(node, [cli, 'send-test', ...args], {
      cwd: dir,
      env: { PATH, NO_COLOR: '1', ...secrets, ...env },
    });
    const [out, err] = await Promise.all([text(run.stdout), text(run.stderr), once(run, 'close')]);
    return { status: run.exitCode, out, err };
  }

  return { workspace, receiver, sendTest };
}

it('reaches a channel and webhooks, and says how to fix what it does not reach', async () => {
  const { workspace, receiver, sendTest } = await aPlace();

  const { status, out } = await sendTest([]);

  expect(out).toContain('The test did not reach 1 of 4 destinations');
  expect(out).toMatch(/#nowhere: not sent: .*\/invite @oombot/);
  expect(out).toContain('#oom: sent.');
  expect(status).toBe(1);
  expect(workspace.messages('#oom').map((one) => one.text)).toEqual([
    expect.stringContaining('Test: nothing was killed'),
  ]);
  expect(receiver.taken.map(({ path: place, body }) => [place, body['type'] ?? body['event_action']])).toEqual(
    expect.arrayContaining([
      ['/hook', 'oombot.test'],
      ['/pager', 'trigger'],
      ['/pager', 'resolve'],
    ]),
  );
});

it('goes to the one that is named, also without Slack', async () => {
  const { receiver, sendTest } = await aPlace();

  expect(await sendTest(['hook'], {})).toMatchObject({
    status: 0,
    out: expect.stringContaining('reached 1 destination'),
  });
  expect(receiver.taken.map((one) => one.path)).toEqual(['/hook']);
  const unknown = await sendTest(['#oom'], {});
  expect(unknown).toMatchObject({ status: 2 });
  expect(unknown.err).toContain('Destinations: hook, pagerduty. Channels need SLACK_BOT_TOKEN and SLACK_APP_TOKEN');
});
