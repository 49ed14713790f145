// Builds dist/: plain JavaScript with source maps, and beside it the files that are read at run time.
import { execFileSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import path from 'node:path';

const root = path.join(import.meta.dirname, '..');
rmSync(path.join(root, 'dist'), { recursive: true, force: true });
execFileSync(path.join(root, 'node_modules/.bin/tsc'), ['-p', 'src/build.tsconfig.json'], {
  cwd: root,
  stdio: 'inherit',
});
cpSync(path.join(root, 'src'), path.join(root, 'dist'), {
  recursive: true,
  filter: (file) => !/(\.ts|tsconfig\.json|launcher\.js)$/.test(file),
});
