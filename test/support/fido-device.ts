import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A FIDO device in software, to ssh and ssh-keygen as any other. */
export interface FidoDevice {
  /** For SecurityKeyProvider. */
  provider: string;
  /** What ssh must find set to see the device. */
  env: Record<string, string>;
  /** Makes a key on it, whose halves then lie in files as those of any other. */
  makeKey: (file: string, type: 'ed25519-sk' | 'ecdsa-sk', options?: readonly string[]) => void;
  /** `isWaiting`: it waits to be touched. */
  plugIn: (isWaiting?: boolean) => void;
  /** Resolves once somebody has waited for it. */
  touch: () => Promise<void>;
  unplug: () => void;
  close: () => void;
}

export function openFidoDevice(): FidoDevice {
  const dir = mkdtempSync(path.join(tmpdir(), 'oombot-fido-'));
  const [provider, device] = [path.join(dir, 'provider.so'), path.join(dir, 'device')];
  const source = path.join(import.meta.dirname, 'software-fido-key.c');
  execFileSync('cc', ['-shared', '-fPIC', '-Wall', '-Wextra', '-Werror', '-o', provider, source, '-lcrypto']);
  const env = { SOFTWARE_FIDO_DEVICE: device };

  function plugIn(isWaiting = false): void {
    rmSync(device, { force: true });
    if (isWaiting) execFileSync('mkfifo', [device]);
    else writeFileSync(device, '');
  }
  /** A pipe that is opened for writing while nobody reads it would hold a thread of this process for ever. */
  async function touch(): Promise<void> {
    for (;;) {
      try {
        closeSync(openSync(device, constants.O_WRONLY | constants.O_NONBLOCK));
        return;
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ENXIO')) throw error;
        await sleep(20);
      }
    }
  }
  plugIn();
  return {
    provider,
    env,
    makeKey: (file, type, options = []) => {
      const words = ['-q', '-t', type, '-w', provider, '-N', '', '-a', '1', '-C', 'test', '-f', file, ...options];
      execFileSync('ssh-keygen', words, { env: { ...process.env, ...env }, stdio: 'pipe' });
    },
    plugIn,
    touch,
    unplug: () => rmSync(device),
    close: () => rmSync(dir, { recursive: true, force: true }),
  };
}
