import { createHash } from 'node:crypto';
import { placeOf } from '../../incident/fold-deaths.ts';
import type { Kill } from '../../incident/incident.ts';

/**
 * The name of the incident that a kill opens, in the form of a UUID: the same whenever it is read, whether the boot is known then or
 * not, so that what was told of it before it could be saved is found again.
 */
export function incidentIdOf(kill: Pick<Kill, 'host' | 'key'>): string {
  const hex = createHash('sha256')
    .update(JSON.stringify([kill.host, placeOf(kill)]))
    .digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}
