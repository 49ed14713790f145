import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { CONFIG_KEYS, ENVIRONMENT } from '../src/config/config.ts';
import { RULES } from '../src/cause/cause.ts';

const root = path.join(import.meta.dirname, '..');
const readme = readFileSync(path.join(root, 'README.md'), 'utf8');

describe('the README', () => {
  it.each(CONFIG_KEYS.map(({ key, meaning }) => [key, meaning]))(
    'explains the configuration key %s',
    (key, meaning) => {
      const row = readme.split('\n').find((line) => line.startsWith(`| \`${key}\` |`));

      expect(row).toContain(meaning.replaceAll('|', '\\|'));
    },
  );

  it('names no configuration key that does not exist', () => {
    const rows = [...readme.matchAll(/^\| `([a-z]+(?:\[\])?(?:\.[A-Za-z]+)?)` \| .* \| .* \|$/gm)].map((row) => row[1]);

    expect(rows.filter((key) => !CONFIG_KEYS.some((one) => one.key === key))).toEqual([]);
  });

  it.each([...new Set(RULES.filter((rule) => rule.place !== 'aside').map((rule) => rule.code))])(
    'explains the cause %s',
    (code) => {
      expect(readme).toContain(`\`${code}\``);
    },
  );

  it.each(ENVIRONMENT.map(({ name }) => [name]))('explains the environment variable %s', (name) => {
    expect(readme).toContain(`| \`${name}\` |`);
  });

  it.each(
    [...readFileSync(path.join(root, 'src/cli.ts'), 'utf8').matchAll(/\.command\('([a-z]+)/g)].map((verb) => [
      verb[1] ?? '',
    ]),
  )('explains the verb %s', (verb) => {
    expect(readme).toMatch(new RegExp(`\`(?:audit )?${verb}\\b`));
  });
});
