import { describe, expect, it } from 'vitest';
import { assignIncidents } from '../../src/app/watch/assign-incidents.ts';
import type { Incident } from '../../src/incident/incident.ts';
import { aKill } from '../support/a-kill.ts';
import { type ChatMessage } from '../support/scripted-chat.ts';
import { tellingOnFakeClock } from '../support/telling-on-fake-clock.ts';
import { PLACING } from '../support/placing.ts';

const T0 = Date.UTC(2026, 7, 30, 1, 35, 8);

/** One host that ran out of memory, and its channel, on a clock moved by hand. */
async function aHost() {
  const { store, clock, chat, telling } = await tellingOnFakeClock(T0);
  let pid = 0;
  return {
    clock,
    /** A process of that name dies of the host's shortage. */
    die: async (name: string) => {
      pid += 1;
      const kill = aKill({ name, pid, atMs: clock.nowMs() });
      await store.saveBatch({ host: kill.host, kills: [kill], positions: [] }, (view) =>
        assignIncidents(view, { ...PLACING, nowMs: clock.nowMs() }),
      );
      telling.wake();
      await clock.advance(100);
    },
    become: async (back: Incident['back']) => {
      const [incident] = await store.incidents('db01', 1);
      await store.updateIncident({ ...incident!, back }, [
        { incidentId: incident!.id, channel: '#oom', kind: 'incident', body: null, notBeforeMs: clock.nowMs() },
      ]);
      telling.wake();
      await clock.advance(15_000);
    },
    message: (): ChatMessage => chat.messages.find(({ threadTs }) => threadTs === null)!,
    /** Thread replies that the channel is shown as well. */
    anew: () => chat.messages.filter((one) => (one as { broadcast?: boolean }).broadcast === true),
  };
}

describe('an incident that goes on is announced anew', () => {
  it('once when it becomes a loop', async () => {
    const { clock, die, become, message, anew } = await aHost();
    await die('mysqld');
    await clock.advance(10_000);
    await become({ kind: 'restarted', afterMs: 4_000, pid: 7 });
    expect(anew()).toEqual([]);

    await become({ kind: 'loop', restarts: 4 });
    await become({ kind: 'loop', restarts: 5 });
    await die('mysqld');
    await become({ kind: 'loop', restarts: 6 });

    expect(anew().map(({ threadTs, text }) => [threadTs, text.split('\n')[0]])).toEqual([
      [message().ts, expect.stringContaining('mysqld')],
    ]);
  });

  it('when another service joins it more than two seconds later, not when it joins at once', async () => {
    const { clock, die, message, anew } = await aHost();
    await die('mysqld');
    await clock.advance(1_000);
    await die('java');
    await clock.advance(20_000);
    expect(message().text).toContain('java');
    expect(anew()).toEqual([]);

    await die('redis');
    await clock.advance(1_000);

    expect(anew().map(({ threadTs, text }) => [threadTs, text.split('\n')[0]])).toEqual([
      [message().ts, expect.stringContaining('redis')],
    ]);
    expect(anew()[0]!.text).not.toContain('java');
    await die('redis');
    await clock.advance(30_000);
    expect(anew()).toHaveLength(1);
  });

  it('at its first kill an hour or more after it was announced, and an hour after that again', async () => {
    const { clock, die, anew } = await aHost();
    for (let minute = 0; minute <= 140; minute += 20) {
      await clock.advance(T0 + minute * 60_000 - clock.nowMs());
      await die('mysqld');
      await clock.advance(15_000);
    }

    const minutes = anew().map(({ postedAtMs }) => Math.round((postedAtMs - T0) / 60_000));
    expect(minutes).toEqual([60, 120]);
  });
});
