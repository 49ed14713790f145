import type { Identity } from '../report.ts';

// Where a victim lived, from its cgroup path. The same container in the layouts that exist:
//   /docker/<64 hex>                                                          cgroupfs driver
//   /system.slice/docker-<64 hex>.scope                                       systemd driver
//   /kubepods/burstable/pod<uid>/<64 hex>                                     Kubernetes, cgroupfs
//   /kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod<uid with _>.slice/cri-containerd-<64 hex>.scope
//   /system.slice/containerd.service/kubepods-besteffort-pod<uid>.slice:cri-containerd:<64 hex>     drivers that disagree
//   /lxc/101/ns/system.slice/docker-<64 hex>.scope                            one in another: the innermost counts
// A path is any bytes but NUL and line feed, and anybody may call a group `x.service`: this tells what a path says, no more.

const UNIT = /^[^/]+\.(?:service|scope|socket|mount|swap)$/;
/** systemd puts `_` before names that would collide with the kernel's own files. */
const ESCAPED = /^_(?:[_.]|(?:tasks|notify_on_release|release_agent)$|(?:cgroup|cpu|cpuset|io|memory|pids|devices)\.)/;
const CONTAINER_ID = /^[0-9a-f]{64}$/;
/** Fargate: the task's id and the container's number. */
const FARGATE_ID = /^[0-9a-f]{32}-\d+$/;
const POD = /^pod([0-9A-Za-z_-]{8,63})$/;
const POD_SLICE = /^(?:[a-z0-9_]+-)*?kubepods(?:-(burstable|besteffort))?-pod([0-9A-Za-z_-]{8,63})\.slice$/;
const CLASS_SLICE = /^(?:[a-z0-9_]+-)*?kubepods-(burstable|besteffort)\.slice$/;

// `conmon` and `lxc.monitor` groups hold the container's keeper, which lives outside of it: they match nothing here.
const RUNTIME_OF_PREFIX: Readonly<Record<string, string>> = {
  docker: 'docker',
  libpod: 'podman',
  'libpod-payload': 'podman',
  crio: 'cri-o',
  'cri-containerd': 'containerd',
  nerdctl: 'containerd',
};
const RUNTIME_OF_PARENT: Readonly<Record<string, string>> = {
  docker: 'docker',
  ecs: 'ecs',
  'k8s.io': 'containerd',
  default: 'containerd',
};

/** Whether a process lives in a group or below it. */
export function isWithin(cgroup: string | null, group: string): boolean {
  return cgroup === group || (cgroup?.startsWith(`${group}/`) ?? false);
}

/**
 * Unit, slice, container and pod of a cgroup path (v1 or v2, `/` for the root group: all null). Never throws.
 * `unit` is systemd's own name, escapes included (`systemctl` wants it so); inside a container it is the unit in there.
 * `slice` is the slice that holds the unit, for a user's units the one with the user's number (`user-1000.slice`).
 */
export function identifyCgroup(path: string): Identity {
  const found: Identity = { unit: null, slice: null, container: null, runtime: null, pod: null, qos: null };
  const parts = path.replace(/ \(deleted\)$/, '').split('/');
  let inUnit = false;
  for (const [at, raw] of parts.entries()) {
    const part = ESCAPED.test(raw) ? raw.slice(1) : raw;
    const before = parts.slice(Math.max(0, at - 3), at).toReversed();
    readPod(part, before, found);
    if (part.endsWith('.slice') && part.length > '.slice'.length) {
      if (!inUnit) found.slice = part;
    } else if (UNIT.test(part)) {
      // A manager's own process sits in init.scope below its unit.
      if (part !== 'init.scope' || !inUnit) found.unit = part;
      inUnit = true;
    }
    const container = readContainer(part, before);
    if (container !== null) {
      found.container = container.id;
      found.runtime = container.runtime;
      inUnit = false;
      // What follows is another system's tree: its units are its own.
      if (!UNIT.test(part)) found.unit = null;
    }
  }
  return found;
}

