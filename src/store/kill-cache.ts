import type { Kill } from '../incident/incident.ts';

/**
 * Kills as they were last read, so that an incident that grows does not read all its kills anew. Only for a process that alone
 * writes: whatever changes a kill says so here, and what is undone empties it.
 */
export interface KillCache {
  get: (host: string, key: string) => Kill | undefined;
  /** Grows with each change: what was read under an older one may be out of date. */
  edition: () => number;
  /** Not taken where something changed since that edition. `bytes`: what its text takes. */
  put: (kill: Kill, bytes: number, edition: number) => void;
  forget: (host: string, key: string) => void;
  clear: () => void;
}

/** Of JSON text; as objects they take two to three times as much. */
const BYTES_MAX = 4 * 1024 * 1024;

/** An empty cache that keeps what was asked for last. */
export function openKillCache(): KillCache {
  const kept = new Map<string, { kill: Kill; bytes: number }>();
  let total = 0;
  let changes = 0;

  function nameOf(host: string, key: string): string {
    return `${host}\n${key}`;
  }

  function drop(name: string): void {
    total -= kept.get(name)?.bytes ?? 0;
    kept.delete(name);
  }

  return {
    get: (host, key) => {
      const name = nameOf(host, key);
      const known = kept.get(name);
      if (known === undefined) return undefined;
      kept.delete(name);
      kept.set(name, known);
      return known.kill;
    },
    edition: () => changes,
    put: (kill, bytes, edition) => {
      if (edition !== changes) return;
      const name = nameOf(kill.host, kill.key);
      drop(name);
      kept.set(name, { kill, bytes });
      total += bytes;
      for (const [oldest] of kept) {
        if (total <= BYTES_MAX) break;
        drop(oldest);
      }
    },
    forget: (host, key) => {
      changes += 1;
      drop(nameOf(host, key));
    },
    clear: () => {
      changes += 1;
      total = 0;
      kept.clear();
    },
  };
}
