/** A thread tells later kills one by one while they are slow, and as "12 more in 40 s" while they are fast. */
export interface Digests {
  /** True when this kill needs no line of its own: it was told, or a line for several follows. */
  fold: (incidentId: string, upToKill: number, nowMs: number) => boolean;
  /** A line was said that covers the kills up to this one. */
  told: (incidentId: string, upToKill: number, nowMs: number) => void;
  dueTimes: () => number[];
  /** The line that is due first, which the caller now says (and reports with `told`) or drops. */
  takeDue: (nowMs: number) => { incidentId: string; toldKills: number; toldAtMs: number } | null;
}

const GAP_FIRST_MS = 5_000;
const GAP_MAX_MS = 60_000;
const QUIET_MS = 5 * 60_000;
const THREADS_KEPT = 1_000;

interface Thread {
  toldKills: number;
  toldAtMs: number;
  gapMs: number;
  /** When the next line for several kills is said; null: none waits. */
  dueAtMs: number | null;
}

/** Keeps, for each incident's thread, what was said last. */
export function openDigests(): Digests {
  const threads = new Map<string, Thread>();

  function fold(incidentId: string, upToKill: number, nowMs: number): boolean {
    const thread = threads.get(incidentId);
    if (!thread) return false;
    if (upToKill <= thread.toldKills) return true;
    if (nowMs - thread.toldAtMs > QUIET_MS && thread.dueAtMs === null) {
      threads.delete(incidentId);
      return false;
    }
    if (nowMs >= thread.toldAtMs + thread.gapMs && thread.dueAtMs === null) return false;
    thread.dueAtMs ??= thread.toldAtMs + thread.gapMs;
    return true;
  }

  function told(incidentId: string, upToKill: number, nowMs: number): void {
    const before = threads.get(incidentId);
    const fast = before !== undefined && nowMs - before.toldAtMs < before.gapMs * 2;
    const gapMs = fast ? Math.min(GAP_MAX_MS, before.gapMs * 2) : GAP_FIRST_MS;
    threads.delete(incidentId);
    threads.set(incidentId, { toldKills: upToKill, toldAtMs: nowMs, gapMs, dueAtMs: null });
    const oldest = threads.keys().next();
    if (threads.size > THREADS_KEPT && !oldest.done) threads.delete(oldest.value);
  }

  function dueTimes(): number[] {
    return [...threads.values()].flatMap((thread) => (thread.dueAtMs === null ? [] : [thread.dueAtMs]));
  }

  function takeDue(nowMs: number): { incidentId: string; toldKills: number; toldAtMs: number } | null {
    const due = [...threads].find(([, thread]) => thread.dueAtMs !== null && thread.dueAtMs <= nowMs);
    if (!due) return null;
    const [incidentId, thread] = due;
    thread.dueAtMs = null;
    return { incidentId, toldKills: thread.toldKills, toldAtMs: thread.toldAtMs };
  }

  return { fold, told, dueTimes, takeDue };
}
