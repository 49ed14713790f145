import { z } from 'zod';

import type { Clock, Position } from '../app/ports.ts';
import type { Connection } from './connection.ts';
import { followDmesg } from './dmesg-source.ts';
import { followFile } from './file-source.ts';
import { followJournal, lookUpJournal, readJournalPast } from './journal-source.ts';
import { followKmsg, type KmsgWay } from './kmsg-source.ts';
import { readPosition, type Gap, type LineBatch, type SourceContext, type SourceEnd, type Span } from './log-source.ts';
import type { Probe } from './probe.ts';

/** `lasting`: asked for the past and for what the ring lost. `unread`: configured, and not to be had. */
export type FollowPlan =
  | { kind: 'kmsg'; way: KmsgWay; lasting: Lasting | null; killers: boolean; journal: JournalAccess }
  | { kind: 'journal'; journal: JournalAccess }
  | { kind: 'files'; paths: string[]; unread: string[] }
  | { kind: 'dmesg' }
  | { kind: 'nothing'; sentence: string };

export type Lasting = { kind: 'journal'; journal: JournalAccess } | { kind: 'file'; path: string };

/** What to read on a host, if the configuration does not say: the ring for news and the journal for the past; else the journal; else log files; else dmesg. */
export function planFollow(probe: Probe, logFiles: string[] | null): FollowPlan {
  const readable = probe.files.filter((file) => file.readable).map((file) => file.path);
  if (logFiles !== null) {
    const paths = logFiles.filter((path) => readable.includes(path));
    if (paths.length > 0) return { kind: 'files', paths, unread: logFiles.filter((path) => !paths.includes(path)) };
    return { kind: 'nothing', sentence: `none of the configured log files can be read: ${logFiles.join(', ')}` };
  }
  const journal = accessOf(probe);
  // kern.log is the kernel's alone; anybody can write to the others.
  const file = ['/var/log/kern.log', '/var/log/messages', '/var/log/syslog'].find((path) => readable.includes(path));
  if (probe.kmsg !== null) {
    const past: Lasting | null = probe.journal.readable ? { kind: 'journal', journal } : null;
    // A journal in /run is gone with the boot, as the ring is.
    const lasting: Lasting | null =
      file !== undefined && !probe.journal.persistent ? { kind: 'file', path: file } : past;
    return {
      kind: 'kmsg',
      way: probe.kmsg,
      lasting,
      killers: probe.journal.readable && probe.killers.length > 0,
      journal,
    };
  }
  if (probe.journal.readable) return { kind: 'journal', journal };
  if (file !== undefined) return { kind: 'files', paths: [file], unread: [] };
  if (probe.dmesg) return { kind: 'dmesg' };
  return {
    kind: 'nothing',
    sentence: 'the kernel log cannot be read: neither /dev/kmsg, the journal, a log file nor dmesg',
  };
}

/** How the journal is read there, and with how much of each entry. */
type JournalAccess = Pick<Probe['journal'], 'way' | 'outputFields'>;

function accessOf({ journal: { way, outputFields } }: Probe): JournalAccess {
  return { way, outputFields };
}

export interface FollowOptions {
  probe: Probe;
  /** As configured; null: by detection. */
  logFiles: string[] | null;
  /** Where each source was read up to, by `source`. */
  positions: readonly Position[];
  clock: Clock;
  /** Called in the same turn as the bytes arrive, and must not wait. Lines at which it throws twice are passed over. */
  onLines: (batch: LineBatch) => void;
  /** As in FollowRequest. */
  hold?: (() => Promise<void> | null) | undefined;
  onGap: (gap: Gap) => void;
  /** A position to store that came without lines. */
  onPosition: (position: Position) => void;
  signal: AbortSignal;
}

