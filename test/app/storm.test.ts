import { describe, expect, it } from 'vitest';
import { assignIncidents } from '../../src/app/watch/assign-incidents.ts';
import { incidentIdOf } from '../../src/app/watch/incident-id.ts';
import { openSaveQueue, type SaveQueue } from '../../src/app/watch/save-queue.ts';
import { aKill, aRecord } from '../support/a-kill.ts';
import { type ChatMessage } from '../support/scripted-chat.ts';
import { tellingOnFakeClock } from '../support/telling-on-fake-clock.ts';
import { QUIET } from '../support/quiet-log.ts';

const T0 = Date.UTC(2026, 7, 30, 1, 35, 8);
const HOSTS = 100;
const KILLS = 1_000;
const STORM_MS = 10_000;

/** Hosts that record their kills as they do when they are watched, and one channel, on a clock moved by hand. */
async function aFleet() {
  const { store, clock, chat, telling } = await tellingOnFakeClock(T0);
  const placing = { newId: incidentIdOf, isHistory: () => false, channelOf: () => '#oom', aliveSinceMs: T0 };
  const queues = new Map<string, SaveQueue>();
  function queueOf(host: string): SaveQueue {
    const known = queues.get(host);
    if (known) return known;
    const queue = openSaveQueue(host, {
      store,
      clock,
      log: QUIET,
      decide: (view, mutes) => assignIncidents(view, { ...placing, nowMs: clock.nowMs(), mutes }),
      isHistory: () => false,
      onSaved: telling.see,
      onUnsaved: () => {},
    });
    queues.set(host, queue);
    return queue;
  }
  let pid = 0;
  function die(host: string): void {
    pid += 1;
    const kernelSeconds = clock.nowMs() / 1_000;
    queueOf(host).add({
      kills: [aKill({ host, pid, atMs: clock.nowMs(), record: aRecord({ pid, kernelSeconds }) })],
    });
  }
  return { store, clock, chat, die };
}

function announcementsOf(messages: readonly ChatMessage[]): ChatMessage[] {
  return messages.filter((one) => one.threadTs === null || (one as { broadcast?: boolean }).broadcast === true);
}

function mostIn10s(messages: readonly ChatMessage[]): number {
  const times = messages.map(({ postedAtMs }) => postedAtMs);
  return Math.max(0, ...times.map((at) => times.filter((other) => other >= at && other < at + 10_000).length));
}

describe('1,000 kills on 100 hosts within ten seconds', () => {
  it('are announced in few summaries, what comes half a minute later alone, and what goes on an hour later anew', async () => {
    const { store, clock, chat, die } = await aFleet();
    for (let at = 0; at < KILLS; at += 1) {
      die(`web${at % HOSTS}`);
      if (at % 20 === 19) await clock.advance((STORM_MS / KILLS) * 20);
    }
    const stormEndMs = clock.nowMs();
    await clock.advance(31_000);
    const storm = announcementsOf(chat.messages);

    // Each within 30 s of its first kill, by one new message; at most three messages in any ten seconds.
    const incidents = (
      await Promise.all(Array.from({ length: HOSTS }, (_, at) => store.incidents(`web${at}`, 9)))
    ).flat();
    expect(incidents.map(({ killCount }) => killCount)).toEqual(Array.from({ length: HOSTS }, () => KILLS / HOSTS));
    for (const { id, firstAtMs } of incidents) {
      const by = storm.filter(({ mark }) => mark.id === id || mark.also.includes(id));
      expect(by).toHaveLength(1);
      expect(by[0]!.postedAtMs - firstAtMs).toBeLessThanOrEqual(30_000);
    }
    expect(storm.length).toBeLessThanOrEqual(6);
    expect(Math.max(...storm.map(({ postedAtMs }) => postedAtMs))).toBeLessThan(stormEndMs + 30_000);

    // The storm is over: a kill on another host is told alone, at once.
    const newMs = clock.nowMs();
    die('db01');
    await clock.advance(2_000);
    const [alone, ...others] = announcementsOf(chat.messages).slice(storm.length);
    expect(others).toEqual([]);
    expect(alone?.text).toMatch(/^mysqld of mysql\.service was killed on db01/);
    expect(alone!.postedAtMs - newMs).toBeLessThanOrEqual(2_000);

    // It dies again every 25 minutes: the same incident, in its thread, until an hour has passed since it was announced.
    for (const minute of [25, 50]) {
      await clock.advance(newMs + minute * 60_000 - clock.nowMs());
      die('db01');
    }
    await clock.advance(newMs + 59 * 60_000 - clock.nowMs());
    expect(announcementsOf(chat.messages)).toHaveLength(storm.length + 1);
    await clock.advance(newMs + 61 * 60_000 - clock.nowMs());
    die('db01');
    await clock.advance(5_000);
    const anew = announcementsOf(chat.messages).slice(storm.length + 1);
    expect(anew.map(({ threadTs, text }) => [threadTs === alone!.ts, text])).toEqual([
      [true, expect.stringMatching(/mysql/)],
    ]);

    // After an hour without a kill it is another incident.
    await clock.advance(60 * 60_000);
    die('db01');
    await clock.advance(2_000);
    expect(
      announcementsOf(chat.messages)
        .slice(storm.length + 2)
        .map(({ threadTs }) => threadTs),
    ).toEqual([null]);

    // Everything in the threads as well, over two hours.
    await clock.advance(120_000);
    expect(mostIn10s(chat.messages)).toBeLessThanOrEqual(3);
    const said = chat.messages.map(({ text }) => text).join('\n');
    for (let at = 0; at < HOSTS; at += 1) expect(said).toMatch(new RegExp(`\\bweb${at}\\b`));
    expect(await store.queueLengths()).toEqual([]);
  }, 120_000);
});
