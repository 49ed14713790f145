/** A moment, and how far off it may be to either side. */
export interface UncertainTime {
  atMs: number;
  errorMs: number;
}

export interface DeathClues {
  /** The kernel's own clock at the kill, seconds since boot. It stops while the machine is suspended, and nobody sets it right. */
  kernelSeconds: number | null;
  /** When that clock was 0 in wall time, as estimated from the host's clocks on connecting. */
  boot: UncertainTime | null;
  /** The stamp of the journal or of syslog: written when the line was received, so never before the death (but for clock steps). */
  stamp: UncertainTime | null;
  /** When the bot read the line. */
  seenAtMs: number;
  /** True when the line was read as it was written, not found later in a log. */
  live: boolean;
}

/** A line read live is this fresh at worst: link, buffers and a busy host. */
const LIVE_DELAY_MAX_MS = 5_000;
/** Nothing but the day is known. */
const UNKNOWN_ERROR_MS = 12 * 60 * 60_000;

/**
 * When a process died, in wall time, from what is there. The kernel's clock and the stamp are right where they agree. Where not
 * (suspend, a step of a clock), a line read as it was written was written just now, and the one that agrees with that is right;
 * of a line found later the stamp is believed, since it was made at the time.
 */
export function timeOfDeath(clues: DeathClues): UncertainTime {
  return round(notAfter(clues.seenAtMs, byClocks(clues)));
}

function byClocks({ kernelSeconds, boot, stamp, seenAtMs, live }: DeathClues): UncertainTime {
  const kernel =
    kernelSeconds !== null && boot ? { atMs: boot.atMs + kernelSeconds * 1_000, errorMs: boot.errorMs } : null;
  const fresh = live ? { atMs: seenAtMs - LIVE_DELAY_MAX_MS / 2, errorMs: LIVE_DELAY_MAX_MS / 2 } : null;
  if (kernel && stamp && agree(kernel, stamp))
    return kernel.errorMs <= stamp.errorMs ? both(kernel, stamp) : both(stamp, kernel);
  if (fresh) {
    const right = [kernel, stamp].find((clue) => clue !== null && agree(clue, fresh));
    if (!right) return fresh;
    const { atMs, errorMs } = both(right, fresh);
    // No sharper than the line was late by that clock.
    return { atMs, errorMs: Math.max(errorMs, seenAtMs - atMs) };
  }
  return stamp ?? kernel ?? { atMs: seenAtMs - UNKNOWN_ERROR_MS, errorMs: UNKNOWN_ERROR_MS };
}

function agree(a: UncertainTime, b: UncertainTime): boolean {
  return Math.abs(a.atMs - b.atMs) <= a.errorMs + b.errorMs;
}

/** The moment in what both leave possible that is nearest to what the first one names. */
function both(first: UncertainTime, other: UncertainTime): UncertainTime {
  const fromMs = Math.max(first.atMs - first.errorMs, other.atMs - other.errorMs);
  const toMs = Math.min(first.atMs + first.errorMs, other.atMs + other.errorMs);
  const atMs = Math.min(toMs, Math.max(fromMs, first.atMs));
  return { atMs, errorMs: Math.max(atMs - fromMs, toMs - atMs) };
}

/** Nobody read of a death before it: where a clock leaves both open, it was not later than the line. */
function notAfter(seenAtMs: number, time: UncertainTime): UncertainTime {
  if (time.atMs <= seenAtMs || time.atMs - time.errorMs > seenAtMs) return time;
  return { atMs: seenAtMs, errorMs: seenAtMs - (time.atMs - time.errorMs) };
}

function round(time: UncertainTime): UncertainTime {
  return { atMs: Math.round(time.atMs), errorMs: Math.ceil(time.errorMs) };
}
