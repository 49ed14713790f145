import type { Clock } from '../app/ports.ts';
import type { HostConfig } from '../config/config.ts';
import { checkHost } from '../setup/check.ts';
import { setupAgainLine } from '../setup/check-changes.ts';
import type { CheckedHost, Finding } from '../setup/finding.ts';
import type { Connection, ConnectionState } from '../ssh/connection.ts';
import { probeHost } from '../ssh/probe.ts';

const LOGIN_PATIENCE_MS = 30_000;

/** Logs in, looks around, and says what is off. Never throws for what the host does. */
export async function checkConnection(config: HostConfig, connection: Connection, clock: Clock): Promise<Finding[]> {
  const host = checkedHost(config);
  await settled(connection, clock);
  const state = connection.state();
  if (state.kind !== 'connected') {
    const sentence = state.sentence === '' ? 'The host did not answer in time.' : state.sentence;
    return checkHost({
      host,
      login: { reason: state.reason ?? 'network', sentence, hostKey: state.hostKey },
      probe: null,
    });
  }
  const looked = await probeHost(connection, { logFiles: config.logFiles, clock });
  if (looked.kind === 'probed') return checkHost({ host, login: null, probe: looked.probe });
  return checkHost({ host, login: { reason: 'network', sentence: looked.sentence, hostKey: null }, probe: null });
}

/** The line that sets a connected host up again, with what this version brings; null: it does not answer. */
export async function readSetupLine(config: HostConfig, connection: Connection, clock: Clock): Promise<string | null> {
  const looked = await probeHost(connection, { logFiles: config.logFiles, clock });
  return looked.kind === 'probed' ? setupAgainLine(checkedHost(config), looked.probe) : null;
}

/** Resolves when the connection is there, or is known not to come now. */
async function settled(connection: Connection, clock: Clock): Promise<void> {
  if (!isOpen(connection.state())) return;
  const changed = new AbortController();
  const stop = connection.onState((state) => {
    if (!isOpen(state)) changed.abort();
  });
  await clock.sleep(LOGIN_PATIENCE_MS, changed.signal).catch(() => undefined);
  stop();
}

function isOpen({ kind }: ConnectionState): boolean {
  return kind === 'connecting' || kind === 'resting';
}

function checkedHost({ name, target, logFiles }: HostConfig): CheckedHost {
  const { address, port, user, identityFile, knownHosts, fingerprints, jump, openssh } = target;
  const way = jump === null ? null : { address: jump.address, port: jump.port, user: jump.user };
  const transport = openssh === undefined ? 'ssh2' : 'openssh';
  return { name, address, port, user, identityFile, knownHosts, fingerprints, jump: way, transport, logFiles };
}
