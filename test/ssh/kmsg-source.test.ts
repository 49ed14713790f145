import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Connection } from '../../src/ssh/connection.ts';
import { followKmsg } from '../../src/ssh/kmsg-source.ts';
import type { LineBatch } from '../../src/ssh/log-source.ts';
import { openSsh, type Ssh } from '../../src/ssh/open-ssh.ts';
import { readCounters, type Probe } from '../../src/ssh/probe.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { following, probeOf } from '../support/follow.ts';
import { causeKill, kernelLine, oomKills } from '../support/kernel-kill.ts';
import { openSshd, realClock, stateOf, type Sshd } from '../support/sshd.ts';
import { needs } from '../support/needs.ts';

describe('/dev/kmsg over a real sshd', needs('sshd', 'kmsg'), () => {
  let sshd: Sshd;
  let ssh: Ssh;
  let connection: Connection;
  let probe: Probe;
  beforeAll(async () => {
    sshd = await openSshd();
    ssh = openSsh({ clock: realClock, random: () => 0.05, passphrase: null, agentSocket: null });
    connection = ssh.connect(sshd.target());
    await stateOf(connection, 'connected');
    // Of this machine only the ring, whatever else is there.
    probe = {
      ...(await probeOf(connection)),
      files: [],
      journal: { present: false, readable: false, persistent: false, outputFields: false, way: 'direct' },
    };
  });
  afterAll(async () => {
    await ssh.close();
    await sshd.close();
  });

  /** All that the ring ever held, by sequence number: a full ring drops its oldest line for each new one. */
  const held = new Map<number, string>();

  function ringLines(): string[] {
    const { stdout } = spawnSync('dd', ['if=/dev/kmsg', 'iflag=nonblock', 'bs=8192'], { maxBuffer: 64 * 1024 * 1024 });
    const lines = stdout
      .toString('latin1')
      .split('\n')
      .filter((line) => /^\d+,/.test(line) && Number(line.split(',')[0]) >> 3 === 0);
    for (const line of lines) held.set(Number(line.split(',')[1]), line);
    return lines;
  }

  /** The lines are the ring's from this one on, in order, none left out: others may write to it meanwhile. */
  function expectRun(lines: string[], from: string): void {
    ringLines();
    const ring = [...held].toSorted(([a], [b]) => a - b).map(([, line]) => line);
    expect(ring).toContain(from);
    expect(lines.length).toBeGreaterThan(0);
    expect(lines).toEqual(ring.slice(ring.indexOf(from), ring.indexOf(from) + lines.length));
  }

  it('gives the whole ring, the kernel’s lines only, then each new one at once', async () => {
    appendFileSync('/dev/kmsg', '<2>Out of memory: Killed process 4242 (forged) total-vm:1kB\n');
    const watch = following(connection, probe);
    const before = ringLines();
    await watch.until(before.at(-1) ?? '');

    kernelLine();
    const now = ringLines().at(-1) ?? '';
    await watch.until(now);

    expectRun(watch.texts(), before[0] ?? '');
    expect(watch.texts().join('\n')).not.toContain('forged');
    expect(watch.batches[0]).toMatchObject({
      live: false,
      framing: 'kmsg',
      bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
    });
    expect(watch.batches.at(-1)).toMatchObject({ live: true, source: 'kmsg' });
    expect(watch.gaps).toEqual([]);
    expect(await watch.stop()).toEqual({ kind: 'aborted' });
  });

  it('goes on exactly after the position, each line once', async () => {
    const first = following(connection, probe);
    await first.until(ringLines().at(-1) ?? '');
    await first.stop();
    kernelLine();
    kernelLine();
    const missed = ringLines().slice(ringLines().indexOf(first.texts().at(-1) ?? '') + 1);

    const second = following(connection, probe, { positions: [...first.positions.values()] });
    await second.until(missed.at(-1) ?? '');
    await sleep(100);
    await second.stop();

    expectRun(second.texts(), missed[0] ?? '');
    expect(second.gaps).toEqual([]);
  });

  it('can go on from any line of a batch', async () => {
    const first = following(connection, probe);
    await first.until(ringLines().at(-1) ?? '');
    await first.stop();
    // One of the last: the ring loses its first lines when others write.
    const batch = first.batches.findLast((one) => one.lines.length > 2);
    const position = batch?.positionAfter(1);
    const read =
      first.batches.slice(0, first.batches.indexOf(batch as LineBatch)).flatMap((one) => one.lines).length + 2;

    const second = following(connection, probe, { positions: position ? [position] : [] });
    await second.until(ringLines().at(-1) ?? '');
    await second.stop();

    expectRun(second.texts(), first.texts()[read] ?? '');
  });

  it.each([
    [
      'another boot',
      { bootId: '00000000-0000-0000-0000-000000000000', seq: 5, atMs: 1 },
      { kind: 'reboot', lost: null },
    ],
    ['records that are gone from the ring', { seq: -8, atMs: 1 }, { kind: 'records' }],
  ])('tells of %s, and reads the ring anew', async (_what, value, gap) => {
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const watch = following(connection, probe, {
      positions: [{ source: 'kmsg', value: JSON.stringify({ bootId, ...value }) }],
    });
    await watch.until(ringLines().at(-1) ?? '');
    await watch.stop();

    expectRun(watch.texts(), ringLines()[0] ?? '');
    expect(watch.gaps).toEqual([expect.objectContaining({ source: 'kmsg', ...gap })]);
  });

  it('ends with the connection, for the caller to come again', async () => {
    const watch = following(connection, probe);
    await watch.until(ringLines().at(-1) ?? '');

    await sshd.stop();

    expect(await watch.end).toEqual({ kind: 'lost' });
    await sshd.start();
    connection.reconnectNow();
    await stateOf(connection, 'connected');
  });

  it('leaves no reader behind on the host, however it ends', async () => {
    function readers(): number {
      return [...sshd.processes().values()].filter((line) => line.trim() === 'cat /dev/kmsg').length;
    }
    const before = readers();
    const stopped = following(connection, probe);
    const cut = following(connection, probe);
    await Promise.all([stopped.until(','), cut.until(',')]);
    expect(readers()).toBe(before + 2);

    await stopped.stop();
    await sshd.stop();
    await cut.end;

    await expect.poll(readers, { timeout: 10_000 }).toBe(0);
    await sshd.start();
    connection.reconnectNow();
    await stateOf(connection, 'connected');
  });

  it('sees a real kill within 50 ms of it, and the counter agrees', needs('kills'), async () => {
    const watch = following(connection, probe);
    await watch.until(ringLines().at(-1) ?? '');
    const before = await readCounters(connection, realClock);

    const death = `Killed process ${causeKill()} (tail)`;
    const deadAtMs = Date.now();
    await watch.until(death);
    const seenAtMs =
      watch.batches.find((batch) => batch.lines.some((line) => line.includes(death)))?.arrivedAtMs ?? Infinity;
    const after = await readCounters(connection, realClock);
    await watch.stop();

    expect(seenAtMs - deadAtMs).toBeLessThan(50);
    expect(after?.oomKills).toBeLessThanOrEqual(oomKills());
    expect((after?.oomKills ?? 0) - (before?.oomKills ?? 0)).toBeGreaterThanOrEqual(1);
    expect(watch.texts().filter((line) => line.includes(death))).toHaveLength(1);
  });
});