/** Position that says: the lasting source's past has been read to its end. */
const PAST_READ: Position = { source: 'past', value: 'read' };
const ALWAYS: Span = { fromMs: null, toMs: null };
/** Position that says what has still to be looked up: the ring's own position moves on meanwhile. `null`: nothing. */
const LOOKUP = 'lookup';
const PendingLookup = z.object({ fromMs: z.number().nullable(), toMs: z.number().nullable() }).nullable();

/**
 * Reads a host's kernel log from the positions on until the connection is lost (`lost`: probe and follow again once it is
 * back), the signal aborts, or nothing can be read (`failed`, with a sentence). On first contact the past comes too.
 */
export async function followHost(connection: Connection, options: FollowOptions): Promise<SourceEnd> {
  const plan = planFollow(options.probe, options.logFiles);
  if (plan.kind === 'nothing') return { kind: 'failed', sentence: plan.sentence };
  const leave = new AbortController();
  const signal = AbortSignal.any([options.signal, leave.signal]);
  const positions = new Map(options.positions.map((position) => [position.source, position]));
  const context: SourceContext = {
    connection,
    clock: options.clock,
    signal,
    onLines: (batch) => {
      options.onLines(batch);
      if (batch.framing === 'kmsg' || batch.framing === 'dmesg') return;
      // What is asked again goes on where it stopped.
      const position = batch.positionAfter(batch.lines.length - 1);
      if (position !== null) positions.set(batch.source, position);
    },
    hold: options.hold,
    onGap: (gap) => options.onGap({ ...gap, lookup: null }),
  };
  function positionOf(source: string): Position | null {
    return positions.get(source) ?? null;
  }

  async function read(): Promise<SourceEnd> {
    switch (plan.kind) {
      case 'kmsg':
        return followRing(context, plan, positionOf, options);
      case 'journal':
        return followJournal(context, {
          filter: 'all',
          ...plan.journal,
          position: positionOf('journal'),
        });
      case 'files':
        // The first to end ends all: the others go on from their positions next time.
        return Promise.race(
          plan.paths.map((path) =>
            followFile(context, { path, position: positionOf(`file:${path}`), follow: true, lookup: null }),
          ),
        );
      case 'dmesg':
        return followDmesg(context, { position: positionOf('dmesg') });
      case 'nothing':
        return { kind: 'failed', sentence: plan.sentence };
    }
  }

  if (plan.kind === 'files' && plan.unread.length > 0)
    options.onGap({
      source: `file:${plan.unread[0] ?? ''}`,
      kind: 'unavailable',
      lost: null,
      ...ALWAYS,
      lookup: null,
      sentence: `Configured log files that cannot be read: ${plan.unread.join(', ')}.`,
    });

  try {
    const end = await read();
    return options.signal.aborted ? { kind: 'aborted' } : end;
  } finally {
    leave.abort();
  }
}

