import { groupKills } from '../../src/incident/grouping.ts';
import type { Incident, Kill } from '../../src/incident/incident.ts';
import { aKill } from './a-kill.ts';

/** An open incident of the given kills (the founding one by default), as grouping makes it; they must belong together. */
export function anIncident(given: Partial<Omit<Incident, 'kills'>> & { kills?: Kill[] } = {}): Incident {
  const { kills = [aKill()], ...rest } = given;
  const lastAtMs = Math.max(...kills.map((kill) => kill.atMs));
  const [made, ...others] = groupKills([], kills, lastAtMs, (kill) => `inc-${kill.key}`).incidents;
  if (!made || others.length > 0) throw new Error(`these kills make ${others.length + 1} incidents`);
  return { ...made, ...rest };
}
