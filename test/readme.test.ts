import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { RULES } from '../src/cause/cause.ts';
import { documents, TABLE_NAMES, withTables } from './support/document-tables.ts';

const root = path.join(import.meta.dirname, '..');
const readme = readFileSync(path.join(root, 'README.md'), 'utf8');

describe('the README', () => {
  it.each(documents().map(({ file, text }) => [file, text]))('has its tables as the code has them: %s', (_, text) => {
    // To write them anew: npm run write:tables
    expect(text).toBe(withTables(text));
  });

  it.each(TABLE_NAMES.map((name) => [name]))('has the table of %s', (name) => {
    expect(documents().some(({ text }) => text.includes(`<!-- table: ${name} -->\n\n| `))).toBe(true);
  });

  it.each([...new Set(RULES.filter((rule) => rule.place !== 'aside').map((rule) => rule.code))])(
    'explains the cause %s',
    (code) => {
      expect(readme).toContain(`\`${code}\``);
    },
  );

  it.each(
    [...readFileSync(path.join(root, 'src/cli.ts'), 'utf8').matchAll(/\.command\('([a-z]+)/g)].map((verb) => [
      verb[1] ?? '',
    ]),
  )('explains the verb %s', (verb) => {
    expect(readme).toMatch(new RegExp(`\`(?:audit )?${verb}\\b`));
  });
});
