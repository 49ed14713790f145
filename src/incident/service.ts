import { identifyCgroup } from '../oom/proc/cgroup.ts';
import { containerLabel } from '../oom/proc/container-name.ts';
import type { Identity } from '../oom/report.ts';
import type { Kill } from './incident.ts';

// Units that only say how a person or the system came in, not what runs: there the process name says more.
const FRAME_UNIT = /^(?:session-[^.]*\.scope|user@\d+\.service|init\.scope)$/;

/** What people call the victim: its unit, else its pod (a container's id is new at each restart, the pod's is not), container, or name. */
export function serviceOf({ record, who }: Kill): string {
  const { identity, oomGroup, name, taskMemcg } = record;
  // A short kill line says no group; a snapshot may have seen the process in its own.
  const seen = taskMemcg === null && who?.cgroup != null ? identifyCgroup(who.cgroup) : null;
  return placeName(identity) ?? nameOfGroup(oomGroup) ?? placeName(seen) ?? name ?? who?.name ?? '(unknown process)';
}

/** Whether a service is a container or pod by its id. */
export function isById(service: string): boolean {
  return /^(?:container|pod) /.test(service);
}

/**
 * A service as people know it: where it is a container or pod by its id, what its engine calls it, if one of these kills tells. The
 * id stays what kills are counted by: a name may be given again.
 */
export function serviceLabel(service: string, kills: readonly Kill[]): string {
  if (!isById(service)) return service;
  const named = kills.findLast((kill) => kill.container && serviceOf(kill) === service)?.container;
  if (!named) return service;
  // Of a pod, several containers may have died.
  return containerLabel(service.startsWith('pod ') ? { ...named, part: partOfAll(service, kills) } : named);
}

function partOfAll(service: string, kills: readonly Kill[]): string | null {
  const parts = new Set(
    kills.filter((kill) => serviceOf(kill) === service).map((kill) => kill.container?.part ?? null),
  );
  const [part = null] = parts;
  return parts.size === 1 ? part : null;
}

/** What people call a living process, in the same words. */
export function serviceOfProcess({ name, cgroup }: { name: string; cgroup: string | null }): string {
  return placeName(cgroup === null ? null : identifyCgroup(cgroup)) ?? name;
}

function placeName(identity: Identity | null): string | null {
  const isFrame = identity?.unit && (FRAME_UNIT.test(identity.unit) || isContainerScope(identity));
  if (identity?.unit && !isFrame) return identity.unit;
  if (identity?.pod) return `pod ${identity.pod.slice(0, 8)}`;
  if (identity?.container) return `container ${identity.container.slice(0, 12)}`;
  return null;
}

/** A container engine's own unit, `docker-4f1e….scope`: it is the container, with a longer name. */
export function isContainerScope(identity: Identity): boolean {
  return identity.container !== null && (identity.unit?.includes(identity.container) ?? false);
}

/** What ran out, as one word to compare: kills of one service for two different reasons are two problems. null: not known. */
export function shortageOf(kill: Kill): string | null {
  const { killer, domain, oomMemcg, trigger, outcome } = kill.record;
  if (kill.source === 'counter') return null;
  if (outcome === 'panic' || outcome === 'no-killable') return `${outcome}`;
  // order=-1: asked for by hand (SysRq f); nothing need have run out.
  if (trigger?.order === -1) return 'by hand';
  if (killer !== 'kernel') return killer;
  // In a storm the kernel leaves reports out: "Memory cgroup out of memory: Killed process 7 (x)" does not say whose limit.
  if (domain === 'memcg') return oomMemcg === null ? null : `memcg ${oomMemcg}`;
  return domain;
}

/** The shortage of a whole host, which takes whom it finds. */
export const HOST_PROBLEM = 'host';
const UNKNOWN = '?';

/**
 * What makes kills of one host one problem: the same shortage and, unless it was the whole host, the same service. What the kernel
 * only counted is one problem too: that its log does not tell.
 */
export function problemOf(told: Kill): string {
  const kill = asLogged(told);
  if (kill.source === 'counter')
    return kill.record.killer === 'kernel' ? `${UNKNOWN} counted` : `${UNKNOWN} counted of ${kill.record.killer}`;
  const shortage = shortageOf(kill);
  if (shortage === 'host') return HOST_PROBLEM;
  return `${shortage ?? `${UNKNOWN} ${kill.record.domain ?? ''}`} | ${groupOf(kill)}`;
}

/** Whether it is not known what ran out. */
export function isUnknownProblem(problem: string): boolean {
  return problem.startsWith(UNKNOWN);
}

/**
 * The kill as its log line alone tells it. Later short lines of the same service say no more than this: what the host's counters
 * add must not make them another problem.
 */
function asLogged(kill: Kill): Kill {
  if (kill.record.completedByHost !== true) return kill;
  return { ...kill, record: { ...kill.record, taskMemcg: null, identity: null, oomMemcg: null } };
}

/** All who die of `memory.oom.group` die together, whatever each is called. */
function groupOf(kill: Kill): string {
  const { oomGroup } = kill.record;
  return nameOfGroup(oomGroup) ?? serviceOf(kill);
}

function nameOfGroup(oomGroup: string | null): string | null {
  return oomGroup === null ? null : (placeName(identifyCgroup(oomGroup)) ?? oomGroup);
}
