import type { Refusal } from '../../change/refusal.ts';
import type { Fleet } from '../host-link.ts';
import { nearest } from '../nearest.ts';
import type { IncidentStore, KillStore } from '../store-port.ts';

type TargetStore = KillStore & IncidentStore;

/** What a word that somebody typed stands for. */
export type Target =
  | { kind: 'host'; name: string }
  | { kind: 'tag'; name: string; hosts: string[] }
  | { kind: 'service'; name: string }
  | { kind: 'refused'; refusal: Refusal };

export interface Targets {
  /** A host that is watched, or one of which kills are still on record. */
  host: (asked: string) => Promise<Extract<Target, { kind: 'host' | 'refused' }>>;
  /** A host, a tag or a service of which kills are on record, in this order. */
  any: (asked: string) => Promise<Target>;
  tags: () => string[];
}

const SERVICES_MAX = 5_000;
const HOST_NAME = /^[\w.-]{1,100}$/;

/** Names of hosts, tags and services, in any case of letters; a slip is answered with what is near. */
export function openTargets(fleet: Fleet, store: TargetStore): Targets {
  function hostNames(): string[] {
    return fleet.hosts().map((host) => host.name);
  }

  function tags(): string[] {
    return [...new Set(fleet.hosts().flatMap((host) => host.tags))].toSorted();
  }

  async function recordedHost(asked: string): Promise<string | null> {
    const known = findName(asked, hostNames());
    if (known !== null) return known;
    // Hosts that are no longer watched are found by their exact name.
    if (!HOST_NAME.test(asked)) return null;
    return (await store.incidents(asked, 1)).length > 0 ? asked : null;
  }

  async function host(asked: string): Promise<Extract<Target, { kind: 'host' | 'refused' }>> {
    const name = await recordedHost(asked);
    if (name !== null) return { kind: 'host', name };
    const known = hostNames();
    const tag = findName(asked, tags());
    const tagged = tag === null ? {} : { tagged: hostsWith(tag) };
    return {
      kind: 'refused',
      refusal: { kind: 'unknown-host', host: asked, nearest: nearest(asked, known), known, ...tagged },
    };
  }

  async function any(asked: string): Promise<Target> {
    const name = await recordedHost(asked);
    if (name !== null) return { kind: 'host', name };
    const tag = findName(asked, tags());
    if (tag !== null) return { kind: 'tag', name: tag, hosts: hostsWith(tag) };
    const services = await recordedServices(asked);
    const service = findName(asked, services) ?? findName(`${asked}.service`, services);
    if (service !== null) return { kind: 'service', name: service };
    const known = [...hostNames(), ...tags()];
    return {
      kind: 'refused',
      refusal: {
        kind: 'unknown-target',
        target: asked,
        nearest: nearest(asked, [...known, ...services]),
        known,
      },
    };
  }

  function hostsWith(tag: string): string[] {
    return fleet
      .hosts()
      .filter((one) => one.tags.includes(tag))
      .map((one) => one.name);
  }

  async function recordedServices(asked: string): Promise<string[]> {
    const exact = await store.killTimes({ hosts: null, sinceMs: null, untilMs: null, service: asked, limit: 1 });
    if (exact.length > 0) return [asked];
    return store.services(SERVICES_MAX);
  }

  return { host, any, tags };
}

/** The one of the names that was meant: as it is, else in another case of letters if only one fits. */
export function findName(asked: string, names: readonly string[]): string | null {
  if (names.includes(asked)) return asked;
  const lower = asked.toLowerCase();
  const [found, second] = names.filter((name) => name.toLowerCase() === lower);
  return found !== undefined && second === undefined ? found : null;
}
