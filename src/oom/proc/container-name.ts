import { identifyCgroup } from './cgroup.ts';

// Who says what a container is called, and how far that is believed:
//   kubelet: /var/log/containers/<pod>_<namespace>_<container>-<64 hex>.log and /var/log/pods/<namespace>_<pod>_<uid>, links and
//     folders that root alone makes (pkg/kubelet/kuberuntime: legacyLogSymlink, BuildPodLogsDirectory)
//   conmon, the keeper of a container of Podman or CRI-O: `conmon … -c <64 hex> … -n <name> …`. Anybody may start a process with such
//     arguments, so that of root counts only outside of containers, and that of another user only for groups of that user.
//   the engine itself, asked by the root-owned helper (Docker, nerdctl, Proxmox)

export type Engine = 'kubernetes' | 'podman' | 'cri-o' | 'docker' | 'nerdctl' | 'lxc';

/** What people call a container or a pod. Texts are hostile. */
export interface ContainerName {
  /** The container's id as in the path of its group, or the pod's uid. */
  id: string;
  kind: 'container' | 'pod';
  engine: Engine;
  /** `web-1`; in Kubernetes `namespace/pod`. */
  name: string;
  /** The container within its pod, or the image that it was made of; null: not known. */
  part: string | null;
  /** Not null: the word of this user, which counts for groups of that user. */
  uid: number | null;
  /** What the same id was called before; null or missing: nothing else. */
  was?: string | null;
  /** When it was last seen, by our clock. */
  seenAtMs?: number;
  /** What its engine says beside its name. */
  more?: { project: string | null; service: string | null; restart: string | null; limitKiB: number | null };
}

/** `shop/web-1 (nginx)`. */
export function containerLabel({ name, part }: Pick<ContainerName, 'name' | 'part'>): string {
  return part === null ? name : `${name} (${part})`;
}

const LINK = /^([a-z0-9][a-z0-9.-]{0,252})_([a-z0-9][a-z0-9-]{0,62})_([a-z0-9][a-z0-9-]{0,62})-([0-9a-f]{64})\.log$/;
const FOLDER = /^([a-z0-9][a-z0-9-]{0,62})_([a-z0-9][a-z0-9.-]{0,252})_([0-9A-Za-z-]{8,63})$/;
/** CRI-O and dockershim: `k8s_<container>_<pod>_<namespace>_<uid>_<attempt>`. */
const KUBELET_NAME = /^k8s_([^_]+)_([^_]+)_([^_]+)_[^_]+_\d+$/;
const ID = /^[0-9a-f]{64}$/;
const NAME_MAX = 253;

/** Reads one line of a scan that names a container or a pod (see proc-scan-script.ts); null: it is none. Never throws. */
export function parseNameLine(line: string): ContainerName | null {
  const [mark, first = '', second = '', third = '', fourth = ''] = line.split('\t');
  switch (mark) {
    case '#container': {
      const [, pod, namespace, container, id] = LINK.exec(first) ?? [];
      if (id === undefined) return null;
      return {
        id,
        kind: 'container',
        engine: 'kubernetes',
        name: `${namespace}/${pod}`,
        part: container ?? null,
        uid: null,
      };
    }
    case '#pod': {
      const [, namespace, pod, uid] = FOLDER.exec(first) ?? [];
      if (uid === undefined) return null;
      return { id: uid, kind: 'pod', engine: 'kubernetes', name: `${namespace}/${pod}`, part: null, uid: null };
    }
    case '#conmon':
      return /^\d{1,10}$/.test(first) ? conmonName(Number(first), second, third, fourth) : null;
    default:
      return null;
  }
}

function conmonName(uid: number, cgroup: string, id: string, name: string): ContainerName | null {
  if (!ID.test(id) || name === '') return null;
  // The keeper lives outside of all containers; what claims to be one from within is none.
  const { container, pod } = identifyCgroup(cgroup);
  if (container !== null || pod !== null) return null;
  return { ...nameByEngine('podman', id, name), uid: uid === 0 ? null : uid };
}

/** A container by the name that its engine gives it: that of Kubernetes where the name is one of the kubelet's. */
export function nameByEngine(engine: Engine, id: string, given: string, part: string | null = null): ContainerName {
  const name = given.slice(0, NAME_MAX);
  const [, container, pod, namespace] = KUBELET_NAME.exec(name) ?? [];
  if (container !== undefined && pod !== undefined)
    return {
      id,
      kind: 'container',
      engine: 'kubernetes',
      name: `${namespace}/${pod}`,
      // The pause container holds the pod's namespaces, and is what dies of it least.
      part: container,
      uid: null,
    };
  return { id, kind: 'container', engine, name, part, uid: null };
}

