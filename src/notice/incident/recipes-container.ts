import type { Kill } from '../../incident/incident.ts';
import { shellWord } from '../host-text.ts';
import { LIMIT_MARGIN, look, type Case, type Recipe } from './recipe.ts';

/** What to do about the limit of a container or pod, in its engine's own commands; null: it is none, or its engine is not known. */
export function forContainer(given: Case, words: string): Recipe | null {
  const { record, kill } = given;
  const { identity } = record;
  if (identity === null) return null;
  if (identity.pod !== null || kill.container?.engine === 'kubernetes') return seePod(kill);
  const id = shellWord(identity.container);
  const name = shellWord(kill.container?.name ?? null) ?? id;
  if (id === null || name === null) return null;
  // That of a slice or a pod around it is set elsewhere.
  const isOwn = record.oomMemcg !== null && record.oomMemcg.includes(id);
  const limitKiB = isOwn ? record.memcgLimitKiB : null;
  const engine = kill.container?.engine ?? identity.runtime;
  switch (engine) {
    case 'docker':
      return dockerLike('docker', name, limitKiB, `${words}${composeWords(kill)}`);
    case 'podman':
      return dockerLike('podman', name, limitKiB, `${words}${rootlessWords(kill)}`);
    case 'nerdctl':
      return dockerLike('nerdctl', name, limitKiB, words);
    case 'containerd':
      return look('See what the container needs before you raise its limit:', `nerdctl stats --no-stream ${id}`);
    case 'cri-o':
      return look('See what the container needs before you raise its limit:', `crictl stats ${id}`);
    case 'lxc':
      return forLxc(id, limitKiB, words);
    default:
      return null;
  }
}

/** Docker, Podman and nerdctl share these words; all three change a running container's limit. */
function dockerLike(
  program: 'docker' | 'podman' | 'nerdctl',
  name: string,
  limitKiB: number | null,
  words: string,
): Recipe {
  if (limitKiB === null)
    return look('See what the container needs before you raise its limit:', `${program} stats --no-stream ${name}`);
  const mib = Math.ceil((limitKiB * LIMIT_MARGIN) / 1_024);
  return {
    kind: 'change',
    words,
    command: `${program} update --memory ${mib}m ${name}`,
    undo: `${program} update --memory ${limitKiB}k ${name}`,
    before: null,
  };
}

/** Proxmox calls its containers by number. */
function forLxc(id: string, limitKiB: number | null, words: string): Recipe {
  if (!/^\d+$/.test(id)) return look('See what the container needs before you raise its limit:', `lxc-info -n ${id}`);
  if (limitKiB === null) return look('See the container’s limit:', `pct config ${id}`);
  const mib = Math.ceil((limitKiB * LIMIT_MARGIN) / 1_024);
  return {
    kind: 'change',
    words,
    command: `pct set ${id} --memory ${mib}`,
    undo: `pct set ${id} --memory ${Math.round(limitKiB / 1_024)}`,
    before: null,
  };
}

function composeWords({ container }: Kill): string {
  const { project, service } = container?.more ?? {};
  const where = shellWord(service ?? null);
  return project && where !== null ? ` To make it last, set mem_limit of ${where} in its compose file.` : '';
}

function rootlessWords({ container }: Kill): string {
  return container?.uid == null ? '' : ` Run it as the user with uid ${container.uid}, who owns the container.`;
}

/** `shop/web-1` as kubectl wants it; null: not known, or not for a shell. */
function podOf({ container }: Kill): { namespace: string; pod: string } | null {
  if (container?.engine !== 'kubernetes') return null;
  const [namespace, pod, ...more] = container.name.split('/').map(shellWord);
  return namespace && pod && more.length === 0 ? { namespace, pod } : null;
}

function seePod(kill: Kill): Recipe {
  const of = podOf(kill);
  const words = 'Compare what the pod needs with limits.memory in its spec:';
  return look(
    words,
    of === null
      ? 'kubectl top pod --containers --all-namespaces'
      : `kubectl -n ${of.namespace} top pod ${of.pod} --containers; kubectl -n ${of.namespace} get pod ${of.pod} -o 'custom-columns=CONTAINER:.spec.containers[*].name,LIMIT:.spec.containers[*].resources.limits.memory'`,
  );
}

/** Where a pod's oom_score_adj comes from. */
export function seePodClass(kill: Kill): Recipe {
  const of = podOf(kill);
  const where = of === null ? 'pods --all-namespaces' : `pod ${of.pod} -n ${of.namespace}`;
  return look(
    'The value comes from the pod’s class: requests equal to limits make it a safe one. See what it asks for:',
    `kubectl get ${where} -o custom-columns=POD:.metadata.name,CLASS:.status.qosClass`,
  );
}
