import { execFileSync, spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Connection } from '../../src/ssh/connection.ts';
import { planFollow } from '../../src/ssh/follow.ts';
import { followJournal } from '../../src/ssh/journal-source.ts';
import { openSsh, type Ssh } from '../../src/ssh/open-ssh.ts';
import type { Probe } from '../../src/ssh/probe.ts';
import { following, probeOf } from '../support/follow.ts';
import { openJournald, type Journald } from '../support/journald.ts';
import { causeKill, kernelLine } from '../support/kernel-kill.ts';
import { openSshd, realClock, stateOf, type Sshd } from '../support/sshd.ts';
import { needs } from '../support/needs.ts';

let journald: Journald;

function entries(): string[] {
  const [command, ...args] = [...journald.through, 'journalctl', '-q', '--no-pager', '_TRANSPORT=kernel', '-o', 'json'];
  return spawnSync(command, args, {
    maxBuffer: 256 * 1024 * 1024,
  })
    .stdout.toString('latin1')
    .split('\n')
    .filter(Boolean);
}

function cursorOf(line: string): string {
  return (JSON.parse(line) as { __CURSOR: string }).__CURSOR;
}

/** Writes a kernel line and waits until the journal has it. */
async function writtenLine(): Promise<string> {
  const before = entries().length;
  kernelLine();
  for (let tries = 0; entries().length <= before; tries++) {
    if (tries > 200) throw new Error('the journal takes up no kernel lines');
    await sleep(20);
  }
  return cursorOf(entries().at(-1) ?? '');
}

describe('the journal over a real sshd', needs('sshd', 'journald', 'kmsg'), () => {
  let sshd: Sshd;
  let ssh: Ssh;
  let connection: Connection;
  let journalOnly: Probe;
  let withRing: Probe;
  beforeAll(async () => {
    journald = await openJournald();
    sshd = await openSshd({ through: journald.through });
    ssh = openSsh({ clock: realClock, random: () => 0.05, passphrase: null, agentSocket: null });
    connection = ssh.connect(sshd.target());
    await stateOf(connection, 'connected');
    withRing = { ...(await probeOf(connection)), files: [] };
    journalOnly = { ...withRing, kmsg: null };
  }, 60_000);
  afterAll(async () => {
    await ssh.close();
    await sshd.close();
    await journald.close();
  });

  function expectRun(lines: string[], from: string): void {
    const all = entries().map(cursorOf);
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.map(cursorOf)).toEqual(all.slice(all.indexOf(from), all.indexOf(from) + lines.length));
  }

  it('is found by the probe', () => {
    expect(withRing.journal).toMatchObject({ present: true, readable: true, outputFields: true });
    expect(planFollow(withRing, null)).toMatchObject({ kind: 'kmsg', lasting: { kind: 'journal' } });
    expect(planFollow(journalOnly, null)).toEqual({ kind: 'journal', journal: { way: 'direct', outputFields: true } });
  });

  it('gives the past, then each new entry, and goes on exactly after the position', async () => {
    await writtenLine();
    const first = following(connection, journalOnly);
    await first.until(await writtenLine());
    await first.stop();
    expectRun(first.texts(), cursorOf(entries()[0] ?? ''));
    expect(first.batches[0]).toMatchObject({ source: 'journal', framing: 'journal', live: false, bootId: null });

    const missed: string[] = [];
    for (let n = 0; n < 17; n++) missed.push(await writtenLine());
    const second = following(connection, journalOnly, { positions: [...first.positions.values()] });
    await second.until(missed.at(-1) ?? '');
    const live = await writtenLine();
    await second.until(live);
    await second.stop();

    expectRun(second.texts(), missed[0] ?? '');
    expect(second.batches.at(-1)).toMatchObject({ live: true });
    expect([...first.gaps, ...second.gaps]).toEqual([]);
  });

  it('says so when the entry of the position no longer exists, and goes on near it', async () => {
    const cursor = cursorOf(entries().at(-1) ?? '')
      .replace(/i=[0-9a-f]+/, 'i=ffffff')
      .replace(/s=[0-9a-f]+/, 's=00000000000000000000000000000000');
    const watch = following(connection, journalOnly, {
      positions: [{ source: 'journal', value: JSON.stringify({ cursor, filter: 'all' }) }],
    });
    await watch.until(await writtenLine());
    await watch.stop();

    expect(watch.gaps).toEqual([expect.objectContaining({ source: 'journal', kind: 'cursor' })]);
  });

  it('reads the past beside the ring once, however often it is followed', async () => {
    const first = following(connection, withRing);
    while (!first.positions.has('past') || first.texts('kmsg').length === 0) await sleep(10);
    await first.stop();
    const second = following(connection, withRing, { positions: [...first.positions.values()] });
    await sleep(500);
    await second.stop();

    expectRun(first.texts('journal'), cursorOf(entries()[0] ?? ''));
    expect(first.texts('kmsg').length).toBeGreaterThan(0);
    expect(second.texts('journal')).toEqual([]);
  });

  it('looks up in the journal what the ring lost', async () => {
    const written = await writtenLine();
    const bootId = withRing.bootId ?? '';
    const lost = {
      source: 'kmsg',
      value: JSON.stringify({ bootId: bootId.replace(/^./, 'x'), seq: 1, atMs: Date.now() - 1000 }),
    };
    const watch = following(connection, withRing, { positions: [lost, { source: 'past', value: 'read' }] });
    await watch.until(written, 'journal');
    await watch.stop();

    expect(watch.gaps[0]).toMatchObject({ source: 'kmsg', kind: 'reboot', lookup: 'journal' });
    const batch = watch.batches.find((one) => one.source === 'journal');
    expect(batch?.lookup).toMatchObject({ fromMs: watch.gaps[0]?.fromMs });
    expect(batch?.positionAfter(0)).toBeNull();
  });

  it('brings a real kill with the clock and boot that the ring gives it', needs('kills'), async () => {
    const watch = following(connection, withRing, { positions: [{ source: 'past', value: 'read' }] });
    await watch.until(',');
    const death = `Killed process ${causeKill()} (tail)`;
    await watch.until(death, 'kmsg');
    await watch.stop();
    const other = following(connection, journalOnly);
    await other.until(death, 'journal');
    await other.stop();

    const ring = watch.texts('kmsg').find((line) => line.includes(death)) ?? '';
    const entry = JSON.parse(other.texts().find((line) => line.includes(death)) ?? '{}') as Record<string, string>;
    expect(entry['_SOURCE_MONOTONIC_TIMESTAMP']).toBe(ring.split(',')[2]);
    expect(entry['_BOOT_ID']).toBe(withRing.bootId?.replaceAll('-', ''));
  });

  it.each([
    ['`id`'],
    ['$(touch /tmp/oombot-was-here)'],
    ['x; touch /tmp/oombot-was-here'],
    ['x\ntouch /tmp/oombot-was-here'],
    ['--vacuum-size=1'],
  ])('takes no cursor but a cursor: %j', async (cursor) => {
    const watch = following(connection, journalOnly, {
      positions: [{ source: 'journal', value: JSON.stringify({ cursor, filter: 'all' }) }],
    });
    await watch.until('__CURSOR');
    await watch.stop();

    // As if there were no position: all of the past.
    expectRun(watch.texts(), cursorOf(entries()[0] ?? ''));
    expect(() => execFileSync('ls', ['/tmp/oombot-was-here'], { stdio: 'ignore' })).toThrow();
  });
});

