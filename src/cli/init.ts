import { writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline/promises';
import { stringify } from 'yaml';
import { ConfigFile } from '../config/schema.ts';
import { openSshConfigFile } from '../ssh/ssh-config-file.ts';

const EXIT_REFUSED = 1;
const EXIT_USAGE = 2;

export interface InitOptions {
  /** Where to write; an existing file is never overwritten. */
  file: string;
  /** Hosts of ~/.ssh/config to take over; none: ask. */
  names: readonly string[];
}

type Host = Record<string, unknown>;

interface Answers {
  channel: string;
  key: string;
  hosts: readonly Host[];
}

/** The verb `init`: writes a commented configuration after a few questions, or from the names given. Gives the exit status. */
export async function initConfig({ file, names }: InitOptions): Promise<number> {
  if (names.length === 0 && !process.stdin.isTTY) {
    process.stderr.write(
      'oombot init: there is no terminal to ask on. Name hosts of ~/.ssh/config: oombot init db01 web1\n',
    );
    return EXIT_USAGE;
  }
  const unknown = names.filter((name) => !isSshConfigHost(name));
  if (unknown.length > 0) {
    process.stderr.write(`oombot init: ~/.ssh/config has no Host ${unknown.join(' or ')}\n`);
    return EXIT_USAGE;
  }
  const answers =
    names.length > 0
      ? { channel: '#oom', key: '', hosts: names.map((sshConfig) => ({ sshConfig })) }
      : await askQuestions();
  if (answers === null) {
    process.stderr.write(`\noombot init: ${file} was not written: not all was answered\n`);
    return EXIT_REFUSED;
  }
  const text = renderConfig(answers);
  try {
    writeFileSync(file, text, { flag: 'wx', mode: 0o640 });
  } catch (error) {
    const exists = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    const why = exists ? 'it exists already: remove it first, or name another with --config' : String(error);
    process.stderr.write(`oombot init: ${file} was not written: ${why}\n`);
    return EXIT_REFUSED;
  }
  process.stdout.write(`${file} is written. Next: oombot config check, then oombot check\n`);
  return 0;
}

/** null: the input ended before all was answered. */
async function askQuestions(): Promise<Answers | null> {
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  const ended = new AbortController();
  lines.once('close', () => ended.abort());
  async function ask(question: string, otherwise: string): Promise<string> {
    const shown = `${question}${otherwise === '' ? '' : ` [${otherwise}]`}: `;
    const said = (await lines.question(shown, { signal: ended.signal })).trim();
    return said === '' ? otherwise : said;
  }
  /** Asks until what was answered can stand in the configuration. */
  async function askFor<Value>(question: () => Promise<Value>, fits: (value: Value) => object): Promise<Value> {
    for (;;) {
      const value = await question();
      const problem = problemIn(fits(value));
      if (problem === null) return value;
      process.stdout.write(`  ${problem}\n`);
    }
  }
  async function askHost(number: number): Promise<Host | null> {
    const name = await ask(`Host ${number}, a name of ~/.ssh/config or your own (empty: done)`, '');
    if (name === '') return null;
    if (isSshConfigHost(name)) return { sshConfig: name };
    const problem = problemIn({ hosts: [{ name }] });
    // What stands no chance is not asked about further.
    if (problem !== null) return { name };
    const address = await ask('  Address', name);
    const tags = (await ask('  Tags, separated by spaces', '')).split(/\s+/).filter((tag) => tag !== '');
    return { name, address, ...(tags.length === 0 ? {} : { tags }) };
  }
  try {
    const channel = await askFor(
      async () => {
        const said = await ask('Slack channel for kills', '#oom');
        return /^(?:#.*|[CG][A-Z0-9]{8,})$/.test(said) ? said : `#${said}`;
      },
      (one) => ({ workspace: { channel: one } }),
    );
    const key = await ask('SSH key to log in with (empty: the agent, then ~/.ssh/id_*)', '');
    const hosts: Host[] = [];
    for (;;) {
      const host = await askFor(
        () => askHost(hosts.length + 1),
        (one) => ({ hosts: one === null ? hosts : [...hosts, one] }),
      );
      if (host === null) return { channel, key, hosts };
      hosts.push(host);
    }
  } catch (error) {
    if (ended.signal.aborted) return null;
    throw error;
  } finally {
    lines.close();
  }
}

/** The first thing in it that is no configuration, as a sentence; null: all of it is. */
function problemIn(file: object): string | null {
  const [issue] = ConfigFile.safeParse(file).error?.issues ?? [];
  return issue === undefined ? null : `${issue.path.join('.')}: ${issue.message}`;
}

/** The file as it is written. Throws when what was answered is no configuration. */
export function renderConfig({ channel, key, hosts }: Answers): string {
  const problem = problemIn({
    workspace: { channel },
    hosts,
    ...(key === '' ? {} : { ssh: { identityFile: key } }),
  });
  if (problem !== null) throw new Error(problem);
  return `# oombot: every key is in docs/configuration.md, and how to run it in docs/operate.md. After a change: oombot config check
${stringify({ workspace: { channel } })}
# Kills of hosts with all of these tags go elsewhere; the first match wins.
# routes:
#   - tags: [db]
#     channel: "#db-alerts"

# Who may approve a change of oom_score_adj: users (U…) and user groups (S…).
# approvals:
#   approvers: [U024BE7LH]

${key === '' ? '# ssh:\n#   user: oombot\n#   identityFile: ~/.ssh/oombot_ed25519\n' : stringify({ ssh: { identityFile: key } })}
${hosts.length === 0 ? '# hosts:\n#   - name: db01\n#     address: 10.0.0.11\n#     tags: [db, prod]\n' : stringify({ hosts })}
database: sqlite:./data/oombot.db
http: 127.0.0.1:3000
`;
}

function isSshConfigHost(name: string): boolean {
  try {
    const home = homedir();
    const reader = openSshConfigFile(path.join(home, '.ssh/config'), { home, localUser: '' });
    return reader.linesFor(name, { given: null, otherwise: '' }).isNamed;
  } catch {
    return false; // No such file, or one that cannot be used.
  }
}
