import pino from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Message } from '../../src/local/message.ts';
import { openLocalWorkspace, type LocalWorkspace } from '../../src/local/workspace.ts';
import { aNotice } from '../../src/notice/notice.ts';
import { openSlack } from '../../src/slack/app.ts';
import { SCOPES } from '../../src/slack/scopes.ts';
import { answeringHandlers } from '../support/answering-handlers.ts';
import { realClock } from '../support/real-clock.ts';

const NAME = 'db01-mysqld-18540-2026-08-30T01-35-08Z.log';
const LINES = 'mysqld invoked oom-killer: gfp_mask=0x0\nKilled process 18540 (<!channel>) “ü”\n';
const INCIDENT = aNotice({
  headline: [{ words: 'mysqld was killed' }],
  buttons: [{ id: 'report', label: 'Full report', value: 'inc-1' }],
});

interface Bench {
  workspace: LocalWorkspace;
  /** The incident’s message, in #oom. */
  incident: Message;
  /** Clicks on its button, or on one that came elsewhere, and gives the private answer. */
  ask: (on?: Message, channel?: string) => Promise<string>;
  /** Messages that show a file. */
  files: (channel: string, threadTs?: string) => string[];
}

async function aBenchWithout(...declined: string[]): Promise<Bench> {
  const workspace = await openLocalWorkspace({
    channels: ['#oom', '#other'],
    commands: [{ command: '/oom', shouldEscape: true }],
    scopes: SCOPES.map(({ name }) => name).filter((name) => !declined.includes(name)),
  });
  onTestFinished(workspace.close);
  const handlers = answeringHandlers();
  const { botToken, appToken, apiUrl } = workspace;
  const logger = pino({ level: 'silent' });
  const slack = openSlack({ botToken, appToken, apiUrl, logger, clock: realClock });
  onTestFinished(slack.close);
  const posted = await slack
    .start(handlers, new AbortController().signal)
    .then(() => slack.post({ channel: '#oom', notice: INCIDENT, mark: { id: 'i1', also: [] } }));
  const ts = posted.kind === 'sent' ? posted.ts : '';
  handlers.fullReport = async () => ({
    kind: 'notice',
    notice: aNotice({ headline: [{ words: 'Page 2 of 9' }] }),
    file: { name: NAME, text: LINES, threads: [{ channel: '#oom', ts }] },
  });
  const [incident] = workspace.messages('#oom');
  const ana = workspace.as('Ana');

  async function ask(on = incident!, channel = '#oom'): Promise<string> {
    const before = ana.privateAnswers(channel).length;
    const action = /"action_id":"([^"]*report[^"]*)"/.exec(JSON.stringify(on.blocks))?.[1] ?? '';
    expect(await ana.click(on, action)).toMatchObject({ ok: true });
    return workspace.until(() => ana.privateAnswers(channel)[before]?.text);
  }

  function files(channel: string, threadTs?: string): string[] {
    return ana.sees(channel, threadTs).flatMap(({ text }) => (text.includes('/page/file/') ? [text] : []));
  }

  return { workspace, incident: incident!, ask, files };
}

describe('the lines of a full report', () => {
  it('go as a file into the thread of their incident', async () => {
    const { workspace, incident, ask, files } = await aBenchWithout();

    const said = await ask();

    expect(said).toContain(NAME);
    expect(said).toContain('In the thread of the incident.');
    expect(files('#oom')).toEqual([]);
    const [shown = ''] = files('#oom', incident.ts);
    expect(shown).toContain(`|${NAME}>`);
    const url = /<(http[^|]+)\|/.exec(shown)?.[1] ?? '';
    expect((await fetch(url)).status).toBe(404);
    const cookie = (await fetch(workspace.pageUrl)).headers.get('set-cookie')?.split(';')[0] ?? '';
    const loaded = await fetch(url, { headers: { cookie } });
    expect(loaded.headers.get('content-disposition')).toBe(`attachment; filename="${NAME}"`);
    expect(await loaded.text()).toBe(LINES);
  });

  it('are there once, however often they are asked for', async () => {
    const { workspace, incident, ask, files } = await aBenchWithout();

    await ask();
    expect(await ask()).toContain('In the thread of the incident.');
    expect(files('#oom', incident.ts)).toHaveLength(1);
    expect(workspace.calls().filter(({ method }) => method === 'upload')).toHaveLength(1);
  });

  it('go to who asks elsewhere alone', async () => {
    const { workspace, incident, ask, files } = await aBenchWithout();
    await workspace.as('Ana').command('#other', '/oom last db01');
    const card = await workspace.until(() => workspace.as('Ana').privateAnswers('#other')[0]);

    expect(await ask(card, '#other')).toContain('In a direct message to you.');
    expect([files('#other'), files('#oom'), files('#oom', incident.ts)]).toEqual([[], [], []]);
    expect(files('direct')).toHaveLength(1);
    expect(workspace.as('Ben').sees('direct')).toEqual([]);
  });

  it('are shown a page at a time without the scope', async () => {
    const { workspace, ask } = await aBenchWithout('files:write');

    expect(await ask()).toBe('Page 2 of 9');
    expect(workspace.calls().filter(({ method }) => method.startsWith('files.'))).toEqual([]);
  });

  it('are shown a page at a time to who asks elsewhere, where no direct message can be opened', async () => {
    const { workspace, ask } = await aBenchWithout('im:write');
    await workspace.as('Ana').command('#other', '/oom last db01');
    const card = await workspace.until(() => workspace.as('Ana').privateAnswers('#other')[0]);

    expect(await ask(card, '#other')).toBe('Page 2 of 9');
    expect(await ask()).toContain('In the thread of the incident.');
  });

  it.each([
    ['files.getUploadURLExternal', 'rate-limit has been reached', { status: 429 }],
    ['upload', 'Slack answers 500', { status: 500 }],
    ['upload', 'fetch failed', { cut: true }],
    ['files.completeUploadExternal', 'fetch failed', { cut: true }],
  ])('are shown a page at a time when %s fails, with the reason', async (method, reason, fault) => {
    const { workspace, incident, ask, files } = await aBenchWithout();
    workspace.faults.add({ method, ...fault });

    await ask();

    const [answer] = workspace.as('Ana').privateAnswers('#oom');
    expect(answer?.text).toContain('Page 2 of 9');
    expect(JSON.stringify(answer?.blocks)).toContain('The lines could not be sent as a file (');
    expect(JSON.stringify(answer?.blocks)).toContain(reason);
    expect(files('#oom', incident.ts)).toEqual([]);
  });
});
