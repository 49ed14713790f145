import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir, uptime } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { openSetUpHost, type UnsharedHost } from '../setup/unshared-host.ts';
import { causeKill } from '../support/kernel-kill.ts';
import { hostYaml, type Sshd } from '../support/sshd.ts';
import { eventually, openWholeBot, type WholeBot } from '../support/whole-bot.ts';
import { has, needs, skipWithout } from '../support/needs.ts';

const ANN = { id: 'UANNA0001', name: 'Ann' };
const BEN = { id: 'UBENB0001', name: 'Ben' };
const WAIT_MS = 30_000;
const GROUPS = '/sys/fs/cgroup/memory';

/** By the kernel's log, whose clock may be seconds off. */
function secondsSinceKill(): number {
  const times = [
    ...execFileSync('dmesg')
      .toString()
      .matchAll(/^\[ *(\d+)\.\d+\].*\bKilled process\b/gm),
  ];
  return uptime() - Number(times.at(-1)?.[1] ?? -Infinity);
}

describe.each(['sudo', 'doas'] as const)(
  'a drill over a real sshd, with a real kill, through %s',
  { ...needs('namespaces', 'sshd', 'kills'), timeout: 180_000 },
  (way) => {
    let host: UnsharedHost;
    let sshd: Sshd;
    let bot: WholeBot;

    beforeEach((context) => skipWithout(context, way));
    beforeAll(async () => {
      if (!has(way)) return;
      // What died seconds before a host is met is told as news, and takes places that the drill then waits for.
      await eventually(() => secondsSinceKill() > 15, 'a kernel that kills nothing', 60_000);
      ({ host, sshd } = await openSetUpHost({ way }));
      bot = await openWholeBot({
        channels: ['#oom'],
        people: [ANN, BEN],
        yaml: [`approvals: { approvers: [${ANN.id}] }`, hostYaml(sshd, { user: 'oombot' })].join('\n'),
      });
      await eventually(() => bot.running.fleet.watchState('db01')?.kind === 'watching', 'a watch', WAIT_MS);
    }, 90_000);

    afterAll(async () => {
      await bot?.close();
      await sshd?.close();
      await host?.close();
    });

    function message(words: string): string | undefined {
      const found = bot.workspace.messages('#oom').findLast(({ text }) => text.includes(words));
      return found === undefined ? undefined : `${found.text}\n${JSON.stringify(found.blocks)}`;
    }
    /** The messages about kills of an oombot-drill, as they are now. */
    function toldKills(): string {
      const about = bot.workspace.messages('#oom').filter(({ text }) => text.includes('`oombot-drill` was killed'));
      return about.map(({ text, blocks }) => text + JSON.stringify(blocks)).join('\n');
    }
    async function ask(who: { id: string }, words = 'drill db01'): Promise<string> {
      const before = bot.workspace.as(who.id).privateAnswers('#oom').length;
      expect(await bot.workspace.as(who.id).command('#oom', `/oom ${words}`)).toEqual({ ok: true });
      const answer = await bot.workspace.until(
        () => bot.workspace.as(who.id).privateAnswers('#oom')[before],
        2 * WAIT_MS,
      );
      return answer.text;
    }
    /** On record as kills, by the groups that they died in. */
    async function killsIn(ids: readonly string[]): Promise<string[]> {
      const query = { hosts: ['db01'], service: null, sinceMs: null, untilMs: null, limit: 50 };
      const groups = (await bot.running.store.kills(query)).flatMap(({ record }) => record.oomMemcg ?? []);
      return groups.filter((group) => ids.includes(group.replace('/oombot-drill-', ''))).toSorted();
    }
    function left(): string[] {
      return readdirSync(GROUPS).filter((name) => name.startsWith('oombot-drill-'));
    }

    it('is not for everybody', async () => {
      expect(await ask(BEN)).toContain('You can’t begin a drill. Ask an approver or an admin.');
      expect(message('Drill on')).toBeUndefined();
    });

    it('kills, sees, records and tells, says how long that took, and leaves nothing behind', async () => {
      let began = 0;
      // The ring of this machine may hold kills of the last minute, after which none is killed for a drill.
      const answer = await eventually(
        async () => {
          began = Date.now();
          const said = await ask(ANN);
          if (!said.includes('Processes are being killed right now')) return said;
          await sleep(5_000);
          return null;
        },
        'a calm minute',
        90_000,
      );
      expect(answer).toContain('has begun');
      const told = await bot.workspace.until(() => message('works: '), WAIT_MS);

      expect(told).toMatch(/Drill on .*db01.*: the way from .*db01.* to .*#oom.* works: \d+(?:\.\d+)? s/);
      expect(told).toMatch(/Killed by the kernel.*after the request.*Line read.*On record.*In the channel/);
      console.log(`${way}: ${/works: [\d.]+ s/.exec(told)?.[0]}, ${Date.now() - began} ms from the command on`);
      expect(left()).toEqual([]);
      expect(host.run("pgrep -f 'oombot-dril[l]'").stdout).toBe('');
      const [drill] = await bot.running.store.drills('db01', 0);
      expect(await killsIn([drill?.id ?? ''])).toEqual([]);
      expect(drill).toMatchObject({ state: 'worked', by: ANN.id, channel: '#oom' });
      expect(drill?.killKey).toMatch(/^[0-9a-f-]{36}:\d+:\d+$/);
      expect(await bot.running.store.countDrillKills('db01', drill?.killKey?.slice(0, 36) ?? '')).toBe(1);
      // The host's own log has the hash of our entry.
      const entry = (await bot.running.store.audit('db01', 10)).find(({ action }) => action === 'drill');
      const logged = await eventually(
        () => host.run(`grep 'drilled=${drill?.id}' /var/log/seen`).stdout,
        'the line of the helper',
      );
      expect(logged).toContain(`ref=${entry?.hash}`);
      expect(toldKills()).toBe('');
      // No kill is missing: the proof that something else was not killed holds.
      expect(await ask(ANN, 'why db01 nobody-is-called-so 1m')).not.toContain('The kernel counted');
    });

    it('takes no other kill for its own: a group of the same kind, or an earlier one again, is told', async () => {
      const [drill] = await bot.running.store.drills('db01', 0);
      const ids = [randomBytes(16).toString('hex'), drill?.id ?? ''];
      const folder = mkdtempSync(path.join(tmpdir(), 'oombot-drill-'));
      onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
      const program = path.join(folder, 'oombot-drill');
      symlinkSync('/usr/bin/tail', program);
      const [recorded, before] = [(await killsIn(ids)).length, toldKills()];

      for (const id of ids) causeKill(`oombot-drill-${id}`, program);

      await eventually(async () => (await killsIn(ids)).length === recorded + ids.length, 'both kills on record');
      await eventually(() => toldKills() !== before, 'a message about them', WAIT_MS);
    });
  },
);
