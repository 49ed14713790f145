import { globSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { COMMANDS } from '../../src/app/answer/registry.ts';
import { CONFIG_KEYS, ENVIRONMENT } from '../../src/config/config.ts';
import { CONFIG_FILES } from '../../src/size/config-files.ts';
import { PROGRAMS } from '../../src/size/programs.ts';
import { SCOPES } from '../../src/slack/scopes.ts';

const ROOT = path.join(import.meta.dirname, '../..');

/** Tables of the documents that the code knows best. Each stands between `<!-- table: NAME -->` and `<!-- end -->`. */
const TABLES: Record<string, () => string> = {
  commands: () =>
    table(
      ['in Slack', 'answers'],
      COMMANDS.map(({ name, usage, does, whoMay }) => [
        `\`/oom ${`${name} ${usage}`.trim()}\``,
        `${does}${whoMay === 'everyone' ? '' : ` (${whoMay})`}`,
      ]),
    ),
  configuration: () =>
    table(
      ['key', 'default', 'meaning'],
      CONFIG_KEYS.map((one) => [`\`${one.key}\``, one.default, one.meaning]),
    ),
  scopes: () =>
    table(
      ['scope', 'needed', 'what for', 'without it'],
      SCOPES.map(({ name, isRequired, why, lost }) => [`\`${name}\``, isRequired ? 'yes' : 'optional', why, lost]),
    ),
  sizes: () =>
    table(
      ['program', 'its memory is', 'setting', 'without it', 'at least', 'limits it too', 'facts of'],
      PROGRAMS.map((one) => {
        const { values } = one.split(64 * 1_024, { tasks: 30, totalMiB: 3_000, largestMiB: 200, now: null }, one.key);
        return [
          one.title,
          one.holds,
          values.map(({ name }) => `\`${name}\``).join(', '),
          one.unset,
          one.kind === 'memory' ? `${one.least} MiB` : String(one.least),
          one.also ?? '',
          `[${one.source.versions}](${one.source.url})`,
        ];
      }),
    ),
  files: () =>
    table(
      ['program', 'files', 'named by', 'settings'],
      PROGRAMS.flatMap(({ key, title }) => {
        const files = CONFIG_FILES[key];
        if (files === undefined || files.form === null) return [];
        const { usual, reads, named, namedToo, keys, also } = files;
        const paths = usual.map((path) => `\`${path}\``).join(reads === 'all' ? ', then ' : ', or ');
        const options = [...named.map((option) => `\`${option}\``), ...(namedToo === null ? [] : [namedToo])].join(
          ', ',
        );
        return [[title, paths, options, [...keys, ...also].map((name) => `\`${name}\``).join(', ')]];
      }),
    ),
  environment: () =>
    table(
      ['variable', 'meaning'],
      ENVIRONMENT.map(({ name, meaning }) => [`\`${name}\``, meaning]),
    ),
};

export const TABLE_NAMES = Object.keys(TABLES);

/** README.md and everything in docs/. */
export function documents(): { file: string; text: string }[] {
  return ['README.md', ...globSync('docs/**/*.md', { cwd: ROOT }).toSorted()].map((file) => ({
    file,
    text: readFileSync(path.join(ROOT, file), 'utf8'),
  }));
}

/** The text with its tables as the code has them now. Throws on a table that nobody knows. */
export function withTables(text: string): string {
  return text.replace(
    /(<!-- table: (\w+) -->\n\n)[^]*?(\n<!-- end -->)/g,
    (_, begin: string, name: string, end: string) => {
      const render = TABLES[name];
      if (render === undefined) throw new Error(`no table is called ${name}: there are ${TABLE_NAMES.join(', ')}`);
      return begin + render() + end;
    },
  );
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.map(escapeBars).join(' | ')} |\n`).join('');
}

function escapeBars(cell: string): string {
  return cell.replaceAll('|', '\\|');
}

if (import.meta.main) for (const { file, text } of documents()) writeFileSync(path.join(ROOT, file), withTables(text));
