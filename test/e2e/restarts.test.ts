import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { openStore } from '../../src/store/store.ts';
import { keepBotUp } from '../support/bot-process.ts';
import { needs } from '../support/needs.ts';
import { startPostgres } from '../support/postgres.ts';
import { freePort, openSshd } from '../support/sshd.ts';
import { expectToldOnce } from '../support/told-once.ts';
import { eventually, openWorkspaceOfManifest } from '../support/whole-bot.ts';
import { openWrittenLog } from '../support/written-log.ts';

/** By hand 200: `npm run test:long`. */
const TIMES = Number(process.env['OOMBOT_RESTARTS'] ?? 5);

it(
  `bot and PostgreSQL restarted against each other ${TIMES} times: nothing is lost or doubled`,
  { ...needs('sshd', 'postgres'), timeout: 240_000 + TIMES * 20_000 },
  async () => {
    const dir = mkdtempSync(path.join(tmpdir(), 'oombot-restarts-'));
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
    const sshd = await openSshd();
    onTestFinished(sshd.close);
    const workspace = await openWorkspaceOfManifest({ channels: ['#oom'] });
    onTestFinished(workspace.close);
    const server = await startPostgres();
    if (server === null) throw new Error('there is no PostgreSQL');
    onTestFinished(server.stop);
    const database = await server.createDatabase();
    const file = path.join(dir, 'kern.log');
    const log = openWrittenLog(file, 'h0', 5_000_000);
    const port = await freePort();
    const configFile = path.join(dir, 'oombot.yaml');
    writeFileSync(
      configFile,
      `http: 127.0.0.1:${port}
digest: { at: off }
samples: { every: off }
ssh: { user: root, identityFile: ${sshd.identityFile}, knownHosts: ${sshd.knownHostsFile} }
hosts: [{ name: h0, address: 127.0.0.1, port: ${sshd.port}, logFiles: [${file}] }]
`,
    );
    const bot = keepBotUp({ configFile, port, database, workspace });
    onTestFinished(bot.close);

    async function untilQuiet(): Promise<void> {
      await eventually(
        async () => {
          await sleep(1_000);
          const health = await bot.health();
          const waiting = await bot.metric('oombot_deliveries_waiting');
          return health?.ok === true && health.hosts[0]?.state === 'watching' && waiting === 0;
        },
        'quiet',
        120_000,
      ).catch((error: unknown) => {
        throw new Error(bot.logged().slice(-3_000), { cause: error });
      });
    }

    await untilQuiet();
    for (let times = 0; times < TIMES; times += 1) {
      log.kill(`job-${times % 7}`, `other-${times % 3}`);
      const restart = sleep(Math.random() * 400).then(() => server.restart(times % 2 === 0 ? 'fast' : 'immediate'));
      const ended = sleep(Math.random() * 400).then(() => bot.end(times % 3 === 0 ? 'SIGTERM' : 'SIGKILL'));
      await sleep(Math.random() * 600);
      log.kill(`job-${times % 5}`);
      await Promise.all([restart, ended]);
      // Now before it watches again, now when it does.
      if (times % 2 === 0) await untilQuiet();
      else await sleep(Math.random() * 3_000);
    }
    await untilQuiet();
    await eventually(
      async () => {
        const store = await openStore(database, { readOnly: true });
        const kills = await store.kills({ hosts: ['h0'], sinceMs: null, untilMs: null, service: null, limit: 10_000 });
        await store.close();
        return kills.length >= log.pids.length;
      },
      'all kills on record',
      60_000,
    );
    await untilQuiet();
    await bot.close();

    const store = await openStore(database, { readOnly: true });
    onTestFinished(store.close);
    await expectToldOnce(store, workspace, 'h0', log.pids);
    expect(bot.starts()).toBeGreaterThan(TIMES / 2);
  },
);
