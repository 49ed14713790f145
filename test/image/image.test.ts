// The image, built by deploy/Dockerfile to its end and started as it declares. Its base is made here: Debian with this Node and npm.
import { execFileSync, spawn, spawnSync, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { needs } from '../support/needs.ts';
import { askPage, pageOf } from '../support/page-client.ts';
import { eventually } from '../support/whole-bot.ts';

const MIB = 1024 * 1024;
const MINUTES_MS = 60_000;
const root = path.join(import.meta.dirname, '../..');
const Declared = z.object({
  User: z.string(),
  Entrypoint: z.array(z.string()),
  Cmd: z.array(z.string()),
  WorkingDir: z.string(),
  StopSignal: z.string(),
  Labels: z.record(z.string(), z.string()),
  Volumes: z.record(z.string(), z.unknown()),
  Healthcheck: z.object({ Test: z.array(z.string()) }),
});

// As a runtime would start it with --read-only: the root without writing, all new processes its own, the image's user, no privilege.
const START = `set -e
uid=$1 folder=$2
shift 2
mount --bind / /mnt
for d in dev sys data etc/oombot; do mount --rbind /$d /mnt/$d; done
mount -o remount,bind,ro /mnt
cd /mnt
mount -t proc proc proc
exec chroot . setpriv --reuid "$uid" --regid "$uid" --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs \\
  sh -c 'cd "$0" && exec "$@"' "$folder" "$@"`;

describe('the image', { timeout: 3 * MINUTES_MS, ...needs('root', 'buildah', 'debootstrap', 'network') }, () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'oombot-image-'));
  const store = ['--root', path.join(folder, 'store'), '--runroot', path.join(folder, 'run')];
  // Else it makes folders in /etc.
  const env = { ...process.env, CONTAINERS_CONF: path.join(folder, 'containers.conf') };
  const base = /^ARG BASE=(\S+)$/m.exec(readFileSync(path.join(root, 'deploy/Dockerfile'), 'utf8'))?.[1] ?? '';
  let container = '';
  let mounted = '';
  let baseBytes = 0;

  function buildah(...args: string[]): string {
    const { status, stdout, stderr } = spawnSync('buildah', [...store, ...args], { encoding: 'utf8', cwd: root, env });
    if (status !== 0) throw new Error(`buildah ${args.join(' ')}: ${stdout.slice(-2_000)} ${stderr.slice(-4_000)}`);
    return stdout.trim();
  }
  function bytesOf(place: string): number {
    return Number.parseInt(execFileSync('du', ['-s', '--apparent-size', '-B1', place], { encoding: 'utf8' }), 10);
  }

  beforeAll(() => {
    writeFileSync(env.CONTAINERS_CONF, `[network]\nnetwork_config_dir = "${folder}/cni"\n`);
    const debian = path.join(folder, 'debian');
    const mirror = process.env['OOMBOT_DEBIAN_MIRROR'];
    execFileSync('debootstrap', ['--variant=minbase', 'bookworm', debian, ...(mirror ? [mirror] : [])], {
      stdio: 'pipe',
    });
    // Not `npm root -g`: that is beside the Node that runs it, which may be another than npm's own.
    const npm = realpathSync(execFileSync('sh', ['-c', 'command -v npm'], { encoding: 'utf8' }).trim());
    cpSync(process.execPath, path.join(debian, 'usr/local/bin/node'));
    cpSync(path.join(npm, '../..'), path.join(debian, 'usr/local/lib/node_modules/npm'), { recursive: true });
    writeFileSync(
      path.join(debian, 'usr/local/bin/npm'),
      '#!/bin/sh\nexec node /usr/local/lib/node_modules/npm/bin/npm-cli.js "$@"\n',
      { mode: 0o755 },
    );
    const scratch = buildah('from', 'scratch');
    buildah('add', '--quiet', scratch, debian, '/');
    // npm in there reaches the registry as npm does here.
    for (const key of ['registry', 'cafile']) {
      const value = execFileSync('npm', ['config', 'get', key], { encoding: 'utf8' }).trim();
      if (value === 'null' || value === '') continue;
      buildah('config', '--env', `npm_config_${key}=${value}`, scratch);
      if (existsSync(value)) buildah('add', '--quiet', scratch, value, value);
    }
    buildah('commit', '--quiet', '--rm', scratch, base);
    rmSync(debian, { recursive: true });

    buildah(
      'bud',
      '--quiet',
      '--isolation',
      'chroot',
      '--pull-never',
      '--format',
      'docker',
      '-f',
      'deploy/Dockerfile',
      '-t',
      'oombot',
      '.',
    );
    const plain = buildah('from', '--pull-never', base);
    baseBytes = bytesOf(buildah('mount', plain));
    buildah('rm', plain);
    container = buildah('from', '--pull-never', 'oombot');
    // Else its own copy of that volume would hide what is mounted there.
    buildah('config', '--volume', '/etc/oombot-', container);
    mounted = buildah('mount', container);
  }, 20 * MINUTES_MS);

  afterAll(() => {
    if (container !== '') buildah('rm', container);
    rmSync(folder, { recursive: true, force: true });
  }, MINUTES_MS);

  function declared(): z.infer<typeof Declared> {
    const Image = z.object({ Docker: z.object({ config: Declared }) });
    return Image.parse(JSON.parse(buildah('inspect', '--type', 'image', 'oombot'))).Docker.config;
  }

  it('adds at most 70 MiB to its base, has Node once, and nothing of sources or tests', () => {
    const added = bytesOf(mounted) - baseBytes;
    console.info(`The image adds ${(added / MIB).toFixed(1)} MiB to its base of ${(baseBytes / MIB).toFixed(1)} MiB`);

    expect(added).toBeGreaterThan(MIB);
    expect(added).toBeLessThanOrEqual(70 * MIB);
    const nodes = execFileSync('find', [mounted, '-xdev', '-name', 'node', '-size', '+20M'], { encoding: 'utf8' });
    expect(nodes.trim().split('\n')).toEqual([path.join(mounted, 'usr/local/bin/node')]);
    expect(readdirSync(path.join(mounted, 'opt/oombot')).toSorted()).toEqual([
      'LICENSE',
      'dist',
      'manifest.yml',
      'node_modules',
      'package.json',
      'src',
    ]);
    expect(readdirSync(path.join(mounted, 'opt/oombot/src'))).toEqual(['launcher.js']);
    expect(existsSync(path.join(mounted, 'opt/oombot/node_modules/vitest'))).toBe(false);
  });

  it('declares a user, its volumes, how it is stopped, and how its health is checked', () => {
    const { User, StopSignal, Volumes, WorkingDir, Labels, Healthcheck } = declared();

    expect(User).toBe('oombot');
    expect(StopSignal).toBe('SIGTERM');
    expect(Object.keys(Volumes).toSorted()).toEqual(['/data', '/etc/oombot']);
    expect(WorkingDir).toBe('/data');
    expect(Labels['org.opencontainers.image.licenses']).toBe('MIT');
    expect(Healthcheck.Test.join(' ')).toContain('/healthz');
  });

  it('has the verbs on its path, and reads a log', () => {
    function oombot(...args: string[]): string {
      const mount = ['-v', `${path.join(root, 'test/corpus/own')}:/mnt:ro`];
      return buildah('run', '--isolation', 'chroot', ...mount, container, '--', 'oombot', ...args);
    }

    expect(oombot('--version')).toMatch(/^\d+\.\d+\.\d+$/);
    expect(oombot('parse', '/mnt/bb-hogs.bb-dmesg.log')).toContain('mysqld (pid 180) was killed by the kernel');
  });

  describe('started read-only, as its user, as process 1', () => {
    const etc = path.join(folder, 'etc');
    const data = path.join(folder, 'data');
    let child: ChildProcessByStdio<null, Readable, Readable>;
    let printed = '';
    let said = '';
    let startedAt = 0;

    beforeAll(() => {
      startedAt = performance.now();
      const { Entrypoint, Cmd, WorkingDir } = declared();
      const uid = /^oombot:[^:]*:(\d+)/m.exec(readFileSync(path.join(mounted, 'etc/passwd'), 'utf8'))?.[1] ?? '';
      mkdirSync(etc);
      writeFileSync(path.join(etc, 'oombot.yaml'), 'http: 127.0.0.1:0\ndatabase: sqlite:/data/oombot.db\n');
      mkdirSync(data);
      chownSync(data, Number(uid), Number(uid));
      const mounts = ['-v', `${etc}:/etc/oombot:ro`, '-v', `${data}:/data`];
      const shell = ['unshare', '-m', '-p', '-f', '--kill-child', '--propagation', 'private', 'sh', '-c', START, 'sh'];
      child = spawn(
        'buildah',
        [
          ...store,
          'run',
          '--isolation',
          'chroot',
          '--user',
          '0:0',
          '--cap-add',
          'CAP_SYS_ADMIN',
          ...mounts,
          container,
          '--',
          ...shell,
          uid,
          WorkingDir,
          ...Entrypoint,
          ...Cmd,
        ],
        { stdio: ['ignore', 'pipe', 'pipe'], env },
      );
      child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    });
    afterAll(() => {
      child?.kill('SIGKILL');
      const left = botPid();
      if (left !== null) process.kill(left, 'SIGKILL');
    });

    it('answers the first command within a minute', async () => {
      const url = await pageOf(child.stdout).catch((error: unknown) => {
        throw new Error(said, { cause: error });
      });
      child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
      expect(await askPage(url, 'last demo-db01')).toContain('mysqld');
      const tookMs = performance.now() - startedAt;
      console.info(`From buildah run to the first answer: ${(tookMs / 1000).toFixed(1)} s`);
      expect(tookMs).toBeLessThanOrEqual(MINUTES_MS);

      const pid = botPid();
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      expect(status).toMatch(/^NSpid:.*\t1$/m);
      expect(status).toMatch(/^Uid:\t10001\t10001\t10001\t10001$/m);
      expect(status).toMatch(/^CapEff:\t0+$/m);
      expect(readFileSync(`/proc/${pid}/mounts`, 'utf8')).toMatch(/^\S+ \/ \S+ ro[, ]/m);
    });

    it('reads its configuration again at SIGHUP, and ends in good order at SIGTERM', async () => {
      const ended = once(child, 'exit');
      const pid = botPid();
      expect(pid).not.toBeNull();
      process.kill(pid!, 'SIGHUP');
      await eventually(() => printed.includes('read again'), 'the reload');
      process.kill(pid!, 'SIGTERM');

      expect(await ended).toEqual([0, null]);
      expect(readdirSync(data).toSorted()).toEqual(['oombot.db', 'oombot.db.lock', 'page-messages.json', 'page-token']);
    });

    function botPid(): number | null {
      const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
      const found = all.find((pid) => {
        try {
          const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
          return words[0] === 'node' && readFileSync(`/proc/${pid}/mountinfo`, 'utf8').includes(data.slice(1));
        } catch {
          return false; // It is gone.
        }
      });
      return found === undefined ? null : Number(found);
    }
  });
});
