// /dev/kmsg, one record a read (Documentation/ABI/testing/dev-kmsg):
//
//   #kmsg 1 f81d4fae-7dec-11d0-a765-00a0c91e6bf6 1795400000 1546.09      our header: boot id, epoch, uptime
//   6,343,1380147,-;EXT4-fs (vda): mounted filesystem
//    SUBSYSTEM=block
//
// prio,seq,usec,flags;text. prio & 7 is the level, prio >> 3 the facility: user space can write here, but never facility 0.
import { z } from 'zod';

import type { Position } from '../app/ports.ts';
import { openLineSplitter, type SplitLines } from './line-splitter.ts';
import { keepReading, readPosition, type SourceContext, type SourceEnd } from './log-source.ts';
import { COMMANDS, helperCommand } from '../remote/scripts.ts';

export type KmsgWay = 'direct' | 'sudo' | 'doas';

const KmsgPosition = z.object({ bootId: z.string(), seq: z.number(), atMs: z.number() });
type KmsgPosition = z.output<typeof KmsgPosition>;

export const KMSG_COMMANDS: Record<KmsgWay, string> = {
  direct: COMMANDS.kmsg,
  // The helper that \`oombot setup\` installs does the same as root, header and watcher included.
  sudo: helperCommand('oom-kmsg', 'sudo'),
  doas: helperCommand('oom-kmsg', 'doas'),
};
/** The ring comes in one piece; after such a pause it has been read to its end. */
const DRAINED_MS = 2_000;
const HEADER = /^#kmsg 1 ([0-9a-f-]{36}) (\d{1,12}) (\d{1,12}\.\d+)$/;

/**
 * The kernel's ring, live, from the position on. A reader that is too slow loses records: lines are handed on in the same turn
 * as they arrive, and reading rests only when megabytes wait. Ends when the connection does.
 */
export function followKmsg(
  context: SourceContext,
  options: { way: KmsgWay; position: Position | null },
): Promise<SourceEnd> {
  let last = readPosition(KmsgPosition, options.position);

  async function once(): Promise<SourceEnd | { kind: 'reopen' }> {
    const splitter = openLineSplitter();
    let origin: { bootId: string; bootAtMs: number; uptimeUsec: number } | null = null;
    let joined = false;
    let isDrained = false;
    /** When the last record came. */
    let recordAtMs = Infinity;

    function onData(chunk: Buffer): void {
      const nowMs = context.clock.nowMs();
      // /proc/uptime runs on in suspend, the clock of the records does not: what follows a pause is new whatever they say.
      if (nowMs - recordAtMs >= DRAINED_MS) isDrained = true;
      const split = splitter.push(chunk);
      if (split !== null) onSplit(split, nowMs);
    }

    function onSplit({ lines, cut }: SplitLines, nowMs: number): void {
      const kept: string[] = [];
      let keptCut: Set<number> | null = null;
      let oldestUsec = Infinity;
      for (const [index, line] of lines.entries()) {
        if (origin === null) {
          // Before the header: what the login shell had to say.
          const header = HEADER.exec(line);
          if (header) origin = begin(header[1] ?? '', Number(header[2]) * 1000, Number(header[3]));
          continue;
        }
        const record = parseRecord(line);
        if (record === null) continue;
        recordAtMs = nowMs;
        const atMs = origin.bootAtMs + record.usec / 1000;
        if (!joined) {
          if (last !== null && record.seq <= last.seq) continue;
          joined = true;
          if (last !== null && record.seq > last.seq + 1) reportRecords(record.seq - last.seq - 1, last.atMs, atMs);
        }
        last = { bootId: origin.bootId, seq: record.seq, atMs };
        if (record.facility !== 0) continue;
        oldestUsec = Math.min(oldestUsec, record.usec);
        if (cut.has(index)) (keptCut ??= new Set()).add(kept.length);
        kept.push(line);
      }
      if (kept.length === 0 || origin === null) return;
      const { bootId, bootAtMs, uptimeUsec } = origin;
      context.onLines({
        source: 'kmsg',
        framing: 'kmsg',
        lines: kept,
        cut: keptCut ?? cut,
        arrivedAtMs: nowMs,
        bootId,
        // What is new may come in one piece with the ring.
        live: isDrained || oldestUsec > uptimeUsec,
        lookup: null,
        positionAfter: (index) => positionOf(kept[index] ?? '', bootId, bootAtMs),
      });
    }

    function begin(bootId: string, epochMs: number, uptimeSeconds: number): NonNullable<typeof origin> {
      const bootAtMs = epochMs - uptimeSeconds * 1000;
      if (last !== null && last.bootId !== bootId) {
        const fromMs = last.atMs;
        last = null;
        context.onGap({
          source: 'kmsg',
          kind: 'reboot',
          lost: null,
          fromMs,
          toMs: bootAtMs,
          sentence: 'The host was restarted; the end of the previous boot is not in the ring.',
        });
      }
      return { bootId, bootAtMs, uptimeUsec: uptimeSeconds * 1e6 };
    }

    const { end, stderr } = await context.connection.stream(KMSG_COMMANDS[options.way], {
      stdin: '',
      signal: context.signal,
      onData,
      hold: context.hold,
    });
    if (end.kind === 'lost') return { kind: 'lost' };
    if (end.kind === 'fault') return { kind: 'failed', sentence: `/dev/kmsg: ${end.sentence}` };
    if (context.signal.aborted) return { kind: 'aborted' };
    // A reader that was overtaken ends with "Broken pipe"; the next one shows by its first number how many were lost.
    if (origin !== null) return { kind: 'reopen' };
    return {
      kind: 'failed',
      sentence: `/dev/kmsg cannot be read (${options.way}): ${stderr.trim().slice(0, 200) || end.kind}`,
    };
  }

  function reportRecords(lost: number, fromMs: number, toMs: number): void {
    context.onGap({
      source: 'kmsg',
      kind: 'records',
      lost,
      fromMs,
      toMs,
      sentence: `${lost} kernel records were overwritten before they could be read.`,
    });
  }

  return keepReading(context, once);
}

/** `prio,seq,usec,`. null: a continuation line, or no record. */
function parseRecord(line: string): { facility: number; seq: number; usec: number } | null {
  const first = line.indexOf(',');
  const second = line.indexOf(',', first + 1);
  if (first < 1 || second < 0) return null;
  const prio = Number(line.slice(0, first));
  const seq = Number(line.slice(first + 1, second));
  const usec = Number.parseInt(line.slice(second + 1, second + 21), 10);
  if (line.charCodeAt(0) === 0x20 || !Number.isInteger(prio) || !Number.isInteger(seq) || Number.isNaN(usec))
    return null;
  return { facility: prio >> 3, seq, usec };
}

function positionOf(line: string, bootId: string, bootAtMs: number): Position | null {
  const record = parseRecord(line);
  if (record === null) return null;
  const value: KmsgPosition = { bootId, seq: record.seq, atMs: Math.round(bootAtMs + record.usec / 1000) };
  return { source: 'kmsg', value: JSON.stringify(value) };
}
