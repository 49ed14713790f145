import type { Kill, ProcessIdentity } from '../incident/incident.ts';
import { timeOfDeath, type UncertainTime } from '../incident/time-of-death.ts';
import type { KillRecord } from '../oom/report.ts';
import type { HostFacts, LogBatch } from './host-link.ts';

/** What is known around a record when it comes out of the parser. */
export interface Surroundings {
  host: string;
  batch: LogBatch;
  /** The raw line that told it; journal lines carry their boot id. */
  rawLine: string;
  facts: HostFacts;
  nowMs: number;
  who: (pid: number, name: string | null) => ProcessIdentity | null;
}

const JOURNAL_BOOT = /"_BOOT_ID":"([0-9a-f]{32})"/;
/** The host's own stamp beside the kernel's clock: they may differ by this much and still be of one boot (suspend apart). */
const SAME_BOOT_MS = 10 * 60_000;
const STAMP_ERROR_MS = 1_000;

/** The record's kill as it is kept: who, when and under which key. The key is the same whatever source tells the same death. */
export function killOf(record: KillRecord, around: Surroundings): Kill {
  const { batch, facts, nowMs } = around;
  const stampMs = record.time === null ? null : Date.parse(record.time) + facts.clockOffsetMs;
  const bootId = bootOf(record, around, stampMs);
  const boot: UncertainTime | null =
    bootId !== null && bootId === facts.bootId ? { atMs: facts.bootAtMs, errorMs: facts.bootErrorMs } : null;
  const death = timeOfDeath({
    kernelSeconds: record.kernelSeconds,
    boot,
    stamp: stampMs === null ? null : { atMs: stampMs, errorMs: STAMP_ERROR_MS },
    seenAtMs: batch.arrivedAtMs,
    live: batch.live && batch.lookup === null,
  });
  return {
    key: keyOf(record, bootId),
    host: around.host,
    bootId,
    atMs: death.atMs,
    atErrorMs: death.errorMs,
    seenAtMs: nowMs,
    source: batch.source,
    verified: !/^file:.*\/(?:syslog|messages)[^/]*$/.test(batch.source),
    record,
    who: record.pid === null ? null : around.who(record.pid, record.name),
  };
}

function keyOf(record: KillRecord, bootId: string | null): string {
  const whom = record.pid ?? record.taskMemcg ?? record.outcome;
  if (record.kernelSeconds !== null) return `${bootId ?? '-'}:${Math.round(record.kernelSeconds * 1e6)}:${whom}`;
  return `${record.killer}:${record.time ?? record.timeText ?? '-'}:${whom}:${record.name ?? '-'}`;
}

/** The boot that the line was written in: told by the line or the source, else found by comparing the two clocks. */
function bootOf(record: KillRecord, { batch, rawLine, facts }: Surroundings, stampMs: number | null): string | null {
  const told = JOURNAL_BOOT.exec(rawLine)?.[1];
  if (told !== undefined) return withDashes(told);
  if (batch.bootId !== null) return batch.bootId;
  if (record.kernelSeconds === null || facts.bootId === null) return null;
  const atMs = facts.bootAtMs + record.kernelSeconds * 1_000;
  if (stampMs !== null) return Math.abs(stampMs - atMs) <= SAME_BOOT_MS ? facts.bootId : null;
  return isSameDay(record.timeText, atMs) ? facts.bootId : null;
}

function withDashes(id: string): string {
  return `${id.slice(0, 8)}-${id.slice(8, 12)}-${id.slice(12, 16)}-${id.slice(16, 20)}-${id.slice(20)}`;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `Nov 22 19:53:13` says neither year nor zone: the minute must fit in some zone of a day around. */
function isSameDay(timeText: string | null, atMs: number): boolean {
  const stamp = /^([A-Z][a-z]{2}) +(\d{1,2}) (\d\d):(\d\d):(\d\d)/.exec(timeText ?? '');
  const month = MONTHS.indexOf(stamp?.[1] ?? '');
  if (stamp === null || month < 0) return false;
  const year = new Date(atMs).getUTCFullYear();
  const stampMs = Date.UTC(year, month, Number(stamp[2]), Number(stamp[3]), Number(stamp[4]), Number(stamp[5]));
  const offMs = Math.abs(stampMs - atMs);
  const quarter = 15 * 60_000;
  const beyondZone = Math.abs(offMs - Math.round(offMs / quarter) * quarter);
  return offMs <= 14 * 60 * 60_000 && beyondZone <= 2 * 60_000;
}
