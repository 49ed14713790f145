import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { MEMORY_SAMPLE } from '../../src/oom/proc/memory-sample-script.ts';
import { parseMemorySample } from '../../src/oom/proc/memory-sample.ts';
import { skipWithout, type PartName } from '../support/needs.ts';

describe('the reply of a memory sample', () => {
  it('is read whole, whatever a login shell said before it', () => {
    const text = [
      'Welcome!',
      '#memsample 1\ttotal=4000000\tavailable=3000000\tswap=1000\tswapfree=900\tfullavg10=31.25',
      '2.14748e+09\t3\t77\ta\\nb\t/system.slice/web.service',
      '900\t1\t78\tsh\t',
      'nonsense',
      '#end\t2',
      'bye',
    ].join('\n');

    expect(parseMemorySample(text)).toEqual({
      totalKiB: 4_000_000,
      availableKiB: 3_000_000,
      totalSwapKiB: 1_000,
      freeSwapKiB: 900,
      pressureFullAvg10: 31.25,
      rows: [
        { sizeKiB: 2_147_480_000, count: 3, pid: 77, name: 'a\nb', cgroup: '/system.slice/web.service' },
        { sizeKiB: 900, count: 1, pid: 78, name: 'sh', cgroup: null },
      ],
    });
  });

  it.each([
    ['nothing', ''],
    ['another program', 'bash: awk: command not found\n'],
    [
      'a kernel that does not tell what is available',
      '#memsample 1\ttotal=4000\tavailable=\tswap=0\tswapfree=0\n#end\t0\n',
    ],
  ])('is none from %s', (_, text) => {
    expect(parseMemorySample(text)).toBeNull();
  });

  it('never throws', () => {
    const piece = fc.oneof(
      fc.constantFrom('#memsample 1\t', 'total=9', '\tavailable=8', '\n', '\t', '#end\t1'),
      fc.string(),
    );
    fc.assert(fc.property(fc.array(piece), (pieces) => void parseMemorySample(pieces.join(''))));
  });
});

const AWKS: PartName[] = ['mawk', 'gawk', 'busybox', 'original-awk'];
const SHELLS: [PartName, ...string[]][] = [['dash'], ['bash'], ['busybox', 'sh']];

describe('the script on this machine', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'oombot-sample-'));
  const size = 200 * 1_024;
  // Holds so much anonymous memory: awk builds a string by doubling.
  const holder = spawn(
    'awk',
    ['BEGIN { s = "x"; while (length(s) < 134217728) s = s s; printf "ready\\n"; fflush(); getline }'],
    {
      stdio: ['pipe', 'pipe', 'ignore'],
    },
  );

  const isReady = once(holder.stdout, 'data');

  afterAll(() => {
    holder.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  });

  function run([shell = 'sh', ...args]: readonly string[], awk: string): string {
    const bin = path.join(folder, awk);
    mkdirSync(bin, { recursive: true });
    if (!existsSync(path.join(bin, 'awk'))) symlinkSync(`/usr/bin/${awk}`, path.join(bin, 'awk'));
    const env = { PATH: `${bin}:${process.env['PATH']}` };
    const result = spawnSync(shell, [...args, '-s'], { input: MEMORY_SAMPLE, env, encoding: 'latin1' });
    expect(result.stderr).toBe('');
    return result.stdout;
  }

  it.for(SHELLS.flatMap((shell) => AWKS.map((awk) => ({ shell, awk }))))(
    'says what /proc says under $shell with $awk',
    async ({ shell, awk }, context) => {
      skipWithout(context, shell[0], awk);
      await isReady;

      const text = run(shell, awk);
      const seen = parseMemorySample(text);

      const total = /^MemTotal:\s+(\d+)/m.exec(readFileSync('/proc/meminfo', 'latin1'))?.[1];
      expect(seen?.totalKiB).toBe(Number(total));
      expect(seen?.availableKiB).toBeGreaterThan(0);
      expect(text).toMatch(/\n#end\t\d+\n$/);
      expect(Buffer.byteLength(text)).toBeLessThan(4_000);
      const sizes = seen?.rows.map((row) => row.sizeKiB) ?? [];
      expect(sizes).toEqual(sizes.toSorted((a, b) => b - a));
      const row = seen?.rows.find((one) => one.pid === holder.pid);
      // Where it is not listed, sixteen larger ones are.
      expect(row?.sizeKiB ?? (sizes.length === 16 ? sizes.at(-1) : 0)).toBeGreaterThan(size / 2);
    },
  );
});
