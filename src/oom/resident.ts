import type { KillRecord } from './report.ts';

type Resident = Pick<KillRecord, 'anonRssKiB' | 'fileRssKiB' | 'shmemRssKiB'>;

/** What a kill line says of the victim's resident memory; null: it does not say. */
export function residentKiB({ anonRssKiB, fileRssKiB, shmemRssKiB }: Resident): number | null {
  const parts = [anonRssKiB, fileRssKiB, shmemRssKiB].filter((part) => part !== null);
  return parts.length === 0 ? null : parts.reduce((sum, part) => sum + part, 0);
}
