import { access, constants, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { styleText } from 'node:util';
import { loadConfig, type Config } from '../config/config.ts';
import { openInventories } from '../run/inventories.ts';
import { systemClock as clock } from '../run/system-clock.ts';

const EXIT_WRONG = 1;

/** `wrong`: the bot cannot do what the configuration asks. `odd`: it can, but hardly what was meant. */
export interface ConfigFinding {
  kind: 'wrong' | 'odd';
  sentence: string;
}

/** The verb `config check`. Exit 0 when nothing is wrong; what cannot be read at all is a ConfigError with its own exit status. */
export async function checkConfig(): Promise<number> {
  const config = loadConfig();
  const findings = await findConfigProblems(config);
  printFindings(findings);
  const hosts = `${config.hosts.length} ${config.hosts.length === 1 ? 'host' : 'hosts'}`;
  const mode = config.slack.botToken === null ? 'the local workspace (no Slack tokens)' : 'Slack';
  process.stdout.write(
    `${config.file ?? 'No oombot.yaml, all defaults'}: ${hosts}, ${mode}, ${findings.length === 0 ? 'no problems' : `${findings.length} to look at`}.\n`,
  );
  return findings.some((one) => one.kind === 'wrong') ? EXIT_WRONG : 0;
}

/** One line each. */
export function printFindings(findings: readonly ConfigFinding[]): void {
  const colour = process.stdout.isTTY && process.stdout.hasColors();
  for (const { kind, sentence } of findings) {
    const tone = kind === 'wrong' ? 'red' : 'yellow';
    process.stdout.write(`${colour ? styleText(tone, kind, { validateStream: false }) : kind}: ${sentence}\n`);
  }
}

/** Everything that can be checked without a network: what does not fit together, and files and ports of this machine. */
export async function findConfigProblems(config: Config): Promise<ConfigFinding[]> {
  return [
    ...config.warnings.map(odd),
    ...(await inventoryProblems(config)),
    ...oddRoutes(config),
    ...oddWarnings(config),
    ...webhookProblems(config),
    ...tokenProblems(config),
    ...approvalProblems(config),
    ...(await fileProblems(config)),
    ...(await databaseProblems(config)),
    ...(await portProblems(config)),
  ];
}

/** Those that are files; what answers over a network is read by `oombot check`. */
async function inventoryProblems(config: Config): Promise<ConfigFinding[]> {
  const sentences: string[] = [];
  const log = {
    info: () => {},
    warn: (facts: Record<string, unknown>) => void sentences.push(String(facts['sentence'] ?? facts['problem'])),
    error: () => {},
  };
  const here = { ...config, inventory: config.inventory.filter(({ kind }) => kind !== 'http_sd') };
  const inventories = openInventories({ config: () => here, store: null, clock, log });
  await inventories.refresh('all', new AbortController().signal);
  inventories.hosts(new Set(config.hosts.map(({ name }) => name)));
  return sentences.map(odd);
}

function odd(sentence: string): ConfigFinding {
  return { kind: 'odd', sentence };
}

function wrong(sentence: string): ConfigFinding {
  return { kind: 'wrong', sentence };
}

function oddRoutes({ routes, hosts }: Config): ConfigFinding[] {
  return routes.flatMap(({ tags, channel }, at) => {
    const name = `routes[${at}] (to ${channel})`;
    if (tags.length === 0) {
      const hidden = routes.length - at - 1;
      return [
        odd(
          `${name} has no tags, so it takes every host${hidden === 0 ? '' : `, and the ${hidden} after it none`}. Use workspace.channel for a default.`,
        ),
      ];
    }
    const matching = hosts.filter((host) => tags.every((tag) => host.tags.includes(tag)));
    if (matching.length === 0) return [odd(`${name} matches no host: none has the tags ${tags.join(', ')}.`)];
    const reached = matching.some(
      (host) => routes.findIndex((route) => route.tags.every((tag) => host.tags.includes(tag))) === at,
    );
    return reached ? [] : [odd(`${name} is never used: a route before it takes all of its hosts.`)];
  });
}

function oddWarnings({ earlyWarning, hosts }: Config): ConfigFinding[] {
  return earlyWarning.flatMap(({ tags }, at) =>
    hosts.some((host) => tags.every((tag) => host.tags.includes(tag)))
      ? []
      : [odd(`earlyWarning[${at}] matches no host: none has the tags ${tags.join(', ')}.`)],
  );
}

function webhookProblems({ webhooks, hosts }: Config): ConfigFinding[] {
  return webhooks.flatMap(({ tags, secret }, at) => [
    ...(secret.kind === 'fault' ? [wrong(secret.sentence)] : []),
    ...(tags.length === 0 || hosts.some((host) => tags.every((tag) => host.tags.includes(tag)))
      ? []
      : [odd(`webhooks[${at}] matches no host: none has the tags ${tags.join(', ')}.`)]),
  ]);
}

function tokenProblems({ slack }: Config): ConfigFinding[] {
  return [
    ...(slack.botToken !== null && !slack.botToken.startsWith('xoxb-')
      ? [wrong('SLACK_BOT_TOKEN does not begin with xoxb-: copy the Bot User OAuth Token.')]
      : []),
    ...(slack.appToken !== null && !slack.appToken.startsWith('xapp-')
      ? [wrong('SLACK_APP_TOKEN does not begin with xapp-: generate an App-Level Token with connections:write.')]
      : []),
  ];
}

function approvalProblems({ approvals, slack }: Config): ConfigFinding[] {
  const people = approvals.approvers;
  if (people === null)
    return slack.botToken === null
      ? []
      : [
          odd(
            'approvals.approvers is not set, so nothing can be proposed: name users (U…) and user groups (S…), or write anyone.',
          ),
        ];
  if (people === 'anyone') return [];
  const isGroup = people.some((one) => one.startsWith('S'));
  return !isGroup && people.length < approvals.quorum + (approvals.selfApproval ? 0 : 1)
    ? [
        odd(
          `approvals.quorum is ${approvals.quorum}, and ${people.length} approvers are too few where one of them proposes.`,
        ),
      ]
    : [];
}

async function fileProblems({ hosts, sshDefaults }: Config): Promise<ConfigFinding[]> {
  const keys = new Map<string, string>();
  if (sshDefaults.identityFile !== null) keys.set(sshDefaults.identityFile, 'ssh.identityFile');
  const known = new Map<string, string>();
  for (const host of hosts) {
    const { identityFile, knownHosts, fingerprints } = host.target;
    if (identityFile !== null && !keys.has(identityFile)) keys.set(identityFile, `the key of ${host.name}`);
    if (fingerprints.length === 0 && !known.has(knownHosts.join()))
      known.set(knownHosts.join(), `the host key of ${host.name}`);
  }
  const found: ConfigFinding[] = [];
  for (const [file, what] of keys) {
    if (!(await isReadable(file)))
      found.push(wrong(`${what} is ${file}, which cannot be read. Create it with: ssh-keygen -t ed25519 -f ${file}`));
    else if (((await stat(file)).mode & 0o077) !== 0)
      found.push(odd(`${file} can be read by others: chmod 600 ${file}`));
  }
  for (const [list, what] of known) {
    const files = list.split(',');
    if (!(await Promise.all(files.map(isReadable))).some(Boolean))
      found.push(
        wrong(`${what} cannot be checked: there is no ${files.join(' or ')}. Create it with ssh-keyscan, and compare.`),
      );
  }
  return found;
}

async function databaseProblems({ database }: Config): Promise<ConfigFinding[]> {
  if (database.kind === 'postgres') return [];
  const folder = path.dirname(path.resolve(database.path));
  for (let place = folder; ; place = path.dirname(place)) {
    const exists = await stat(place).catch(() => null);
    if (exists === null && place !== path.dirname(place)) continue;
    return (await may(place, constants.W_OK))
      ? []
      : [wrong(`database is ${database.path}, and this user cannot write to ${place}.`)];
  }
}

async function portProblems({ http }: Config): Promise<ConfigFinding[]> {
  if (http.port === 0) return [];
  const server = createServer();
  const fault = await new Promise<string | null>((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen(http.port, http.host, () => resolve(null));
  });
  server.close();
  if (fault === null) return [];
  if (fault === 'EADDRINUSE')
    return [odd(`http is ${http.host}:${http.port}, which is in use now: by a running oombot, or by something else.`)];
  return [wrong(`http is ${http.host}:${http.port}, and it cannot be listened on: ${fault}.`)];
}

function isReadable(file: string): Promise<boolean> {
  return may(file, constants.R_OK);
}

function may(file: string, mode: number): Promise<boolean> {
  return access(file, mode).then(
    () => true,
    () => false,
  );
}
