import { execFile } from 'node:child_process';
import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Running } from '../../src/main.ts';
import type { LocalWorkspace } from '../../src/local/workspace.ts';
import type { Store } from '../../src/app/store-port.ts';
import { openStore } from '../../src/store/store.ts';
import { openKillGroup, type KillGroup } from '../support/kill-group.ts';
import { needs } from '../support/needs.ts';
import { openSshd, type Sshd } from '../support/sshd.ts';
import { eventually, openWorkspaceOfManifest, startBot } from '../support/whole-bot.ts';

const cli = path.join(import.meta.dirname, '../../src/cli.ts');
/** Before the backup begins, and after it is done. */
const KILLS_BESIDE = 4;
const NAMES_MAX = 20;
/** The kernel prints ten reports in five seconds; with more, some come without their facts. */
const BETWEEN_MS = 700;

describe('a backup taken while kills go on, and restored', { ...needs('sshd', 'kills'), timeout: 180_000 }, () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'oombot-backup-'));
  const file = path.join(dir, 'oombot.db');
  const copy = path.join(dir, 'copy.db');
  let sshd: Sshd;
  let group: KillGroup;
  let workspace: LocalWorkspace;
  let bot: Running | null = null;

  beforeAll(async () => {
    sshd = await openSshd();
    group = openKillGroup();
    workspace = await openWorkspaceOfManifest({ channels: ['#oom'] });
    bot = await start();
  }, 60_000);
  afterAll(async () => {
    await bot?.close();
    await workspace?.close();
    await group?.close();
    await sshd?.close();
    rmSync(dir, { recursive: true, force: true });
  });

  async function start(): Promise<Running> {
    const yaml = `ssh: { user: root, identityFile: ${sshd.identityFile}, knownHosts: ${sshd.knownHostsFile} }
hosts:
  - { name: here, address: 127.0.0.1, port: ${sshd.port} }
`;
    const running = await startBot({ dir, workspace, database: `sqlite:${file}`, yaml });
    await eventually(() => running.fleet.watchState('here')?.kind === 'watching', 'the watch', 60_000);
    return running;
  }

  /** Of each of these deaths, how often it is on record. */
  async function timesOnRecord(pids: readonly number[], store: Store = bot!.store): Promise<number[]> {
    const kills = await store.kills({ hosts: ['here'], sinceMs: null, untilMs: null, service: null, limit: 10_000 });
    return pids.map(
      (pid) => kills.filter(({ record }) => record.pid === pid && record.oomMemcg === group.memcg).length,
    );
  }

  /** Of each of these services, in how many messages of the channel it is told. */
  function timesTold(names: readonly string[]): number[] {
    const texts = workspace.messages('#oom').map(({ text, blocks }) => text + JSON.stringify(blocks));
    return names.map((name) => texts.filter((text) => text.includes(name)).length);
  }

  it('has each kill on record once and tells each once, those since the backup as well', async () => {
    // What died before is told as the past, and may have been of an earlier run.
    const ours = `k${Date.now().toString(36).slice(-6)}`;
    const names: string[] = [];
    const pids: number[] = [];
    async function killMore(count: number): Promise<void> {
      for (let more = 0; more < count; more += 1) {
        const name = `${ours}-${String.fromCharCode(97 + names.length)}`;
        pids.push(await group.kill(name));
        names.push(name);
        await sleep(BETWEEN_MS);
      }
    }
    await killMore(KILLS_BESIDE);
    let isDone = false;
    const backedUp = promisify(execFile)(process.execPath, ['--no-warnings', cli, 'backup', copy], {
      cwd: dir,
      env: { ...process.env, DATABASE_URL: `sqlite:${file}` },
    }).finally(() => (isDone = true));
    while (!isDone && names.length < NAMES_MAX) await killMore(1);
    const { stdout } = await backedUp;
    await killMore(KILLS_BESIDE);

    const saved = await openStore(`sqlite:${copy}`, { readOnly: true });
    const inCopy = await timesOnRecord(pids, saved);
    await saved.close();
    await eventually(async () => (await timesOnRecord(pids)).every((times) => times === 1), 'all kills', 60_000);
    await eventually(() => timesTold(names).every((times) => times > 0), 'all messages', 60_000);

    await bot?.close();
    renameSync(copy, file);
    for (const beside of ['-wal', '-shm']) rmSync(file + beside, { force: true });
    bot = await start();
    await eventually(async () => (await timesOnRecord(pids)).every((times) => times > 0), 'what came since', 60_000);
    await eventually(async () => (await bot?.store.queueLengths())?.every((one) => one.waiting === 0), 'calm', 60_000);

    // It holds what had happened until then, whole, and nothing since.
    const counted = inCopy.filter((times) => times === 1).length;
    console.info(`Backed up: ${stdout.trim()} Of these deaths ${counted} of ${pids.length}.`);
    expect(inCopy).toEqual(names.map((_, at) => (at < counted ? 1 : 0)));
    expect(counted).toBeGreaterThanOrEqual(KILLS_BESIDE - 1);
    expect(counted).toBeLessThanOrEqual(pids.length - KILLS_BESIDE);
    expect(await timesOnRecord(pids)).toEqual(names.map(() => 1));
    expect(timesTold(names)).toEqual(names.map(() => 1));
  });
});
