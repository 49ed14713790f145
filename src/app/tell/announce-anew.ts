import type { Incident } from '../../incident/incident.ts';
import { serviceOf } from '../../incident/service.ts';
import type { Anew } from '../../notice/incident/anew-notice.ts';
import type { Told } from '../ledger.ts';

/** An incident that goes on notifies people again at its first kill after this. */
export const ANNOUNCED_FOR_MS = 60 * 60_000;
/** A service that joins so soon is named by the message itself. */
const TOGETHER_MS = 2_000;

/** Why an incident that was announced must be announced anew. null: it need not. */
export function anewOf(incident: Incident, told: Told): Anew | null {
  const { announcedAtMs } = told;
  if (announcedAtMs === null || incident.closedAtMs !== null) return null;
  const joined = servicesOf(incident).filter((service) => !told.services.includes(service));
  const late = joined.filter((service) => {
    const deaths = incident.kills.filter((kill) => serviceOf(kill) === service).map((kill) => kill.atMs);
    return deaths.length > 0 && Math.max(...deaths) > announcedAtMs + TOGETHER_MS;
  });
  if (late.length > 0) return { kind: 'joined', services: late };
  if (incident.back.kind === 'loop' && !told.loop) return { kind: 'loop' };
  if (incident.killCount > told.kills && incident.lastAtMs - announcedAtMs >= ANNOUNCED_FOR_MS)
    return { kind: 'again' };
  return null;
}

export function servicesOf(incident: Incident): string[] {
  return incident.victims.map(({ service }) => service);
}
