import type { KillRecord } from '../oom/report.ts';
import { worth } from '../oom/report/told-twice.ts';

export interface MemberRecord {
  record: KillRecord;
  /** The file's name in the archive. */
  member: string;
}

/** Each kill once: a sosreport holds the same kernel log as dmesg, journal and messages. Of several the one that says most is kept. */
export function onceEach(all: readonly MemberRecord[]): MemberRecord[] {
  const byDeath = new Map<string, MemberRecord[]>();
  for (const one of all) {
    const deaths = byDeath.get(nameOf(one.record)) ?? [];
    const twin = deaths.findIndex(({ record, member }) => member !== one.member && isSame(record, one.record));
    const known = deaths[twin];
    if (known === undefined) byDeath.set(nameOf(one.record), [...deaths, one]);
    else if (worth(one.record) > worth(known.record)) deaths[twin] = one;
  }
  // Reports are counted in each member from one on.
  const reports = new Map<string, number>();
  return [...byDeath.values()].flat().map(({ record, member }) => {
    const key = `${record.report} ${member}`;
    reports.set(key, reports.get(key) ?? reports.size + 1);
    return { record: { ...record, report: reports.get(key) ?? 0 }, member };
  });
}

function nameOf({ killer, pid, name, taskMemcg, trigger }: KillRecord): string {
  return pid === null ? `${killer} ${taskMemcg} ${trigger?.name} ${trigger?.pid}` : `${killer} ${pid} ${name}`;
}

/** What both say is the same. Forms without the kernel's clock differ in their stamps. */
function isSame(one: KillRecord, other: KillRecord): boolean {
  return (['anonRssKiB', 'totalVmKiB', 'kernelSeconds', 'outcome'] as const).every(
    (key) => one[key] === null || other[key] === null || one[key] === other[key],
  );
}
