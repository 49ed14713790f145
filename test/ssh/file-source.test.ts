import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import type { Connection } from '../../src/ssh/connection.ts';
import { openSsh, type Ssh } from '../../src/ssh/open-ssh.ts';
import type { Probe } from '../../src/ssh/probe.ts';
import { following, probeOf, type Following } from '../support/follow.ts';
import { openSshd, realClock, stateOf, type Sshd } from '../support/sshd.ts';
import { needs, skipWithout } from '../support/needs.ts';

const root = mkdtempSync(path.join(tmpdir(), 'oombot-files-'));
const bin = path.join(root, 'busybox');

describe.each([
  ['coreutils', ''],
  ['busybox', bin],
])('log files over a real sshd with %s', needs('sshd'), (tools, bins) => {
  let sshd: Sshd;
  let ssh: Ssh;
  let connection: Connection;
  let files = 0;
  beforeEach((context) => skipWithout(context, ...(bins === '' ? [] : (['busybox'] as const))));
  beforeAll(async () => {
    if (bins !== '' && !existsSync(bins)) {
      execFileSync('mkdir', ['-p', bins]);
      for (const tool of [
        'sh',
        'stat',
        'tail',
        'head',
        'sort',
        'cat',
        'sleep',
        'gzip',
        'xz',
        'date',
        'tr',
        'grep',
        'id',
        'dd',
      ]) {
        execFileSync('ln', ['-sf', '/bin/busybox', path.join(bins, tool)]);
      }
    }
    sshd = await openSshd({ env: bins === '' ? {} : { PATH: `${bins}:/usr/sbin:/usr/bin:/sbin:/bin` } });
    ssh = openSsh({ clock: realClock, random: () => 0.05, passphrase: null, agentSocket: null });
    connection = ssh.connect(sshd.target());
    await stateOf(connection, 'connected');
  });
  afterAll(async () => {
    await ssh.close();
    await sshd.close();
  });

  function aLog(): string {
    return path.join(mkdtempSync(path.join(root, `${tools}-`)), `kern ${files++}.log`);
  }
  async function follow(log: string, before?: Following): Promise<Following> {
    const probe: Probe = await probeOf(connection, [log]);
    if (!probe.files.some((file) => file.path === log)) probe.files.push({ path: log, readable: true, bytes: 0 });
    return following(connection, probe, { logFiles: [log], positions: [...(before?.positions.values() ?? [])] });
  }
  function line(n: number): string {
    return `Nov 23 02:00:00 db01 kernel: [ 12.${String(n).padStart(6, '0')}] line ${n}.`;
  }
  function append(log: string, from: number, to: number): void {
    for (let n = from; n < to; n++) appendFileSync(log, `${line(n)}\n`);
  }
  function lines(from: number, to: number): string[] {
    return Array.from({ length: to - from }, (_, n) => line(from + n));
  }

  it('uses the tools that are meant', async () => {
    const { stdout } = await connection.exec('tail --version 2>&1 | head -n 1', { timeoutMs: 5000, maxBytes: 1000 });
    expect(stdout.toString().includes('GNU')).toBe(tools === 'coreutils');
  });

  it('gives the past with its archives, oldest first, then each new line', async () => {
    const log = aLog();
    const hourAgo = Date.now() / 1000 - 3600;
    writeFileSync(`${log}.3.gz`, gzipSync(`${lines(0, 3).join('\n')}\n`));
    execFileSync('sh', ['-c', 'xz -c > "$0.2.xz"', log], { input: `${lines(3, 6).join('\n')}\n` });
    writeFileSync(`${log}-20260101`, `${lines(6, 8).join('\n')}\n${line(8)}`);
    [`${log}.3.gz`, `${log}.2.xz`, `${log}-20260101`].forEach((file, n) =>
      utimesSync(file, hourAgo + n * 60, hourAgo + n * 60),
    );
    writeFileSync(`${log}.9.gz`, gzipSync('too old\n'));
    utimesSync(`${log}.9.gz`, hourAgo - 30 * 86_400, hourAgo - 30 * 86_400);
    append(log, 9, 11);

    const watch = await follow(log);
    await watch.until('line 10.');
    append(log, 11, 13);
    await watch.until('line 12.');
    await watch.stop();

    expect(watch.texts()).toEqual(lines(0, 13));
    expect(watch.batches.at(-1)).toMatchObject({ source: `file:${log}`, framing: 'file', live: true });
    expect(watch.batches[0]?.live).toBe(false);
  });

  it('goes on exactly after the position, also in the middle of a batch', async () => {
    const log = aLog();
    append(log, 0, 20);
    const first = await follow(log);
    await first.until('line 19.');
    await first.stop();
    const batch = first.batches.find((one) => one.lines.includes(line(7)));
    const middle = batch?.positionAfter(batch.lines.indexOf(line(7)));
    append(log, 20, 25);

    const second = await follow(log, first);
    const third = await follow(log, { ...first, positions: new Map(middle ? [[middle.source, middle]] : []) });
    await Promise.all([second.until('line 24.'), third.until('line 24.')]);
    await Promise.all([second.stop(), third.stop()]);

    expect(second.texts()).toEqual(lines(20, 25));
    expect(third.texts()).toEqual(lines(8, 25));
    expect([...second.gaps, ...third.gaps]).toEqual([]);
  });

  it('finds its place in a file that is between two names when it looks', async () => {
    const log = aLog();
    writeFileSync(`${log}.2`, 'older\n');
    append(log, 0, 10);
    const first = await follow(log);
    await first.until('line 9.');
    await first.stop();
    append(log, 10, 12);
    renameSync(log, `${log}~`);
    append(log, 12, 14);

    const second = await follow(log, first);
    await sleep(400);
    renameSync(`${log}~`, `${log}.1`);
    await second.until('line 13.');
    await second.stop();

    expect(second.texts()).toEqual(lines(10, 14));
    expect(second.gaps).toEqual([]);
  });

  it.each(['rename', 'copy and cut', 'rename and compress at once'])(
    'loses and doubles nothing over rotation by %s while it follows',
    async (how) => {
      const log = aLog();
      append(log, 0, 1);
      const watch = await follow(log);
      await watch.until('line 0.');
      for (let round = 0; round < 3; round++) {
        const n = 1 + round * 20;
        append(log, n, n + 10);
        if (how === 'copy and cut') {
          await watch.until(`line ${n + 9}.`);
          copyFileSync(log, `${log}.${round}`);
          truncateSync(log);
        } else {
          renameSync(log, `${log}.${round}`);
          // The writer still has the old file open for a moment.
          appendFileSync(`${log}.${round}`, `${line(n + 10)}\n`);
          if (how !== 'rename') execFileSync('gzip', [`${log}.${round}`]);
        }
        append(log, how === 'copy and cut' ? n + 10 : n + 11, n + 20);
        await watch.until(`line ${n + 19}.`);
        await sleep(1500);
      }
      await watch.stop();

      expect(watch.texts()).toEqual(lines(0, 61));
      expect(watch.gaps).toEqual([]);
    },
  );

  it.each([0, 30, 150, 400])('loses nothing when the log is copied and cut again after %i ms', async (gapMs) => {
    const log = aLog();
    append(log, 0, 1);
    const watch = await follow(log);
    await watch.until('line 0.');
    // Of the rotated files the ten newest are looked at.
    for (let round = 0; round < 9; round++) {
      // The first rotations come while the last lines of the round before are still being read.
      const n = 1 + round * 5;
      append(log, n, n + 5);
      copyFileSync(log, `${log}.${round}`);
      truncateSync(log);
      await sleep(round % 4 === 3 ? 1_500 : gapMs);
    }
    append(log, 46, 47);
    await watch.until('line 46.');
    for (let n = 0; n < 47; n++) await watch.until(`line ${n}.`);
    await watch.stop();

    expect(watch.gaps).toEqual([]);
  });

  it.each([
    ['renamed', (log: string) => renameSync(log, `${log}.1`)],
    ['renamed and compressed', (log: string) => (renameSync(log, `${log}.1`), execFileSync('gzip', [`${log}.1`]))],
    ['copied and cut', (log: string) => (copyFileSync(log, `${log}.1`), truncateSync(log))],
  ])('finds what it missed when the file was %s while nobody looked', async (_how, rotate) => {
    const log = aLog();
    append(log, 0, 10);
    const first = await follow(log);
    await first.until('line 9.');
    await first.stop();
    append(log, 10, 20);
    rotate(log);
    append(log, 20, 22);

    const second = await follow(log, first);
    await second.until('line 21.');
    await second.stop();

    expect(second.texts()).toEqual(lines(10, 22));
    expect(second.gaps).toEqual([]);
  });

  it('waits for a file that comes back only with its next line', async () => {
    const log = aLog();
    append(log, 0, 3);
    const watch = await follow(log);
    await watch.until('line 2.');
    renameSync(log, `${log}.1`);
    await sleep(1500);
    append(log, 3, 5);
    await watch.until('line 4.');
    await watch.stop();

    const late = await follow(aLog());
    await sleep(300);
    expect((await late.stop()).kind).toBe('aborted');
    expect(watch.texts()).toEqual(lines(0, 5));
  });

  it('says so when the file is another than it was, and reads it whole', async () => {
    const log = aLog();
    append(log, 0, 10);
    const first = await follow(log);
    await first.until('line 9.');
    await first.stop();
    writeFileSync(log, `${lines(100, 140).join('\n')}\n`);

    const second = await follow(log, first);
    await second.until('line 139.');
    await second.stop();

    expect(second.texts()).toEqual(lines(100, 140));
    expect(second.gaps).toEqual([expect.objectContaining({ kind: 'rotated', source: `file:${log}` })]);
  });

  it('keeps a line back until it is whole, and cuts one without end', async () => {
    const log = aLog();
    append(log, 0, 1);
    const watch = await follow(log);
    await watch.until('line 0.');
    appendFileSync(log, line(1).slice(0, 20));
    await sleep(1200);
    appendFileSync(log, `${line(1).slice(20)}\n${'x'.repeat(200_000)}\n`);
    append(log, 2, 3);
    await watch.until('line 2.');
    await watch.stop();
    const again = await follow(log, watch);
    append(log, 3, 4);
    await again.until('line 3.');
    await again.stop();

    expect(watch.texts()).toEqual([line(0), line(1), 'x'.repeat(65_536), line(2)]);
    expect(watch.batches.flatMap((batch) => [...batch.cut].map((index) => batch.lines[index]))).toEqual([
      'x'.repeat(65_536),
    ]);
    expect(again.texts()).toEqual([line(3)]);
  });

  it.each([
    '; touch HERE',
    '$(touch HERE)',
    '`touch HERE`',
    "'; touch HERE; '",
    '" ; touch HERE; "',
    '-n 1',
    '*',
    '\\',
    '\u00e9 \u{1f600}',
  ])('takes a hostile name as a name: %j', async (name) => {
    const dir = mkdtempSync(path.join(root, 'hostile-'));
    const log = path.join(dir, name.replaceAll('HERE', 'oombot-was-here').replaceAll('/', '_'));
    writeFileSync(log, `${line(0)}\n`);
    writeFileSync(`${log}.1`, 'older\n');
    utimesSync(`${log}.1`, 1, 1);
    const before = readdirSync(dir);
    const watch = await follow(log);
    await watch.until('line 0.');
    await watch.stop();

    expect(watch.texts()).toEqual([line(0)]);
    expect(readdirSync(dir)).toEqual(before);
    const found = await connection.exec('ls oombot-was-here', { timeoutMs: 5000, maxBytes: 1000 });
    expect(found.end).not.toEqual({ kind: 'exit', code: 0 });
  });

  it('runs nothing of a path with a line break or without a slash', async () => {
    for (const name of [`${root}/x\ntouch ${root}/was-here`, 'x; touch was-here', '-rf']) {
      const probe = await probeOf(connection);
      const watch = following(
        connection,
        { ...probe, files: [{ path: name, readable: true, bytes: 1 }] },
        { logFiles: [name] },
      );
      await sleep(300);
      await watch.stop();
      expect(watch.texts()).toEqual([]);
    }
    expect(existsSync(path.join(root, 'was-here'))).toBe(false);
  });

  it('leaves nothing behind on the host, left or cut off', async () => {
    function left(): number {
      return [...sshd.processes().values()].filter((line) => line.includes('IFS= read -r n; IFS= read -r f')).length;
    }
    const log = aLog();
    append(log, 0, 1);
    const stopped = await follow(log);
    const cut = await follow(log);
    await Promise.all([stopped.until('line 0.'), cut.until('line 0.')]);
    expect(left()).toBeGreaterThan(0);

    await stopped.stop();
    await sshd.stop();
    await cut.end;

    await expect.poll(left, { timeout: 10_000 }).toBe(0);
    await sshd.start();
    connection.reconnectNow();
    await stateOf(connection, 'connected');
  });

  it.runIf(tools === 'coreutils')('reads .zst archives too', needs('zstd'), async () => {
    const log = aLog();
    writeFileSync(`${log}.1.zst`, zstdCompressSync(`${lines(0, 3).join('\n')}\n`));
    append(log, 3, 4);
    const watch = await follow(log);
    await watch.until('line 3.');
    await watch.stop();

    expect(watch.texts()).toEqual(lines(0, 4));
  });
});

afterAll(() => rmSync(root, { recursive: true, force: true }));
