// journalctl -o json, one entry a line, keys in any order:
//
//   {"__CURSOR":"s=f4a2…;i=158;b=6738…;m=5c3c4387;t=660e858456aef;x=8108abd40ef1518a","_TRANSPORT":"kernel",
//    "_BOOT_ID":"6738972c2174421ea1731ada06c5396d","_SOURCE_MONOTONIC_TIMESTAMP":"1380147","MESSAGE":"EXT4-fs (vda): …"}
//
// MESSAGE is an array of numbers where the text is not UTF-8.
// Each of --after-cursor, -k, and -f without --no-tail lost entries with systemd 252: --cursor and dropping the repeated
// entry lost none.
import { z } from 'zod';

import type { Position } from '../app/ports.ts';
import { COMMANDS, helperCommand } from '../remote/scripts.ts';
import { openLineSplitter } from './line-splitter.ts';
import { keepReading, readPosition, type SourceContext, type SourceEnd, type Span } from './log-source.ts';
import type { JournalWay } from './probe.ts';

/** `all`: the kernel and the userspace killers; `killers`: those alone, beside /dev/kmsg. */
export type JournalFilter = 'all' | 'killers';

export interface JournalOptions {
  filter: JournalFilter;
  /** systemd 236 and newer can leave fields out. */
  outputFields: boolean;
  way: JournalWay;
}

const CURSOR = /^s=[0-9a-f]{1,32}(;[a-z]=[0-9a-f]{1,32}){1,8}$/;
const JournalPosition = z.object({ cursor: z.string().regex(CURSOR), filter: z.enum(['all', 'killers']) });

const LOOKUP_BYTES_MAX = 64 * 1024 * 1024;
/** A look-up starts this much earlier: clocks step, and the journal's stamps are its own. */
const LOOKUP_SLACK_MS = 600_000;
const HEADER = /^#journal 1 (\d{1,12})(?: ([0-9a-f-]{36}) (\d{1,12}\.\d+)| *)$/;

/** The command by which it is read there; what is asked goes over standard input. */
export function journalCommand(way: JournalWay): string {
  return way === 'direct' ? COMMANDS.journal : helperCommand('oom-journal', way);
}

/** `follow all fields s=f4a2…;i=158` */
export function journalRequest(options: JournalOptions, kind: 'follow' | 'past' | 'since', from: string): string {
  return `${kind} ${options.filter} ${options.outputFields ? 'fields' : 'plain'} ${from}\n`;
}

/** The journal, live, from the position on; without one, from the last 20,000 matching entries. */
export function followJournal(
  context: SourceContext,
  options: JournalOptions & { position: Position | null },
): Promise<SourceEnd> {
  let last = readPosition(JournalPosition, options.position);

  async function once(): Promise<SourceEnd | { kind: 'reopen' }> {
    const resumeAt = last;
    const read = await readJournal(context, options, 'follow', resumeAt === null ? '-' : resumeAt.cursor, {
      lookup: null,
      onFirst: (cursor) => {
        if (resumeAt === null) return false;
        if (cursor === resumeAt.cursor) return true;
        // The entry asked for is printed first if it still exists and is within the filter.
        if (resumeAt.filter === options.filter) {
          context.onGap({
            source: 'journal',
            kind: 'cursor',
            lost: null,
            fromMs: null,
            toMs: null,
            sentence: 'The journal no longer has the entry where reading stopped: it was rotated away.',
          });
        }
        return false;
      },
      onLast: (cursor) => {
        last = { cursor, filter: options.filter };
      },
    });
    if (read.kind === 'done') return { kind: 'reopen' };
    return read;
  }

  return keepReading(context, once);
}

/** Without a position the last 20,000 matching entries, else all since; ends there. */
export function readJournalPast(
  context: SourceContext,
  options: JournalOptions & { position: Position | null },
): Promise<SourceEnd> {
  const from = readPosition(JournalPosition, options.position);
  return readJournal(context, options, 'past', from === null ? '-' : from.cursor, {
    lookup: null,
    onFirst: (cursor) => cursor === from?.cursor,
    onLast: () => {},
  });
}

/** What the journal has of a span that another source missed. Does not move the position. */
export function lookUpJournal(context: SourceContext, options: JournalOptions & { span: Span }): Promise<SourceEnd> {
  const since = Math.max(0, Math.floor(((options.span.fromMs ?? 0) - LOOKUP_SLACK_MS) / 1000));
  return readJournal(context, options, 'since', String(since), {
    lookup: options.span,
    onFirst: () => false,
    onLast: () => {},
  });
}

interface Reading {
  lookup: Span | null;
  /** The first entry's cursor; true: drop it, it is known. */
  onFirst: (cursor: string) => boolean;
  onLast: (cursor: string) => void;
}