/**
 * What the container of a group is called, else its pod; null: not known, or two names are claimed for it. The path of a group made
 * by a user's own manager names that user (`/user.slice/user-1000.slice/…`).
 */
export function nameOfGroup(names: readonly ContainerName[], path: string | null): ContainerName | null {
  if (path === null || names.length === 0) return null;
  const { container, pod } = identifyCgroup(path);
  const claims = names.filter(({ uid }) => uid === null || path.startsWith(`/user.slice/user-${uid}.slice/`));
  const own = claims.filter(({ kind, id }) => kind === 'container' && id === container);
  if (own.length > 0) return theOne(own);
  return theOne(claims.filter(({ kind, id }) => kind === 'pod' && id === pod));
}

function theOne(claims: readonly ContainerName[]): ContainerName | null {
  const [first, ...others] = claims;
  if (first === undefined) return null;
  // An engine knows more of the same container than its keeper's command line.
  const richest = claims.find(({ part }) => part !== null) ?? first;
  return others.every(({ name }) => name === first.name) ? richest : null;
}

const NOTED_MAX = 2_000;

/**
 * What is known of names after another look: those seen now, each with what its id was called before, and those that are gone since
 * less than `keepMs`, for a death may be learned of late.
 */
export function noteNames(
  known: readonly ContainerName[],
  seen: readonly ContainerName[],
  nowMs: number,
  keepMs: number,
): ContainerName[] {
  const before = new Map(known.map((one) => [keyOf(one), one]));
  const now = seen.map((one): ContainerName => {
    const old = before.get(keyOf(one));
    before.delete(keyOf(one));
    const was = old === undefined || old.name === one.name ? (old?.was ?? null) : old.name;
    return { ...one, seenAtMs: nowMs, ...(was === null || was === one.name ? {} : { was }) };
  });
  const gone = [...before.values()].filter(({ seenAtMs = 0 }) => nowMs - seenAtMs < keepMs);
  return [...now, ...gone.toSorted((a, b) => (b.seenAtMs ?? 0) - (a.seenAtMs ?? 0))].slice(0, NOTED_MAX);
}

function keyOf({ kind, id, uid, engine }: ContainerName): string {
  return `${kind} ${id} ${uid ?? ''} ${engine}`;
}

// What the helper prints of an engine's containers, fields apart by tabs; texts are JSON, so that no label can forge a line:
//   name docker <64 hex> "/shop-web-1" "nginx:1.27" "shop" "web" "unless-stopped" 134217728
//   name nerdctl <64 hex> "web" "docker.io/library/nginx:1.27"
//   name lxc 101 "web"
const FIELDS = { docker: 6, nerdctl: 2, lxc: 1 } as const;

/** Reads the helper's answer to `v1 names`; what is no such line is passed over. Never throws. */
export function parseEngineNames(text: string): ContainerName[] {
  return text
    .split(/\r?\n/)
    .filter((line) => line.startsWith('name\t'))
    .slice(0, NOTED_MAX)
    .flatMap((line): ContainerName[] => {
      const [, engine = '', id = '', ...fields] = line.split('\t');
      if (engine !== 'docker' && engine !== 'nerdctl' && engine !== 'lxc') return [];
      if (fields.length !== FIELDS[engine] || !(engine === 'lxc' ? /^\d{1,9}$/ : ID).test(id)) return [];
      const [name = '', image = null, project = null, service = null, restart = null] = fields.map(jsonText);
      const given = engine === 'docker' ? name?.replace(/^\//, '') : name;
      if (!given) return [];
      const named = nameByEngine(engine, id, given, image === null ? null : image.slice(0, NAME_MAX) || null);
      if (engine !== 'docker') return [named];
      const bytes = /^\d{1,15}$/.test(fields[5] ?? '') ? Number(fields[5]) : 0;
      return [
        { ...named, more: { project, service, restart, limitKiB: bytes > 0 ? Math.floor(bytes / 1_024) : null } },
      ];
    });
}

function jsonText(text: string): string | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'string' && value !== '' ? value : null;
  } catch {
    return null;
  }
}
