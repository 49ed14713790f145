import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Message } from '../../src/local/message.ts';
import { run } from '../../src/main.ts';
import { loadConfig } from '../../src/config/config.ts';
import { openStore } from '../../src/store/store.ts';
import { causeKill, startInGroup } from '../support/kernel-kill.ts';
import { openOwnKernelLog } from '../support/own-kernel-log.ts';
import { faultsOfSent } from '../support/sent-payloads.ts';
import { hostYaml, openSshd, type Sshd } from '../support/sshd.ts';
import { eventually, openWholeBot, openWorkspaceOfManifest, type WholeBot } from '../support/whole-bot.ts';
import { needs } from '../support/needs.ts';

const ADMIN = { id: 'UADMIN001', name: 'Ada' };
const OTHER = { id: 'UOTHER001', name: 'Ben' };
const WAIT_MS = 60_000;
/** In the name of every process that dies here. */
const MARK = `-${process.pid}`;
const VICTIM = `mysqld${MARK}`;
const GROUP = `oombot-bot${MARK}`;

describe('the whole bot, with a real host, a real kill and Socket Mode', needs('sshd', 'kills'), () => {
  let sshd: Sshd;
  let bot: WholeBot;
  let log: { close: () => void };
  let firstPid = 0;
  /** The message that tells of it. */
  let card: Message;

  beforeAll(async () => {
    sshd = await openSshd();
    const logFile = path.join(sshd.dir, 'kern.log');
    log = openOwnKernelLog(logFile, MARK);
    bot = await openWholeBot({
      channels: ['#oom', '#db-alerts', '#edge'],
      people: [ADMIN, OTHER],
      yaml: [
        'workspace: { channel: "#oom" }',
        'routes:',
        '  - { tags: [db, prod], channel: "#db-alerts" }',
        '  - { tags: [edge], channel: "#edge" }',
        `admins: [${ADMIN.id}]`,
        hostYaml(sshd, { more: `, tags: [db, prod], logFiles: [${logFile}]` }),
      ].join('\n'),
    });
    await eventually(() => bot.running.fleet.watchState('db01')?.kind === 'watching', 'a watch on db01', WAIT_MS);
    // What dies as a host is met is placed by its clocks, which may put it half a second too late: after the next kill.
    await sleep(2_000);
  }, 90_000);

  afterAll(async () => {
    await bot.close();
    log.close();
    await sshd.close();
  });

  /** A copy of `tail` under a name of its own. */
  function aProgram(name: string): string {
    const file = path.join(sshd.dir, name);
    copyFileSync('/usr/bin/tail', file);
    return file;
  }

  function kill(): number {
    return causeKill(GROUP, path.join(sshd.dir, VICTIM));
  }

  /** Messages that tell of a process, in the channel or a thread. */
  function told(channel: string, words: string, threadTs?: string): Message[] {
    return bot.workspace.messages(channel, threadTs).filter((message) => message.text.includes(words));
  }

  async function ask(who: string, channel: string, text: string): Promise<string> {
    const person = bot.workspace.as(who);
    const before = person.privateAnswers(channel).length;
    expect(await person.command(channel, text)).toEqual({ ok: true });
    const answer = await bot.workspace.until(() => person.privateAnswers(channel)[before], WAIT_MS);
    return shown(answer);
  }

  it('tells a kill in the channel of its tags, with what the kernel said', async () => {
    aProgram(VICTIM);
    firstPid = kill();

    card = await bot.workspace.until(() => told('#db-alerts', VICTIM)[0], WAIT_MS);
    expect(card.text).toContain(`\`${VICTIM}\` was killed on \`db01\``);
    expect(shown(card)).toContain('its memory limit of 8 MiB was reached');
    expect(shown(card)).toContain(String(firstPid));
    expect(shown(card)).toContain('Likely cause.');
    expect(shown(card)).toContain(GROUP);
    expect(told('#oom', VICTIM)).toEqual([]);
    const evidence = await bot.workspace.until(() => told('#db-alerts', 'What the log of', card.ts)[0], WAIT_MS);
    expect(shown(evidence)).toContain(`Killed process ${firstPid} (${VICTIM})`);
  });

  it('edits the same message at the second kill, and says it in the thread', async () => {
    const secondPid = kill();

    const again = await bot.workspace.until(
      () => told('#db-alerts', 'was killed again', card.ts).find((one) => one.text.includes(String(secondPid))),
      WAIT_MS,
    );
    await bot.workspace.until(() => told('#db-alerts', `\`${VICTIM}\` was killed 2 times on \`db01\``)[0], WAIT_MS);

    expect(again.threadTs).toBe(card.ts);
    const messages = bot.workspace.messages('#db-alerts').filter((message) => idsOf(message).some(isOurs));
    expect(messages.map((message) => message.ts)).toEqual([card.ts]);
    expect(messages[0]?.editedTs).not.toBeNull();
  });

  function isOurs(id: string): boolean {
    return idsOf(card).includes(id);
  }

  it('says in the message that it is back, once a process of that name runs again in its group', async () => {
    kill();
    const { child, dir } = startInGroup(GROUP, path.join(sshd.dir, VICTIM), ['-f', '/dev/null']);
    onTestFinished(async () => {
      child.kill('SIGKILL');
      await once(child, 'exit');
      rmdirSync(dir);
    });

    await bot.workspace.until(() => {
      const message = bot.workspace.messages('#db-alerts').find((one) => one.ts === card.ts);
      return message !== undefined && /Back after|It keeps dying/.test(message.text);
    }, WAIT_MS);
    await bot.workspace.until(
      () => told('#db-alerts', VICTIM, card.ts).find((one) => /is back after|keeps dying/.test(one.text)),
      WAIT_MS,
    );
  });

  it('answers /oom last with the card, and shares it', async () => {
    expect(await ask('Ben', '#oom', '/oom last db01')).toContain('on db01');
    const person = bot.workspace.as('Ben');
    const answer = person.privateAnswers('#oom').at(-1) as Message;
    expect(bot.workspace.messages('#oom')).toEqual([]);

    expect(await person.click(answer, button(answer, 'share'))).toEqual({ ok: true });
    const shared = await bot.workspace.until(() => bot.workspace.messages('#oom')[0], WAIT_MS);
    expect(shared.text).toContain(VICTIM);
  });

  it('answers history, scores, hosts and help with what is so', async () => {
    expect(await ask('Ben', '#oom', '/oom history db01 1d')).toContain(VICTIM);
    expect(await ask('Ben', '#oom', '/oom history db 7d')).toContain(VICTIM);
    expect(await ask('Ben', '#oom', '/oom scores db01 5')).toMatch(/db01/);
    expect(await ask('Ben', '#oom', '/oom hosts')).toMatch(/db01.*watched since .* through `file:[^,`]*kern\.log`\./);
    expect(await ask('Ben', '#oom', '/oom hosts check')).toContain('1 host');
    expect(await ask('Ben', '#oom', '/oom help')).toContain('/oom last db01');
    expect(await ask('Ben', '#oom', '/oom')).toContain('/oom last db01');
  });

  it('asks whether a slip was meant otherwise: hosts, verbs, and signs that phones make', async () => {
    expect(await ask('Ben', '#oom', '/oom last db1')).toMatch(/Did you mean.*db01/);
    expect(await ask('Ben', '#oom', '/oom lats db01')).toMatch(/Did you mean.*\/oom last db01/);
    expect(await ask('Ben', '#oom', '/oom hosts chekc')).toMatch(/Did you mean.*hosts check/);
    expect(await ask('Ben', '#oom', '/oom “last” ‘db01’')).toContain('on db01');
    expect(await ask('Ben', '#oom', '/oom —help')).toContain('What you can ask');
    expect(await ask('Ben', '#oom', '/oom xyzzy')).toContain('/oom help');
  });

  it('runs what was meant when its button is pressed', async () => {
    await ask('Ben', '#oom', '/oom lats db01');
    const person = bot.workspace.as('Ben');
    const asked = person.privateAnswers('#oom');
    const typo = asked.at(-1) as Message;

    expect(await person.click(typo, button(typo, 'run'))).toEqual({ ok: true });
    const answer = await bot.workspace.until(() => person.privateAnswers('#oom')[asked.length], WAIT_MS);
    expect(shown(answer)).toContain('on db01');
  });

  it('opens the full report and the scores from the message, for the one who asked', async () => {
    const person = bot.workspace.as('Ben');
    for (const [actionId, words] of [
      ['report', 'Full report'],
      ['scores', 'db01'],
    ] as const) {
      const before = person.privateAnswers('#db-alerts').length;
      expect(await person.click(card, button(card, actionId))).toEqual({ ok: true });
      const answer = await bot.workspace.until(() => person.privateAnswers('#db-alerts')[before], WAIT_MS);
      expect(shown(answer)).toContain(words);
    }
    expect(bot.workspace.as('Ada').privateAnswers('#db-alerts')).toEqual([]);
  });

  it('answers a mention in a thread with the same words, in that thread', async () => {
    const person = bot.workspace.as('Ben');
    person.say('#db-alerts', '@oombot last db01', card.ts);

    const answer = await bot.workspace.until(
      () => person.sees('#db-alerts', card.ts).find((message) => message.onlyFor === OTHER.id),
      WAIT_MS,
    );
    expect(shown(answer)).toContain('on db01');
  });

  it('explains a pasted report, in a window and from a message', async () => {
    // The report of our own kill, as somebody would copy it.
    const report = readFileSync(path.join(sshd.dir, 'kern.log'), 'utf8').split('\n');
    const end = report.findIndex((line) => line.includes('Killed process'));
    const text = [report[0], ...report.slice(Math.max(1, end - 8), end + 1)].join('\n');
    const person = bot.workspace.as('Ben');
    expect(await person.command('#oom', '/oom explain')).toEqual({ ok: true });
    await bot.workspace.until(() => person.view(), WAIT_MS);
    expect(await person.submit({ report: { value: text } })).toEqual({ ok: true });
    const view = await bot.workspace.until(() => {
      const top = person.view();
      return top !== null && JSON.stringify(top.blocks).includes('Only you can see this') ? top : null;
    }, WAIT_MS);
    expect(JSON.stringify(view.blocks)).toContain(`${VICTIM} (pid ${firstPid}) was killed by the kernel`);
    expect(view.submit).toBeUndefined();
    person.closeView();

    person.say('#oom', `\`\`\`\n${text}\n\`\`\``);
    const pasted = bot.workspace.messages('#oom').at(-1) as Message;
    expect(await person.messageShortcut(pasted, 'explain-message')).toEqual({ ok: true });
    await bot.workspace.until(() => {
      const top = person.view();
      return top !== null && JSON.stringify(top.blocks).includes('Only you can see this') ? top : null;
    }, WAIT_MS);
    person.closeView();
  });

  it('shows the fleet in the App Home', async () => {
    const person = bot.workspace.as('Ada');
    person.openHome();

    const home = await bot.workspace.until(() => person.home(), WAIT_MS);
    expect(JSON.stringify(home.blocks)).toContain('db01');
    expect(JSON.stringify(home.blocks)).toContain(VICTIM);
  });

  it('lets nobody but an admin add a host', async () => {
    expect(await ask('Ben', '#oom', '/oom hosts add')).toContain('You can’t add or remove hosts');
    expect(bot.workspace.as('Ben').view()).toBeNull();
  });

  it('keeps the record while a channel is muted, and speaks again after', async () => {
    expect(await ask('Ben', '#oom', '/oom mute db01 1h')).toMatch(/db01.* is muted for 1 h/);
    await bot.workspace.until(() => {
      const message = bot.workspace.messages('#db-alerts').find((one) => one.ts === card.ts);
      return message !== undefined && shown(message).includes('Muted until');
    }, WAIT_MS);
    const quiet = `quiet${MARK}`;
    const pid = causeKill(`oombot-quiet-${process.pid}`, aProgram(quiet));

    await eventually(() => recorded(pid), 'the kill on record', WAIT_MS);
    await eventually(isSettled, 'an empty outbox', WAIT_MS);
    expect(told('#db-alerts', quiet)).toEqual([]);
    expect(await ask('Ben', '#oom', '/oom history db01 1d')).toContain(quiet);

    expect(await ask('Ben', '#oom', '/oom unmute db01')).toContain('is unmuted: posting to the channel again');
    const loud = `loud${MARK}`;
    causeKill(`oombot-loud-${process.pid}`, aProgram(loud));
    await bot.workspace.until(() => told('#db-alerts', loud)[0], WAIT_MS);
  });

  async function recorded(pid: number): Promise<boolean> {
    const kills = await bot.running.store.kills({
      hosts: ['db01'],
      sinceMs: null,
      untilMs: null,
      service: null,
      limit: 50,
    });
    return kills.some((one) => one.record.pid === pid);
  }

  async function isSettled(): Promise<boolean> {
    return (await bot.running.store.queueLengths()).every((queue) => queue.waiting + queue.inFlight === 0);
  }

  it('adds a host whose fingerprint an admin confirmed, and watches it', async () => {
    const person = bot.workspace.as('Ada');
    expect(await person.command('#oom', '/oom hosts add')).toEqual({ ok: true });
    await bot.workspace.until(() => person.view()?.callback_id === 'host-add', WAIT_MS);
    const wrong = await person.submit({ name: { value: 'no blanks' }, address: { value: '127.0.0.1' } });
    expect(wrong).toMatchObject({ ok: false, errors: { name: expect.stringContaining('Letters') as string } });

    const host = { name: 'edge7', address: '127.0.0.1', port: String(sshd.port), tags: 'edge' };
    expect(
      await person.submit(Object.fromEntries(Object.entries(host).map(([key, value]) => [key, { value }]))),
    ).toEqual({ ok: true });
    const confirm = await bot.workspace.until(
      () => (person.view()?.callback_id === 'host-confirm' ? person.view() : null),
      WAIT_MS,
    );
    const [, fingerprint = 'none'] = execFileSync('ssh-keygen', ['-lf', path.join(sshd.dir, 'host_ed25519.pub')], {
      encoding: 'utf8',
    }).split(' ');
    expect(JSON.stringify(confirm.blocks)).toContain(fingerprint);
    expect(await person.submit()).toEqual({ ok: true });
    await bot.workspace.until(() => {
      const view = person.view();
      return view !== null && JSON.stringify(view.blocks).includes('was added by');
    }, WAIT_MS);

    await eventually(() => bot.running.fleet.watchState('edge7')?.kind === 'watching', 'a watch on edge7', WAIT_MS);
    expect(bot.running.fleet.watchState('db01')?.kind).toBe('watching');
    const name = `nginx${MARK}`;
    const pid = causeKill(`oombot-edge-${process.pid}`, aProgram(name));
    await bot.workspace.until(
      () => bot.workspace.messages('#edge').find((message) => idsOf(message).length > 0),
      WAIT_MS,
    );
    await eventually(async () => {
      const query = { hosts: ['edge7'], sinceMs: null, untilMs: null, service: null, limit: 50 };
      return (await bot.running.store.kills(query)).some((one) => one.record.pid === pid);
    }, 'the kill on edge7');
  });

  it('goes on when the sockets are dropped', async () => {
    bot.workspace.dropSockets();
    await eventually(() => bot.workspace.socketCount() === 0, 'the end of the socket', WAIT_MS);
    await eventually(() => bot.workspace.socketCount() === 1, 'a new socket', WAIT_MS);

    expect(await ask('Ben', '#oom', '/oom hosts')).toContain('2 hosts');
  });

  it('sent nothing that Slack would have refused', () => {
    expect(faultsOfSent(bot.workspace.calls())).toEqual([]);
  });
});

