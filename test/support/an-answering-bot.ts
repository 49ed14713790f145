import type { Refusal } from '../../src/change/refusal.ts';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import type { AnswersWorld } from '../../src/app/answer/answers-world.ts';
import { openLiveScans } from '../../src/app/live-scan.ts';
import { openAnswers } from '../../src/app/answer/answers.ts';
import type { Answer, Handlers } from '../../src/app/answer/handlers.ts';
import { assignIncidents } from '../../src/app/watch/assign-incidents.ts';
import type { Store } from '../../src/app/store-port.ts';
import type { Kill } from '../../src/incident/incident.ts';
import type { Notice } from '../../src/notice/notice.ts';
import { renderText } from '../../src/notice/render-text.ts';
import { openStore } from '../../src/store/store.ts';
import { fakeClock, type FakeClock } from './fake-clock.ts';
import { scriptedFleet, scriptedHost, type ScriptedHost } from './scripted-host.ts';
import { PLACING } from './placing.ts';

/** A quarter of an hour after the founding kill of `aKill`. */
export const NOW_MS = Date.UTC(2026, 7, 30, 1, 50, 8);

export interface AnsweringBot {
  handlers: Handlers;
  store: Store;
  clock: FakeClock;
  hosts: Map<string, { link: ScriptedHost; tags: string[] }>;
  host: (name: string) => ScriptedHost;
  /** Records kills of one host as watching it does. */
  happen: (kills: Kill[]) => Promise<void>;
  /** Warnings that were logged. */
  warnings: string[];
  wakes: () => number;
}

/** The answers over a real store, with hosts db01 (tags db, prod), db02 (db) and web1 that say what the test lets them say. */
export async function anAnsweringBot(given: Partial<AnswersWorld> = {}): Promise<AnsweringBot> {
  const folder = mkdtempSync(path.join(tmpdir(), 'oombot-answers-'));
  const store = await openStore(`sqlite:${path.join(folder, 'test.db')}`);
  onTestFinished(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });
  const clock = fakeClock(NOW_MS);
  const hosts = new Map(
    [
      ['db01', ['db', 'prod']],
      ['db02', ['db']],
      ['web1', []],
    ].map(([name, tags]) => [name as string, { link: scriptedHost(name as string, clock), tags: tags as string[] }]),
  );
  const warnings: string[] = [];
  let wakes = 0;
  const fleet = scriptedFleet(hosts);
  const handlers = openAnswers({
    store,
    fleet,
    scans: openLiveScans(fleet, clock),
    clock,
    log: { info: () => {}, warn: (_facts, message) => void warnings.push(message), error: () => {} },
    settings: () => ({
      admins: [],
      hosts: [...hosts.keys()].map((name) => ({ name, address: `${name}.example.net` })),
    }),
    watchState: () => ({ kind: 'watching', sinceMs: NOW_MS, sentence: '', gaps: 0, sources: [] }),
    checkHost: () => Promise.resolve([]),
    groupMembers: () => Promise.resolve([]),
    editing: null,
    wake: () => void (wakes += 1),
    keepKillsMs: 400 * 24 * 60 * 60_000,
    ...given,
  });

  async function happen(kills: Kill[]): Promise<void> {
    const mutes = await store.mutes(clock.nowMs());
    await store.saveBatch(
      { host: kills[0]!.host, kills, positions: [{ source: 'kmsg', value: kills.at(-1)!.key }] },
      (view) =>
        assignIncidents(view, {
          ...PLACING,
          nowMs: Math.max(...kills.map((kill) => kill.atMs)),
          newId: (kill) => `inc-${kill.host}-${kill.atMs}-${kill.record.pid}`,
          mutes,
        }),
    );
  }

  return { handlers, store, clock, hosts, host: (name) => hosts.get(name)!.link, happen, warnings, wakes: () => wakes };
}

/** The notice of an answer; throws what was refused. */
export function noticeOf(answer: Answer): Notice {
  if (answer.kind === 'refused') throw new Error(`refused: ${JSON.stringify(answer.refusal)}`);
  return answer.notice;
}

/** An answer as a terminal shows it. */
export function textOf(answer: Answer): string {
  return renderText(noticeOf(answer));
}

/** Why an answer was no; throws what was answered instead. */
export function refusalOf(answer: { kind: string; refusal?: Refusal }): Refusal {
  if (answer.refusal === undefined) throw new Error(`not refused: ${JSON.stringify(answer).slice(0, 500)}`);
  return answer.refusal;
}
