import { expect } from 'vitest';
import type { Store } from '../../src/app/store-port.ts';
import type { LocalWorkspace } from '../../src/local/workspace.ts';
import { timesTold } from './times-told.ts';

const ALL = { sinceMs: null, untilMs: null, service: null, limit: 100_000 };

/** Each of these deaths is on record once, each incident that has one of them counted it once and was announced once in `#oom`. */
export async function expectToldOnce(
  store: Store,
  workspace: LocalWorkspace,
  host: string,
  pids: readonly number[],
): Promise<void> {
  const ours = new Set(pids);
  const kills = await store.kills({ ...ALL, hosts: [host] });
  const recorded = kills.flatMap(({ record }) => (ours.has(record.pid ?? -1) ? [record.pid ?? 0] : []));
  expect(
    recorded.toSorted((a, b) => a - b),
    host,
  ).toEqual(pids.toSorted((a, b) => a - b));

  const told = timesTold(workspace, '#oom');
  for (const incident of await store.incidents(host, 10_000)) {
    const its = await store.killsOfIncident(incident.id, 100_000);
    if (!its.some(({ record }) => ours.has(record.pid ?? -1))) continue;
    expect(its, `kills of ${incident.id}`).toHaveLength(incident.killCount);
    expect(told.get(incident.id), `${host}: how often ${incident.service} (${incident.id}) was announced`).toBe(1);
  }
}
