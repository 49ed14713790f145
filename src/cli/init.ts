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

interface Answers {
  channel: string;
  key: string;
  hosts: readonly Record<string, unknown>[];
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

async function askQuestions(): Promise<Answers> {
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  async function ask(question: string, otherwise: string): Promise<string> {
    const said = (await lines.question(`${question}${otherwise === '' ? '' : ` [${otherwise}]`}: `)).trim();
    return said === '' ? otherwise : said;
  }
  try {
    const channel = await ask('Slack channel for kills', '#oom');
    const key = await ask('SSH key to log in with (empty: the agent, then ~/.ssh/id_*)', '');
    const hosts: Record<string, unknown>[] = [];
    for (;;) {
      const name = await ask(`Host ${hosts.length + 1}, a name of ~/.ssh/config or your own (empty: done)`, '');
      if (name === '') break;
      if (isSshConfigHost(name)) hosts.push({ sshConfig: name });
      else {
        const address = await ask('  Address', name);
        const tags = (await ask('  Tags, separated by spaces', '')).split(/\s+/).filter((tag) => tag !== '');
        hosts.push({ name, address, ...(tags.length === 0 ? {} : { tags }) });
      }
    }
    return { channel: channel.startsWith('#') ? channel : `#${channel}`, key, hosts };
  } finally {
    lines.close();
  }
}

/** The file as it is written. Throws when what was answered is no configuration. */
export function renderConfig({ channel, key, hosts }: Answers): string {
  const checked = ConfigFile.safeParse({
    workspace: { channel },
    hosts,
    ...(key === '' ? {} : { ssh: { identityFile: key } }),
  });
  if (!checked.success) {
    const [issue] = checked.error.issues;
    throw new Error(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not usable'}`);
  }
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
