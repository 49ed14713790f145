import { identifyCgroup } from '../oom/proc/cgroup.ts';
import type { Identity } from '../oom/report.ts';
import type { Kill } from './incident.ts';

// Units that only say how a person or the system came in, not what runs: there the process name says more.
const FRAME_UNIT = /^(?:session-[^.]*\.scope|user@\d+\.service|init\.scope)$/;

/** What people call the victim: its unit, else its pod (a container's id is new at each restart, the pod's is not), container, or name. */
export function serviceOf(kill: Kill): string {
  const { identity, oomGroup, name } = kill.record;
  return placeName(identity) ?? oomGroup ?? name ?? kill.who?.name ?? '(unknown process)';
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
  if (kill.source === 'counter') return 'counter';
  if (outcome === 'panic' || outcome === 'no-killable') return `${outcome}`;
  // order=-1: asked for by hand (SysRq f); nothing need have run out.
  if (trigger?.order === -1) return 'by hand';
  if (killer !== 'kernel') return killer;
  if (domain === null) return null;
  return domain === 'memcg' ? `memcg ${oomMemcg ?? ''}` : domain;
}
