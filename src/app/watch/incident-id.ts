import { createHash } from 'node:crypto';
import type { Kill } from '../../incident/incident.ts';

/**
 * The name of the incident that a kill opens, in the form of a UUID: the same whenever it is read, so that what was told of it before
 * it could be saved is found again.
 */
export function incidentIdOf({ host, key }: Pick<Kill, 'host' | 'key'>): string {
  const hex = createHash('sha256')
    .update(JSON.stringify([host, key]))
    .digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}
