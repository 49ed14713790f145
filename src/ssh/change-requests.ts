import type { ChangeAccess, LimitedGroup, RequestEnd } from '../app/host-link.ts';
import type { Clock } from '../app/ports.ts';
import type { Connection } from './connection.ts';
import { probeHost, type Probe } from './probe.ts';
import { remoteCommand } from '../remote/command.ts';
import { COMMANDS, helperCommand } from '../remote/scripts.ts';

const TIMEOUT_MS = 20_000;
const ANSWER_MAX_BYTES = 64 * 1024;

/** How changes are asked of one host, by the means that a look at it found. `openWriter`: the account that can do nothing else, if the host has one. */
export function openChangeAccess(
  connection: Connection,
  world: {
    clock: Clock;
    logFiles: string[] | null;
    lastProbe: () => Probe | null;
    openWriter: () => Connection | null;
    /** The helper's text for a host that has none, to be run by the account itself. */
    ownHelper: () => string;
  },
): ChangeAccess {
  let writer: Connection | null = null;
  let probe: Probe | null = null;

  /** What was found last; looked for anew while there was nothing to call, and when that was refused. */
  async function found(isRefused = false): Promise<Probe | string> {
    probe = isRefused ? null : (probe ?? world.lastProbe());
    if (probe !== null && (probe.oomAdj !== null || probe.setup.writer)) return probe;
    const looked = await probeHost(connection, { logFiles: world.logFiles, clock: world.clock });
    if (looked.kind === 'failed') return looked.sentence;
    ({ probe } = looked);
    return probe;
  }

  async function request(line: string): Promise<RequestEnd> {
    const state = connection.state();
    if (state.kind !== 'connected') return { kind: 'unsent', sentence: state.sentence };
    const end = await requestBy(await found(), line);
    // Nothing was started, and by now the host may be set up otherwise.
    return end.kind === 'no-helper' ? requestBy(await found(true), line) : end;
  }

  async function requestBy(facts: Probe | string, line: string): Promise<RequestEnd> {
    if (typeof facts === 'string') return { kind: 'unsent', sentence: facts };
    if (facts.oomAdj !== null) return send(connection, helperCommand('oom-adj', facts.oomAdj), line, null);
    if (facts.setup.writer) {
      writer ??= world.openWriter();
      // The forced command runs whatever is asked for.
      if (writer !== null) return throughWriter(writer, line);
    }
    // Without the helper the same checks are made by the same script as this user, who may raise values of its own processes.
    return send(connection, remoteCommand('own-adj', world.ownHelper()), line, facts.uid);
  }

  async function throughWriter(to: Connection, line: string): Promise<RequestEnd> {
    const patience = AbortSignal.timeout(TIMEOUT_MS);
    try {
      await to.whenConnected(patience);
    } catch {
      return { kind: 'unsent', sentence: to.state().sentence };
    }
    return send(to, helperCommand('oom-adj', 'sudo'), line, null);
  }

  async function limitOf(cgroup: string): Promise<LimitedGroup | null> {
    if (!/^\/[^\n\0]{1,4000}$/.test(cgroup)) return null;
    const { stdout, end } = await connection.exec(COMMANDS.limit, {
      stdin: `${cgroup}\n`,
      timeoutMs: TIMEOUT_MS,
      maxBytes: ANSWER_MAX_BYTES,
    });
    const line = end.kind === 'exit' ? /^limit (\d{1,18}) (\/.*)$/m.exec(stdout.toString('utf8')) : null;
    return line ? { path: line[2] ?? '', limitKiB: Math.floor(Number(line[1]) / 1024) } : null;
  }

  return {
    request,
    limitOf,
    killers: async () => {
      const facts = await found();
      return typeof facts === 'string' ? [] : facts.killers;
    },
    close: async () => writer?.close(),
  };
}

async function send(connection: Connection, command: string, line: string, asUid: number | null): Promise<RequestEnd> {
  const { stdout, stderr, end } = await connection.exec(command, {
    stdin: line,
    timeoutMs: TIMEOUT_MS,
    maxBytes: ANSWER_MAX_BYTES,
  });
  const text = stdout.toString('latin1');
  switch (end.kind) {
    case 'exit':
      if (/^(?:ok|refused) /m.test(text)) return { kind: 'answered', text, asUid };
      if (/^#oombot-host \d+ refused /m.test(text))
        return { kind: 'no-helper', sentence: 'the bot’s key is not allowed to request changes there' };
      return refusedBySudo(stderr)
        ? { kind: 'no-helper', sentence: lastLine(stderr) }
        : { kind: 'unknown', sentence: `no answer, exit code ${end.code}` };
    case 'refused':
      return { kind: 'unsent', sentence: end.sentence };
    case 'fault':
      return { kind: 'unknown', sentence: end.sentence };
    case 'signal':
    case 'lost':
    case 'timeout':
    case 'too-much':
    case 'aborted':
      return { kind: 'unknown', sentence: `the request ended without an answer (${end.kind})` };
  }
}

/** They say so before they start anything. */
function refusedBySudo(stderr: string): boolean {
  return /^(?:sudo|doas): /m.test(stderr) && /password|not allowed|permitted|tty|not found/i.test(stderr);
}

function lastLine(text: string): string {
  return (
    text
      .trim()
      .split('\n')
      .at(-1)
      ?.replaceAll(/[^\x20-\x7e]+/g, ' ')
      .slice(0, 200) ?? ''
  );
}
