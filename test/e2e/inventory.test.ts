import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { aKill } from '../support/a-stored-kill.ts';
import { batchOf, openOneAs } from '../support/store-steps.ts';
import { needs } from '../support/needs.ts';
import { freePort, openSshd, type Sshd } from '../support/sshd.ts';
import { eventually, openWholeBot, type WholeBot } from '../support/whole-bot.ts';

const OTHERS = 150;
const WAIT_MS = 60_000;

describe('a bot whose hosts come from an inventory', needs('sshd'), () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'oombot-hosts-d-'));
  const file = path.join(dir, 'hosts.json');
  let sshd: Sshd;
  let bot: WholeBot;
  let others: object[];

  beforeAll(async () => {
    sshd = await openSshd();
    const closed = await freePort();
    others = Array.from({ length: OTHERS }, (_, n) => ({ name: `h${n}`, address: '127.0.0.1', port: closed }));
    list(db01('db'));
    bot = await openWholeBot({
      channels: ['#oom'],
      yaml: [
        `ssh: { user: root, identityFile: ${sshd.identityFile}, knownHosts: ${sshd.knownHostsFile} }`,
        `inventory: [{ kind: directory, from: ${dir}, tags: [listed] }]`,
        '',
      ].join('\n'),
      prepare: async (store) => {
        const kill = aKill({ host: 'h1', atMs: Date.now() });
        await store.saveBatch(batchOf([kill]), ({ fresh }) => openOneAs('incident-1', fresh, []));
      },
    });
    await eventually(() => bot.running.fleet.watchState('db01')?.kind === 'watching', 'a watch on db01', WAIT_MS);
  }, 90_000);
  afterAll(async () => {
    await bot.close();
    await sshd.close();
    rmSync(dir, { recursive: true });
  });

  function db01(tag: string): object {
    return {
      name: 'db01',
      address: '127.0.0.1',
      port: sshd.port,
      tags: [tag],
      logFiles: [path.join(sshd.dir, 'kern.log')],
    };
  }
  function list(...hosts: object[]): void {
    writeFileSync(path.join(sshd.dir, 'kern.log'), '', { flag: 'a' });
    writeFileSync(file, JSON.stringify(hosts));
  }
  function sinceOf(): number[] {
    const { fleet } = bot.running;
    return [fleet.link('db01')?.state().sinceMs ?? 0, fleet.watchState('db01')?.sinceMs ?? 0];
  }
  function hostCount(): number {
    return bot.running.fleet.hosts().length;
  }
  async function ask(text: string): Promise<string> {
    const person = bot.workspace.as('Ben');
    const before = person.privateAnswers('#oom').length;
    await person.command('#oom', text);
    return JSON.stringify(await bot.workspace.until(() => person.privateAnswers('#oom')[before], WAIT_MS));
  }

  it('takes hosts up and lets them go without touching the others', { timeout: 120_000 }, async () => {
    const before = sinceOf();

    list(db01('db'), ...others);
    await eventually(() => hostCount() === OTHERS + 1, 'all hosts', WAIT_MS);
    writeFileSync(file, JSON.stringify([db01('db'), ...others]).slice(0, 2_000));
    await eventually(async () => (await ask('/oom hosts')).includes('cannot be used'), 'the trouble', WAIT_MS);
    expect(hostCount()).toBe(OTHERS + 1);

    list(db01('web'));
    await eventually(() => hostCount() === 1, 'the last host', WAIT_MS);

    expect(bot.running.fleet.hosts()[0]?.tags).toEqual(['listed', 'web']);
    expect(sinceOf()).toEqual(before);
    expect(bot.running.fleet.watchState('db01')?.kind).toBe('watching');
    const said = await ask('/oom hosts');
    expect(said).toContain('source: `inventory[0] (directory, ');
    expect(said).not.toContain('cannot be used');
  });

  it('forgets no open incident of a host that is gone from it', async () => {
    expect(bot.running.fleet.link('h1')).toBeNull();
    expect(await bot.running.store.hostsWithOpenIncidents()).toContain('h1');
    expect(await ask('/oom show incident-1')).toContain('h1');
  });
});
