import { withCause } from '../../cause/cause.ts';
import type { Kill } from '../../incident/incident.ts';
import { isByKernel } from '../../oom/by-kernel.ts';
import { identifyCgroup } from '../../oom/proc/cgroup.ts';
import type { HostFacts, HostLink, LimitedGroup } from '../host-link.ts';
import type { KillStore } from '../store-port.ts';
import { groupOfHomeless } from './unexplained-cgroups.ts';

export interface KillLocator {
  /**
   * Kills at a memory limit of which the log does not say whose: those of the last minutes that the host's own counters and limits
   * complete, as they are to be saved again. Asks the host only where there are such kills; throws when the record cannot be read.
   */
  complete: () => Promise<Kill[]>;
}

/** In a storm the kernel leaves reports out; what it counted meanwhile is not asked for later than this. */
const YOUNG_MS = 10 * 60_000;
const KILLS_MAX = 1_000;
/** A kill may be counted before its line is here: later looks see both. */
const TRIES = 3;
const TRIED_MAX = 1_000;

/** Completes short kill lines of one host: where each victim lived, and whose limit was reached. */
export function openKillLocator(
  link: HostLink,
  facts: HostFacts,
  { store, nowMs }: { store: Pick<KillStore, 'kills' | 'countKernelKills'>; nowMs: () => number },
): KillLocator {
  const tried = new Map<string, number>();

  function mayTry({ key }: Kill): boolean {
    const times = tried.get(key) ?? 0;
    if (times >= TRIES) return false;
    tried.set(key, times + 1);
    const oldest = tried.keys().next();
    if (tried.size > TRIED_MAX && !oldest.done) tried.delete(oldest.value);
    return true;
  }

  async function complete(): Promise<Kill[]> {
    const { bootId } = facts;
    if (bootId === null) return [];
    const all = { hosts: [link.host], service: null, sinceMs: null, untilMs: null, limit: KILLS_MAX };
    const kills = (await store.kills(all)).filter(
      (kill) => kill.bootId === bootId && isByKernel(kill.record) && kill.record.outcome === 'killed',
    );
    const open = kills.filter((kill) => isUnlocated(kill) && nowMs() - kill.seenAtMs < YOUNG_MS).filter(mayTry);
    if (open.length === 0) return [];
    const homeless = open.filter((kill) => homeOf(kill) === null);
    const group = homeless.length === 0 ? null : await homeByCount(bootId, kills, homeless);
    const limits = new Map<string, LimitedGroup | null>();
    const completed: Kill[] = [];
    for (const kill of open) {
      const home = homeOf(kill) ?? group;
      if (home === null) continue;
      if (!limits.has(home)) limits.set(home, await onlyLimit(home));
      const limit = limits.get(home) ?? null;
      if (kill.record.taskMemcg === null || limit !== null) completed.push(located(kill, home, limit));
    }
    return completed;
  }

  /** Only where the record is whole: what it lost since stands in the counters too. */
  async function homeByCount(
    bootId: string,
    kills: readonly Kill[],
    homeless: readonly Kill[],
  ): Promise<string | null> {
    const read = kills.filter((kill) => kill.source !== 'counter').length;
    if (read !== (await store.countKernelKills(link.host, bootId))) return null;
    const groups = await link.groupKills();
    return groups === null ? null : groupOfHomeless(groups, kills, homeless);
  }

  /** The limit around a group where there is but one: of several the counters do not tell which was reached. */
  async function onlyLimit(home: string): Promise<LimitedGroup | null> {
    const inner = await link.changes.limitOf(home);
    if (inner === null) return null;
    const above = inner.path.slice(0, inner.path.lastIndexOf('/'));
    const outer = above === '' ? null : await link.changes.limitOf(above);
    return outer === null && link.state().kind === 'connected' ? inner : null;
  }

  return { complete };
}

function isUnlocated({ source, record }: Kill): boolean {
  return source !== 'counter' && record.domain === 'memcg' && record.oomMemcg === null;
}

function homeOf({ record, who }: Kill): string | null {
  return record.taskMemcg ?? who?.cgroup ?? null;
}

function located(kill: Kill, home: string, limit: LimitedGroup | null): Kill {
  const { record } = kill;
  const told =
    limit === null
      ? 'Where it lived is from the host’s counters: its log has this kill without a report.'
      : 'Whose limit it was is from the host’s counters and limits: its log has this kill without a report.';
  return {
    ...kill,
    record: withCause({
      ...record,
      taskMemcg: home,
      identity: identifyCgroup(home),
      oomMemcg: limit?.path ?? null,
      memcgLimitKiB: limit?.limitKiB ?? null,
      completedByHost: true,
      // It was judged by what the line alone says.
      cause: null,
      warnings: [...new Set([...record.warnings, told])],
    }),
  };
}
