import type { Kill } from '../../incident/incident.ts';
import { openLogParser, type LogParser } from '../../oom/report/log-parser.ts';
import type { OomEvent } from '../../oom/report.ts';
import type { HostFacts, LogBatch } from '../host-link.ts';
import { killOf, type NamesGroup, type WhoKnows } from './kill-from-record.ts';
import type { ReportLines } from './report-keeper.ts';
import type { Position } from '../ports.ts';

/** Kills, and up to where the log need not be read again once they are on record. */
export interface ReadLog {
  kills: Kill[];
  positions: Position[];
  /** The lines of reports, to be kept beside the kills once people were told. */
  reports: ReportLines[];
}

export interface LogReader {
  take: (batch: LogBatch) => ReadLog;
  /** In how long `rest` has something to do; null: nothing waits. */
  restInMs: () => number | null;
  /** Nothing came for a while: tells what waited for a further line, and gives the last positions. */
  rest: () => ReadLog;
}

export interface ReaderWorld {
  host: string;
  facts: HostFacts;
  nowMs: () => number;
  who: WhoKnows;
  named: NamesGroup;
}

/**
 * Lines behind a kill belong to it (the reaper, the rest of its group). Until so much later the place before it is kept, so
 * that a crash in between reads the whole report again; its kills are known by their keys.
 */
const HOLD_MS = 5_000;
/** A storm must not keep the place for ever: what is behind a full minute of kills is read again at most. */
const HOLD_MAX_MS = 60_000;
/** An unfinished report is told as it is: longer than a silent connection takes to be found dead. */
const SETTLE_MS = 90_000;
/** Without kills the place is stored this often. */
const PLACE_EVERY_MS = 10_000;
const JOURNAL_BOOT = /"_BOOT_ID":"([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})"/;

/** One source's parser and places. A place is never inside a report, so that no report is ever read in halves. */
interface Reading {
  parser: LogParser;
  lines: number;
  about: Omit<LogBatch, 'lines' | 'positionAfter'>;
  bootId: string | null;
  /** Behind the last line after which no report was open. */
  idle: Position | null;
  /** Behind the last line. */
  end: Position | null;
  /** What may be stored, and what was. */
  sure: Position | null;
  given: string | null;
  givenAtMs: number;
  lastAtMs: number;
  killAtMs: number;
  heldSinceMs: number;
  isResting: boolean;
}

