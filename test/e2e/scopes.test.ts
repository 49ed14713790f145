import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import type { Message } from '../../src/local/message.ts';
import type { LocalWorkspace } from '../../src/local/workspace.ts';
import { SCOPES } from '../../src/slack/scopes.ts';
import { openSetUpHost, type UnsharedHost } from '../setup/unshared-host.ts';
import { keepBotUp, type BotProcess } from '../support/bot-process.ts';
import { needs } from '../support/needs.ts';
import { hostYaml, type Sshd } from '../support/sshd.ts';
import { answerTo, eventually, openWorkspaceOfManifest } from '../support/whole-bot.ts';
import { openWrittenLog, type WrittenLog } from '../support/written-log.ts';

const WAIT_MS = 120_000;
const CARD_MS = 5_000;
const CHANNEL = { name: '#oom', id: 'CLOCAL001' };
const GROUP = { id: 'S0000001', handle: 'dba', name: 'DBAs', users: ['ULOCALBEN'] };
/** What a process has before, and what it is to be protected with: a root without CAP_SYS_RESOURCE can only bring values back. */
const [BEFORE, AFTER] = [600, 100];

const ALL = SCOPES.map(({ name }) => name);
const OPTIONAL = SCOPES.filter(({ isRequired }) => !isRequired).map(({ name }) => name);

/** What works all the same. */
interface Left {
  kill: boolean;
  command: boolean;
  approval: boolean;
}
const EVERYTHING: Left = { kill: true, command: true, approval: true };
const CASES: [string, readonly string[], Left][] = [
  ['all', [], EVERYTHING],
  ['the required alone', OPTIONAL, EVERYTHING],
  ...OPTIONAL.map((name): [string, readonly string[], Left] => [`all but ${name}`, [name], EVERYTHING]),
  ['all but users:read', ['users:read'], { kill: true, command: true, approval: false }],
  ['all but commands', ['commands'], { kill: true, command: false, approval: false }],
  ['all but chat:write', ['chat:write'], { kill: false, command: false, approval: false }],
];

