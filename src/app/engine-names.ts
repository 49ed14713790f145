import { HELLO_REQUEST, NAMES_REQUEST, readMeans } from '../change/host-command.ts';
import { identifyCgroup } from '../oom/proc/cgroup.ts';
import { nameOfGroup, parseEngineNames, type ContainerName } from '../oom/proc/container-name.ts';
import type { ProcScan } from '../oom/proc/proc-scan.ts';
import type { HostLink } from './host-link.ts';
import type { HostStore } from './store-port.ts';

/** Whether something there runs in a container or pod whose name a scan did not show: its engine has to be asked. */
export function hasUnnamed({ processes, containers }: ProcScan): boolean {
  return processes.some(({ cgroup }) => {
    const { container, pod } = identifyCgroup(cgroup ?? '/');
    return (container !== null || pod !== null) && nameOfGroup(containers, cgroup) === null;
  });
}

/** What the engines of a host call their containers, by the root-owned helper. None where it cannot be asked or is older. */
export async function askEngines(link: HostLink): Promise<ContainerName[]> {
  // An older helper would put a request that it does not know into the host's log, each time.
  const hello = await link.changes.request(HELLO_REQUEST);
  if (hello.kind !== 'answered' || readMeans(hello.text)?.names !== true) return [];
  const end = await link.changes.request(NAMES_REQUEST);
  return end.kind === 'answered' ? parseEngineNames(end.text) : [];
}

/** What the last snapshot of a host has of its containers' names. A store that fails leaves them without. */
export function notedNames(store: Pick<HostStore, 'snapshot'>): (host: string) => Promise<readonly ContainerName[]> {
  return async (host) => (await store.snapshot(host).catch(() => null))?.containers ?? [];
}
