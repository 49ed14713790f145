// Only stamps that say their zone give a moment; a syslog stamp without year and zone stays text.
const ISO = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?(Z|[+-]\d\d:?\d\d)$/;
const UTC = /^(?:[A-Z][a-z]{2} )?(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,9}))? (?:UTC|GMT)$/;
const EPOCH = /^(\d{9,11})(?:\.(\d{1,9}))?$/;
const EPOCH_US = /^\d{15,17}$/;

/** ISO 8601 in UTC from a stamp as printed, or from microseconds since 1970 where the source gave them; null: it cannot be known. */
export function parseTime(timeText: string | null, realtimeUs: number | null): string | null {
  if (realtimeUs !== null) return toIso(realtimeUs / 1000);
  if (timeText === null) return null;
  if (EPOCH_US.test(timeText)) return toIso(Number(timeText) / 1000);
  const epoch = EPOCH.exec(timeText);
  if (epoch !== null) return toIso(Number(epoch[1]) * 1000 + Number(`0.${epoch[2] ?? '0'}`) * 1000);
  const iso = ISO.exec(timeText);
  const zone = iso?.[4]?.replace(/^([+-]\d\d)(\d\d)$/, '$1:$2') ?? 'Z';
  const parts = iso ?? UTC.exec(timeText);
  if (parts === null) return null;
  return toIso(Date.parse(`${parts[1]}T${parts[2]}.${(parts[3] ?? '0').padEnd(3, '0').slice(0, 3)}${zone}`));
}

function toIso(ms: number): string | null {
  return Number.isFinite(ms) && Math.abs(ms) < 8.64e15 ? new Date(ms).toISOString() : null;
}
