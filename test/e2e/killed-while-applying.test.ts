import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Store } from '../../src/app/store-port.ts';
import type { Change, ChangedProcess } from '../../src/change/change.ts';
import { openStore } from '../../src/store/store.ts';
import { openSetUpHost, type UnsharedHost } from '../setup/unshared-host.ts';
import { aChange, aProcess } from '../support/a-change.ts';
import { type Sshd } from '../support/sshd.ts';
import { hostConfig } from '../support/watched-fleet.ts';
import { eventually } from '../support/whole-bot.ts';
import { needs } from '../support/needs.ts';

const BOT = path.join(import.meta.dirname, '../support/changing-bot.ts');
/** How often the bot is ended at a random moment; by hand 50 and more. */
const MOMENTS = Number(process.env['OOMBOT_MOMENTS'] ?? 8);
/** Root may lack CAP_SYS_RESOURCE here: from +600 down to +100 is allowed everywhere. */
const [FROM, TO] = [600, 100];
const PROCESSES = 4;

describe('a real host, and a bot that is killed with -9 while it applies', needs('namespaces', 'sshd', 'sudo'), () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'oombot-killed-'));
  const url = `sqlite:${path.join(dir, 'oombot.db')}`;
  let host: UnsharedHost;
  let sshd: Sshd;
  let bot: ChildProcessWithoutNullStreams | null = null;
  let said = '';

  beforeAll(async () => {
    ({ host, sshd } = await openSetUpHost());
  }, 90_000);

  afterAll(async () => {
    await end();
    await sshd?.close();
    await host?.close();
    rmSync(dir, { recursive: true, force: true });
  });

  async function start(): Promise<void> {
    const config = JSON.stringify(hostConfig('db01', sshd.target({ user: 'oombot' })));
    const child = spawn(process.execPath, ['--no-warnings', BOT, url, config], { stdio: 'pipe' });
    bot = child;
    said = '';
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await until(/host connected/);
  }

  async function until(words: RegExp): Promise<void> {
    await eventually(() => words.test(said), String(words)).catch((error: unknown) => {
      throw new Error(`the bot said: ${said}`, { cause: error });
    });
  }

  /** What is on record, while no bot lives. */
  async function onRecord<T>(look: (store: Store) => Promise<T>): Promise<T> {
    const store = await openStore(url);
    try {
      return await look(store);
    } finally {
      await store.close();
    }
  }

  async function end(): Promise<void> {
    const child = bot;
    bot = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  /** Processes of another user, each at +600, as a scan would have seen them. */
  function startProcesses(): ChangedProcess[] {
    const each = Array.from({ length: PROCESSES }, () => 'start').join('; ');
    const { stdout } = host.run(
      `start() { setpriv --reuid 65534 sh -c 'echo ${FROM} > /proc/self/oom_score_adj; exec sleep 3000' </dev/null >/dev/null 2>&1 & ` +
        `pid=$!; until grep -q '^${FROM}$' /proc/$pid/oom_score_adj && grep -q sleep /proc/$pid/comm; do sleep 0.01; done; ` +
        `echo $pid $(cut -d' ' -f22 /proc/$pid/stat); }; ${each}`,
    );
    return stdout
      .trim()
      .split('\n')
      .map((line) => {
        const [pid = 0, startTicks = 0] = line.split(' ').map(Number);
        return aProcess({ pid, startTicks, name: 'sleep', uid: 65534, from: FROM, to: TO });
      });
  }

  /** Goes on record as the second person's click leaves it. */
  function approve(id: string): void {
    const nowMs = Date.now();
    const change = aChange({
      id,
      bootId: host.run('cat /proc/sys/kernel/random/boot_id').stdout.trim(),
      subject: 'sleep',
      unit: null,
      processes: startProcesses(),
      to: TO,
      proposedAtMs: nowMs,
      expiresAtMs: nowMs + 1_800_000,
      approvals: [{ by: 'UBEN', atMs: nowMs }],
      state: { kind: 'approved', atMs: nowMs },
    });
    bot?.stdin.write(`${JSON.stringify(change)}\n`);
  }

  function valuesOf({ processes }: Change): number[] {
    const files = processes.map(({ pid }) => `/proc/${pid}/oom_score_adj`);
    return host
      .run(`cat ${files.join(' ')}`)
      .stdout.trim()
      .split('\n')
      .map(Number);
  }

  it(`${MOMENTS} times: what is on record is what the host has`, { timeout: 120_000 + MOMENTS * 8_000 }, async () => {
    for (let times = 0; times < MOMENTS; times += 1) {
      const id = `c${times}`;
      await start();
      approve(id);
      await until(new RegExp(`^${id} (approved|applying)$`, 'm'));
      // Now in the middle, now at any moment around it; the first time surely in the middle.
      if (times % 2 === 0) await until(new RegExp(`^${id} applying$`, 'm'));
      await sleep(times === 0 ? 0 : Math.random() * (times % 2 === 0 ? 400 : 1_000));
      await end();
      const now = (await onRecord((store) => store.change(id)))!;
      // Nothing is told that is not so; what was not finished has no outcome yet.
      expect(['approved', 'applying', 'applied']).toContain(now.state.kind);
      if (now.state.kind === 'applied') expect(valuesOf(now)).toEqual(now.processes.map(() => TO));
      if (now.state.kind === 'approved') expect(valuesOf(now)).toEqual(now.processes.map(() => FROM));
    }

    await start();
    for (let times = 0; times < MOMENTS; times += 1)
      await until(new RegExp(`^c${times} (applied|failed|refused)$`, 'm'));
    await end();
    const settled = await onRecord((store) => store.changes(null, MOMENTS));
    const actions = await onRecord(async (store) => (await store.audit('db01', 10_000)).map((row) => row.action));

    for (const change of settled) {
      // All of it or nothing: what was done in part is put back.
      const { state } = change;
      const expected = change.processes.map(() => (state.kind === 'applied' ? TO : FROM));
      expect(valuesOf(change), `${change.id} ${JSON.stringify(state)}`).toEqual(expected);
    }
    console.info(
      `${MOMENTS} kills: ${actions.filter((one) => one === 'interrupted').length} during apply; in the end ` +
        `${settled.filter((one) => one.state.kind === 'applied').length} applied, ` +
        `${settled.filter((one) => one.state.kind !== 'applied').length} not`,
    );
    expect(actions).toContain('interrupted');
    expect(await onRecord((store) => store.verifyAudit())).toMatchObject({ kind: 'intact' });
  });
});
