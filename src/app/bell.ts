/** Something that happens again and again, and whoever wants to know of it. */
export interface Bell<T = void> {
  ring: (what: T) => void;
  /** Calls back on every ring from now on; with `afterMs` so long behind it. */
  hear: (listener: (what: T) => void, afterMs?: number) => void;
}

export function openBell<T = void>(): Bell<T> {
  const listeners: ((what: T) => void)[] = [];
  return {
    ring: (what) => {
      for (const listener of listeners) listener(what);
    },
    hear: (listener, afterMs) => {
      listeners.push(afterMs === undefined ? listener : (what) => void setTimeout(listener, afterMs, what).unref());
    },
  };
}
