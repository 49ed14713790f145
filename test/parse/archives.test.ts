// What logs are packed in: compressed files, archives of them, and files that are no logs at all.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { crc32, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';

const cli = path.join(import.meta.dirname, '../../src/cli.ts');
const node = path.join(import.meta.dirname, '../../node_modules/.bin/node');
const dir = mkdtempSync(path.join(tmpdir(), 'oombot-archives-'));
afterAll(() => rmSync(dir, { recursive: true }));

const STORY = `Aug 30 01:35:08 xxxxx kernel: [7189052.423131] [18540]   111 18540  1930392  1535479 12935168        0             0 mysqld
Aug 30 01:35:08 xxxxx kernel: [7189052.423132] Out of memory: Kill process 18540 (mysqld) score 512 or sacrifice child
Aug 30 01:35:08 xxxxx kernel: [7189052.424065] Killed process 18540 (mysqld) total-vm:7721568kB, anon-rss:6141916kB, file-rss:0kB, shmem-rss:0kB
Aug 30 01:35:08 xxxxx kernel: [7189052.749286] oom_reaper: reaped process 18540 (mysqld), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB
`;
/** The same as a journal shows it, without the kernel's clock. */
const JOURNAL = STORY.replaceAll(/\[\d+\.\d+\] /g, '');
/** `bzip2 -9` and `lz4` of the story. */
const BZIP2 =
  'QlpoOTFBWSZTWcWqf/oAAIxfgCQwQGd/8DAIgAqv7//gMAEk2mEohE0bU0xGmmmhoADCaBKgGmlGgABoGgAAEopkxCaYmTRoAAAGTEICmwVglEm5szQGUrPcjOgc68qKGNDlJQ6vbhFJ6nI8KohdISpCmpHKfC2YWN4bLAsCt4M2g6YGtYaCO1sjc6kJvDlYFH5wWVJgiMhCKA9SA5LQK4ItjYx1JqgSyMHuaFVIwnJ1QLRKlUEYYlBj5AZM+J2FQXYw3IOBbeAe0SsCl80KYSbIFRdejYLZSEVJbmDBcOAPRk4QpG95iDs52f9YXlppWxSUKq6wvoVFGqMMKpyDV+I0oCUbEistIjJbma8jSwHyqzCRoZ0/COegPDYDknEudHeGCw/AyIJfD+LuSKcKEhi1T/9A';
const LZ4 =
  'BCJNGGRApzoBAADwAkF1ZyAzMCAwMTozNTowOCB4AQDxGSBrZXJuZWw6IFs3MTg5MDUyLjQyMzEzMV0gWzE4NTQwXSAgIDExMSANAPMNICAxOTMwMzkyICAxNTM1NDc5IDEyOTM1MTY4IAEAEzAIAAICAJ8wIG15c3FsZAp8ABnzDzJdIE91dCBvZiBtZW1vcnk6IEtpbGwgcHJvY2Vzc4oAEihZAP8NKSBzY29yZSA1MTIgb3Igc2FjcmlmaWNlIGNoaXcAGVE0MDY1XWgAL2VkagAF8BV0b3RhbC12bTo3NzIxNTY4a0IsIGFub24tcnNzOjYxNDE5MTYUAEFmaWxlFAAQMA4AVHNobWVtDwAPCAEV8QU3NDkyODZdIG9vbV9yZWFwZXI6IAgAD50ABVYsIG5vd44AAXoAD4gABFA6MGtCCgAAAAAqzRKv';

function file(name: string, content: string | Buffer): string {
  const at = path.join(dir, name);
  writeFileSync(at, content);
  return at;
}

interface Parsed {
  status: number | null;
  kills: Record<string, unknown>[];
  err: string;
}