describe('a record that comes in one piece with the end of the ring', () => {
  it('makes nothing of the ring new', async () => {
    const batches: boolean[] = [];
    const connection = {
      onState: () => () => {},
      stream: async (_: string, { onData }: { onData: (chunk: Buffer) => void }) => {
        onData(Buffer.from('#kmsg 1 f81d4fae-7dec-11d0-a765-00a0c91e6bf6 1795400000 100.00\n'));
        onData(Buffer.from('6,1,1000000,-;old\n6,2,100500000,-;new\n'));
        onData(Buffer.from('6,3,100600000,-;new\n'));
        return { end: { kind: 'lost' }, stderr: '' };
      },
    } as unknown as Connection;

    await followKmsg(
      {
        connection,
        clock: fakeClock(1_795_400_000_000),
        signal: new AbortController().signal,
        onLines: (batch) => batches.push(batch.live),
        onGap: () => {},
      },
      { way: 'direct', position: null },
    );

    expect(batches).toEqual([false, true]);
  });
});

describe('a host that has slept', () => {
  it('has what comes after the ring taken for new, though its kernel’s clock stood still meanwhile', async () => {
    const batches: boolean[] = [];
    const clock = fakeClock(1_795_400_000_000);
    const asleepSeconds = 3_600;
    const connection = {
      onState: () => () => {},
      stream: async (_: string, { onData }: { onData: (chunk: Buffer) => void }) => {
        onData(Buffer.from('#kmsg 1 f81d4fae-7dec-11d0-a765-00a0c91e6bf6 1795400000 90000.00\n6,1,1000,-;old\n'));
        clock.step(500);
        onData(Buffer.from('6,2,2000,-;old, over a slow link\n'));
        clock.step(60_000);
        onData(Buffer.from(`6,3,${(90_060 - asleepSeconds) * 1e6},-;new\n`));
        return { end: { kind: 'lost' }, stderr: '' };
      },
    } as unknown as Connection;

    await followKmsg(
      {
        connection,
        clock,
        signal: new AbortController().signal,
        onLines: (batch) => batches.push(batch.live),
        onGap: () => {},
      },
      { way: 'direct', position: null },
    );

    expect(batches).toEqual([false, false, true]);
  });
});

