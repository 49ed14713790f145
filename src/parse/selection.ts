import type { KillRecord } from '../oom/report.ts';

/** Which kills of a log are wanted. */
export interface Selection {
  sinceMs: number | null;
  untilMs: number | null;
  host: string | null;
}

const UNITS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const SYSLOG = /^([A-Z][a-z]{2}) +(\d{1,2}) (\d\d:\d\d:\d\d)$/;
const DMESG = /^(?:[A-Z][a-z]{2} )?([A-Z][a-z]{2} +\d{1,2}) (\d\d:\d\d:\d\d) (\d{4})$/;
const DAY_MS = 86_400_000;

/** `2026-11-30`, `2026-11-30 01:35`, ISO 8601, or how long ago: `2h`, `7d`. null: neither. */
export function readMoment(text: string, nowMs: number): number | null {
  const ago = /^(\d{1,6})([smhdw])$/.exec(text.trim());
  if (ago !== null) return nowMs - Number(ago[1]) * (UNITS[ago[2] ?? ''] ?? 0);
  if (!/^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?$/.test(text.trim()))
    return null;
  // A date alone is UTC by the standard; who types one means the clock on the wall.
  const at = Date.parse(
    /^\d{4}-\d\d-\d\d$/.test(text.trim()) ? `${text.trim()}T00:00:00` : text.trim().replace(' ', 'T'),
  );
  return Number.isNaN(at) ? null : at;
}

/** Whether a kill is wanted; null: its line does not say when it was, or where. */
export function isWanted(record: KillRecord, selection: Selection, nowMs: number): boolean | null {
  if (selection.host !== null) {
    const host = record.host ?? null;
    if (host === null) return null;
    if (host.toLowerCase() !== selection.host.toLowerCase() && host.split('.')[0] !== selection.host) return false;
  }
  if (selection.sinceMs === null && selection.untilMs === null) return true;
  const at = momentOf(record, nowMs);
  if (at === null) return null;
  return at >= (selection.sinceMs ?? -Infinity) && at <= (selection.untilMs ?? Infinity);
}

/** A stamp without a zone is taken by this machine's clock, one without a year for the last such day. */
function momentOf(record: KillRecord, nowMs: number): number | null {
  if (record.time !== null) return Date.parse(record.time);
  const dmesg = DMESG.exec(record.timeText ?? '');
  if (dmesg !== null) return toMs(`${dmesg[1]} ${dmesg[3]} ${dmesg[2]}`);
  const syslog = SYSLOG.exec(record.timeText ?? '');
  if (syslog === null) return null;
  const year = new Date(nowMs).getFullYear();
  const at = toMs(`${syslog[1]} ${syslog[2]} ${year} ${syslog[3]}`);
  return at !== null && at > nowMs + DAY_MS ? toMs(`${syslog[1]} ${syslog[2]} ${year - 1} ${syslog[3]}`) : at;
}

function toMs(text: string): number | null {
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : at;
}