describe('an entry of the journal', () => {
  const BOOT = '6738972c2174421ea1731ada06c5396d';
  const OPENED_AT = 1_795_400_000;

  function entry(seq: number, uptimeSeconds: number, epoch: number): string {
    const monotonic = (uptimeSeconds * 1e6).toString(16);
    return `${JSON.stringify({
      __CURSOR: `s=aa;i=${seq};b=${BOOT};m=${monotonic};t=1;x=1`,
      __REALTIME_TIMESTAMP: String(epoch * 1e6),
      MESSAGE: 'x',
    })}\n`;
  }

  it.each(['', '  '])('is read where the host does not tell its boot (%j behind its clock)', async (nothing) => {
    const lines: string[] = [];
    const connection = {
      onState: () => () => {},
      stream: async (_: string, { onData }: { onData: (chunk: Buffer) => void }) => {
        onData(Buffer.from(`#journal 1 ${OPENED_AT}${nothing}\n${entry(1, 80_000, OPENED_AT - 10)}`));
        return { end: { kind: 'lost' }, stderr: '' };
      },
    } as unknown as Connection;

    await followJournal(
      {
        connection,
        clock: realClock,
        signal: new AbortController().signal,
        onLines: (batch) => lines.push(...batch.lines),
        onGap: () => {},
      },
      { filter: 'all', outputFields: true, way: 'direct', position: null },
    );

    expect(lines).toHaveLength(1);
  });

  it('is live by the clock since boot too, wherever the host’s own was set, and not with older ones in one piece', async () => {
    const batches: boolean[] = [];
    const connection = {
      onState: () => () => {},
      stream: async (_: string, { onData }: { onData: (chunk: Buffer) => void }) => {
        onData(Buffer.from(`#journal 1 ${OPENED_AT} 6738972c-2174-421e-a173-1ada06c5396d 90000.00\n`));
        onData(Buffer.from(entry(1, 80_000, OPENED_AT - 10_000)));
        onData(Buffer.from(entry(2, 80_001, OPENED_AT - 9_999) + entry(3, 90_001, OPENED_AT + 1)));
        // Set back by six hours.
        onData(Buffer.from(entry(4, 90_002, OPENED_AT - 21_598)));
        return { end: { kind: 'lost' }, stderr: '' };
      },
    } as unknown as Connection;

    await followJournal(
      {
        connection,
        clock: realClock,
        signal: new AbortController().signal,
        onLines: (batch) => batches.push(batch.live),
        onGap: () => {},
      },
      { filter: 'all', outputFields: true, way: 'direct', position: null },
    );

    expect(batches).toEqual([false, false, true]);
  });
});
