import type { Incident } from '../incident/incident.ts';
import type { Mute } from './ports.ts';

/** The target of a mute that silences a service on one host only. */
export function serviceOnHost(service: string, host: string): string {
  return `${service} on ${host}`;
}

/** Until when an incident is silent: its host is muted, one of its services, or one of its services on its host. null: it is not. */
export function mutedUntil(
  mutes: readonly Mute[],
  incident: Pick<Incident, 'host' | 'service' | 'victims'>,
  nowMs: number,
): number | null {
  const services = [incident.service, ...incident.victims.map((victim) => victim.service)];
  const names = new Set([
    incident.host,
    ...services,
    ...services.map((service) => serviceOnHost(service, incident.host)),
  ]);
  const ends = mutes.filter((mute) => mute.untilMs > nowMs && names.has(mute.target)).map((mute) => mute.untilMs);
  return ends.length === 0 ? null : Math.max(...ends);
}