/** The ring, live; beside it the past once, the userspace killers where some run, and a look-up for each gap. */
async function followRing(
  context: SourceContext,
  plan: Extract<FollowPlan, { kind: 'kmsg' }>,
  positionOf: (source: string) => Position | null,
  options: FollowOptions,
): Promise<SourceEnd> {
  const { lasting } = plan;
  const { onGap } = options;
  const lastingSource = lasting === null ? null : lasting.kind === 'journal' ? 'journal' : `file:${lasting.path}`;
  let wanted: Span | null = readPosition(PendingLookup, positionOf(LOOKUP));
  let looking = false;

  function want(span: Span): void {
    wanted = spanOver(wanted, span);
    keepWanted();
  }

  /** Told before the lines behind the gap are: whatever is saved of them is saved with it. */
  function keepWanted(): void {
    options.onPosition({ source: LOOKUP, value: JSON.stringify(wanted) });
  }

  /** One look-up at a time; gaps that come meanwhile are looked up together after it. */
  async function backfill(): Promise<void> {
    if (looking || lasting === null) return;
    looking = true;
    try {
      while (wanted !== null && !context.signal.aborted) {
        const span: Span = wanted;
        const end = await readSpan(context, lasting, span, positionOf(lastingSource ?? ''));
        if (end.kind === 'lost' || end.kind === 'aborted') break;
        if (end.kind === 'failed') unavailable(end.sentence, span);
        if (wanted !== span) continue;
        wanted = null;
        keepWanted();
      }
    } finally {
      looking = false;
    }
  }

  /** A fault of our own in what runs beside the ring must not take the process along. */
  async function beside(work: Promise<void>): Promise<void> {
    await work.catch((error: unknown) => {
      unavailable(`Reading failed: ${error instanceof Error ? error.message : String(error)}`, ALWAYS);
    });
  }

  function unavailable(sentence: string, span: Span): void {
    onGap({ source: lastingSource ?? 'kmsg', kind: 'unavailable', lost: null, ...span, lookup: null, sentence });
  }

  async function readBeside(): Promise<void> {
    if (lasting !== null && positionOf(PAST_READ.source) === null) {
      const end =
        lasting.kind === 'journal'
          ? await readJournalPast(context, {
              filter: 'all',
              ...lasting.journal,
              position: positionOf('journal'),
            })
          : await followFile(context, {
              path: lasting.path,
              position: positionOf(`file:${lasting.path}`),
              follow: false,
              lookup: null,
            });
      if (end.kind === 'done') options.onPosition(PAST_READ);
      if (end.kind === 'failed') unavailable(`The past could not be read: ${end.sentence}`, ALWAYS);
    }
    if (!plan.killers || context.signal.aborted) return;
    const end = await followJournal(context, {
      filter: 'killers',
      ...plan.journal,
      position: positionOf('journal'),
    });
    if (end.kind === 'failed') unavailable(`Userspace killers are not watched: ${end.sentence}`, ALWAYS);
  }

  const ring: SourceContext = {
    ...context,
    onGap: (gap) => {
      onGap({ ...gap, lookup: lastingSource });
      if (lasting === null) return;
      want({ fromMs: gap.fromMs, toMs: gap.toMs });
      void beside(backfill());
    },
  };
  void beside(backfill());
  void beside(readBeside());
  return followKmsg(ring, { way: plan.way, position: positionOf('kmsg') });
}

/** What a lasting source has of a span; a file is read from the position on. */
function readSpan(context: SourceContext, lasting: Lasting, span: Span, position: Position | null): Promise<SourceEnd> {
  if (lasting.kind === 'journal') return lookUpJournal(context, { filter: 'all', ...lasting.journal, span });
  return followFile(context, { path: lasting.path, position, follow: false, lookup: span });
}

function spanOver(a: Span | null, b: Span): Span {
  if (a === null) return b;
  const fromMs = a.fromMs === null || b.fromMs === null ? null : Math.min(a.fromMs, b.fromMs);
  const toMs = a.toMs === null || b.toMs === null ? null : Math.max(a.toMs, b.toMs);
  return { fromMs, toMs };
}

/**
 * Reads again what the host's lasting log has of a span, because something does not add up. True: read to its end; false:
 * there is no such log, or it could not be read.
 */
export async function lookUpSpan(
  context: Omit<SourceContext, 'onGap'>,
  options: { probe: Probe; logFiles: string[] | null; span: Span },
): Promise<boolean> {
  const plan = planFollow(options.probe, options.logFiles);
  const sources: Lasting[] =
    plan.kind === 'kmsg' && plan.lasting !== null
      ? [plan.lasting]
      : plan.kind === 'journal'
        ? [{ kind: 'journal', journal: plan.journal }]
        : plan.kind === 'files'
          ? plan.paths.map((path) => ({ kind: 'file', path }))
          : [];
  let isRead = sources.length > 0;
  for (const source of sources) {
    const end = await readSpan({ ...context, onGap: () => {} }, source, options.span, null);
    isRead &&= end.kind === 'done';
  }
  return isRead;
}
