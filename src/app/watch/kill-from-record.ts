import { withCause } from '../../cause/cause.ts';
import { deathKey } from '../../incident/death-key.ts';
import type { Kill, ProcessIdentity } from '../../incident/incident.ts';
import { timeOfDeath, type UncertainTime } from '../../incident/time-of-death.ts';
import type { ContainerName } from '../../oom/proc/container-name.ts';
import type { KillRecord } from '../../oom/report.ts';
import type { HostFacts, LogBatch } from '../host-link.ts';

/** Who had this pid when it died, as far as a snapshot tells. */
export type WhoKnows = (death: {
  pid: number;
  name: string | null;
  bootId: string | null;
  atMs: number;
}) => ProcessIdentity | null;

/** What the container of a group is called; null: no container, or not known. */
export type NamesGroup = (path: string | null) => ContainerName | null;

/** What is known around a record when it comes out of the parser. */
export interface KillContext {
  host: string;
  batch: Pick<LogBatch, 'source' | 'arrivedAtMs' | 'live' | 'lookup'>;
  /** As the line or the source says; null: neither does. */
  bootId: string | null;
  facts: HostFacts;
  nowMs: number;
  who: WhoKnows;
  named: NamesGroup;
}

/** The host's own stamp beside the kernel's clock: they may differ by this much and still be of one boot (suspend apart). */
const SAME_BOOT_MS = 10 * 60_000;
const STAMP_ERROR_MS = 1_000;
/** The clock of printk is the processor's as it was measured at boot; nothing sets it right as NTP does the others. */
const KERNEL_CLOCK_ERROR = 1e-4;
/** `Nov 22 19:53:13` does not say its zone: UTC-12 to UTC+14. */
const NO_ZONE_ERROR_MS = 14 * 60 * 60_000;
const NO_ZONE = /^([A-Z][a-z]{2}) +(\d{1,2}) (\d\d):(\d\d):(\d\d)/;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** The record's kill as it is kept: who, when and under which key. The key is the same whatever source tells the same death. */
export function killOf(record: KillRecord, around: KillContext): Kill {
  const { batch, facts, nowMs, host } = around;
  const stamp = stampOf(record, around);
  const bootId = bootOf(record, around, stamp);
  const { atMs, errorMs } = timeOfDeath({
    kernelSeconds: record.kernelSeconds,
    boot:
      bootId !== null && bootId === facts.bootId
        ? { atMs: facts.bootAtMs, errorMs: facts.bootErrorMs + driftMs(record, around) }
        : null,
    stamp,
    seenAtMs: batch.arrivedAtMs,
    live: isLive(around),
  });
  const { pid, name } = record;
  const who = pid === null ? null : around.who({ pid, name, bootId, atMs });
  const container = around.named(record.taskMemcg ?? record.oomGroup ?? who?.cgroup ?? null);
  return {
    key: keyOf(record, bootId),
    host,
    bootId,
    atMs,
    atErrorMs: errorMs,
    seenAtMs: nowMs,
    source: batch.source,
    verified: !/^file:.*\/(?:syslog|messages)[^/]*$/.test(batch.source),
    record: withCause(record),
    who,
    ...(container === null ? {} : { container }),
  };
}

function isLive({ batch }: KillContext): boolean {
  return batch.live && batch.lookup === null;
}

/** How far that clock may be off by then. Of a live line its arrival tells. */
function driftMs({ kernelSeconds }: KillRecord, around: KillContext): number {
  return isLive(around) ? 0 : (kernelSeconds ?? 0) * 1_000 * KERNEL_CLOCK_ERROR;
}

function keyOf(record: KillRecord, bootId: string | null): string {
  // systemd tells of a unit what systemd-oomd tells of its path, a moment before or after.
  const unit = record.killer === 'systemd-oomd' ? (record.identity?.unit ?? null) : null;
  const whom = record.pid ?? unit ?? record.taskMemcg ?? record.identity?.unit ?? record.outcome;
  if (record.kernelSeconds !== null) return deathKey(bootId, record.kernelSeconds, String(whom));
  return `${record.killer}:${record.time ?? record.timeText ?? '-'}:${whom}:${record.name ?? '-'}`;
}

/** The log's own stamp, by our clock. */
function stampOf(record: KillRecord, around: KillContext): UncertainTime | null {
  const { clockOffsetMs, bootErrorMs } = around.facts;
  // The offset was found by the same question as the time of the boot.
  const errorMs = STAMP_ERROR_MS + bootErrorMs;
  if (record.time !== null) return { atMs: Date.parse(record.time) + clockOffsetMs, errorMs };
  // A line that comes live tells the time better than a stamp without a zone.
  if (isLive(around)) return null;
  const stamp = NO_ZONE.exec(record.timeText ?? '');
  const month = MONTHS.indexOf(stamp?.[1] ?? '');
  if (stamp === null || month < 0) return null;
  const [day, hour, minute, second] = stamp.slice(2).map(Number);
  const latestMs = around.batch.arrivedAtMs - clockOffsetMs + NO_ZONE_ERROR_MS;
  const thisYear = new Date(latestMs).getUTCFullYear();
  // The newest such date that is not in the future. A 29th of February that a year lacks would be the 1st of March.
  for (const year of [thisYear, thisYear - 1, thisYear - 2, thisYear - 3, thisYear - 4]) {
    const atMs = Date.UTC(year, month, day, hour, minute, second);
    if (new Date(atMs).getUTCMonth() === month && atMs <= latestMs)
      return { atMs: atMs + clockOffsetMs, errorMs: NO_ZONE_ERROR_MS };
  }
  return null;
}

/** The boot that the line was written in: told by the line or the source, else found by comparing the clocks. */
function bootOf(record: KillRecord, around: KillContext, stamp: UncertainTime | null): string | null {
  const { facts } = around;
  if (around.bootId !== null) return around.bootId;
  if (isLive(around)) return facts.bootId;
  if (facts.bootId === null) return null;
  if (record.kernelSeconds === null)
    return stamp !== null && stamp.atMs >= facts.bootAtMs - facts.bootErrorMs ? facts.bootId : null;
  const atMs = facts.bootAtMs + record.kernelSeconds * 1_000;
  return stamp !== null && isSameMoment(stamp, atMs) ? facts.bootId : null;
}

/** Of a stamp without a zone only the minutes tell: they must fit in some zone. */
function isSameMoment(stamp: UncertainTime, atMs: number): boolean {
  const offMs = Math.abs(stamp.atMs - atMs);
  if (stamp.errorMs < NO_ZONE_ERROR_MS) return offMs <= SAME_BOOT_MS;
  const quarter = 15 * 60_000;
  const beyondZone = Math.abs(offMs - Math.round(offMs / quarter) * quarter);
  return offMs <= NO_ZONE_ERROR_MS && beyondZone <= 2 * 60_000;
}
