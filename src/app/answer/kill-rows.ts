import { isById, serviceLabel } from '../../incident/service.ts';
import { recurrenceOf, type Recurrence } from '../../incident/recurrence.ts';
import type { HistoryRow } from '../../notice/answer/history-notice.ts';
import type { KillCount, KillStore, KillTime } from '../store-port.ts';
import type { Target } from './targets.ts';

export type Known = Exclude<Target, { kind: 'refused' }> | { kind: 'fleet' };

/** Whose kills are meant, as the store asks for them. */
export function queryOf(target: Known): { hosts: string[] | null; service: string | null } {
  switch (target.kind) {
    case 'fleet':
      return { hosts: null, service: null };
    case 'host':
      return { hosts: [target.name], service: null };
    case 'tag':
      return { hosts: target.hosts, service: null };
    case 'service':
      return { hosts: null, service: target.name };
  }
}

/** Kills by host and service, most first; `times` are the newest of the same kills. */
export function rowsOf(counts: readonly KillCount[], times: readonly KillTime[]): Omit<HistoryRow, 'past' | 'label'>[] {
  const timesOf = Map.groupBy(times, keyOf);
  return [...Map.groupBy(counts, keyOf)]
    .flatMap(([key, hours]) => {
      const [newest] = hours;
      if (!newest) return [];
      const kills = hours.reduce((sum, hour) => sum + hour.count, 0);
      // Beyond the newest kills only the hour is known.
      const exact = timesOf.get(key)?.map((time) => time.atMs) ?? hours.map((hour) => hour.hourMs);
      const recurrence: Recurrence | null = recurrenceOf(exact);
      const { host, service } = newest;
      return recurrence === null ? [] : [{ host, service, kills, recurrence: { ...recurrence, kills } }];
    })
    .toSorted((a, b) => b.kills - a.kills || b.recurrence.lastAtMs - a.recurrence.lastAtMs);
}

/** What the containers among these services are called, by their newest kill; null: no container, or its name was not seen. */
export function labelsOf(
  store: KillStore,
  rows: readonly { host: string; service: string }[],
): Promise<(string | null)[]> {
  return Promise.all(
    rows.map(async ({ host, service }) => {
      if (!isById(service)) return null;
      const kills = await store.kills({ hosts: [host], service, sinceMs: null, untilMs: null, limit: 1 });
      const label = serviceLabel(service, kills);
      return label === service ? null : label;
    }),
  );
}

function keyOf({ host, service }: { host: string; service: string }): string {
  return `${host} ${service}`;
}