describe('a start that cannot work', () => {
  it.each([
    ['xoxb-wrong', null, /^Slack refuses SLACK_BOT_TOKEN \(invalid_auth\): .*\.$/],
    [null, 'xapp-wrong', /^Slack refuses SLACK_APP_TOKEN \(invalid_auth\): .*\.$/],
    ['nonsense', null, /^SLACK_BOT_TOKEN must be a bot token/],
  ])('says one sentence about the tokens %s and %s', async (botToken, appToken, sentence) => {
    const workspace = await openWorkspaceOfManifest({});
    const dir = mkdtempSync(path.join(tmpdir(), 'oombot-start-'));
    const file = path.join(dir, 'oombot.yaml');
    writeFileSync(file, 'http: 127.0.0.1:0\n');
    const env = {
      SLACK_BOT_TOKEN: botToken ?? workspace.botToken,
      SLACK_APP_TOKEN: appToken ?? workspace.appToken,
      SLACK_API_URL: workspace.apiUrl,
      DATABASE_URL: `sqlite:${path.join(dir, 'oombot.db')}`,
      LOG_LEVEL: 'silent',
    };

    const started = run({
      load: () => loadConfig({ path: file, env }),
      print: () => {},
      signal: new AbortController().signal,
    });

    await expect(started).rejects.toThrow(sentence);
    // Nothing is left open: the same database can be opened again.
    const store = await openStore(env.DATABASE_URL);
    await store.close();
    await workspace.close();
    rmSync(dir, { recursive: true });
  });
});

/** Everything that a person reads of a message. */
function shown(message: Message): string {
  return `${message.text}\n${textsIn(message.blocks).join('\n')}`;
}

function textsIn(thing: unknown): string[] {
  if (typeof thing === 'string') return [thing];
  if (Array.isArray(thing)) return thing.flatMap(textsIn);
  if (typeof thing !== 'object' || thing === null) return [];
  return Object.entries(thing).flatMap(([key, value]) =>
    ['type', 'block_id', 'action_id'].includes(key) ? [] : textsIn(value),
  );
}

/** The first button of a message that does this. */
function button(message: Message, does: string): string {
  const ids = [...JSON.stringify(message.blocks).matchAll(/"action_id":"([^"]+)"/g)].map((match) => match[1] ?? '');
  const id = ids.find((one) => one.split('.')[0] === does);
  if (id === undefined) throw new Error(`There is no ${does} among ${ids.join(', ')}`);
  return id;
}

/** The incidents that a message tells of. */
function idsOf({ metadata }: Message): string[] {
  const { id, also = [] } = (metadata?.event_payload ?? {}) as { id?: string; also?: string[] };
  return id === undefined ? [] : [id, ...also];
}
