import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { needs } from '../support/needs.ts';

const SCRIPT = path.join(import.meta.dirname, '../../deploy/release.js');
const CHANGELOG = '# Changelog\n\n## [1.2.3] - 2026-11-30\n\n- It flies.\n\n## [1.2.2] - 2026-11-01\n\n- It runs.\n';

/** A package of its own in git, whose tests leave a trace and end as told. */
function aPackage({ changelog = CHANGELOG, test = 'node -e 0', lock = '1.2.3' } = {}): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'oombot-release-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const about = { name: 'flier', version: '1.2.3', files: ['flier.js'], scripts: { test } };
  write(folder, 'package.json', JSON.stringify(about));
  write(
    folder,
    'package-lock.json',
    JSON.stringify({ name: 'flier', version: lock, lockfileVersion: 3, packages: {} }),
  );
  write(folder, 'CHANGELOG.md', changelog);
  write(folder, 'flier.js', '');
  write(folder, '.gitignore', '.cache/\n');
  git(folder, 'init', '-q');
  git(folder, 'add', '-A');
  git(folder, '-c', 'user.name=A', '-c', 'user.email=a@example.net', 'commit', '-qm', 'All of it');
  return folder;
}

function write(folder: string, name: string, text: string): void {
  writeFileSync(path.join(folder, name), text);
}

function git(folder: string, ...args: string[]): void {
  execFileSync('git', args, { cwd: folder });
}

function release(folder: string): { status: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT], { cwd: folder, encoding: 'utf8' });
  return { status, out: stdout, err: stderr };
}

describe('npm run release', needs('git'), () => {
  it('packs, and prints what changed and what to publish', () => {
    const folder = aPackage();

    const { status, out } = release(folder);

    expect(status).toBe(0);
    expect(out).toMatch(/^flier 1\.2\.3, [0-9a-f]{7,}: checked and packed\. Nothing was published\.$/m);
    expect(out).toContain('  - It flies.\n');
    expect(out).not.toContain('It runs');
    expect(out).toContain('npm publish .cache/release/flier-1.2.3.tgz');
    expect(out).toMatch(/sha512-[\w+/]{86}==/);
    expect(readFileSync(path.join(folder, '.cache/release/flier-1.2.3.tgz')).subarray(0, 2).toString('hex')).toBe(
      '1f8b',
    );
    expect(execFileSync('git', ['tag'], { cwd: folder, encoding: 'utf8' })).toBe('');
  });

  it.each<[string, () => string, RegExp]>([
    [
      'what is not committed',
      () => {
        const folder = aPackage();
        write(folder, 'flier.js', 'changed');
        return folder;
      },
      /not committed:\n M flier\.js/,
    ],
    ['a version that the changelog does not have', () => aPackage({ changelog: '# Changelog\n' }), /no section for it/],
    [
      'a version whose section has no date',
      () => aPackage({ changelog: CHANGELOG.replace('2026-11-30', 'Unreleased') }),
      /Expected what changed under: ## \[1\.2\.3\] - YYYY-MM-DD/,
    ],
    [
      'a version whose section is empty',
      () => aPackage({ changelog: CHANGELOG.replace('- It flies.\n', '') }),
      /no section for it/,
    ],
    ['a lock of another version', () => aPackage({ lock: '1.2.2' }), /package-lock\.json has 1\.2\.2/],
    [
      'a version that was tagged',
      () => {
        const folder = aPackage();
        git(folder, 'tag', 'v1.2.3');
        return folder;
      },
      /the tag v1\.2\.3 is there already/,
    ],
    [
      'what its own tests changed',
      () => aPackage({ test: "node -e \"require('fs').writeFileSync('flier.js', 'new')\"" }),
      /changed the working tree/,
    ],
  ])('refuses %s', (_what, prepare, why) => {
    const { status, err, out } = release(prepare());

    expect(status).toBe(1);
    expect(err).toMatch(why);
    expect(out).not.toContain('npm publish');
  });

  it('stops where a test fails', () => {
    const { status, out, err } = release(aPackage({ test: 'node -e "process.exit(3)"' }));

    expect(status).toBe(1);
    expect(err).toContain('Not released: npm test failed.');
    expect(out).not.toContain('npm publish');
  });
});