function readPod(part: string, before: readonly string[], found: Identity): void {
  const slice = POD_SLICE.exec(part.split(':')[0] ?? '');
  const [parent = '', grandparent = ''] = before;
  const named = POD.exec(part);
  const isClass = parent === 'burstable' || parent === 'besteffort';
  if (slice) {
    found.pod = dashed(slice[2] ?? '');
    found.qos = readClass(slice[1]) ?? 'guaranteed';
  } else if (named && (parent === 'kubepods' || (isClass && grandparent === 'kubepods'))) {
    found.pod = dashed(named[1] ?? '');
    found.qos = readClass(parent) ?? 'guaranteed';
  } else {
    found.qos = readClass(CLASS_SLICE.exec(part)?.[1] ?? (parent === 'kubepods' ? part : undefined)) ?? found.qos;
  }
}

function readClass(text: string | undefined): 'burstable' | 'besteffort' | null {
  return text === 'burstable' || text === 'besteffort' ? text : null;
}

/** The systemd driver writes a pod's uid with `_`, since `-` nests slices. */
function dashed(uid: string): string {
  return uid.replaceAll('_', '-');
}

function readContainer(part: string, before: readonly string[]): { id: string; runtime: string | null } | null {
  const [parent = '', grandparent = '', great = ''] = before;

  const prefixed = /^(?:.*:)?([a-z-]+)[-:]([0-9a-f]{64})(?:\.scope)?$/.exec(part);
  if (prefixed) {
    const runtime = backfill(RUNTIME_OF_PREFIX, prefixed[1] ?? '');
    return runtime === null ? null : { id: prefixed[2] ?? '', runtime };
  }
  if (CONTAINER_ID.test(part) || (FARGATE_ID.test(part) && [grandparent, great].includes('ecs'))) {
    // Any group may be Docker's parent: a bare id is a container even where its maker cannot be told.
    const ecs = grandparent === 'ecs' || great === 'ecs';
    return { id: part, runtime: ecs ? 'ecs' : backfill(RUNTIME_OF_PARENT, parent) };
  }

  const payload = /^lxc\.payload\.(.+)$/.exec(part)?.[1];
  if (payload !== undefined) return { id: payload, runtime: 'lxc' };
  if ((parent === 'lxc' || parent === 'lxc.payload') && part !== '') return { id: part, runtime: 'lxc' };

  if (/^job_\d+$/.test(part) && isSlurm(parent, grandparent)) return { id: part, runtime: 'slurm' };

  // Proxmox: /qemu.slice/100.scope. machined: a VM or container by its name, after its number.
  const proxmox = parent === 'qemu.slice' ? /^(\d+)\.scope$/.exec(part)?.[1] : undefined;
  if (proxmox !== undefined) return { id: proxmox, runtime: 'qemu' };
  const machine = /^machine-(.+)\.scope$/.exec(part)?.[1];
  if (machine !== undefined) {
    const libvirt = /^(qemu|lxc)-\d+-(.+)$/s.exec(unescapeUnitName(machine));
    return libvirt
      ? { id: libvirt[2] ?? '', runtime: libvirt[1] ?? null }
      : { id: unescapeUnitName(machine), runtime: 'systemd-nspawn' };
  }
  const nspawn = /^systemd-nspawn@(.+)\.service$/.exec(part)?.[1];
  return nspawn === undefined ? null : { id: unescapeUnitName(nspawn), runtime: 'systemd-nspawn' };
}

/** `/slurm/uid_1000/job_42`, `/slurm_NODE/…` on v1; `/system.slice/slurmstepd.scope/job_42`, `NODE_slurmstepd.scope` on v2. */
function isSlurm(parent: string, grandparent: string): boolean {
  return /(?:^|_)slurmstepd\.scope$/.test(parent) || (/^uid_\d+$/.test(parent) && /^slurm(?:_|$)/.test(grandparent));
}

function backfill(table: Readonly<Record<string, string>>, key: string): string | null {
  return Object.hasOwn(table, key) ? (table[key] ?? null) : null;
}

/** `foo\x2dbar` → `foo-bar`, for people; bytes that are no ASCII stay escaped. systemd wants the escaped form back. */
export function unescapeUnitName(name: string): string {
  return name.replace(/\\x([2-6][0-9a-f]|7[0-9a-e])/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}
