import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';

import { login } from '../../src/ssh/login.ts';
import { knownKeysFor } from '../../src/ssh/known-hosts.ts';
import type { SshTarget } from '../../src/ssh/target.ts';
import { freePort } from '../support/sshd.ts';

async function tryLogin(signal: AbortSignal) {
  const target: SshTarget = {
    name: 'db01',
    address: '127.0.0.1',
    port: await freePort(),
    user: 'oombot',
    identityFile: null,
    knownHosts: [],
    fingerprints: [],
    jump: null,
  };
  return login({
    target,
    through: null,
    identity: { kind: 'usable', methods: [], words: 'no key', hint: null },
    known: knownKeysFor(target, []),
    readyTimeoutMs: 5_000,
    keepaliveIntervalMs: 1_000,
    nowMs: Date.now,
    signal,
  });
}

describe('a login that fails', () => {
  it('leaves nothing on the signal, which lives as long as the host is watched', async () => {
    const { signal } = new AbortController();

    for (let n = 0; n < 5; n++) expect(await tryLogin(signal)).toMatchObject({ failure: { reason: 'network' } });

    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('is not begun once the signal has aborted', async () => {
    const startedAtMs = Date.now();

    expect(await tryLogin(AbortSignal.abort())).toMatchObject({ kind: 'failed' });

    expect(Date.now() - startedAtMs).toBeLessThan(1_000);
  });
});
