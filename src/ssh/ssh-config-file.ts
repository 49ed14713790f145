// Lines of ssh_config(5), as readconf.c of OpenSSH 9.2 reads them: `Keyword arg …` or `Keyword=arg …`, quotes around an argument,
// comments after `#`, the first value of a keyword wins. `Host` and `Match` open a section, `Include` reads other files in its place.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

import { matchesPattern } from './known-hosts.ts';

export interface SshConfigLine {
  /** `~/.ssh/config:12`, for people. */
  where: string;
  /** As the file has it. */
  keyword: string;
  args: string[];
  /** All that follows the keyword, as ProxyCommand is not split; the whole line where no keyword is found. */
  rest: string;
}

/** What a file says about one host, in its order. Nothing is merged yet. */
export interface SshConfigLines {
  lines: SshConfigLine[];
  /** A Host or Match line means this host by more than a lone `*`. */
  isNamed: boolean;
  /** Sections that were left out, one sentence each. */
  warnings: string[];
}

export interface SshConfigReader {
  /**
   * The lines for a host, as named on the command line of ssh. `user` is what `-l` would say, or else the login name where no line
   * gives one; `passExec` leaves out what `Match exec` decides. Throws an Error whose sentence says which file cannot be read, or which `Match exec` would have to run.
   */
  linesFor: (host: string, user: { given: string | null; otherwise: string; passExec?: boolean }) => SshConfigLines;
  /** The plain names of its Host lines, and of those of all that it includes, that the pattern means. Throws as `linesFor`. */
  names: (pattern: string) => string[];
  /** The sentence, without its full stop, that says which line may run a program while ssh reads the files; null: none. */
  programLine: () => string | null;
}

const DEPTH_MAX = 16; // READCONF_MAX_DEPTH
const FILE_BYTES_MAX = 1024 * 1024;
const FILES_MAX = 256;

