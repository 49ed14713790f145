import { gzipSync } from 'node:zlib';
import pino from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { openSlack } from '../../src/slack/app.ts';
import { answeringHandlers, type AnsweringHandlers } from '../support/answering-handlers.ts';
import { realClock } from '../support/real-clock.ts';
import { openSlackStandIn, type SlackStandIn } from '../support/slack-stand-in.ts';

const LINE = 'Out of memory: Killed process 5 (mysqld)';
const SCOPES = { 'x-oauth-scopes': 'commands,files:read' };
const BOT = { ok: true, user_id: 'UBOT00001', bot_id: 'BBOT00001', team_id: 'T00000001', url: 'https://t.slack.com/' };
const cleanUps: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

/** `files`: what the workspace has by its id; without it the app may not read any. */
async function aBench(
  files?: Record<string, Buffer | string>,
): Promise<{ standIn: SlackStandIn; handlers: AnsweringHandlers }> {
  const standIn = await openSlackStandIn();
  cleanUps.push(standIn.close);
  const handlers = answeringHandlers();
  const origin = new URL(standIn.apiUrl).origin;
  standIn.script.answer = ({ method, args }) => {
    if (files === undefined) return null;
    if (method === 'auth.test') return { status: 200, body: BOT, headers: SCOPES };
    if (method === 'files.info') {
      const id = String(args['file']);
      return {
        status: 200,
        body: { ok: true, file: { id, name: 'kern.log', size: 9, url_private_download: `${origin}/file/${id}` } },
      };
    }
    const found = files[method.replace('/file/', '')];
    return found === undefined ? null : { status: 200, body: found.toString('latin1') };
  };
  const slack = openSlack({
    botToken: 'xoxb-test',
    appToken: 'xapp-test',
    apiUrl: standIn.apiUrl,
    logger: pino({ level: 'silent' }),
    clock: realClock,
  });
  cleanUps.push(slack.close);
  await slack.start(handlers, new AbortController().signal);
  return { standIn, handlers };
}

describe('a report to explain', () => {
  it('counts where it stands behind the command', async () => {
    const { standIn, handlers } = await aBench();

    await standIn.command(`explain ${LINE}`);
    await standIn.response();

    expect(handlers.asked[0]).toContain('Killed process 5 (mysqld)');
  });

  it('is refused beside a field that is full, and never cut', async () => {
    const { standIn, handlers } = await aBench();
    const full = `${LINE}\n`.repeat(100).slice(0, 3_000);

    const first = await standIn.submit('explain', { report: full, 'report-2': '' });
    const last = await standIn.submit('explain', {
      report: full,
      'report-2': full,
      'report-3': full,
      'report-4': full,
    });
    const empty = await standIn.submit('explain', { report: ' ' });

    expect(first.payload).toMatchObject({
      response_action: 'errors',
      errors: { report: expect.stringContaining('the field below') },
    });
    expect(last.payload).toMatchObject({
      response_action: 'errors',
      errors: { 'report-4': expect.stringContaining('oombot parse') },
    });
    expect(empty.payload).toMatchObject({
      response_action: 'errors',
      errors: { report: expect.stringContaining('Paste') },
    });
    expect(handlers.asked).toEqual([]);
  });

  it('takes what goes on in the next field as its rest', async () => {
    const { standIn, handlers } = await aBench();
    const full = `${LINE}\n`.repeat(100).slice(0, 3_000);

    await standIn.submit('explain', { report: full, 'report-2': 'its rest' });
    await standIn.call('views.update');

    expect(handlers.asked[0]).toContain('its rest');
  });

  it('may be a file, plain or gzipped, where the app may read files', async () => {
    const { standIn, handlers } = await aBench({ F1: LINE, F2: gzipSync('oom_reaper: reaped process 5') });
    await standIn.command('explain');
    const { view } = (await standIn.call('views.open')).args as { view: { blocks: { element: { type: string } }[] } };
    expect(view.blocks.map((block) => block.element.type)).toEqual(['plain_text_input', 'file_input']);

    await standIn.submitFiles('explain', { report: 'x'.repeat(3_000) }, ['F1']);
    await standIn.call('views.update');

    expect(handlers.asked[0]).toContain(LINE);
    expect(handlers.asked[0]).not.toContain('xxx');
  });

  it('says beside a full field to add it as a file, where that can be done', async () => {
    const { standIn } = await aBench({});

    const ack = await standIn.submitFiles('explain', { report: 'x'.repeat(3_000) }, []);

    expect(ack.payload).toMatchObject({ errors: { report: expect.stringContaining('as a file below') } });
  });
});