/** Turns a host's log lines into kills, source by source. Pure but for the clock; keeps no lines. */
export function openLogReader({ host, facts, nowMs, who, named }: ReaderWorld): LogReader {
  const readings = new Map<string, Reading>();

  function readingOf(batch: LogBatch): Reading {
    // What is read once more must not mix with the stream beside it.
    const key = batch.lookup === null ? batch.source : `${batch.source} again`;
    const known = readings.get(key);
    if (known !== undefined) return known;
    const reading: Reading = {
      parser: openLogParser({ keepsLines: true }),
      lines: 0,
      about: batch,
      bootId: null,
      idle: null,
      end: null,
      sure: null,
      given: null,
      givenAtMs: nowMs(),
      lastAtMs: 0,
      killAtMs: -HOLD_MS,
      heldSinceMs: 0,
      isResting: false,
    };
    readings.set(key, reading);
    return reading;
  }

  /** Adds what the events tell. */
  function tell(read: ReadLog, reading: Reading, events: readonly OomEvent[]): void {
    for (const { kind, record, report } of events) {
      const { outcome } = record;
      if (kind === 'closed' || outcome === 'truncated' || outcome === 'suppressed') continue;
      const around = { host, batch: reading.about, bootId: reading.bootId, facts, nowMs: nowMs(), who, named };
      const kill = killOf(record, around);
      read.kills.push(kill);
      if (report !== undefined) read.reports.push({ host, key: kill.key, ...report });
    }
  }

  function take(batch: LogBatch): ReadLog {
    const reading = readingOf(batch);
    const { source, arrivedAtMs, bootId, live, lookup } = batch;
    reading.about = { source, arrivedAtMs, bootId, live, lookup };
    reading.lastAtMs = nowMs();
    reading.isResting = false;
    const read: ReadLog = { kills: [], positions: [], reports: [] };
    let idleAt = -1;
    for (const [index, line] of batch.lines.entries()) {
      const lineBoot = bootId ?? bootOfLine(source, line);
      // A report ends with the boot that it was written in.
      if (lineBoot !== reading.bootId) tell(read, reading, reading.parser.settle());
      reading.bootId = lineBoot;
      reading.lines += 1;
      const events = reading.parser.line(line, reading.lines);
      if (events.length > 0) tell(read, reading, events);
      if (reading.parser.maySkip()) idleAt = index;
    }
    const last = batch.lines.length - 1;
    if (lookup === null) {
      if (idleAt >= 0) reading.idle = batch.positionAfter(idleAt) ?? reading.idle;
      reading.end = idleAt === last ? reading.idle : (batch.positionAfter(last) ?? reading.end);
    }
    if (read.kills.length > 0) hold(reading);
    const isHeld = nowMs() - reading.killAtMs < HOLD_MS && nowMs() - reading.heldSinceMs < HOLD_MAX_MS;
    if (!isHeld) reading.sure = reading.idle;
    return { ...read, positions: read.kills.length > 0 || isDue(reading) ? place(reading) : [] };
  }

  function hold(reading: Reading): void {
    const atMs = nowMs();
    if (atMs - reading.killAtMs >= HOLD_MS || atMs - reading.heldSinceMs >= HOLD_MAX_MS) reading.heldSinceMs = atMs;
    reading.killAtMs = atMs;
  }

  function isDue(reading: Reading): boolean {
    return nowMs() - reading.givenAtMs >= PLACE_EVERY_MS;
  }

  function place(reading: Reading): Position[] {
    const { sure } = reading;
    if (sure === null || sure.value === reading.given) return [];
    reading.given = sure.value;
    reading.givenAtMs = nowMs();
    return [sure];
  }

  function dueInMs(reading: Reading): number {
    const { sure, end, given } = reading;
    const isPlaced = sure === end && given === (sure?.value ?? null);
    return reading.lastAtMs + (isPlaced || !reading.parser.maySkip() ? SETTLE_MS : HOLD_MS) - nowMs();
  }

  function restOne(reading: Reading): ReadLog {
    const quietMs = nowMs() - reading.lastAtMs;
    const read: ReadLog = { kills: [], positions: [], reports: [] };
    if (quietMs >= SETTLE_MS) {
      tell(read, reading, reading.parser.settle());
      // Forgets the reports that later lines might have amended: they take memory on a host with many kills.
      reading.parser = openLogParser({ keepsLines: true });
      reading.idle = reading.end;
      reading.isResting = true;
    }
    if (quietMs >= HOLD_MS) reading.sure = reading.idle;
    return { ...read, positions: place(reading) };
  }

  return {
    take,
    restInMs: () => {
      const waits = [...readings.values()].filter((reading) => !reading.isResting).map(dueInMs);
      return waits.length === 0 ? null : Math.max(0, Math.min(...waits));
    },
    rest: () => {
      const read = [...readings.values()].filter((reading) => !reading.isResting && dueInMs(reading) <= 0).map(restOne);
      return {
        kills: read.flatMap((one) => one.kills),
        positions: read.flatMap((one) => one.positions),
        reports: read.flatMap((one) => one.reports),
      };
    },
  };
}

/** Each line of the journal says its boot; its other fields are hosts' text, but quotes are escaped in them. */
function bootOfLine(source: string, line: string): string | null {
  if (source !== 'journal') return null;
  return JOURNAL_BOOT.exec(line)?.slice(1).join('-') ?? null;
}
