// The verbs that ask, beside a bot that runs.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { askBot } from '../../src/cli/ask-bot.ts';
import { loadConfig } from '../../src/config/config.ts';
import { run } from '../../src/main.ts';
import { runCommand, type Ran } from '../support/command.ts';
import { needs } from '../support/needs.ts';
import { startPostgres } from '../support/postgres.ts';
import { eventually } from '../support/whole-bot.ts';

interface Place {
  dir: string;
  file: string;
  env: NodeJS.ProcessEnv;
}

function aPlace(database?: string): Place {
  const dir = mkdtempSync(path.join(tmpdir(), 'oombot-ask-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const file = path.join(dir, 'oombot.yaml');
  writeFileSync(file, `http: 127.0.0.1:0\ndatabase: ${database ?? `sqlite:${dir}/oombot.db`}\n`);
  return { dir, file, env: { HOME: dir, XDG_RUNTIME_DIR: dir, LOG_LEVEL: 'fatal' } };
}

function oombot({ file, env }: Place, ...args: string[]): Promise<Ran> {
  return runCommand(args, { env: { ...env, OOMBOT_CONFIG: file } });
}

/** A bot with its local workspace, its two hosts, and the past of the demo on record. */
async function startBot({ file, env }: Place) {
  const config = loadConfig({ path: file, env });
  const bot = await run({ load: () => config, print: () => undefined, signal: new AbortController().signal });
  let isOpen = true;
  async function close(): Promise<void> {
    if (isOpen) await bot.close();
    isOpen = false;
  }
  onTestFinished(close);
  return {
    close,
    ask: async (...words: string[]) => {
      const said = await askBot(config.socket, words);
      return said.kind === 'answer' ? said.answer : said;
    },
  };
}

describe('a terminal beside the running bot', () => {
  it('gets its record and its links, and says so when it is gone', async () => {
    const place = aPlace();
    const bot = await startBot(place);

    const last = await oombot(place, 'last', 'demo-db01');
    const typo = await oombot(place, 'last', 'demo-db1');
    const id = /Incident ([0-9a-f]{8})/.exec(last.out)?.[1] ?? '';

    expect(last).toMatchObject({ status: 0, err: '' });
    expect(last.out).toMatch(/^mysqld of mysql\.service was killed on demo-db01/);
    expect(typo).toMatchObject({ status: 2, err: expect.stringContaining('Did you mean demo-db01?') });
    expect(await bot.ask('show', id)).toMatchObject({ status: 0, text: expect.stringContaining(`Incident ${id}`) });
    await eventually(
      async () => /demo-db01 watched since .*[1-9]\d* kills in 7 d/.test(JSON.stringify(await bot.ask('hosts'))),
      'the state of its links',
    );
    for (const [words, text] of [
      [['scores', 'demo-db01', '3'], /^Next to die on demo-db01: /],
      [['why', 'demo-db01', 'mysqld'], /demo-db01/],
      [['memory', 'demo-db01'], /demo-db01/],
      [['history', 'db'], /^[1-9]\d* kills on db/],
      [['report'], /^\d+ kills on all hosts/],
      [['pending'], /^No open changes/],
      [['rules', 'localhost'], /localhost/],
    ] as const)
      expect([words, await bot.ask(...words)]).toMatchObject([words, { status: 0, text: expect.stringMatching(text) }]);
    await bot.close();

    expect(existsSync(path.join(place.dir, 'oombot.db.sock'))).toBe(false);
    expect(await oombot(place, 'hosts')).toMatchObject({
      status: 1,
      err: `oombot hosts: No oombot runs here: nothing answers at ${place.dir}/oombot.db.sock. Start it with: oombot run. To look at the hosts without it: oombot check\n`,
    });
  });

  it('gets them where the record is on PostgreSQL', needs('postgres'), async () => {
    const postgres = await startPostgres();
    if (postgres === null) throw new Error('there is no PostgreSQL');
    onTestFinished(postgres.stop);
    const place = aPlace(await postgres.createDatabase());
    const bot = await startBot(place);

    await eventually(
      async () => JSON.stringify(await bot.ask('last', 'demo-db01')).includes('mysqld of mysql') || null,
      'the past of the demo',
    );

    expect(await bot.ask('hosts')).toMatchObject({ status: 0, text: expect.stringMatching(/^2 hosts/) });
    expect(existsSync(path.join(place.dir, 'oombot/oombot.sock'))).toBe(true);
  });
});
