import { describe, expect, it } from 'vitest';
import { assignIncidents } from '../../src/app/watch/assign-incidents.ts';
import { incidentIdOf } from '../../src/app/watch/incident-id.ts';
import { openUnsavedKills } from '../../src/app/watch/unsaved-kills.ts';
import type { Incident, Kill } from '../../src/incident/incident.ts';
import { aKill } from '../support/a-kill.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { PLACING } from '../support/placing.ts';

const NOW_MS = Date.UTC(2026, 7, 30, 1, 35, 8);
const BOOT = '3c0f9a52-7d0e-4b57-9d0a-0a3f1c6b2e11';

/** What is told from memory of one host whose record answers nothing, or this. */
function aMemory(record: { open: Incident[]; kills: Kill[] } | null = null) {
  const told: Incident[] = [];
  function answer<T>(of: T[] | undefined): Promise<T[]> {
    return of === undefined ? Promise.reject(new Error('the database is away')) : Promise.resolve(of);
  }
  const unsaved = openUnsavedKills('db01', PLACING, {
    store: {
      openIncidents: () => answer(record?.open),
      kills: () => answer(record?.kills),
      mutes: () => answer(record === null ? undefined : []),
    },
    clock: fakeClock(NOW_MS),
    onUnsaved: (incident) => void told.push(incident),
  });
  return { unsaved, told };
}

/** Its death as a live line tells it, and as a file that is read again does: without the boot. */
function toldTwice(name: string, pid: number, atMs = NOW_MS): { live: Kill; again: Kill } {
  const kill = aKill({ name, pid, atMs });
  const moment = `${pid * 1_000_000}:${pid}`;
  return { live: { ...kill, key: `${BOOT}:${moment}` }, again: { ...kill, key: `-:${moment}`, bootId: null } };
}

function savedAs(fresh: Kill[], incidents: Incident[]) {
  return { fresh, amended: [], incidents: incidents.map((one) => ({ ...one, revision: one.revision + 1 })) };
}

describe('kills that the record does not take', () => {
  it('are one death when a log that is read again tells it without its boot', async () => {
    const { unsaved, told } = aMemory();
    const { live, again } = toldTwice('java', 7);

    await unsaved.tell([live]);
    await unsaved.tell([live, { ...again, atMs: live.atMs - 1_000 }]);

    expect(new Set(told.map(({ id }) => id))).toEqual(new Set([incidentIdOf(live)]));
    expect(told.map(({ killCount }) => killCount)).toEqual([1, 1]);
  });

  it('are told within the time of one question to a store that hangs', async () => {
    const clock = fakeClock(NOW_MS);
    const told: Incident[] = [];
    function hang(): Promise<never> {
      return new Promise(() => undefined);
    }
    const unsaved = openUnsavedKills('db01', PLACING, {
      store: { openIncidents: hang, kills: hang, mutes: hang },
      clock,
      onUnsaved: (incident) => void told.push(incident),
    });

    const telling = unsaved.tell([toldTwice('java', 7).live]);
    await clock.advance(3_000);

    expect(told).toHaveLength(1);
    await telling;
  });

  it.each([
    ['answers', true],
    ['does not answer', false],
  ])('are not told again when they were on record before, and the record %s', async (_, answers) => {
    const { live, again } = toldTwice('java', 7);
    const decided = assignIncidents(
      { host: 'db01', nowOpen: [], fresh: [live], amended: [] },
      { ...PLACING, nowMs: NOW_MS },
    );
    const { unsaved, told } = aMemory(answers ? { open: [], kills: [live] } : null);
    unsaved.see(savedAs([live], decided.incidents));

    await unsaved.tell([again]);

    expect(told).toEqual([]);
  });

  it('join what was open when the record could be read last', async () => {
    const { unsaved, told } = aMemory();
    const before = aKill({ name: 'java', pid: 7 });
    const { incidents } = assignIncidents(
      { host: 'db01', nowOpen: [], fresh: [before], amended: [] },
      { ...PLACING, nowMs: NOW_MS },
    );
    unsaved.see(savedAs([before], incidents));

    await unsaved.tell([aKill({ name: 'java', pid: 8, atMs: NOW_MS + 20_000 })]);

    expect(told).toEqual([]);
  });

  it('go on record as the incident that people were told of, whatever is open there and whichever comes first', async () => {
    const { unsaved, told } = aMemory();
    const [earlier, later] = [10_000, 20_000].map((ms, at) => aKill({ name: 'java', pid: 8 + at, atMs: NOW_MS + ms }));
    const opened = assignIncidents(
      { host: 'db01', nowOpen: [], fresh: [aKill({ name: 'java', pid: 7 })], amended: [] },
      { ...PLACING, nowMs: NOW_MS },
    );
    await unsaved.tell([later!]);
    await unsaved.tell([later!, earlier!]);

    const decided = assignIncidents(
      { host: 'db01', nowOpen: opened.incidents, fresh: [earlier!, later!], amended: [] },
      { ...PLACING, nowMs: NOW_MS + 60_000, toldAs: unsaved.toldAs },
    );

    expect(new Set(told.map(({ id }) => id))).toEqual(new Set([incidentIdOf(later!)]));
    expect(decided.incidents.map(({ id, killCount }) => [id, killCount])).toEqual([[incidentIdOf(later!), 2]]);
  });
});
