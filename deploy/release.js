// npm run release: checks what is to be released, packs it, and prints what to publish. It publishes, pushes and tags nothing.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

const FOLDER = '.cache/release';
const ESC = /[.*+?^${}()|[\]\\]/g;

/** @param {string} name @param {string[]} args */
function output(name, args) {
  return execFileSync(name, args, { encoding: 'utf8' }).trimEnd();
}

/** @param {string} sentence @returns {never} */
function refuse(sentence) {
  process.stderr.write(`Not released: ${sentence}\n`);
  process.exit(1);
}

/** The text under the heading of a version that has a date. null: there is none, or nothing in it. @param {string} version */
function changesOf(version) {
  const changelog = readFileSync('CHANGELOG.md', 'utf8');
  const heading = new RegExp(`^## \\[${version.replaceAll(ESC, '\\$&')}\\] - \\d{4}-\\d{2}-\\d{2}$`, 'm').exec(
    changelog,
  );
  if (heading === null) return null;
  const rest = changelog.slice(heading.index + heading[0].length);
  return rest.slice(0, /^## /m.exec(rest)?.index).trim() || null;
}

const { name, version } = /** @type {{ name: string; version: string }} */ (
  JSON.parse(readFileSync('package.json', 'utf8'))
);
const lock = /** @type {{ version: string }} */ (JSON.parse(readFileSync('package-lock.json', 'utf8')));

const changed = output('git', ['status', '--porcelain']);
if (changed !== '') refuse(`the working tree has changes that are not committed:\n${changed}`);
if (lock.version !== version)
  refuse(`package-lock.json has ${lock.version} and package.json ${version}. Run: npm install --package-lock-only`);
const changes = changesOf(version);
if (changes === null)
  refuse(`CHANGELOG.md has no section for it. Expected what changed under: ## [${version}] - YYYY-MM-DD`);
if (output('git', ['tag', '--list', `v${version}`]) !== '')
  refuse(`the tag v${version} is there already. Count the version up: npm version --no-git-tag-version patch`);

if (spawnSync('npm', ['test'], { stdio: 'inherit' }).status !== 0) refuse('npm test failed.');
mkdirSync(FOLDER, { recursive: true });
const file = path.join(
  FOLDER,
  output('npm', ['pack', '--silent', '--pack-destination', FOLDER]).split('\n').at(-1) ?? '',
);
const left = output('git', ['status', '--porcelain']);
if (left !== '') refuse(`checking and packing it changed the working tree:\n${left}`);

const integrity = createHash('sha512').update(readFileSync(file)).digest('base64');
process.stdout.write(
  [
    '',
    `${name} ${version}, ${output('git', ['rev-parse', '--short', 'HEAD'])}: checked and packed. Nothing was published.`,
    '',
    `  ${file}  ${(statSync(file).size / 1e6).toFixed(1)} MB`,
    `  sha512-${integrity}`,
    '',
    changes.replaceAll(/^/gm, '  '),
    '',
    'To publish it:',
    '',
    `  npm publish ${file}`,
    `  git tag -a v${version} -m "${name} ${version}" && git push origin v${version}`,
    '',
  ].join('\n'),
);
