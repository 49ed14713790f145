import type { z } from 'zod';

import type { Clock, Position } from '../app/ports.ts';
import type { Connection } from './connection.ts';

/** Lines of one source, as they came in one piece. */
export interface LineBatch {
  /** As in Position: `kmsg`, `journal`, `file:/var/log/kern.log`, `dmesg`. */
  source: string;
  framing: 'kmsg' | 'journal' | 'file' | 'dmesg';
  /** Bytes as latin1, without line end. Raw: `6,343,1380147,-;text`, journal JSON, a line of the file, `<6>[ 1.380147] text`. */
  lines: string[];
  /** Which of them were longer than 64 KiB and end there. */
  cut: ReadonlySet<number>;
  arrivedAtMs: number;
  /** With dashes; null where each line says it (journal) or nothing does (files). */
  bootId: string | null;
  /** False: written before the stream was opened (the ring, the backlog, the past). */
  live: boolean;
  /** Set when this was read again because of a gap: only kills in this span, by the host's clock, may be news. */
  lookup: Span | null;
  /** Where to go on after this line. null: this reading does not move the position. Worked out when asked. */
  positionAfter: (index: number) => Position | null;
}

/** By the host's wall clock. null: open. */
export interface Span {
  fromMs: number | null;
  toMs: number | null;
}

/** Something may be missing from a source. Where a lasting source exists it is looked up there, and `lookup` says where. */
export interface Gap extends Span {
  source: string;
  kind: 'records' | 'reboot' | 'cursor' | 'rotated' | 'too-much' | 'unavailable';
  /** How many records; null: not known. */
  lost: number | null;
  lookup: string | null;
  sentence: string;
}

/** How reading a source ended. `failed`: the host is there, the source is not to be had. */
export type SourceEnd =
  { kind: 'lost' } | { kind: 'aborted' } | { kind: 'done' } | { kind: 'failed'; sentence: string };

export interface SourceContext {
  connection: Connection;
  clock: Clock;
  signal: AbortSignal;
  onLines: (batch: LineBatch) => void;
  /** As in FollowRequest. */
  hold?: (() => Promise<void> | null) | undefined;
  onGap: (gap: Omit<Gap, 'lookup'>) => void;
}

export const NO_CUTS: ReadonlySet<number> = new Set();
const RETRY_FIRST_MS = 1_000;
const RETRY_MAX_MS = 30_000;
const RETRIES_MAX = 6;

/**
 * Reads again whenever `once` ends while the host is there: `reopen` at once, `failed` after a growing wait, for six
 * times in a row. Nothing is read twice or left out as long as `once` goes on from its own position.
 */
export async function keepReading(
  context: SourceContext,
  once: () => Promise<SourceEnd | { kind: 'reopen' }>,
): Promise<SourceEnd> {
  let failures = 0;
  for (;;) {
    const startedAtMs = context.clock.nowMs();
    const end = await once();
    if (context.signal.aborted) return { kind: 'aborted' };
    if (end.kind === 'lost' || end.kind === 'aborted' || end.kind === 'done') return end;
    if (end.kind === 'failed' && ++failures >= RETRIES_MAX) return end;
    if (end.kind === 'reopen') {
      failures = 0;
      // A source that ends at once again and again is not read in a circle without rest.
      if (context.clock.nowMs() - startedAtMs >= RETRY_FIRST_MS) continue;
    }
    const waitMs = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** Math.max(0, failures - 1)) * (failures === 0 ? 0.1 : 1);
    // A lost connection ends the wait too: the next try finds it lost.
    const changed = new AbortController();
    const stop = context.connection.onState(() => changed.abort());
    await context.clock.sleep(waitMs, AbortSignal.any([context.signal, changed.signal])).catch(() => {});
    stop();
  }
}

/** A stored position as the source wrote it; null where there is none, or one that this version cannot read. */
export function readPosition<S extends z.ZodType>(schema: S, position: Position | null): z.output<S> | null {
  if (position === null) return null;
  try {
    return schema.parse(JSON.parse(position.value));
  } catch {
    return null;
  }
}
