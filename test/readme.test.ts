import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { RULES } from '../src/cause/cause.ts';
import { documents, TABLE_NAMES, withTables } from './support/document-tables.ts';

const root = path.join(import.meta.dirname, '..');
const all = documents()
  .map(({ text }) => text)
  .join('\n');

describe('the documents', () => {
  it.each(documents().map(({ file, text }) => [file, text]))(
    'have their tables as the code has them: %s',
    (_, text) => {
      // To write them anew: npm run write:tables
      expect(text).toBe(withTables(text));
    },
  );

  it.each(TABLE_NAMES.map((name) => [name]))('have the table of %s', (name) => {
    expect(documents().some(({ text }) => text.includes(`<!-- table: ${name} -->\n\n| `))).toBe(true);
  });

  it.each([...new Set(RULES.filter((rule) => rule.place !== 'aside').map((rule) => rule.code))])(
    'explain the cause %s',
    (code) => {
      expect(all).toContain(`\`${code}\``);
    },
  );

  it.each(
    [...readFileSync(path.join(root, 'src/cli.ts'), 'utf8').matchAll(/\.command\('([a-z]+)/g)].map((verb) => [
      verb[1] ?? '',
    ]),
  )('explain the verb %s', (verb) => {
    expect(all).toMatch(new RegExp(`\`(?:audit )?${verb}\\b`));
  });

  it.each(documents().map(({ file, text }) => [file, text]))('link only to what is there: %s', (file, text) => {
    const links = [...text.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)].map(([, to = '', part]) => ({
      to,
      part,
    }));

    expect(links.filter(({ to, part }) => !isThere(file, to, part))).toEqual([]);
  });

  it.each(documents().map(({ file, text }) => [file, text]))(
    'name only scripts and test files that are there: %s',
    (_, text) => {
      const { scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
        scripts: Record<string, string>;
      };
      const named = [...text.matchAll(/npm run ([\w:]+)/g)].map(([, name = '']) => name);
      const files = [...text.matchAll(/(?:[\w-]+\/)+[\w.-]+\.(?:ts|sh|yml)\b/g)].map(([file]) => file);

      expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
      expect(
        files.filter((file) => ![root, path.join(root, 'src')].some((folder) => existsSync(path.join(folder, file)))),
      ).toEqual([]);
    },
  );

  it('keep the README below 250 lines', () => {
    expect(readFileSync(path.join(root, 'README.md'), 'utf8').split('\n').length).toBeLessThan(250);
  });
});

/** Whether a link leads to a file, and to a heading in it as GitHub names it. */
function isThere(from: string, to: string, part: string | undefined): boolean {
  const file = to === '' ? path.join(root, from) : path.join(root, path.dirname(from), to);
  if (!existsSync(file)) return false;
  if (part === undefined) return true;
  const headings = [...readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, text = '']) =>
    text
      .toLowerCase()
      .replace(/[^\p{L}\p{N} -]/gu, '')
      .replaceAll(' ', '-'),
  );
  return headings.includes(part);
}