function parse(at: string, input?: Buffer): Parsed {
  const run = spawnSync(node, ['--trace-warnings', cli, 'parse', '--json', at], {
    input,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  const kills = run.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { status: run.status, kills, err: run.stderr };
}

/** A ustar archive of plain files. */
function tar(members: [string, Buffer | string][]): Buffer {
  const blocks = members.map(([name, content]) => {
    const bytes = Buffer.from(content);
    const head = Buffer.alloc(512);
    head.write(name, 0);
    head.write('0000644\0', 100);
    head.write(`${bytes.length.toString(8).padStart(11, '0')}\0`, 124);
    head.write('        0', 148);
    head.write('ustar\x0000', 257);
    head.write(
      `${head
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, '0')}\0 `,
      148,
    );
    return Buffer.concat([head, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

/** A zip of stored members (APPNOTE 4.3). */
function zip(members: [string, Buffer | string][]): Buffer {
  const locals: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const [name, content] of members) {
    const bytes = Buffer.from(content);
    const about = Buffer.alloc(26);
    about.writeUInt16LE(20, 0);
    about.writeUInt32LE(crc32(bytes), 10);
    about.writeUInt32LE(bytes.length, 14);
    about.writeUInt32LE(bytes.length, 18);
    about.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), about, Buffer.from(name), bytes]);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(offset, 10);
    central.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00', 'latin1'), about, place, Buffer.from(name)]));
    locals.push(local);
    offset += local.length;
  }
  const list = Buffer.concat(central);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(members.length, 4);
  end.writeUInt16LE(members.length, 6);
  end.writeUInt32LE(list.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...locals, list, Buffer.from('PK\x05\x06'), end]);
}

const noise = Buffer.from(Array.from({ length: 4096 }, (_, at) => (at * 167 + (at >> 3) * 31) % 256));
const SOS: [string, Buffer | string][] = [
  ['sos/picture.png', noise],
  ['sos/sos_commands/kernel/dmesg', STORY.replaceAll(/^.*?kernel: /gm, '')],
  ['sos/var/log/messages', STORY],
  ['sos/var/log/messages-20260830.gz', gzipSync(STORY)],
  ['sos/sos_commands/logs/journalctl_--no-pager', JOURNAL],
];

describe('a packed log', () => {
  it.each([
    ['bzip2', Buffer.from(BZIP2, 'base64')],
    ['LZ4', Buffer.from(LZ4, 'base64')],
    ['gzip in zstd', zstdCompressSync(gzipSync(STORY))],
  ])('is read from %s, as a file and from a pipe', (name, bytes) => {
    const at = file(`${name}.log`, bytes);

    for (const { status, kills } of [parse(at), parse('-', bytes)]) {
      expect(status).toBe(0);
      expect(kills).toMatchObject([{ pid: 18540, line: 3, reaped: true }]);
    }
  });

  it.each([
    ['bzip2', Buffer.from(BZIP2, 'base64').subarray(0, 300)],
    ['LZ4', Buffer.from(LZ4, 'base64').subarray(0, 300)],
    ['a tar', tar(SOS).subarray(0, 5000)],
    ['a zip', zip(SOS).subarray(0, 5000)],
  ])('is no all-clear where %s ends too early', (name, bytes) => {
    const { status, err } = parse(file(`torn ${name}`, bytes));

    expect(status).toBe(2);
    expect(err).toContain(`torn ${name}`);
    expect(err).not.toContain('no out-of-memory kill');
  });

  it('is no all-clear where it is no text, and no file is left open', () => {
    const { status, err } = parse(file('picture.png', noise));

    expect(status).toBe(2);
    expect(err).toContain('is a binary file, not a log');
    expect(err).not.toContain('DEP0137');
  });
});

describe('an archive', () => {
  it.each([
    ['tar', tar(SOS)],
    ['tar.gz', gzipSync(tar(SOS))],
    ['tar.zst', zstdCompressSync(tar(SOS))],
    ['zip', zip(SOS)],
    ['a zip in a tar', tar([['host1.zip', zip(SOS)]])],
    ['a zip in gzip', gzipSync(zip(SOS))],
  ])('gives each kill once, with the member that says most of it: %s', (name, bytes) => {
    const at = file(`sosreport ${name}`, bytes);

    for (const { status, kills, err } of [parse(at), parse('-', bytes)]) {
      expect(err).toBe('');
      expect(status).toBe(0);
      expect(kills).toMatchObject([
        { pid: 18540, member: expect.stringContaining('messages') as string, kernelSeconds: 7189052.424065 },
      ]);
    }
  });

  it('tells apart two deaths of one name in two members', () => {
    const other = STORY.replaceAll('18540', '18541').replaceAll('7189052', '7189952');

    const { kills } = parse(
      file(
        'two.tar',
        tar([
          ['a.log', STORY],
          ['b.log', other],
        ]),
      ),
    );

    expect(kills.map(({ pid, member, report }) => [pid, member, report])).toEqual([
      [18540, 'a.log', 1],
      [18541, 'b.log', 2],
    ]);
  });

  it('without any text is refused', () => {
    expect(parse(file('pictures.tar', tar([['a.png', noise]]))).status).toBe(2);
  });

  it('goes on behind a member that is damaged, and says which', () => {
    const { status, kills, err } = parse(
      file(
        'damaged.zip',
        zip([
          ['kern.log.gz', gzipSync(STORY).subarray(0, 60)],
          ['messages', STORY],
        ]),
      ),
    );

    expect(status).toBe(2);
    expect(err).toContain('kern.log.gz');
    expect(kills).toMatchObject([{ pid: 18540 }]);
  });
});

describe('a large archive', () => {
  const filler = 'Aug 30 01:00:00 xxxxx sshd[4711]: Accepted publickey for deploy from 10.2.3.4\n'.repeat(60_000);
  /** More kills than a thread may hold back. */
  const storm = Array.from(
    { length: 6_000 },
    (_, at) =>
      `Aug 30 01:35:08 xxxxx kernel: [${1_000 + at * 20}.000000] Out of memory: Killed process ${20_000 + at} (ruby) total-vm:7721568kB, anon-rss:6141916kB, file-rss:0kB, shmem-rss:0kB\n`,
  ).join('');
  function victim(pid: string): string {
    return STORY.replaceAll('18540', pid).replaceAll('7189052', `71${pid}`);
  }
  const members: [string, Buffer | string][] = [
    ['1.log', filler + victim('18541')],
    ['2.log', victim('18542') + filler],
    ['3.log', filler],
    ['4.log', storm],
    ['5.log', victim('18545')],
    ['picture.png', Buffer.concat(Array.from({ length: 200 }, () => noise))],
    ['6.log.gz', gzipSync(filler + victim('18546')).subarray(0, 3_000)],
    ['7.zip', zip([['inner.log', filler + victim('18547')]])],
    ['8.log', filler + victim('18548')],
  ];

  it.each([
    ['tar', tar(members), ''],
    ['tar.gz', gzipSync(tar(members)), ''],
    ['zip', zip(members), ''],
    ['torn tar', tar(members).subarray(0, -40_000), 'the archive ends too early'],
  ])('is read by several threads, and told in its order: %s', (name, bytes, fault) => {
    const at = file(`large ${name}`, bytes);

    for (const { status, kills, err } of [parse(at), parse('-', bytes)]) {
      expect(status).toBe(2);
      expect(err).toContain(fault === '' ? '6.log.gz: the compressed data ends too early' : fault);
      const alone = kills.filter(({ name: victimName }) => victimName === 'mysqld');
      expect(alone.map(({ pid, member, line }) => [pid, member, line])).toEqual([
        [18541, '1.log', 60_003],
        [18542, '2.log', 3],
        [18545, '5.log', 3],
        ...(name === 'zip' ? [] : [[18547, '7.zip!inner.log', 60_003]]),
        ...(fault === '' ? [[18548, '8.log', 60_003]] : []),
        ...(name === 'zip' ? [[18547, '7.zip!inner.log', 60_003]] : []),
      ]);
      const inStorm = kills.filter(({ member }) => member === '4.log');
      expect(inStorm.map(({ pid }) => pid)).toEqual(Array.from({ length: 6_000 }, (_, index) => 20_000 + index));
      expect(kills.findIndex(({ member }) => member === '4.log')).toBe(2);
    }
  });
});

describe('an archive over a slow pipe', () => {
  it('is read to its end, without a warning of ours or of Node', { timeout: 60_000 }, async () => {
    function kills(first: number): string {
      const lines = Array.from(
        { length: 60_000 },
        (_, at) =>
          `Aug 30 01:35:08 xxxxx kernel: [${first + at}.000000] Out of memory: Killed process ${first + at} (a) total-vm:9kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB\n`,
      );
      return lines.join('');
    }
    const filler = 'Aug 30 01:00:00 xxxxx sshd[4711]: Accepted publickey for deploy from 10.2.3.4\n'.repeat(130_000);
    const archive = tar([
      ['0.log', filler],
      ['1.log.gz', gzipSync(kills(100_000))],
      ['2.log.gz', gzipSync(kills(200_000))],
    ]);
    const run = spawn(node, ['--trace-warnings', cli, 'parse', '--json', '-'], { timeout: 45_000 });
    let out = '';
    let err = '';
    run.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    run.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    const slowFrom = filler.length;
    run.stdin.write(archive.subarray(0, slowFrom));
    for (let at = slowFrom; at < archive.length; at += 16_384) {
      run.stdin.write(archive.subarray(at, at + 16_384));
      await sleep(25);
    }
    run.stdin.end();
    await once(run, 'close');

    expect(out.trimEnd().split('\n')).toHaveLength(120_000);
    expect(err).toBe('');
  });

  it('leaves no file open', () => {
    const at = file(
      'closed.tar',
      tar([
        ['1.log', 'x\n'.repeat(5_000_000)],
        ['2.log', STORY],
      ]),
    );

    expect(parse(at)).toMatchObject({ kills: [{ pid: 18_540 }], err: '' });
  });
});

describe('several large files', () => {
  it('are each read as often as they are named', () => {
    const filler = 'Aug 30 01:00:00 xxxxx sshd[4711]: Accepted publickey for deploy from 10.2.3.4\n'.repeat(120_000);
    const twice = file('twice.log', `${filler}${STORY}`);

    const run = spawnSync(node, [cli, 'parse', '--json', twice, twice], { encoding: 'utf8' });

    expect(run.stderr).toBe('');
    expect(run.stdout.trim().split('\n').length).toBeGreaterThanOrEqual(1);
    expect(run.status).toBe(0);
  });

  it('are read at once, and told in their order as if one after the other', () => {
    const filler = 'Aug 30 01:00:00 xxxxx sshd[4711]: Accepted publickey for deploy from 10.2.3.4\n'.repeat(120_000);
    const files = ['18540', '18541', '18542'].map((pid) =>
      file(`large-${pid}.log`, `${filler}${STORY.replaceAll('18540', pid)}${pid === '18541' ? '' : filler}`),
    );
    files.splice(1, 0, file('small.log', STORY.replaceAll('18540', '7')), path.join(dir, 'missing.log'));

    const run = spawnSync(node, [cli, 'parse', '--json', ...files], { encoding: 'utf8' });

    expect(run.status).toBe(2);
    expect(run.stderr.trim()).toMatch(/missing\.log: there is no such file$/);
    const kills = run.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(kills.map(({ pid, line }) => [pid, line])).toEqual([
      [18540, 120_003],
      [7, 3],
      [18541, 120_003],
      [18542, 120_003],
    ]);
  });
});

describe('a log whose newest line comes first', () => {
  it('is read the other way round, and its lines keep their numbers', () => {
    const lines = STORY.trimEnd().split('\n');
    const report = [
      'Aug 30 01:35:08 xxxxx kernel: [7189052.400000] sh invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0',
      'Aug 30 01:35:08 xxxxx kernel: [7189052.400001] CPU: 0 PID: 9 Comm: sh Not tainted 4.19.0 #1',
      'Aug 30 01:35:08 xxxxx kernel: [7189052.400002] Mem-Info:',
      'Aug 30 01:35:08 xxxxx kernel: [7189052.400003] [  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name',
      ...lines,
    ];

    const { status, kills } = parse(file('newest.log', `${report.toReversed().join('\n')}\n`));

    expect(status).toBe(0);
    expect(kills).toMatchObject([
      { pid: 18540, line: 2, trigger: { name: 'sh', pid: 9 }, tasksInDump: 1, reaped: true },
    ]);
  });
});
