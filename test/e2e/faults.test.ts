import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Clock } from '../../src/app/ports.ts';
import type { HostConfig } from '../../src/config/config.ts';
import { openJournald } from '../support/journald.ts';
import { openKillGroup, type KillGroup } from '../support/kill-group.ts';
import { openLogWriter } from '../support/log-writer.ts';
import { startPostgres } from '../support/postgres.ts';
import { realClock } from '../support/real-clock.ts';
import { openSshd, type Sshd } from '../support/sshd.ts';
import { openTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { hostConfig, watchHosts, type WatchedHosts, type WatchOptions } from '../support/watched-fleet.ts';
import { has, needs } from '../support/needs.ts';

const BOT = path.join(import.meta.dirname, '../support/watching-bot.ts');
/** How often the bot is ended at a random moment; by hand 50 and more. */
const MOMENTS = Number(process.env['OOMBOT_MOMENTS'] ?? 8);

describe(
  'under running kills, the kernel’s count is on record, no kill twice',
  { ...needs('sshd', 'kills'), timeout: 120_000 },
  () => {
    let sshd: Sshd;
    let dir: string;
    const toClose: (() => Promise<void> | void)[] = [];

    beforeAll(async () => {
      sshd = await openSshd();
      dir = mkdtempSync(path.join(tmpdir(), 'oombot-faults-'));
    });
    afterEach(async () => {
      for (const close of toClose.splice(0).toReversed()) await close();
    });
    afterAll(async () => {
      await sshd.close();
      rmSync(dir, { recursive: true, force: true });
    });

    async function watch(hosts: HostConfig[], options: Partial<WatchOptions> = {}): Promise<WatchedHosts> {
      const watched = await watchHosts({ hosts, ...options });
      toClose.push(watched.close);
      watched.fleet.watchOnly(null);
      return watched;
    }

    async function proxied(): Promise<{ proxy: TcpProxy; host: HostConfig }> {
      const proxy = await openTcpProxy(sshd.port);
      toClose.push(proxy.close);
      appendFileSync(sshd.knownHostsFile, `[127.0.0.1]:${proxy.port} ${sshd.publicKey('ed25519')}\n`);
      return { proxy, host: hostConfig('here', sshd.target({ port: proxy.port })) };
    }

    /** Processes die all the time while `fault` happens; in the end each death is on record once for each host. */
    async function survives(watched: WatchedHosts, hosts: string[], fault: () => Promise<void>): Promise<void> {
      const group = openKillGroup();
      toClose.push(group.close);
      await watched.untilWatching(...hosts);
      const killing = group.keepKilling(100);
      await sleep(500);
      await fault();
      await sleep(500);
      const pids = await killing.stop();

      await expectRecorded(watched, hosts, group, pids);
      expect(pids.length).toBeGreaterThan(5);
    }

    async function expectRecorded(
      watched: WatchedHosts,
      hosts: string[],
      group: KillGroup,
      pids: number[],
    ): Promise<void> {
      for (const host of hosts) {
        const kills = await watched.untilKills({ pids, sinceSeconds: group.sinceSeconds, host });
        const recorded = kills.map((kill) => kill.record.pid ?? 0);
        expect(
          recorded.toSorted((a, b) => a - b),
          `${host}: ${[...watched.warnings, ...watched.gaps].join(' | ')}`,
        ).toEqual(pids.toSorted((a, b) => a - b));
        // Each is part of one incident, and the incident counted it once.
        for (const incident of await watched.store.incidents(host, 100)) {
          expect(await watched.store.killsOfIncident(incident.id, 10_000)).toHaveLength(incident.killCount);
        }
      }
      expect(group.count()).toBe(pids.length);
      const fresh = watched.saved.flatMap((batch) => batch.fresh.map((kill) => `${kill.host} ${kill.key}`));
      expect(new Set(fresh).size).toBe(fresh.length);
    }

    it('the link cut by reset, again and again', async () => {
      const { proxy, host } = await proxied();
      const watched = await watch([host]);

      await survives(watched, ['here'], async () => {
        for (let times = 0; times < 4; times += 1) {
          proxy.cut();
          await sleep(700);
        }
      });
    });

    it('the link gone silent for seconds', async () => {
      const { proxy, host } = await proxied();
      const watched = await watch([host]);

      await survives(watched, ['here'], async () => {
        proxy.setMode('hang');
        await sleep(4_000);
        proxy.setMode('pass');
      });
    });

    it('sshd restarted, and away for a while', async () => {
      const watched = await watch([hostConfig('here', sshd.target())]);

      await survives(watched, ['here'], async () => {
        await sshd.stop();
        await sleep(1_500);
        await sshd.start();
      });
    });

    it.each(['rename', 'copy and cut'])('the log rotated by %s', async (how) => {
      const file = path.join(dir, `kern-${how.slice(0, 4)}.log`);
      const writer = await openLogWriter(file);
      toClose.push(writer.close);
      const watched = await watch([hostConfig('here', sshd.target(), [file])]);

      await survives(watched, ['here'], async () => {
        for (let times = 0; times < 3; times += 1) {
          if (how === 'rename') writer.rotateByRename();
          else await writer.rotateByCopy();
          await sleep(1_500);
        }
      });
      expect(
        (await watched.store.kills({ hosts: null, sinceMs: null, untilMs: null, service: null, limit: 1 }))[0]?.source,
      ).toBe(`file:${file}`);
    });

    it('the journal alone: its reader ended, and journald itself restarted', needs('journald'), async () => {
      const journald = await openJournald();
      toClose.push(() => journald.close());
      const gid = spawnSync('getent', ['group', 'systemd-journal']).stdout.toString().split(':')[2] ?? '';
      const [command = '', ...through] = journald.through;
      const allow = `chgrp -R ${gid} /run/log/journal && chmod -R g+rX /run/log/journal`;
      spawnSync(command, [...through, 'sh', '-c', allow]);
      // An account that may read the journal and nothing else.
      const asReader = `ForceCommand exec setpriv --reuid=65534 --regid=${gid} --clear-groups sh -c "$SSH_ORIGINAL_COMMAND"`;
      const other = await openSshd({ lines: [asReader], through: journald.through });
      toClose.push(other.close);
      const watched = await watch([hostConfig('here', other.target())]);

      await survives(watched, ['here'], async () => {
        for (const [pid, line] of other.processes()) if (line.startsWith('journalctl')) process.kill(pid);
        await sleep(1_500);
        await journald.restart();
        await sleep(1_500);
      });
      const [kill] = await watched.store.kills({ hosts: null, sinceMs: null, untilMs: null, service: null, limit: 1 });
      expect(kill?.source).toBe('journal');
    });

    it('the record locked by another program', async () => {
      const file = path.join(dir, 'busy.db');
      const watched = await watch([hostConfig('here', sshd.target())], { url: `sqlite:${file}` });

      await survives(watched, ['here'], async () => {
        const other = new DatabaseSync(file);
        other.exec('begin immediate');
        await sleep(7_000);
        other.exec('rollback');
        other.close();
      });
      expect(watched.warnings.join()).toContain('could not be saved');
    });

    it('our clock stepping by hours in both directions', async () => {
      let offsetMs = 0;
      const clock: Clock = { nowMs: () => Date.now() + offsetMs, sleep: realClock.sleep };
      const watched = await watch([hostConfig('here', sshd.target())], { clock });

      await survives(watched, ['here'], async () => {
        for (const step of [3, -6, 3]) {
          offsetMs += step * 3_600_000;
          await sleep(700);
        }
      });
    });

    it('another host that accepts connections and says nothing', async () => {
      const silent = createServer(() => {});
      await once(silent.listen(0, '127.0.0.1'), 'listening');
      toClose.push(() => void silent.close());
      const { port } = silent.address() as AddressInfo;
      const watched = await watch([
        hostConfig('here', sshd.target()),
        ...Array.from({ length: 40 }, (_, at) => hostConfig(`silent-${at}`, sshd.target({ port, user: `u${at}` }))),
      ]);

      await survives(watched, ['here'], () => sleep(2_500));

      await vi.waitFor(() => expect(watched.fleet.link('silent-0')?.state().kind).toBe('unreachable'), 15_000);
      expect(watched.fleet.link('silent-0')?.state().sentence).toContain('did not answer as an SSH server in time');
    });

    it('another host that floods', async () => {
      const flood = path.join(dir, 'flood');
      // Its /dev/kmsg is 100 MB of firewall lines at once, with one kill behind them; all else is answered as it should be.
      writeFileSync(
        flood,
        `#!/bin/sh
case $SSH_ORIGINAL_COMMAND in *"cat /dev/kmsg"*) ;; *) exec sh -c "$SSH_ORIGINAL_COMMAND";; esac
read -r boot < /proc/sys/kernel/random/boot_id
echo "#kmsg 1 $boot $(date +%s) 10.00"
awk 'BEGIN { for (i = 1; i <= 1000000; i++) { printf "4,%d,%d,-;", i, i; print "nft: IN=eth0 OUT= MAC=00:11:22:33:44:55 SRC=192.0.2.1 DST=192.0.2.2 LEN=60" } }'
echo '3,1000001,1000001,-;Out of memory: Killed process 4194303 (mysqld) total-vm:1kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:1kB oom_score_adj:0'
sleep 60
`,
      );
      chmodSync(flood, 0o755);
      const other = await openSshd({ lines: [`ForceCommand ${flood}`] });
      toClose.push(other.close);
      const beforeMiB = process.memoryUsage().rss / 2 ** 20;
      const watched = await watch([hostConfig('here', sshd.target()), hostConfig('flood', other.target())]);
      let mostMiB = 0;

      await survives(watched, ['here'], async () => {
        const deadline = Date.now() + 60_000;
        const query = { hosts: ['flood'], sinceMs: null, untilMs: null, service: null, limit: 1_000 };
        for (;;) {
          mostMiB = Math.max(mostMiB, process.memoryUsage().rss / 2 ** 20);
          if ((await watched.store.kills(query)).some((kill) => kill.record.pid === 4194303)) break;
          if (Date.now() > deadline) throw new Error('the kill behind the flood was not seen');
          await sleep(20);
        }
      });

      expect(mostMiB - beforeMiB).toBeLessThan(200);
    });

    it(`the bot killed with -9 at ${MOMENTS} random moments`, { timeout: 60_000 + MOMENTS * 6_000 }, async () => {
      // The ring alone may be overwritten while no bot lives: the journal is what lasts.
      const journald = has('journald') ? await openJournald() : null;
      toClose.push(() => journald?.close());
      const watching = journald === null ? sshd : await openSshd({ through: journald.through });
      if (watching !== sshd) toClose.push(watching.close);
      const url = `sqlite:${path.join(dir, 'moments.db')}`;
      const host = hostConfig('here', watching.target());
      const group = openKillGroup();
      toClose.push(group.close);
      // It is known before the first kill: what died before that is history.
      const first = startBot(url, [host]);
      await first.until('watching here');
      const killing = group.keepKilling(60);

      await end(first.child);
      for (let times = 1; times < MOMENTS; times += 1) {
        const bot = startBot(url, [host]);
        // Now while it starts and connects, now while it reads and saves.
        if (times % 2 === 0) await sleep(Math.random() * 1_500);
        else await bot.until('watching here').then(() => sleep(Math.random() * 1_000));
        await end(bot.child);
      }
      const pids = await killing.stop();
      const watched = await watch([host], { url });

      await expectRecorded(watched, ['here'], group, pids);
    });

    it(
      'one of two bots on one PostgreSQL killed with -9: the other has its hosts within 30 s',
      needs('postgres'),
      async () => {
        const postgres = (await startPostgres())!;
        toClose.push(postgres.stop);
        const url = await postgres.createDatabase();
        const names = ['one', 'two', 'three', 'four'];
        const hosts = names.map((name) => hostConfig(name, sshd.target()));
        const group = openKillGroup();
        toClose.push(group.close);
        const bots = [startBot(url, hosts), startBot(url, hosts)];
        toClose.push(() => end(bots[1]?.child));
        await until(() => bots.every((bot) => bot.watching().size === 2));
        const killing = group.keepKilling(150);
        await sleep(1_000);

        await end(bots[0]?.child);
        const endedAtMs = Date.now();
        await until(() => bots[1]?.watching().size === 4);
        expect(Date.now() - endedAtMs).toBeLessThan(30_000);
        await sleep(1_000);
        const pids = await killing.stop();

        const watched = await watchHosts({ hosts: [], url });
        toClose.push(watched.close);
        await expectRecorded(watched, names, group, pids);
      },
    );

    function startBot(url: string, hosts: HostConfig[]): Bot {
      const child = spawn(process.execPath, ['--no-warnings', BOT, url, ...hosts.map((host) => JSON.stringify(host))], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let said = '';
      child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
      toClose.push(() => end(child));
      return {
        child,
        watching: () => new Set([...said.matchAll(/^watching (.+)$/gm)].map((found) => found[1] ?? '')),
        until: (text) =>
          until(
            () => said.includes(text),
            () => said,
          ),
      };
    }
  },
);

interface Bot {
  child: ChildProcess;
  /** Hosts that it has ever watched. */
  watching: () => Set<string>;
  until: (text: string) => Promise<void>;
}

async function end(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

async function until(isSo: () => boolean, why: () => string = () => ''): Promise<void> {
  const deadline = Date.now() + 40_000;
  while (!isSo()) {
    if (Date.now() > deadline) throw new Error(`it did not come about: ${why()}`);
    await sleep(20);
  }
}
