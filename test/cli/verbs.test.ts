import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand, type Ran } from '../support/command.ts';
import { needs } from '../support/needs.ts';

const dir = mkdtempSync(path.join(tmpdir(), 'oombot-verbs-'));
afterAll(() => rmSync(dir, { recursive: true }));

function oombot(...args: string[]): Promise<Ran> {
  return runCommand(args, { cwd: dir, env: { HOME: dir } });
}

describe('each verb', { timeout: 120_000 }, () => {
  it('has a help of its own with an example, and takes --config', async () => {
    const { out } = await oombot('completion', 'bash');
    const verbs = [...out.matchAll(/^ +'([a-z -]+)'\) words='.*options='(.*)' ;;$/gm)]
      .filter(([, , options]) => options?.includes('--config'))
      .map(([, name = '']) => name);
    const helps = await Promise.all(verbs.map(async (verb) => (await oombot(...verb.split(' '), '--help')).out));

    expect(verbs).toEqual(
      expect.arrayContaining(['parse', 'run', 'check slack', 'why', 'audit verify', 'init', 'completion']),
    );
    expect(verbs.filter((verb, at) => !exampleIn(helps[at] ?? '').includes(`oombot ${verb}`))).toEqual([]);
    expect(verbs.filter((_, at) => !helps[at]?.includes('--config <file>'))).toEqual([]);
  });

  function exampleIn(help: string): string {
    return /\nExample:\n {2}(.+)\n$/.exec(help)?.[1] ?? '';
  }

  it.each<[string[], RegExp]>([
    [['chekc'], /unknown command 'chekc'\n\(Did you mean check\?\)\nTry: oombot --help/],
    [['config', 'chek'], /\(Did you mean check\?\)\nTry: oombot config --help/],
    [['parse', '--jsn', 'x'], /\(Did you mean --json\?\)\nFor example: .*\nTry: oombot parse --help/],
    [['completion', 'bsh'], /Allowed choices are bash, zsh, fish\.\nFor example: .*\nTry: oombot completion --help/],
    [['backup'], /missing required argument 'file'\nFor example: .*\nTry: oombot backup --help/],
    [['config', 'check', '--config', 'gone.yaml'], /gone\.yaml cannot be read: .*with --config or OOMBOT_CONFIG/],
    [['init'], /there is no terminal to ask on.*oombot init db01 web1/],
    [['init', 'db01'], /~\/\.ssh\/config has no Host db01/],
  ])('answers the slip %j with what to type, and exit 2', async (args, sentence) => {
    const { status, out, err } = await oombot(...args);

    expect(err).toMatch(sentence);
    expect({ status, out }).toEqual({ status: 2, out: '' });
  });
});

describe('completion', { timeout: 60_000 }, () => {
  function file(shell: string): string {
    return path.join(dir, `completion.${shell}`);
  }
  beforeAll(async () => {
    for (const shell of ['bash', 'zsh', 'fish']) writeFileSync(file(shell), (await oombot('completion', shell)).out);
  });

  const WORDS: [string[], string[], string[]][] = [
    [['ch'], ['check'], ['parse', '--config']],
    [['check', 's'], ['slack'], ['check']],
    [['parse', '--s'], ['--summary', '--since'], ['--json']],
    [['audit', ''], ['verify', 'export'], ['check']],
    [['completion', ''], ['bash', 'zsh', 'fish'], ['parse']],
  ];

  it.each(WORDS)('of bash offers after %j %j', needs('bash'), (typed, offered, others) => {
    const words = ['oombot', ...typed].map((word) => `'${word}'`).join(' ');
    const said = execFileSync(
      'bash',
      [
        '-c',
        `. ${file('bash')}; COMP_WORDS=(${words}); COMP_CWORD=${typed.length}; _oombot; printf '%s\\n' "\${COMPREPLY[@]}"`,
      ],
      { encoding: 'utf8' },
    ).split('\n');

    expect(said).toEqual(expect.arrayContaining(offered));
    expect(said.filter((word) => others.includes(word))).toEqual([]);
  });

  it.each(WORDS)('of zsh offers after %j %j', needs('zsh'), (typed, offered) => {
    const words = ['oombot', ...typed].map((word) => `'${word}'`).join(' ');
    const script = `compadd() { shift; print -l -- "$@" }; words=(${words}); CURRENT=${typed.length + 1}; . ${file('zsh')}`;
    const said = execFileSync('zsh', ['-f', '-c', script], { encoding: 'utf8' }).split('\n');

    // All that fit the place: zsh itself keeps those that begin as typed.
    expect(said).toEqual(expect.arrayContaining(offered));
  });

  it.each(WORDS)('of fish offers after %j %j', needs('fish'), (typed, offered, others) => {
    const script = `source ${file('fish')}; complete -C "oombot ${typed.join(' ')}"`;
    const said = execFileSync('fish', ['--no-config', '-c', script], { encoding: 'utf8', cwd: dir, env: { HOME: dir } })
      .split('\n')
      .map((line) => line.split('\t')[0] ?? '');

    expect(said).toEqual(expect.arrayContaining(offered));
    expect(said.filter((word) => others.includes(word))).toEqual([]);
  });
});

describe('init', { timeout: 60_000 }, () => {
  it('writes a file from names of ~/.ssh/config that the bot takes, and never over one that is there', async () => {
    const ssh = path.join(dir, '.ssh');
    execFileSync('sh', ['-c', `mkdir -p "$1" && printf 'Host db01\\n  HostName 10.0.0.11\\n' >"$1/config"`, 'sh', ssh]);
    const first = await oombot('init', 'db01', '--config', 'first.yaml');
    const checked = await oombot('config', 'check', '--config', 'first.yaml');
    const second = await oombot('init', 'db01', '--config', 'first.yaml');

    expect(first).toMatchObject({ status: 0, err: '' });
    expect(first.out).toContain('Next: oombot config check, then oombot check');
    expect(checked.out).toContain('first.yaml: 1 host');
    expect(second).toMatchObject({ status: 1, out: '' });
    expect(second.err).toContain('it exists already');
  });
});
