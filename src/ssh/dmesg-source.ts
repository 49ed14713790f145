// `dmesg -r`, where there is neither a readable /dev/kmsg (kernels before 3.5) nor a journal nor a log file:
//
//   #dmesg 1 f81d4fae-7dec-11d0-a765-00a0c91e6bf6
//   <6>[    1.380147] EXT4-fs (vda): mounted filesystem
//
// busybox has no other useful option, and no dmesg tells of records that it no longer has.
import { z } from 'zod';

import type { Position } from '../app/ports.ts';
import { openLineSplitter } from './line-splitter.ts';
import { keepReading, readPosition, type SourceContext, type SourceEnd } from './log-source.ts';
import { COMMANDS } from '../remote/scripts.ts';

const DmesgPosition = z.object({ bootId: z.string(), stamp: z.number(), line: z.string() });
type DmesgPosition = z.output<typeof DmesgPosition>;

const HEADER = /^#dmesg 1 ([0-9a-f-]{36})$/;
const RECORD = /^<(\d{1,4})>\[ *(\d+\.\d+)\]/;
const EVERY_MS = 15_000;
const BYTES_MAX = 16 * 1024 * 1024;

/** Reads the ring again every 15 s and hands on what is new. Ends when the connection does. */
export function followDmesg(context: SourceContext, options: { position: Position | null }): Promise<SourceEnd> {
  let last = readPosition(DmesgPosition, options.position);
  let first = true;

  async function once(): Promise<SourceEnd> {
    for (;;) {
      const result = await context.connection.exec(COMMANDS.dmesg, {
        timeoutMs: 30_000,
        maxBytes: BYTES_MAX,
        signal: context.signal,
      });
      if (context.signal.aborted) return { kind: 'aborted' };
      if (result.end.kind === 'lost' || result.end.kind === 'refused') return { kind: 'lost' };
      if (result.end.kind !== 'exit' || result.end.code !== 0) {
        return {
          kind: 'failed',
          sentence: `dmesg cannot be read: ${result.stderr.trim().slice(0, 200) || result.end.kind}`,
        };
      }
      onRing(openLineSplitter().push(result.stdout)?.lines ?? []);
      first = false;
      await context.clock.sleep(EVERY_MS, context.signal).catch(() => {});
    }
  }

  function onRing(all: string[]): void {
    const header = all.findIndex((line) => HEADER.test(line));
    const bootId = HEADER.exec(all[header] ?? '')?.[1];
    if (bootId === undefined) return;
    const records = all.slice(header + 1).filter((line) => RECORD.test(line));
    const lines = newRecords(records, bootId).filter((line) => Number(RECORD.exec(line)?.[1]) >> 3 === 0);
    const newest = records.at(-1);
    if (newest !== undefined) last = placeOf(newest, bootId);
    if (lines.length === 0) return;
    context.onLines({
      source: 'dmesg',
      framing: 'dmesg',
      lines,
      cut: new Set(),
      arrivedAtMs: context.clock.nowMs(),
      bootId,
      live: !first,
      lookup: null,
      positionAfter: (index) => ({ source: 'dmesg', value: JSON.stringify(placeOf(lines[index] ?? '', bootId)) }),
    });
  }

  /** Those after the last one known. Several may bear the same stamp, so the text decides first. */
  function newRecords(records: string[], bootId: string): string[] {
    if (last === null) return records;
    const known = last;
    if (known.bootId !== bootId) {
      context.onGap({
        source: 'dmesg',
        kind: 'reboot',
        lost: null,
        fromMs: null,
        toMs: null,
        sentence: 'The host was restarted; the end of the previous boot is not in the ring.',
      });
      return records;
    }
    const at = records.lastIndexOf(known.line);
    if (at >= 0) return records.slice(at + 1);
    context.onGap({
      source: 'dmesg',
      kind: 'records',
      lost: null,
      fromMs: null,
      toMs: null,
      sentence: 'The ring was overwritten between two reads; what was lost in between is unknown.',
    });
    return records.filter((line) => Number(RECORD.exec(line)?.[2]) > known.stamp);
  }

  return keepReading(context, once);
}

function placeOf(line: string, bootId: string): DmesgPosition {
  return { bootId, stamp: Number(RECORD.exec(line)?.[2] ?? 0), line };
}
