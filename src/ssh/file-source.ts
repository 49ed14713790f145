import { createHash, randomBytes } from 'node:crypto';

import { z } from 'zod';

import type { Position } from '../app/ports.ts';
import { CUT_NOTICE } from '../remote/file-script.ts';
import { COMMANDS } from '../remote/scripts.ts';
import { openLineSplitter, type SplitLines } from './line-splitter.ts';
import { keepReading, NO_CUTS, readPosition, type SourceContext, type SourceEnd, type Span } from './log-source.ts';

export interface FileOptions {
  /** Absolute, from the configuration or from detection. It goes over standard input. */
  path: string;
  position: Position | null;
  /** False: stop at the end. */
  follow: boolean;
  /** Set when another source missed something and this one is asked. */
  lookup: Span | null;
}

/** Where reading stopped: an inode's offset, and the last line, by which the place is known again. */
const FilePosition = z.object({
  id: z.string().regex(/^\d{1,20}:\d{1,20}$/),
  offset: z.int().min(0),
  /** Bytes of the last line with its end; 0: nothing to check. */
  back: z.int().min(0),
  hash: z.string().regex(/^([0-9a-f]{40}|-)$/),
  /** The host's clock when it was read, in seconds. */
  atSec: z.int().min(0),
});
type FilePosition = z.output<typeof FilePosition>;

/** A rotated file that changed this long before the last line was read may still hold lines that were not. */
const ROTATED_SLACK_SEC = 120;
/** Rotation by copy takes seconds at most. What changes for ever beside the log is no copy of it. */
const GUARD_SEC = 60;
const AGAIN_MAX = 20;

/** A log file, from the position on, through rotation by rename, by copy and cut, and into compressed archives. */
export function followFile(context: SourceContext, options: FileOptions): Promise<SourceEnd> {
  const source = `file:${options.path}`;
  let last = readPosition(FilePosition, options.position);
  let againInRow = 0;

  async function once(): Promise<SourceEnd | { kind: 'reopen' }> {
    const word = randomBytes(16).toString('hex');
    const splitter = openLineSplitter();
    const leave = new AbortController();
    let hostEpochSec = 0;
    let saidAtMs = 0;
    let segment: { old: boolean; id: string; offset: number; size: number; startedAt: number } | null = null;
    let beforeLive = last;
    let isUnknown = false;
    let rotated = false;

    function onData(chunk: Buffer): void {
      if (leave.signal.aborted) return;
      const split = splitter.push(chunk);
      if (split !== null) onSplit(split);
    }

    function onSplit(split: SplitLines): void {
      let from = 0;
      for (const [index, line] of split.lines.entries()) {
        const at = line.indexOf(word);
        if (at >= 0) {
          // A rotated file's last line may lack its end; the file's own is not finished yet.
          deliver(split, from, index, at > 0 && segment?.old === true ? line.slice(0, at) : null);
          onHeader(line.slice(at + word.length + 1), split.ends[index] ?? 0);
          from = index + 1;
        } else if (line === CUT_NOTICE) {
          deliver(split, from, index, null);
          rotated = true;
          leave.abort();
          return;
        }
      }
      deliver(split, from, split.lines.length, null);
    }

    function onHeader(header: string, startedAt: number): void {
      const [kind, id, offset, size] = header.split(' ');
      if (kind === 'hello') {
        hostEpochSec = Number(id);
        saidAtMs = context.clock.nowMs();
      } else if ((kind === 'old' || kind === 'live') && id !== undefined) {
        segment = { old: kind === 'old', id, offset: Number(offset), size: Number(size), startedAt };
        if (kind === 'old') return;
        beforeLive = last;
        // At its beginning nothing tells the file from what it is after the next cut: the place before is kept, by which it is found.
        const isKnown = last !== null && !isUnknown && (segment.offset === 0 || last.offset === segment.offset);
        if (!isKnown) last = { id, offset: segment.offset, back: 0, hash: '-', atSec: nowSec() };
      } else if (kind === 'unknown' && last !== null) {
        isUnknown = true;
        const sentence = `${options.path} is not as it was when reading stopped; everything since is read again.`;
        context.onGap({
          source,
          kind: 'rotated',
          lost: null,
          fromMs: last.atSec * 1000,
          toMs: nowSec() * 1000,
          sentence,
        });
      } else if (kind === 'rotated') {
        rotated = true;
        againInRow = 0;
      } else if (kind === 'again') {
        rotated = true;
        againInRow += 1;
        last = beforeLive;
      }
    }

    function nowSec(): number {
      return hostEpochSec + Math.floor((context.clock.nowMs() - saidAtMs) / 1000);
    }

    function deliver(split: SplitLines, from: number, to: number, unfinished: string | null): void {
      if (segment === null || (from >= to && unfinished === null)) return;
      const { id, offset, startedAt, size, old } = segment;
      const whole = split.lines.slice(from, to);
      const starts = split.starts.slice(from, to);
      const ends = split.ends.slice(from, to);
      const atSec = nowSec();

      function placeAfter(index: number): FilePosition {
        // After a rotated file's unfinished last line: its end is the place of the line before, which is read once more.
        const at = Math.min(index, whole.length - 1);
        const [start, end] = [starts[at] ?? startedAt, ends[at] ?? startedAt];
        const back = end - start === (whole[at]?.length ?? -1) + 1 ? end - start : 0;
        return { id, offset: offset + end - startedAt, back, hash: back === 0 ? '-' : hashOf(whole[at] ?? ''), atSec };
      }

      const lines = unfinished === null ? whole : [...whole, unfinished];
      if (whole.length > 0) last = placeAfter(whole.length - 1);
      context.onLines({
        source,
        framing: 'file',
        lines,
        cut: split.cut.size === 0 ? NO_CUTS : new Set([...split.cut].map((index) => index - from)),
        arrivedAtMs: context.clock.nowMs(),
        bootId: null,
        live: !old && options.follow && offset + (ends.at(-1) ?? 0) - startedAt > size,
        lookup: options.lookup,
        positionAfter: (index) => (whole.length === 0 ? null : { source, value: JSON.stringify(placeAfter(index)) }),
      });
    }

    const ask = [
      word,
      options.path,
      last?.id ?? '-',
      last?.offset ?? 0,
      last?.back ?? 0,
      last?.hash ?? '-',
      last === null ? 0 : Math.max(1, last.atSec - ROTATED_SLACK_SEC),
      againInRow < AGAIN_MAX ? GUARD_SEC : 0,
      options.follow ? 1 : 0,
    ];
    const { end, stderr } = await context.connection.stream(COMMANDS.file, {
      stdin: `${ask.join('\n')}\n`,
      signal: AbortSignal.any([context.signal, leave.signal]),
      onData,
      hold: context.hold,
    });
    if (end.kind === 'lost') return { kind: 'lost' };
    if (end.kind === 'fault') return { kind: 'failed', sentence: `${options.path}: ${end.sentence}` };
    if (context.signal.aborted) return { kind: 'aborted' };
    if (rotated) return { kind: 'reopen' };
    if (end.kind === 'exit' && end.code === 0 && hostEpochSec > 0)
      return options.follow ? { kind: 'reopen' } : { kind: 'done' };
    return { kind: 'failed', sentence: `${options.path} cannot be read: ${stderr.trim().slice(0, 200) || end.kind}` };
  }

  return keepReading(context, once);
}

/** Of the line as it stands in the file. A line that was cut is not known as a whole: `back` is 0 then. */
function hashOf(line: string): string {
  return createHash('sha1').update(`${line}\n`, 'latin1').digest('hex');
}
