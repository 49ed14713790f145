import { CONFIG_FILES } from './config-files.ts';

/** What a host says of how one program is set; `remote/settings-script.ts` has the lines. Paths and sections are the host's text. */
export interface ReadSettings {
  /** Of its command line, in its order. */
  args: readonly { key: string; text: string }[];
  /** Of its files, in the order in which the program reads them; `path`: where it stands. text `?`: no number. */
  sets: readonly { section: string; key: string; text: string; path: string }[];
  files: readonly { path: string; ageSeconds: number }[];
  /** Files that may count too and could not be read. */
  unread: readonly string[];
  /** It lives in a container: its files are others. */
  isInside: boolean;
  /** Nothing says which file is its own. */
  isUnnamed: boolean;
}

/** Why nothing is known of the files of a host. `too-old`: its oombot-host does not know the question. */
export type NoSettings = 'too-old' | 'no-answer';

/** One value of a program, and where it stands. */
export interface SetValue {
  key: string;
  text: string;
  /** null: on the command line. */
  path: string | null;
  /** Why it may not be what counts: a file changed after the program started, or the section is for one version of it. */
  doubt: 'changed' | 'version' | null;
  /** Pools of workers that have one each: `text` is all of them together. */
  pools: number;
}

const ROW = /^(arg|set|file|unread|inside|unnamed)(?: (.*))?$/;

/** Reads the answer of the script `settings`: of each program by its key and pid (`mysql 1234`). Never throws. */
export function parseSettings(text: string): ReadonlyMap<string, ReadSettings> | NoSettings {
  const lines = text.split(/\r?\n/);
  const begin = lines.indexOf('#settings 1');
  if (begin < 0) return /^#oombot-host \d+ refused name$/m.test(text) ? 'too-old' : 'no-answer';
  const end = lines.lastIndexOf('#end');
  if (end < begin) return 'no-answer';
  const body = lines.slice(begin + 1, end);
  const starts = body.flatMap((line, at) => (/^program [a-z-]+ \d{1,7}$/.test(line) ? [at] : []));
  return new Map(
    starts.map((at, index) => [
      (body[at] ?? '').slice('program '.length),
      readProgram(body.slice(at + 1, starts[index + 1] ?? body.length)),
    ]),
  );
}

function readProgram(lines: readonly string[]): ReadSettings {
  const args: { key: string; text: string }[] = [];
  const sets: { section: string; key: string; text: string; path: string }[] = [];
  const files: { path: string; ageSeconds: number }[] = [];
  const unread: string[] = [];
  for (const line of lines) {
    const [, kind, rest = ''] = ROW.exec(line) ?? [];
    const [first = '', second = '', ...more] = rest.split(' ');
    if (kind === 'arg') args.push({ key: first, text: second });
    if (kind === 'file') files.push({ path: rest.slice(first.length + 1), ageSeconds: Number(first) || 0 });
    const [key = '', ...text] = more;
    const path = files[Number(first) - 1]?.path;
    if (kind === 'set' && path !== undefined) sets.push({ section: second, key, text: text.join(' '), path });
    if (kind === 'unread') unread.push(rest);
  }
  return { args, sets, files, unread, isInside: lines.includes('inside'), isUnnamed: lines.includes('unnamed') };
}

/**
 * What counts of a setting, which has these names: what the command line says before what files say, the later before the earlier, as
 * each of these programs does it. A setting of pools is that of all of them together. null: not set, or a file that may say otherwise
 * could not be read. `ageSeconds`: for how long it has run; null: not known.
 */
export function settingOf(
  program: string,
  keys: readonly string[],
  { args, sets, files, unread }: ReadSettings,
  ageSeconds: number | null,
): SetValue | null {
  const names = keys.map((key) => key.toLowerCase());
  const given = args.findLast(({ key }) => names.includes(key));
  if (given !== undefined) return { ...given, path: null, doubt: null, pools: 1 };
  const { sections, form } = CONFIG_FILES[program] ?? { sections: null, form: null };
  const own = sets.filter(({ key, section }) => names.includes(key) && (sections?.test(section) ?? true));
  const last = own.at(-1);
  if (last === undefined || unread.length > 0) return null;
  const { key, path } = last;
  const isChanged = ageSeconds !== null && files.some((file) => file.ageSeconds < ageSeconds);
  const doubt = /-\d/.test(last.section) && form === 'cnf' ? 'version' : isChanged ? 'changed' : null;
  const pools = form === 'fpm' ? new Map(own.map(({ section, text }) => [section, text])) : new Map([['', last.text]]);
  const counts = [...pools.values()].map((text) => (/^\d{1,6}$/.test(text) ? Number(text) : NaN));
  const total = counts.reduce((sum, count) => sum + count, 0);
  const text = pools.size === 1 ? last.text : Number.isNaN(total) ? '?' : String(total);
  return { key, text, path, doubt, pools: pools.size };
}
