// The tarball that `npm pack` makes, laid out as npm would install it: beside its dependencies, read-only, run from elsewhere.
import { execFile, execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

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

  it('runs to the first answer of its page, and writes nothing but its data folder', async () => {
    const stop = new AbortController();
    const env = { PATH: process.env['PATH'], HOME: elsewhere, OOMBOT_CONFIG: path.join(elsewhere, 'oombot.yaml') };
    execFileSync('sh', ['-c', 'echo "http: 127.0.0.1:0" > oombot.yaml'], { cwd: elsewhere });
    const child = execFile(process.execPath, [launcher], { cwd: elsewhere, env, signal: stop.signal }, () => undefined);
    const url = await new Promise<string>((resolve, reject) => {
      let said = '';
      child.stdout?.on('data', (text: string) => {
        said += text;
        const found = /http:\/\/127\.0\.0\.1:\d+[^\s]*/.exec(said)?.[0];
        if (found !== undefined) resolve(found);
      });
      child.once('exit', () => reject(new Error(`ended: ${said}`)));
    });

    const page = await fetch(url);
    stop.abort();

    expect(page.status).toBe(200);
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
