import type { HostKey } from '../app/host-link.ts';
import type { Ssh } from './open-ssh.ts';
import type { SshTarget } from './target.ts';

// No key has this fingerprint: the handshake ends when the host has shown its key, before anything of ours is sent.
const NONE = 'SHA256:none';
const PATIENCE_MS = 25_000;

/** The key that a host shows now, for a person to compare. Nothing is trusted and nothing is stored. */
export async function readHostKey(
  ssh: Ssh,
  target: SshTarget,
): Promise<{ kind: 'key'; key: HostKey } | { kind: 'failed'; sentence: string }> {
  const connection = ssh.connect({ ...target, fingerprints: [NONE], knownHosts: [] });
  const settled = Promise.withResolvers<void>();
  const timer = setTimeout(settled.resolve, PATIENCE_MS);
  const stop = connection.onState((state) => {
    if (state.kind !== 'connecting') settled.resolve();
  });
  try {
    if (connection.state().kind === 'connecting') await settled.promise;
    const { hostKey, sentence } = connection.state();
    if (hostKey !== null) return { kind: 'key', key: hostKey };
    return { kind: 'failed', sentence: sentence === '' ? 'It did not answer in time.' : sentence };
  } finally {
    stop();
    clearTimeout(timer);
    await connection.close();
  }
}
