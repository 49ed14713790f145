import { pino } from 'pino';
import { expect, it, onTestFinished } from 'vitest';
import { aNotice } from '../../src/notice/notice.ts';
import { openSlack } from '../../src/slack/app.ts';
import { realClock } from '../support/real-clock.ts';
import { openWorkspaceOfManifest } from '../support/whole-bot.ts';

const BEN = 'U0LOCALBEN';

async function aWorkspace(scopes?: readonly string[]) {
  const workspace = await openWorkspaceOfManifest({
    people: [{ id: BEN, name: 'ben' }],
    ...(scopes === undefined ? {} : { scopes }),
  });
  const { botToken, appToken, apiUrl } = workspace;
  function open() {
    return openSlack({ botToken, appToken, apiUrl, logger: pino({ level: 'silent' }), clock: realClock });
  }
  onTestFinished(() => workspace.close());
  return { workspace, open };
}

function saying(words: string) {
  return { channel: BEN, notice: aNotice({ headline: [{ words }] }), mark: { id: 'change-1', also: [] } };
}

it('is posted, found and edited by the person, also after a restart', async () => {
  const { workspace, open } = await aWorkspace();
  const sent = await open().post(saying('first'));
  expect(sent).toMatchObject({ kind: 'sent' });
  const ts = sent.kind === 'sent' ? sent.ts : '';

  const again = open();
  expect(await again.find({ channel: BEN, threadTs: null, sinceMs: 0 })).toEqual({
    kind: 'looked',
    byId: new Map([['change-1', ts]]),
  });
  expect(await again.update({ ...saying('second'), ts })).toMatchObject({ kind: 'sent' });

  const posted = workspace.calls().filter(({ method }) => method === 'chat.postMessage' || method === 'chat.update');
  expect(posted.map(({ method }) => method)).toEqual(['chat.postMessage', 'chat.update']);
});

it('is refused without the right, and says which one is missing', async () => {
  const { open } = await aWorkspace(['chat:write']);

  expect(await open().post(saying('first'))).toEqual({
    kind: 'refused',
    reason: expect.stringContaining('missing_scope'),
  });
});