/** Reads a file and those that it includes, each once, however many hosts are asked for. */
export function openSshConfigFile(file: string, world: { home: string; localUser: string }): SshConfigReader {
  const read = new Map<string, SshConfigLine[]>();

  function linesOf(name: string): SshConfigLine[] {
    const known = read.get(name);
    if (known) return known;
    if (read.size >= FILES_MAX) throw new Error(`it includes more than ${FILES_MAX} files`);
    if (statSync(name).size > FILE_BYTES_MAX) throw new Error(`${name} is larger than 1 MiB`);
    const lines = splitLines(readFileSync(name, 'utf8'), shortened(name, world.home));
    read.set(name, lines);
    return lines;
  }

  /** A pattern that matches nothing is no fault, as in OpenSSH. */
  function includedBy({ args }: SshConfigLine): string[] {
    return args.flatMap((arg) => {
      const home = arg.startsWith('~/') ? path.join(world.home, arg.slice(2)) : arg;
      const pattern = path.resolve(world.home, '.ssh', home);
      return filesOf(pattern);
    });
  }

  function namesIn(name: string, depth: number): string[] {
    if (depth > DEPTH_MAX) throw new Error(`its Include lines go deeper than ${DEPTH_MAX} files`);
    return linesOf(name).flatMap((line) => {
      const keyword = line.keyword.toLowerCase();
      if (keyword === 'host') return line.args.filter((arg) => !/[*?!]/.test(arg));
      return keyword === 'include'
        ? includedBy(line)
            .filter(isThere)
            .flatMap((other) => namesIn(other, depth + 1))
        : [];
    });
  }

  /** Whichever sections hold. What versions of ssh read differently counts as the worst that one of them reads. */
  function programLine(): string | null {
    const files = new Set([file]);
    for (const name of files) {
      if (!isThere(name)) continue;
      for (const line of linesOf(name)) {
        const { where, rest } = line;
        const keyword = line.keyword.toLowerCase();
        // Up to 9.8 a quote ends a word, from 9.9 on it is a part of one: `host "a"exec`, `e"xe"c`.
        const unquoted = rest.replaceAll(/["'\\]/g, '');
        if (keyword === 'match' && /(?<![\w.-])exec(?![\w.-])/i.test(`${rest} ${unquoted}`))
          return `${where}: "Match exec" runs a local program`;
        // `=Match exec x` is one.
        if (!/^\w+$/.test(keyword) && /match|include/i.test(unquoted))
          return `${where}: only ssh can read this line, which may run a local program`;
        if (keyword !== 'include') continue;
        if (/[%$`{}()\\]|\*\*/.test(rest) || line.args.some((arg) => /^~[^/]/.test(arg)))
          return `${where}: only ssh can tell which files "Include ${rest.slice(0, 100)}" means, and they may run a local program`;
        for (const other of includedBy(line)) files.add(other);
      }
    }
    return null;
  }

  return {
    programLine,
    names: (pattern) => [...new Set(namesIn(file, 0))].filter((name) => matchesPattern(pattern, name)),
    linesFor: (host, user) => {
      const found: SshConfigLines = { lines: [], isNamed: false, warnings: [] };

      function firstOf(keyword: string): string | undefined {
        return found.lines.find((line) => line.keyword.toLowerCase() === keyword)?.args[0];
      }

      function walk(name: string, depth: number): void {
        if (depth > DEPTH_MAX) throw new Error(`its Include lines go deeper than ${DEPTH_MAX} files`);
        let isActive = true;
        for (const line of linesOf(name)) {
          const keyword = line.keyword.toLowerCase();
          if (keyword === 'host') {
            isActive = matchesList(line.args, host);
            if (isActive && line.args.some((arg) => arg !== '*')) found.isNamed = true;
          } else if (keyword === 'match') isActive = matchesSection(line);
          else if (!isActive) continue;
          else if (keyword === 'include')
            includedBy(line)
              .filter(isThere)
              .forEach((other) => walk(other, depth + 1));
          else found.lines.push(line);
        }
      }

      function matchesSection({ args, where }: SshConfigLine): boolean {
        const words = [...args];
        let [isMatch, isNamed, unsupported] = [true, false, null as string | null];
        for (let word = words.shift(); word !== undefined; word = words.shift()) {
          const isNegated = word.startsWith('!');
          // Newer OpenSSH takes `host=db01` too.
          const [criterion = '', glued] = word.replace(/^!/, '').toLowerCase().split(/=(.*)/s);
          if (criterion === 'all') continue;
          if (criterion === 'canonical') {
            // Host names are not canonicalised here, so this is false.
            isMatch &&= isNegated;
            continue;
          }
          if (criterion === 'final') {
            unsupported = 'final';
            continue;
          }
          const patterns = (glued ?? words.shift() ?? '').split(',');
          const subject = subjectOf(criterion);
          if (subject === null) unsupported = criterion;
          else {
            isMatch &&= matchesList(patterns, subject) !== isNegated;
            isNamed ||= criterion.endsWith('host') && !patterns.includes('*');
          }
        }
        if (isMatch && unsupported === 'exec' && user.passExec !== true)
          throw new Error(`${where}: "Match exec" would run a command, so it is not used; write this host out instead`);
        if (isMatch && unsupported !== null) {
          found.warnings.push(`${where}: "Match ${unsupported}" is not supported, so this section is left out.`);
          return false;
        }
        if (isMatch && isNamed) found.isNamed = true;
        return isMatch;
      }

      function subjectOf(criterion: string): string | null {
        if (criterion === 'originalhost') return host;
        if (criterion === 'host') return firstOf('hostname')?.replaceAll('%h', host).replaceAll('%%', '%') ?? host;
        if (criterion === 'user') return user.given ?? firstOf('user') ?? user.otherwise;
        return criterion === 'localuser' ? world.localUser : null;
      }

      walk(file, 0);
      return found;
    },
  };
}

/** As glob(3), which goes through links to folders; Node's own does not. */
function filesOf(pattern: string): string[] {
  let found = ['/'];
  for (const part of pattern.split('/').filter((one) => one !== '')) {
    found = found.flatMap((folder) => namesAt(folder, part).map((name) => path.join(folder, name)));
    if (found.length > FILES_MAX) throw new Error(`it includes more than ${FILES_MAX} files`);
  }
  return found;
}

function namesAt(folder: string, part: string): string[] {
  if (!/[*?[]/.test(part)) return [part];
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) return [];
  const names = readdirSync(folder).filter((name) => part.startsWith('.') || !name.startsWith('.'));
  return names.filter((name) => path.matchesGlob(name, part)).toSorted();
}

function isThere(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false }) !== undefined;
}

/** A list of patterns; one that is negated and matches wins. */
function matchesList(patterns: readonly string[], text: string): boolean {
  const [no, yes] = [patterns.filter((one) => one.startsWith('!')), patterns.filter((one) => !one.startsWith('!'))];
  return !no.some((one) => matchesPattern(one.slice(1), text)) && yes.some((one) => matchesPattern(one, text));
}

function splitLines(text: string, name: string): SshConfigLine[] {
  return text.split('\n').flatMap((raw, index) => {
    const line = raw.trim();
    const parts = /^"?([A-Za-z]\w*)"?(?:\s*=\s*|\s+)(.*)$/s.exec(line);
    if (line === '' || line.startsWith('#')) return [];
    const [, keyword = line.slice(0, 40), rest = ''] = parts ?? [];
    const where = `${name}:${index + 1}`;
    return [{ where, keyword, args: splitArgs(rest), rest: parts === null ? line : rest }];
  });
}

/** argv_split of OpenSSH's misc.c: quotes of both kinds, a backslash before a quote, a backslash or a space, `#` begins a comment. */
export function splitArgs(text: string): string[] {
  const args: string[] = [];
  let [at, arg, quote] = [0, null as string | null, ''];
  for (; at < text.length; at++) {
    const char = text.charAt(at);
    const next = text.charAt(at + 1);
    if (char === '\\' && (['"', "'", '\\'].includes(next) || (quote === '' && next === ' '))) {
      arg = (arg ?? '') + next;
      at++;
    } else if (quote === '' && (char === ' ' || char === '\t')) {
      if (arg !== null) args.push(arg);
      arg = null;
    } else if (quote === '' && char === '#' && arg === null) break;
    else if (quote === '' && (char === '"' || char === "'")) [quote, arg] = [char, arg ?? ''];
    else if (quote !== '' && char === quote) quote = '';
    else arg = (arg ?? '') + char;
  }
  if (arg !== null) args.push(arg);
  return args;
}

function shortened(file: string, home: string): string {
  return file.startsWith(`${home}/`) ? `~${file.slice(home.length)}` : file;
}