describe('a reader of /dev/kmsg that was overtaken', needs('sshd'), () => {
  it('is started again, and tells how many records were lost', async () => {
    const dir = mkdtempSync(path.join(tmpdir(), 'oombot-overrun-'));
    const script = path.join(dir, 'reader');
    // As cat does on EPIPE: it ends with an error, and the next one starts at the oldest record that is left.
    writeFileSync(
      script,
      `#!/bin/sh
echo "#kmsg 1 f81d4fae-7dec-11d0-a765-00a0c91e6bf6 1795400000 10.00"
if mkdir ${dir}/once 2>/dev/null; then
  printf '6,%d,1000000,-;one\n' 1 2 3
  echo 'cat: /dev/kmsg: Broken pipe' >&2
  exit 1
fi
printf '6,%d,11000000,-;two\n SUBSYSTEM=block\n12,%d,11000000,-;forged\n' 10 11 12 13
sleep 60
`,
      { mode: 0o755 },
    );
    const sshd = await openSshd({ lines: [`ForceCommand ${script}`] });
    const ssh = openSsh({ clock: realClock, random: () => 0.05, passphrase: null, agentSocket: null });
    const leave = new AbortController();
    const lines: string[] = [];
    const gaps: unknown[] = [];
    try {
      const connection = ssh.connect(sshd.target());
      await stateOf(connection, 'connected');
      const done = Promise.withResolvers<void>();
      void followKmsg(
        {
          connection,
          clock: realClock,
          signal: leave.signal,
          onLines: (batch) => {
            lines.push(...batch.lines);
            if (lines.length >= 5) done.resolve();
          },
          onGap: (gap) => gaps.push(gap),
        },
        { way: 'direct', position: null },
      );
      await done.promise;
    } finally {
      leave.abort();
      await ssh.close();
      await sshd.close();
      rmSync(dir, { recursive: true, force: true });
    }

    expect(lines.map((line) => line.split(',')[1])).toEqual(['1', '2', '3', '10', '12']);
    const bootAtMs = 1_795_400_000_000 - 10_000;
    expect(gaps).toEqual([
      expect.objectContaining({ kind: 'records', lost: 6, fromMs: bootAtMs + 1000, toMs: bootAtMs + 11_000 }),
    ]);
  });
});
