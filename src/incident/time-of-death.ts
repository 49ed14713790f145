/** A moment, and how far off it may be to either side. */
export interface UncertainTime {
  atMs: number;
  errorMs: number;
}

export interface DeathClues {
  /** The kernel's own clock at the kill, seconds since boot. It stops while the machine is suspended. */
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
 * When a process died, in wall time, from what is there. The kernel's clock with a good boot estimate is the sharpest while it
 * agrees with the stamp; where they differ by more than their errors (suspend, a clock step), the stamp is believed, since it was
 * made at the time. With neither, only a live line tells the time.
 */
export function timeOfDeath(clues: DeathClues): UncertainTime {
  const { kernelSeconds, boot, stamp, seenAtMs, live } = clues;
  const kernel =
    kernelSeconds !== null && boot ? { atMs: boot.atMs + kernelSeconds * 1_000, errorMs: boot.errorMs } : null;
  const fresh = live ? { atMs: seenAtMs - LIVE_DELAY_MAX_MS / 2, errorMs: LIVE_DELAY_MAX_MS / 2 } : null;
  const witness = stamp ?? fresh;
  if (kernel && witness) return agree(kernel, witness) ? sharper(kernel, witness) : round(witness);
  const best = kernel ?? witness;
  if (best) return round(best);
  return { atMs: seenAtMs - UNKNOWN_ERROR_MS, errorMs: UNKNOWN_ERROR_MS };
}

function agree(a: UncertainTime, b: UncertainTime): boolean {
  return Math.abs(a.atMs - b.atMs) <= a.errorMs + b.errorMs;
}

function sharper(a: UncertainTime, b: UncertainTime): UncertainTime {
  return round(a.errorMs <= b.errorMs ? a : b);
}

function round(time: UncertainTime): UncertainTime {
  return { atMs: Math.round(time.atMs), errorMs: Math.ceil(time.errorMs) };
}
