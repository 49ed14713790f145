import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';

const root = path.join(import.meta.dirname, '..');

// Real kills and the browser are what a file says that it needs; for the rest its folder decides.
const FOLDERS: Record<string, ProjectName> = {
  ...Object.fromEntries(
    ['.', 'oom', 'cause', 'size', 'incident', 'change', 'notice'].map((folder) => [folder, 'pure']),
  ),
  ...Object.fromEntries(['app', 'config', 'hook', 'http', 'local', 'run', 'slack'].map((folder) => [folder, 'app'])),
};

type ProjectName = 'pure' | 'app' | 'host' | 'browser' | 'kernel';

function projectOf(file: string): ProjectName {
  const text = readFileSync(path.join(root, file), 'utf8');
  if (/(?:needs|has)\([^)]*'kills'/.test(text)) return 'kernel';
  if (/needs\([^)]*'chromium'/.test(text)) return 'browser';
  return FOLDERS[path.relative('test', path.dirname(file)).split(path.sep)[0] || '.'] ?? 'host';
}

// Each of these makes a Debian of its own and has a script of its own: `npm run test:guest`, `npm run test:image`, `npm run test:fresh`, `npm run test:trixie`.
const files = globSync('test/**/*.test.ts', {
  cwd: root,
  exclude: ['test/guest/**', 'test/image/**', 'test/fresh/**', 'test/trixie/**'],
}).sort();

function project(
  name: ProjectName,
  test: NonNullable<TestProjectInlineConfiguration['test']>,
): TestProjectInlineConfiguration {
  return { extends: true, test: { name, include: files.filter((file) => projectOf(file) === name), ...test } };
}

// These wait for real time: on a busy CI machine a test that was late once is tried again, and vitest says so.
const RETRIES = process.env['CI'] ? 1 : 0;

// oxlint-disable-next-line import/no-default-export -- vitest takes its configuration so
export default defineConfig({
  root,
  test: {
    setupFiles: ['./test/support/bound-properties.ts'],
    reporters: ['default', './test/support/not-run-reporter.ts', './test/support/machine-state-reporter.ts'],
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      reporter: ['text-summary', 'html'],
      reportsDirectory: '.cache/coverage',
    },
    projects: [
      // No file of these two leaves anything behind in its worker, and loading the code anew for each costs more than the tests. One after
      // the other: a worker that meets a file of another project ends, and takes what it loaded with it.
      project('pure', { testTimeout: 60_000, isolate: false, sequence: { groupOrder: 0 } }),
      project('app', { testTimeout: 60_000, isolate: false, sequence: { groupOrder: 1 } }),
      project('host', { retry: RETRIES, testTimeout: 60_000, hookTimeout: 120_000, sequence: { groupOrder: 2 } }),
      project('browser', { retry: RETRIES, testTimeout: 60_000, hookTimeout: 120_000, sequence: { groupOrder: 2 } }),
      // The kernel prints ten reports in 5 s and no more, into one log for the whole machine: after the others, one file at a time.
      project('kernel', {
        retry: RETRIES,
        testTimeout: 120_000,
        hookTimeout: 120_000,
        fileParallelism: false,
        sequence: { groupOrder: 3 },
      }),
    ],
  },
});