async function readJournal(
  context: SourceContext,
  options: JournalOptions,
  kind: 'follow' | 'past' | 'since',
  from: string,
  reading: Reading,
): Promise<SourceEnd> {
  const splitter = openLineSplitter();
  const follow = new AbortController();
  const signal = AbortSignal.any([context.signal, follow.signal]);
  let opened: Opened | null = null;
  let bytes = 0;
  let tooMuch = false;
  let anyEntry = false;

  function onData(chunk: Buffer): void {
    bytes += chunk.length;
    if (reading.lookup !== null && bytes > LOOKUP_BYTES_MAX) {
      tooMuch = true;
      follow.abort();
      return;
    }
    const split = splitter.push(chunk);
    if (split === null) return;
    let { lines } = split;
    let { cut } = split;
    if (opened === null) {
      const at = lines.findIndex((line) => HEADER.test(line));
      if (at < 0) return;
      opened = readHeader(lines[at] ?? '');
      lines = lines.slice(at + 1);
      cut = new Set([...cut].map((index) => index - at - 1));
    }
    if (lines[0] !== undefined && !anyEntry) {
      anyEntry = true;
      if (reading.onFirst(cursorOf(lines[0]) ?? '')) {
        lines = lines.slice(1);
        cut = new Set([...cut].map((index) => index - 1));
      }
    }
    const oldest = lines.find((line) => line.startsWith('{'));
    const newest = lines.findLast((line) => line.startsWith('{'));
    if (oldest === undefined || newest === undefined) return;
    const cursor = cursorOf(newest);
    if (cursor !== null) reading.onLast(cursor);
    const batch = lines;
    context.onLines({
      source: 'journal',
      framing: 'journal',
      lines: batch,
      cut,
      arrivedAtMs: context.clock.nowMs(),
      bootId: null,
      // What is new may come in one piece with what is not.
      live: isSince(opened, oldest),
      lookup: reading.lookup,
      positionAfter: (index) => (reading.lookup === null ? positionOf(batch[index] ?? '', options.filter) : null),
    });
  }

  const { end, stderr } = await context.connection.stream(journalCommand(options.way), {
    stdin: journalRequest(options, kind, from),
    signal,
    onData,
    hold: context.hold,
  });
  if (tooMuch) {
    const span = reading.lookup ?? { fromMs: null, toMs: null };
    context.onGap({
      source: 'journal',
      kind: 'too-much',
      lost: null,
      ...span,
      sentence: 'The journal for the missed time is larger than 64 MiB; only its beginning was read.',
    });
    return { kind: 'done' };
  }
  if (end.kind === 'lost') return { kind: 'lost' };
  if (end.kind === 'fault') return { kind: 'failed', sentence: `The journal: ${end.sentence}` };
  if (context.signal.aborted) return { kind: 'aborted' };
  if (end.kind === 'exit' && end.code === 0 && opened !== null) return { kind: 'done' };
  return {
    kind: 'failed',
    sentence: `journalctl ended (${end.kind === 'exit' ? end.code : end.kind}): ${stderr.trim().slice(0, 200)}`,
  };
}

/** When reading began, by the host's clocks. */
interface Opened {
  realtimeUsec: number;
  /** As in a cursor, without dashes. null: not told. */
  boot: string | null;
  uptimeUsec: number;
}

function readHeader(line: string): Opened {
  const [, epoch, boot, uptime] = HEADER.exec(line) ?? [];
  return {
    realtimeUsec: Number(epoch) * 1e6,
    boot: boot?.replaceAll('-', '') ?? null,
    uptimeUsec: Number(uptime ?? 0) * 1e6,
  };
}

/** Whether an entry was written after that: within one boot the clock that nobody can set says so too. It stands still in suspend. */
function isSince(opened: Opened, line: string): boolean {
  const [, boot, monotonic] = CURSOR_CLOCK.exec(cursorOf(line) ?? '') ?? [];
  const isOfBoot = boot !== undefined && boot === opened.boot;
  if (isOfBoot && Number.parseInt(monotonic ?? '', 16) >= opened.uptimeUsec) return true;
  return Number(/"__REALTIME_TIMESTAMP":"(\d+)"/.exec(line)?.[1] ?? 0) >= opened.realtimeUsec;
}

// Inside a JSON string every quote has a backslash before it: an unescaped "__CURSOR":" is the key itself.
const CURSOR_CLOCK = /;b=([0-9a-f]{32});m=([0-9a-f]{1,16});/;
const KEY = '"__CURSOR":"';

function cursorOf(line: string): string | null {
  const at = line.indexOf(KEY);
  if (at < 0) return null;
  const cursor = line.slice(at + KEY.length, line.indexOf('"', at + KEY.length));
  return CURSOR.test(cursor) ? cursor : null;
}

function positionOf(line: string, filter: JournalFilter): Position | null {
  const cursor = cursorOf(line);
  return cursor === null ? null : { source: 'journal', value: JSON.stringify({ cursor, filter }) };
}
