import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openCauseWatch } from '../../src/app/watch/cause-watch.ts';
import { assignIncidents } from '../../src/app/watch/assign-incidents.ts';
import type { Kill } from '../../src/incident/incident.ts';
import { openStore } from '../../src/store/store.ts';
import { aKill } from '../support/a-kill.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { openScenario } from '../support/provoked.ts';
import { scriptedFleet } from '../support/scripted-host.ts';
import { needs } from '../support/needs.ts';
import { QUIET } from '../support/quiet-log.ts';
import { PLACING } from '../support/placing.ts';

const STARTED_AT_MS = Date.UTC(2026, 10, 21, 6);
/** The first death only says when the next life began. */
const DEATHS = 6;
const LIMIT_MIB = 24;
/** The one edit of what really happened: each second is told as half an hour. */
const STRETCH = 1_800;

/** Grows by 64 KiB every 8 ms, about 8 MiB a second, until it is killed. */
const LEAKY = 'perl -e \'my @a; while (1) { push @a, "x" x 65536; select undef, undef, undef, 0.008 }\'';

/** Lives of a program that leaks, in a group with a limit, with the kernel's own reports of their deaths. */
async function leakAndDie(): Promise<Kill[]> {
  const { run, killed, close } = openScenario(LIMIT_MIB);
  onTestFinished(close);
  const bornFirstMs = Date.now();
  const kills: Kill[] = [];
  for (let life = 0; life < DEATHS; life += 1) {
    const child = run(`exec ${LEAKY}`);
    await once(child, 'exit');
    const diedMs = Date.now();
    const record = await killed();
    kills.push(
      aKill({
        host: 'db01',
        atMs: STARTED_AT_MS + (diedMs - bornFirstMs) * STRETCH,
        record,
      }),
    );
  }
  return kills;
}

describe('a real leak over five lives', needs('kills', 'perl'), () => {
  it('is the cause from the third known life on, as "likely", by the record alone', async () => {
    const kills = await leakAndDie();
    const folder = mkdtempSync(path.join(tmpdir(), 'oombot-leak-'));
    const store = await openStore(`sqlite:${path.join(folder, 'a.db')}`);
    const clock = fakeClock(STARTED_AT_MS);
    const log = QUIET;
    const fleet = scriptedFleet(new Map());
    const watch = openCauseWatch({ store, fleet, clock, log, channelOf: () => '#oom', wake: () => {} });
    onTestFinished(async () => {
      await watch.close();
      await store.close();
      rmSync(folder, { recursive: true });
    });

    const codes: string[] = [];
    for (const [at, kill] of kills.entries()) {
      await clock.advance(kill.atMs - clock.nowMs());
      const saved = await store.saveBatch({ host: 'db01', kills: [kill], positions: [] }, (view) =>
        assignIncidents(view, { ...PLACING, nowMs: clock.nowMs(), newId: () => `life-${at}` }),
      );
      watch.see(saved);
      await clock.advance(10_000);
      const told = await store.incident(`life-${at}`);
      codes.push(`${told?.cause?.code} ${told?.cause?.sure}`);
      if (at < DEATHS - 1) continue;
      expect(told?.cause?.text).toMatch(
        /^It leaks: it grew .* an hour in each of its last 5 lives \(a straight line fits, R² (?:0\.[89]\d|1\.00)\)\.$/,
      );
      const hours = (kill.atMs - (kills[0]?.atMs ?? 0)) / 3_600_000;
      const limitsAnHour = (told?.history?.leak?.slopeKiBPerHour ?? 0) / (LIMIT_MIB * 1_024);
      expect(limitsAnHour).toBeGreaterThan((0.75 * (DEATHS - 1)) / hours);
      expect(limitsAnHour).toBeLessThan((1.25 * (DEATHS - 1)) / hours);
    }

    // Three deaths at the limit, with two lives known: by then it could as well be the limit.
    expect(codes).toEqual([
      'hog likely',
      'hog likely',
      'limit-too-small likely',
      'leak likely',
      'leak likely',
      'leak likely',
    ]);
  });
});
