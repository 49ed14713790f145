// The tarball that `npm pack` makes, laid out as npm would install it: beside its dependencies, read-only, run from elsewhere.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { askPage, pageOf } from '../support/page-client.ts';

const root = path.join(import.meta.dirname, '../..');
const folder = mkdtempSync(path.join(tmpdir(), 'oombot-package-'));
const modules = path.join(folder, 'lib/node_modules');
const installed = path.join(modules, 'oombot');
const elsewhere = path.join(folder, 'elsewhere');
const launcher = path.join(installed, 'src/launcher.js');
const report = path.join(root, 'test/corpus/own/bb-hogs.bb-dmesg.log');
let listing: string[] = [];

interface Ended {
  status: number;
  out: string;
  err: string;
}

async function launch(args: readonly string[], how: { node?: string; env?: NodeJS.ProcessEnv } = {}): Promise<Ended> {
  const options = { cwd: elsewhere, env: { PATH: process.env['PATH'], HOME: elsewhere, ...how.env }, timeout: 60_000 };
  return promisify(execFile)(how.node ?? process.execPath, [launcher, ...args], options).then(
    ({ stdout, stderr }) => ({ status: 0, out: stdout, err: stderr }),
    (error: unknown) => {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { status: code, out: stdout, err: stderr };
    },
  );
}

function filesBelow(of: string): string[] {
  return readdirSync(of, { recursive: true, encoding: 'utf8' }).toSorted();
}

beforeAll(() => {
  mkdirSync(elsewhere);
  mkdirSync(modules, { recursive: true });
  const packed = execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], {
    cwd: root,
    encoding: 'utf8',
  });
  execFileSync('tar', ['xzf', path.join(folder, packed.trim().split('\n').at(-1) ?? ''), '-C', folder]);
  cpSync(path.join(folder, 'package'), installed, { recursive: true });
  for (const name of readdirSync(path.join(root, 'node_modules')))
    if (!name.startsWith('.')) symlinkSync(path.join(root, 'node_modules', name), path.join(modules, name));
  listing = filesBelow(installed);
  execFileSync('chmod', ['-R', 'a-w', installed]);
}, 120_000);

afterAll(() => {
  execFileSync('chmod', ['-R', 'u+w', installed]);
  rmSync(folder, { recursive: true });
});

describe('the package', () => {
  it('holds built code, what is read at run time, and nothing of tests or corpora', () => {
    for (const needed of [
      'dist/cli.js',
      'dist/cli.js.map',
      'dist/setup/oom-adj.sh',
      'dist/local/page/index.html',
      'src/launcher.js',
      'manifest.yml',
      'LICENSE',
      'CHANGELOG.md',
    ])
      expect(listing).toContain(needed);
    expect(listing.filter((file) => /\.ts$|(^|\/)tests?\/|corpus|\.log$|tsconfig/.test(file))).toEqual([]);
  });

  it('says its version', async () => {
    expect((await launch(['--version'])).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('reads a log from a read-only place and another working directory', async () => {
    const { status, out } = await launch(['parse', report]);

    expect(out).toContain('mysqld (pid 180) was killed by the kernel');
    expect(status).toBe(0);
  });

  it('prints the set-up script, which is read from the package', async () => {
    expect((await launch(['setup'])).out).toContain('/usr/local/sbin/oom-adj');
  });

  it('reads several large logs at once, each in a thread of the built code', async () => {
    const padding = '[  100.000000] usb 1-1: new high-speed USB device number 2 using xhci_hcd\n'.repeat(120_000);
    const files = ['one.log', 'two.log'].map((name) => path.join(elsewhere, name));
    for (const file of files) writeFileSync(file, padding + readFileSync(report, 'utf8'));

    const { status, out, err } = await launch(['parse', '--json', ...files]);
    for (const file of files) rmSync(file);

    const kills = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { file: string; name: string });
    expect(err).toBe('');
    expect(status).toBe(0);
    for (const file of files)
      expect(kills.filter((kill) => kill.file === file && kill.name === 'mysqld').length).toBeGreaterThan(0);
  });

  it('runs to its first answer, and writes nothing but its data folder', async () => {
    const env = { PATH: process.env['PATH'], HOME: elsewhere, OOMBOT_CONFIG: path.join(elsewhere, 'oombot.yaml') };
    writeFileSync(path.join(elsewhere, 'oombot.yaml'), 'http: 127.0.0.1:0\n');
    const child = spawn(process.execPath, [launcher], { cwd: elsewhere, env, stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    const ended = once(child, 'exit');
    const url = await pageOf(child.stdout);

    const answer = await askPage(url, 'last demo-db01');
    child.kill('SIGTERM');

    expect(answer).toContain('mysqld');
    expect(await ended).toEqual([0, null]);
    expect(filesBelow(installed)).toEqual(listing);
    expect(readdirSync(elsewhere).toSorted()).toEqual(['data', 'oombot.yaml']);
  }, 60_000);

  const old = systemNode();
  it.runIf(old !== null)('changes to the Node that came with it where the running one is too old', async () => {
    expect((await launch(['parse', report], { node: old ?? '' })).out).toContain('mysqld (pid 180)');
  });
});

/** A Node of the machine below the one that oombot is tested with; null: there is none. */
function systemNode(): string | null {
  const all = (process.env['PATH'] ?? '').split(path.delimiter).map((place) => path.join(place, 'node'));
  const found = all.find((file) => existsSync(file) && !file.includes('node_modules'));
  if (found === undefined) return null;
  const major = Number(/^v(\d+)/.exec(execFileSync(found, ['--version'], { encoding: 'utf8' }))?.[1]);
  return major >= 20 && major < 24 ? found : null;
}
