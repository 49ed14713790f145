import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { needs, skipWithout, type PartName } from '../support/needs.ts';

const cli = path.join(import.meta.dirname, '../../src/cli.ts');
const node = path.join(import.meta.dirname, '../../node_modules/.bin/node');
const dir = mkdtempSync(path.join(tmpdir(), 'oombot-parse-'));
afterAll(() => rmSync(dir, { recursive: true }));

// The founding story's lines, as a person found them.
const STORY = `Aug 30 01:35:08 xxxxx kernel: [7189052.423131] [18540]   111 18540  1930392  1535479 12935168        0             0 mysqld
Aug 30 01:35:08 xxxxx kernel: [7189052.423132] Out of memory: Kill process 18540 (mysqld) score 512 or sacrifice child
Aug 30 01:35:08 xxxxx kernel: [7189052.424065] Killed process 18540 (mysqld) total-vm:7721568kB, anon-rss:6141916kB, file-rss:0kB, shmem-rss:0kB
Aug 30 01:35:08 xxxxx kernel: [7189052.749286] oom_reaper: reaped process 18540 (mysqld), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB
`;

function file(name: string, content: string | Buffer): string {
  const at = path.join(dir, name);
  writeFileSync(at, content);
  return at;
}

function parse(args: string[], input = ''): { status: number | null; out: string; err: string } {
  const run = spawnSync(node, [cli, 'parse', ...args], {
    input,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
  });
  return { status: run.status, out: run.stdout, err: run.stderr };
}

function jsonOf(out: string): Record<string, unknown>[] {
  return out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('oombot parse', () => {
  it('explains a kill from a pasted report', () => {
    const { status, out } = parse([], STORY);

    expect(status).toBe(0);
    expect(out).toContain('mysqld (pid 18540) was killed by the kernel, 5.9 GiB resident');
    expect(out).toContain('memory reaped');
  });

  it('gives one JSON object for each kill, and says which file', () => {
    const plain = file('kern.log', STORY);

    const { status, out } = parse(['--json', plain]);

    expect(status).toBe(0);
    expect(jsonOf(out)).toMatchObject([
      {
        file: plain,
        line: 3,
        pid: 18540,
        name: 'mysqld',
        score: 512,
        anonRssKiB: 6141916,
        reaped: true,
        timeText: 'Aug 30 01:35:08',
        kernelSeconds: 7189052.424065,
      },
    ]);
  });

  it.for<[string, (text: string) => Buffer, ...PartName[]]>([
    ['gzip', (text) => gzipSync(text)],
    ['zstd', (text) => zstdCompressSync(text)],
    ['xz', (text) => spawnSync('xz', ['-c'], { input: text }).stdout, 'xz'],
  ])('reads %s by its magic number', ([kind, compress, ...parts], context) => {
    skipWithout(context, ...parts);
    const compressed = compress(STORY);
    expect(compressed.length).toBeGreaterThan(0);

    const { out } = parse(['--json', file(`${kind}.bin`, compressed)]);

    expect(jsonOf(out)).toMatchObject([{ pid: 18540 }]);
  });

  it.each([
    ['a file that is not there', path.join(dir, 'missing.log'), 2, 'there is no such file'],
    ['a directory', dir, 2, 'is a directory: name the log files in it'],
    ['a binary file', process.execPath, 2, 'is a binary file, not a log'],
    ['an empty file', file('empty.log', ''), 1, 'no out-of-memory kill'],
    [
      'a log without a kill',
      file('calm.log', 'Aug 30 01:35:08 web01 kernel: [1.0] all is well\n'),
      1,
      'no out-of-memory kill',
    ],
  ])('says what is wrong with %s', (_, at, status, sentence) => {
    const result = parse([at]);

    expect(result.status).toBe(status);
    expect(result.err).toContain(sentence);
    expect(result.err.trim().split('\n')).toHaveLength(1);
  });

  it('shows what could be read of a compressed file that ends too early', () => {
    const whole = gzipSync(
      STORY + 'x'.repeat(100) + Array.from({ length: 20_000 }, (_, at) => `line ${at} ${Math.sin(at)}`).join('\n'),
    );

    const { status, out, err } = parse(['--json', file('torn.gz', whole.subarray(0, whole.length - 5_000))]);

    expect(status).toBe(2);
    expect(err).toContain('ends too early');
    expect(jsonOf(out)).toMatchObject([{ pid: 18540 }]);
  });

  it('says who may read a file that we may not', needs('open clone'), () => {
    const secret = file('secret.log', STORY);
    chmodSync(secret, 0o000);
    chmodSync(dir, 0o755);
    const command = `${node} ${cli} parse ${secret}`;

    const run =
      process.getuid?.() === 0
        ? spawnSync('runuser', ['-u', 'nobody', '--', 'sh', '-c', command], { encoding: 'utf8' })
        : spawnSync('sh', ['-c', command], { encoding: 'utf8' });

    expect(run.status).toBe(2);
    expect(run.stderr).toContain('groups adm and systemd-journal');
  });

  it('goes on with the other files when one cannot be read', () => {
    const { status, out, err } = parse(['--json', path.join(dir, 'missing.log'), file('good.log', STORY)]);

    expect(status).toBe(2);
    expect(err).toContain('missing.log');
    expect(jsonOf(out)).toHaveLength(1);
  });

  it('takes a line of 200 MB in its stride, with bounded memory', async () => {
    const child = spawn(node, [cli, 'parse', '--json'], { stdio: ['pipe', 'pipe', 'inherit'] });
    const chunk = Buffer.alloc(1_000_000, 'x');
    let out = '';
    child.stdout.on('data', (data: Buffer) => (out += data.toString()));
    for (let at = 0; at < 200; at += 1) {
      if (!child.stdin.write(chunk)) await new Promise((resolve) => child.stdin.once('drain', resolve));
    }
    const peakKiB = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]);
    child.stdin.end(`\n${STORY}`);
    const status = await new Promise((resolve) => child.on('close', resolve));

    expect(status).toBe(0);
    expect(jsonOf(out)).toMatchObject([{ pid: 18540, line: 4 }]);
    expect(peakKiB).toBeLessThan(150 * 1024);
  });

  it('refuses an option that it does not know, with a hint', () => {
    const { status, err } = parse(['--jsn']);

    expect(status).toBe(2);
    expect(err).toContain("unknown option '--jsn'");
  });

  it('lists many kills before it explains them', () => {
    const second = STORY.replaceAll('18540', '18541').replaceAll('7189052', '7189952');

    const { out } = parse([], STORY + second);

    expect(out.split('\n')[0]).toMatch(/^Line +Time +Killed +Pid/);
    expect(out.match(/was killed by the kernel/g)).toHaveLength(2);
  });
});
