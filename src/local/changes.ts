import type { Message } from './message.ts';

/** Something that a reader of the workspace could notice. */
export type Change =
  | { kind: 'message'; message: Message }
  | { kind: 'removed'; channel: string; ts: string; threadTs: string | null; onlyFor: string | null }
  | { kind: 'view'; person: string }
  | { kind: 'home'; person: string }
  | { kind: 'read'; person: string; channel: string }
  | { kind: 'sockets'; count: number };

/** Tells every subscriber of each change, in order. A subscriber must not throw. */
export interface Changes {
  emit: (change: Change) => void;
  /** Returns the way to stop it. */
  subscribe: (listener: (change: Change) => void) => () => void;
}

export function openChanges(): Changes {
  const listeners = new Set<(change: Change) => void>();
  return {
    emit(change) {
      for (const listener of listeners) listener(change);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
