import type { KillRecord, OomEvent } from '../report.ts';

// One paste may hold a kill twice in different forms: what dmesg said, which names no host, and what the journal said; or one machine
// under its short and its full name.

/** Last words of kills, each kill once: of two records of one death that which says more, with what only the other says. */
export function onceOverStreams(events: readonly OomEvent[]): OomEvent[] {
  const byDeath = new Map<string, OomEvent[]>();
  const kept: OomEvent[] = [];
  for (const event of events) {
    const { record } = event;
    const key = `${record.killer} ${record.pid} ${record.name}`;
    const known = byDeath.get(key) ?? [];
    const twin = record.pid === null ? undefined : known.find((one) => isSame(one.record, record));
    if (twin !== undefined) {
      twin.record = merge(twin.record, record);
      continue;
    }
    const own = { ...event };
    byDeath.set(key, [...known, own]);
    kept.push(own);
  }
  return kept;
}

function isSame(one: KillRecord, other: KillRecord): boolean {
  if (one.outcome !== 'killed' || other.outcome !== 'killed' || one.host === other.host) return false;
  if (!SAME.every((key) => one[key] === null || other[key] === null || one[key] === other[key])) return false;
  if (one.kernelSeconds !== null && one.kernelSeconds === other.kernelSeconds) return true;
  return one.host == null || other.host == null || shortName(one.host) === shortName(other.host);
}

const SAME = ['totalVmKiB', 'anonRssKiB', 'fileRssKiB', 'kernelSeconds', 'oomMemcg'] as const;

function shortName(host: string): string {
  return host.split('.')[0] ?? host;
}

function merge(one: KillRecord, other: KillRecord): KillRecord {
  const [more, less] = worth(other) > worth(one) ? [other, one] : [one, other];
  return {
    ...more,
    host: more.host ?? less.host ?? null,
    time: more.time ?? less.time,
    timeText: more.timeText ?? less.timeText,
    kernelSeconds: more.kernelSeconds ?? less.kernelSeconds,
    identity: more.identity ?? less.identity,
    reaped: more.reaped || less.reaped,
    aftermath: [...new Set([...more.aftermath, ...less.aftermath])],
  };
}

/** How much a record says. */
export function worth(record: KillRecord): number {
  return Object.values(record).filter((value) => value !== null).length + record.holders.length;
}
