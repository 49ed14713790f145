import type { Incident } from '../incident/incident.ts';
import type { Mute } from './ports.ts';

/** The target of a mute that silences a service on one host only. */
export function serviceOnHost(service: string, host: string): string {
  return `${service} on ${host}`;
}

/** The target of a mute that silences a host because it has a tag: beside a mute of its own. */
export function hostOfTag(host: string, tag: string): string {
  return `${host} (tag ${tag})`;
}

export function isHostMuted(mutes: readonly Mute[], host: string): boolean {
  return mutes.some((mute) => silencesHost(mute, host));
}

function silencesHost({ target, tag }: Mute, host: string): boolean {
  return target === host || (tag !== undefined && target === hostOfTag(host, tag));
}

/**
 * Until when an incident is silent: its host is muted, or all of its services are, each everywhere or on its host. One that is not
 * must be told. null: it is not silent.
 */
export function mutedUntil(
  mutes: readonly Mute[],
  incident: Pick<Incident, 'host' | 'service' | 'victims'>,
  nowMs: number,
): number | null {
  const { host, victims } = incident;
  const inForce = mutes.filter((mute) => mute.untilMs > nowMs);
  const services = victims.length === 0 ? [incident.service] : victims.map((victim) => victim.service);
  const ofServices = services.map((service) =>
    lastEnd(inForce.filter(({ target }) => target === service || target === serviceOnHost(service, host))),
  );
  const untilMs = Math.max(lastEnd(inForce.filter((mute) => silencesHost(mute, host))), Math.min(...ofServices));
  return untilMs === 0 ? null : untilMs;
}

function lastEnd(mutes: readonly Mute[]): number {
  return Math.max(0, ...mutes.map((mute) => mute.untilMs));
}
