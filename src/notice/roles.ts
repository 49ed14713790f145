import { sayKiB } from '../oom/units.ts';
import type { Kill } from '../incident/incident.ts';
import { serviceLabel, serviceOf } from '../incident/service.ts';
import { containerLabel, type ContainerName } from '../oom/proc/container-name.ts';
import { parseReaper } from '../oom/report/verdict.ts';
import type { KillRecord } from '../oom/report.ts';
import type { Text } from './notice.ts';

/** The victim as people know it: its name, and its unit, pod or container where that says more. */
export function victimText(kill: Kill): Text {
  const name = kill.record.name ?? kill.who?.name ?? null;
  const service = serviceOf(kill);
  if (name === null) return [{ hostText: serviceLabel(service, [kill]) }];
  if (service === name || service === `${name}.service`) return [{ hostText: name }];
  return [{ hostText: name }, { words: ' of ' }, { hostText: serviceLabel(service, [kill]) }];
}

/** The container of a victim: its name beside its id, and what its id was called before. Empty: it was in none. */
export function containerText({ record, container }: Kill): Text {
  const { container: id = null, pod = null } = record.identity ?? {};
  const ids: Text = [
    ...(id === null ? [] : [{ words: ', container ' }, { hostText: id.slice(0, 12) }]),
    ...(pod === null ? [] : [{ words: ', pod ' }, { hostText: pod }]),
  ];
  if (!container) return ids;
  return [{ words: ', in ' }, { hostText: containerLabel(container) }, ...wasText(container), ...ids];
}

/** An id under another name is not passed over. */
export function wasText({ was }: ContainerName): Text {
  return was ? [{ words: ' (its id was ' }, { hostText: was }, { words: ' before)' }] : [];
}

/** What ran out, as the end of a headline. Without `limit` no size of a limit is named. */
export function shortageText(kill: Kill, shown = { limit: true }): Text {
  const { record } = kill;
  if (record.trigger?.order === -1) return [{ words: 'the OOM killer was run by hand' }];
  if (record.killer !== 'kernel') return [{ words: `${record.killer} stepped in` }];
  switch (record.domain) {
    case 'host':
      return [{ words: 'the host ran out of memory' }];
    case 'memcg':
      return limitText(record, shown.limit);
    case 'cpuset':
      return [{ words: 'the memory nodes it may use were full' }];
    case 'mempolicy':
      return [{ words: 'its NUMA memory policy left no memory' }];
    case null:
      return [{ words: 'what ran out is not known' }];
  }
}

function limitText(record: KillRecord, withSize: boolean): Text {
  const limit = record.memcgLimitKiB === null || !withSize ? '' : ` of ${sayKiB(record.memcgLimitKiB)}`;
  if (record.oomMemcg === null) return [{ words: `a memory limit${limit} was reached; the log does not say whose` }];
  if (record.taskMemcg === null || record.oomMemcg === record.taskMemcg)
    return [{ words: `its memory limit${limit} was reached` }];
  return [
    { words: 'the memory limit' + limit + ' of ' },
    { hostText: shortIds(lastPart(record.oomMemcg)) },
    { words: ' was reached' },
  ];
}

/** Which domain ran out, with its numbers. */
export function domainText(record: KillRecord): Text | null {
  switch (record.domain) {
    case 'host': {
      const ram = ramKiB(record);
      const swap = swapWords(record);
      return [{ words: `the host${ram === null ? '' : `, ${sayKiB(ram)} RAM`}${swap === '' ? '' : `, ${swap}`}` }];
    }
    case 'memcg': {
      if (record.oomMemcg === null && record.memcgUsageKiB === null && record.memcgLimitKiB === null) return null;
      const used = record.memcgUsageKiB === null ? '' : `, ${sayKiB(record.memcgUsageKiB)} used`;
      const limit = record.memcgLimitKiB === null ? '' : ` of ${sayKiB(record.memcgLimitKiB)} allowed`;
      const path: Text =
        record.oomMemcg === null
          ? [{ words: 'a memory group' }]
          : [{ words: 'memory group ' }, { hostText: shortIds(record.oomMemcg) }];
      return [...path, { words: used === '' ? limit : `${used}${limit}` }];
    }
    case 'cpuset':
      return [{ words: 'the memory nodes of its cpuset; other nodes may have had memory' }];
    case 'mempolicy':
      return [{ words: 'the memory nodes of its NUMA policy; other nodes may have had memory' }];
    case null:
      return null;
  }
}

/** RAM that the kernel manages, in KiB: what shares are counted against. null: the report does not say. */
export function ramKiB(record: KillRecord): number | null {
  // With a node mask the kernel prints only the zones of those nodes, but counts the pages of all.
  const isPartial = record.domain === 'cpuset' || record.domain === 'mempolicy';
  if (!isPartial && record.memory?.managedKiB) return record.memory.managedKiB;
  return record.ramPages === null || record.pageSizeKiB === null ? null : record.ramPages * record.pageSizeKiB;
}

function swapWords(record: KillRecord): string {
  if (record.totalSwapKiB === null) return '';
  if ((record.freeSwapKiB ?? 0) < 0) return 'swap being turned off';
  if (record.totalSwapKiB === 0) return 'no swap';
  const left = record.freeSwapKiB === 0 ? 'none' : sayKiB(record.freeSwapKiB ?? 0);
  const free = record.freeSwapKiB === null ? '' : `, ${left} of it free`;
  return `${sayKiB(record.totalSwapKiB)} swap${free}`;
}

/** Memory that the kill gave back for certain, in KiB: file pages may stay in the cache, and shared ones in tmpfs or with others. */
export function freedKiB(record: KillRecord): number | null {
  return record.anonRssKiB;
}

/** What was freed, and what else was resident: `11 MiB anonymous; 36 MiB shared and 1 MiB of files may stay`. null: not known. */
export function freedWords(record: KillRecord): string | null {
  const freed = freedKiB(record);
  if (freed === null) return null;
  const { shmemRssKiB: shared, fileRssKiB: file } = record;
  const rest = [shared ? `${sayKiB(shared)} shared` : '', file ? `${sayKiB(file)} of files` : ''].filter(Boolean);
  return rest.length === 0 ? sayKiB(freed) : `${sayKiB(freed)} anonymous; ${rest.join(' and ')} may stay`;
}

/** Whom the reaper took, where that line is all that the log has of a kill. The reaper only takes victims of the OOM killer. */
export function reapedOf(record: KillRecord): { pid: number; name: string } | null {
  if (record.pid !== null || !record.reaped) return null;
  const texts = record.evidence.map((line) => line.text.slice(Math.max(0, line.text.indexOf('oom_reaper: '))));
  return texts.map(parseReaper).find((reaper) => reaper !== null) ?? null;
}

/** Container ids by their first twelve digits, as container tools show them. */
function shortIds(cgroup: string): string {
  return cgroup.replace(/(?<![0-9a-f])([0-9a-f]{12})[0-9a-f]{52}/g, '$1…');
}

function lastPart(cgroup: string): string {
  return cgroup.split('/').findLast((part) => part !== '') ?? cgroup;
}
