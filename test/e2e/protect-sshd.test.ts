import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Message } from '../../src/local/message.ts';
import { openSetUpHost, type UnsharedHost } from '../setup/unshared-host.ts';
import { hostYaml, type Sshd } from '../support/sshd.ts';
import { eventually, openWholeBot, type WholeBot } from '../support/whole-bot.ts';
import { has, needs, skipWithout } from '../support/needs.ts';

const ANN = { id: 'UANNA0001', name: 'Ann' };
const BEN = { id: 'UBENB0001', name: 'Ben' };
const WAIT_MS = 30_000;

// Root may lack CAP_SYS_RESOURCE here, so processes start at +600: down to +100 and back is allowed everywhere.
describe.each(['sudo', 'doas'] as const)(
  'protecting over a real sshd, as an unprivileged user with the root-owned helper through %s',
  { ...needs('namespaces', 'sshd'), timeout: 120_000 },
  (way) => {
    let host: UnsharedHost;
    let sshd: Sshd;
    let bot: WholeBot;

    beforeEach((context) => skipWithout(context, way));
    beforeAll(async () => {
      if (!has(way)) return;
      ({ host, sshd } = await openSetUpHost({ way }));
      bot = await openWholeBot({
        channels: ['#oom'],
        people: [ANN, BEN],
        yaml: [
          `approvals: { approvers: [${ANN.id}, ${BEN.id}] }`,
          hostYaml(sshd, { user: 'oombot', more: ', tags: [db]' }),
        ].join('\n'),
      });
      await eventually(() => bot.running.fleet.link('db01')?.state().kind === 'connected', 'a connection', WAIT_MS);
    }, 90_000);

    afterAll(async () => {
      await bot?.close();
      await sshd?.close();
      await host?.close();
    });

    /** A process of another user that starts at +600. */
    function start(name: string): number {
      const { stdout } = host.run(
        `cp /bin/sleep /usr/local/bin/${name}; setpriv --reuid 65534 sh -c 'echo 600 > /proc/self/oom_score_adj; exec /usr/local/bin/${name} 1000' </dev/null >/dev/null 2>&1 & sleep 0.2; echo $!`,
      );
      return Number(stdout.trim());
    }

    function adjOf(pid: number): number {
      return Number(host.run(`cat /proc/${pid}/oom_score_adj`).stdout);
    }

    async function propose(words: string, name: string): Promise<Message> {
      expect(await bot.workspace.as(ANN.id).command('#oom', `/oom protect db01 ${words}`)).toEqual({ ok: true });
      return bot.workspace
        .until(() => card(name), WAIT_MS)
        .catch((error: unknown) => {
          const answers = bot.workspace.as(ANN.id).privateAnswers('#oom');
          throw new Error(`no card: ${answers.at(-1)?.text}`, { cause: error });
        });
    }

    function card(name: string): Message | undefined {
      return bot.workspace.messages('#oom').findLast((message) => message.text.includes(name));
    }

    async function click(who: { id: string }, on: Message, button: string): Promise<void> {
      const actionId = JSON.stringify(on.blocks).match(new RegExp(`"action_id":"(${button}[^"]*)"`))?.[1];
      if (actionId === undefined) throw new Error(`no button ${button} on ${on.text}`);
      expect(await bot.workspace.as(who.id).click(on, actionId)).toEqual({ ok: true });
    }

    function shows(name: string, words: string): Promise<Message> {
      return bot.workspace.until(() => {
        const now = card(name);
        return now !== undefined && JSON.stringify(now.blocks).includes(words) ? now : undefined;
      }, WAIT_MS);
    }

    it('changes the value after the second person’s yes, reads it back, and undoes it', async () => {
      const pid = start('pay-one');
      const proposed = await propose('pay-one 100 because it pays', 'pay-one');

      await click(ANN, proposed, 'approve');
      await bot.workspace.until(
        () =>
          bot.workspace
            .as(ANN.id)
            .privateAnswers('#oom')
            .find((one) => one.text.includes('somebody else')),
        WAIT_MS,
      );
      expect(adjOf(pid)).toBe(600);

      await click(BEN, proposed, 'approve');
      const applied = await shows('pay-one', 'Applied and verified');
      expect(adjOf(pid)).toBe(100);
      expect(applied.ts).toBe(proposed.ts);
      expect(JSON.stringify(applied.blocks)).not.toContain('"approve');
      const told = await bot.workspace.until(() => bot.workspace.messages('#oom', proposed.ts)[1], WAIT_MS);
      expect(told.text).toContain(ANN.id);

      await click(BEN, applied, 'undo');
      await shows('pay-one', 'Undone');
      expect(adjOf(pid)).toBe(600);
      expect(await bot.running.store.verifyAudit()).toMatchObject({ kind: 'intact' });
      // What a thief of the database cannot reach: the host's log names our entries.
      const entries = await bot.running.store.audit('db01', 20);
      for (const [action, done] of [
        ['begin', `new=100`],
        ['undo', `new=600`],
      ]) {
        const hash = entries.find((entry) => entry.action === action)?.hash;
        expect(hash).toMatch(/^[0-9a-f]{64}$/);
        expect(host.run(`grep -c 'set pid=${pid} .*${done} ref=${hash} by=oombot' /var/log/seen`).stdout).toBe('1\n');
      }
    });

    it('ends a protection by itself when its time is over', async () => {
      const pid = start('pay-two');
      await click(BEN, await propose('pay-two 100 for 4s', 'pay-two'), 'approve');
      await shows('pay-two', 'Applied and verified');
      expect(adjOf(pid)).toBe(100);

      await shows('pay-two', 'time limit reached');

      expect(adjOf(pid)).toBe(600);
    });

    it('never touches the one that came in its place', async () => {
      const pid = start('pay-three');
      const proposed = await propose('pay-three 100', 'pay-three');
      // The very same number, given to another process of the same name.
      const { stdout } = host.run(
        `kill -9 ${pid}; sleep 0.2; echo ${pid - 1} > /proc/sys/kernel/ns_last_pid; ` +
          `setpriv --reuid 65534 sh -c 'echo 600 > /proc/self/oom_score_adj; exec /usr/local/bin/pay-three 1000' </dev/null >/dev/null 2>&1 & sleep 0.2; echo $!`,
      );

      await click(BEN, proposed, 'approve');
      const refused = await shows('pay-three', 'Not changed');

      expect(JSON.stringify(refused.blocks)).toMatch(/A different process has that PID now|has exited since/);
      const now = Number(stdout.trim());
      if (now === pid) expect(JSON.stringify(refused.blocks)).toContain('A different process has that PID now');
      expect(adjOf(now)).toBe(600);
    });

    it('spares mysqld after its kill, and takes the one that the card named', needs('kills'), async () => {
      const group = `/sys/fs/cgroup/memory/oombot-seeded-${way}-${process.pid}`;
      host.run(`mkdir ${group} && echo 64M > ${group}/memory.limit_in_bytes; mkfifo /tmp/held; sleep 1000 <>/tmp/held >/dev/null 2>&1 &
        for name in mysqld batch; do cp /bin/dd /usr/local/bin/$name; done`);
      // Holds so much in the group until it is ended: dd fills its buffer, and nobody reads what it writes.
      async function hold(program: string, mib: number, adj: number): Promise<number> {
        const { stdout } = host.run(
          `sh -c 'echo $$ > ${group}/cgroup.procs; echo ${adj} > /proc/self/oom_score_adj; exec ${program} if=/dev/zero of=/tmp/held bs=${mib}M count=1' </dev/null >/dev/null 2>&1 & echo $!`,
        );
        // The bot lives in this process: it is not held up.
        await sleep(700);
        return Number(stdout.trim());
      }
      function lives(pid: number): boolean {
        return host.run(`grep -q '^State:.[^Z]' /proc/${pid}/status`).status === 0;
      }

      // Points of the 64 MiB: mysqld 50, batch 45, who asks 42 at most. The kernel sometimes takes a second one at once.
      let batch = await hold('/usr/local/bin/batch', 10, 550);
      const first = await hold('/usr/local/bin/mysqld', 12, 600);
      const asking = await hold('/bin/dd', 48, 0);
      expect([first, asking].map(lives)).toEqual([false, true]);
      const query = { hosts: ['db01'], service: null, sinceMs: null, untilMs: null, limit: 50 };
      await eventually(
        async () => (await bot.running.store.kills(query)).some(({ record }) => record.name === 'mysqld'),
        'the kill of mysqld on record',
        WAIT_MS,
      );
      expect(bot.workspace.messages('#oom').some((message) => message.text.includes('killed'))).toBe(true);
      host.run(`kill ${asking}; sleep 0.2`);

      const again = await hold('/usr/local/bin/mysqld', 12, 600);
      if (!lives(batch)) batch = await hold('/usr/local/bin/batch', 10, 550);
      const proposed = await propose('mysqld 100 because it was killed', 'because: it was killed');
      expect(JSON.stringify(proposed.blocks)).toMatch(/Next after the change.{1,200}batch/);
      await click(BEN, proposed, 'approve');
      await eventually(() => adjOf(again) === 100, 'the protection', WAIT_MS);
      await hold('/bin/dd', 48, 0);

      expect([batch, again].map(lives)).toEqual([false, true]);
      host.run(`kill $(cat ${group}/cgroup.procs); sleep 0.3; rmdir ${group}`);
    });

    it('says of a host whose key changed that nothing was done', async () => {
      const pid = start('pay-four');
      const proposed = await propose('pay-four 100', 'pay-four');
      await sshd.stop();
      sshd.changeHostKeys();
      await sshd.start();
      await eventually(() => bot.running.fleet.link('db01')?.state().kind === 'refused', 'a refusal', WAIT_MS);

      await click(BEN, proposed, 'approve');
      await shows('pay-four', 'Failed.');

      expect(adjOf(pid)).toBe(600);
      expect(await bot.running.store.verifyAudit()).toMatchObject({ kind: 'intact' });
    });
  },
);
