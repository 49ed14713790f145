/** Something that happens again and again, and whoever wants to know of it. */
export interface Bell<T = void> {
  ring: (what: T) => void;
  /** Calls back on every ring from now on. */
  hear: (listener: (what: T) => void) => void;
}

export function openBell<T = void>(): Bell<T> {
  const listeners: ((what: T) => void)[] = [];
  return {
    ring: (what) => {
      for (const listener of listeners) listener(what);
    },
    hear: (listener) => {
      listeners.push(listener);
    },
  };
}