describe('the whole bot, where Slack granted', { timeout: 400_000, ...needs('namespaces', 'sshd', 'sudo') }, () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'oombot-scopes-'));
  let host: UnsharedHost;
  let sshd: Sshd;

  beforeAll(async () => {
    // The account of the bot reads its logs there.
    chmodSync(dir, 0o755);
    ({ host, sshd } = await openSetUpHost({ logFiles: CASES.map((_, at) => logOf(at)) }));
  }, 60_000);
  afterAll(async () => {
    await sshd?.close();
    await host?.close();
    rmSync(dir, { recursive: true, force: true });
  });

  function logOf(at: number): string {
    return path.join(dir, `kern-${at}.log`);
  }

  interface Bench {
    workspace: LocalWorkspace;
    bot: BotProcess;
    log: WrittenLog;
  }

  /** The bot as a process of its own, which reads a log of its own on the host that all share. */
  async function aBotWithout(
    declined: readonly string[],
    at: number,
    { onTestFinished }: Pick<TestContext, 'onTestFinished'>,
  ): Promise<Bench> {
    const workspace = await openWorkspaceOfManifest({
      channels: [CHANNEL.name],
      userGroups: [GROUP],
      scopes: ALL.filter((name) => !declined.includes(name)),
    });
    onTestFinished(workspace.close);
    const log = openWrittenLog(logOf(at), 'db01', 1_000 * (at + 1));
    const configFile = path.join(dir, `oombot-${at}.yaml`);
    writeFileSync(
      configFile,
      `http: 127.0.0.1:0
workspace: { channel: "${declined.includes('channels:read') ? CHANNEL.id : CHANNEL.name}" }
approvals: { approvers: [${GROUP.id}, ULOCALANA, ULOCALBEN] }
${hostYaml(sshd, { user: 'oombot', more: `, logFiles: [${logOf(at)}]` })}`,
    );
    const database = `sqlite:${path.join(dir, `oombot-${at}.db`)}`;
    const bot = keepBotUp({ configFile, port: 0, database, workspace });
    onTestFinished(bot.close);
    await eventually(async () => (await bot.health())?.hosts[0]?.state === 'watching', 'the watch', WAIT_MS).catch(
      async (error: unknown) => {
        throw new Error(bot.logged() + JSON.stringify(await bot.health()), { cause: error });
      },
    );
    return { workspace, bot, log };
  }

  function startProcess(name: string): number {
    const { stdout } = host.run(`cp /bin/sleep /usr/local/bin/${name}
setpriv --reuid 65534 sh -c 'echo ${BEFORE} >/proc/self/oom_score_adj; exec /usr/local/bin/${name} 3000' </dev/null >/dev/null 2>&1 &
until grep -q '^${name}$' /proc/$!/comm; do sleep 0.01; done
echo $!`);
    return Number(stdout);
  }
  function adjOf(pid: number): number {
    return Number(host.run(`cat /proc/${pid}/oom_score_adj`).stdout);
  }

  it.concurrent.for(CASES.map((one, at) => [...one, at] as const))('%s', async ([, declined, left, at], test) => {
    // Side by side each test ends for itself: what it opened is its own.
    const { workspace, bot, log } = await aBotWithout(declined, at, test);
    const [victim, kept] = [`victim-${at}`, `kept-${at}`];
    const pid = startProcess(kept);

    log.write(
      `${new Date().toISOString().replace('Z', '000+00:00')} db01 kernel: [${uptime()}] ${victim} invoked oom-killer: gfp_mask=0x14200ca(GFP_HIGHUSER_MOVABLE), nodemask=(null), order=0, oom_score_adj=0\n`,
    );
    log.kill(victim);
    function told(): Message | undefined {
      return workspace.messages(CHANNEL.name).find(({ text }) => text.includes(victim));
    }
    function card(): Message | undefined {
      return workspace.messages(CHANNEL.name).find((message) => approveOf(message) !== '');
    }
    if (left.kill)
      expect((await eventually(told, 'the kill', WAIT_MS)).text).toContain(`\`${victim}\` was killed on \`db01\``);
    if (left.command) expect(await answerTo(workspace, 'last db01', WAIT_MS)).toContain(victim);
    const message = told();
    if (left.command && message !== undefined) {
      const answer = await linesOf(workspace, message);
      const files = workspace.messages(CHANNEL.name, message.ts).filter(({ text }) => text.includes('/page/file/'));
      const isFile = !declined.includes('files:write');
      expect(JSON.stringify(answer.blocks)).toContain(isFile ? 'In the thread of the incident.' : 'Lines 1 to ');
      expect(files).toHaveLength(isFile ? 1 : 0);
    }
    const proposal = `protect db01 ${kept} ${AFTER} because it is tried`;
    if (left.approval) {
      // A host that is too busy to be read in time is asked again.
      await eventually(
        async () => {
          await answerTo(workspace, proposal, WAIT_MS);
          return eventually(card, 'the card', CARD_MS).catch(() => null);
        },
        'a host that could be read in time',
        WAIT_MS,
      );
      await eventually(
        async () => {
          const open = card();
          return open === undefined || (await workspace.as('Ben').click(open, approveOf(open))).ok;
        },
        'a click',
        WAIT_MS,
      );
      await eventually(() => adjOf(pid) === AFTER, 'the change', WAIT_MS);
    } else if (left.command) expect(await answerTo(workspace, proposal, WAIT_MS)).toContain('users:read');
    // What cannot be told is tried and logged, by the same process.
    if (!left.kill) await eventually(() => /missing_scope/.test(bot.logged()), 'the refusal of Slack', WAIT_MS);

    expect(told() !== undefined).toBe(left.kill);
    expect(adjOf(pid)).toBe(left.approval ? AFTER : BEFORE);
    expect(saidToBeLost(bot.logged())).toEqual(declined.toSorted());
    expect((await bot.health())?.hosts).toMatchObject([{ host: 'db01', state: 'watching' }]);
    expect(bot.starts()).toBe(1);
  });
});

/** As the kernel prints it in front of a line. */
function uptime(): string {
  return Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]).toFixed(6).padStart(12);
}

/** What somebody gets who asks for the lines of a kill’s report; they are kept some seconds after it. */
async function linesOf(workspace: LocalWorkspace, message: Message): Promise<Message> {
  const ben = workspace.as('Ben');
  async function click(on: Message, label: string): Promise<Message> {
    const before = ben.privateAnswers(CHANNEL.name).length;
    const buttons = on.blocks.flatMap((block) => (block['elements'] ?? []) as Button[]);
    const button = buttons.find(({ text }) => text?.text === label);
    if (button === undefined) throw new Error(`no button “${label}” in ${JSON.stringify(on.blocks)}`);
    await ben.click(on, button.action_id);
    return workspace.until(() => ben.privateAnswers(CHANNEL.name)[before], WAIT_MS);
  }
  return eventually(
    async () => click(await click(message, 'Full report'), 'Next page').catch(() => null),
    'the lines of the report',
    WAIT_MS,
  );
}

interface Button {
  text?: { text: string };
  action_id: string;
}

function approveOf({ blocks }: Message): string {
  return /"action_id":"([^"]*approve[^"]*)"/.exec(JSON.stringify(blocks))?.[1] ?? '';
}

/** The scopes of which the log says what is lost without them. */
function saidToBeLost(logged: string): string[] {
  return logged
    .split('\n')
    .filter((line) => line.includes('"lost":'))
    .map((line) => (JSON.parse(line) as { scope: string }).scope)
    .toSorted();
}
