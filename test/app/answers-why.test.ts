import { beforeEach, describe, expect, it, vi } from 'vitest';
import { answerInText } from '../../src/app/answer/answer-in-text.ts';
import { readCommand } from '../../src/app/answer/registry.ts';
import type { WatchState } from '../../src/app/host-link.ts';
import type { Kill } from '../../src/incident/incident.ts';
import { renderContent } from '../../src/slack/blocks.ts';
import { aKill, aRecord } from '../support/a-kill.ts';
import { aScan, type ScanRow } from '../support/a-scan.ts';
import { anAnsweringBot, noticeOf, NOW_MS, textOf, type AnsweringBot } from '../support/an-answering-bot.ts';
import { BOOT_ID } from '../support/scripted-host.ts';

const ASKER = { userId: 'U1', channelId: 'C1' };
const UPTIME = 100_000;
const BOOT_MS = NOW_MS - UPTIME * 1_000;
const MINUTE_MS = 60_000;

/** As the script prints it of a host without such a unit. */
function died(oomKills: number, more: string[] = []): string {
  return ['#why 1', `boot ${BOOT_ID}`, `up ${UPTIME}.00`, `oomkill ${oomKills}`, ...more, '#end', ''].join('\n');
}

function killed(pid: number, atMs: number, given: Partial<Kill> = {}): Kill {
  const record = aRecord({ pid, name: 'java', taskMemcg: null, identity: null });
  return aKill({
    record,
    bootId: BOOT_ID,
    atMs,
    atErrorMs: 20,
    seenAtMs: atMs + 40,
    key: `${BOOT_ID}:${pid}`,
    ...given,
  });
}

// What is decided of all this is in test/incident/why.test.ts; on real hosts, in test/e2e/why.test.ts.
describe('why did it die, asked of a host', () => {
  let bot: AnsweringBot;
  let watch: WatchState;

  beforeEach(async () => {
    bot = await anAnsweringBot({ watchState: () => watch });
    watch = {
      kind: 'watching',
      sinceMs: NOW_MS - MINUTE_MS,
      sentence: '',
      gaps: 0,
      sources: ['kmsg'],
      lastLineAtMs: null,
      facts: {
        kernel: '6.1.0-50-amd64',
        os: null,
        bootId: BOOT_ID,
        bootAtMs: BOOT_MS,
        bootErrorMs: 15,
        clockOffsetMs: 0,
        oomKills: 7,
        probedAtMs: NOW_MS - MINUTE_MS,
      },
    };
    await watchedSince(NOW_MS - MINUTE_MS);
    bot.host('db01').scanSays(aScan([{ pid: 1, name: 'systemd' }], { uptime: `${UPTIME}.00`, oomkills: 7 }));
    bot.host('db01').whySays(() => died(7));
  });

  async function watchedSince(atMs: number): Promise<void> {
    const positions = [{ source: 'watched-since', value: String(atMs) }];
    const nothing = { incidents: [], placed: {}, deliveries: [] };
    await bot.store.saveBatch({ host: 'db01', kills: [], positions }, () => nothing);
  }

  async function why(what: string, forMs: number | null = null): Promise<string> {
    const when = forMs === null ? null : { kind: 'last' as const, forMs };
    return textOf(await bot.handlers.answerWhy({ host: 'db01', what, when }, ASKER));
  }

  it('is answered at once, whatever its kernel had killed before it was met', async () => {
    expect(await why('999')).toContain('before that its kernel counted kills that I know nothing of');
    expect(await why('999', MINUTE_MS)).toContain('No: the OOM killer did not kill 999 on db01');
  });

  it('is answered for the time up to the count, not to the end of a slow scan', async () => {
    const scan = Promise.withResolvers<string>();
    bot.host('db01').scanSays(scan.promise);
    const asked = why('999', MINUTE_MS);
    await bot.clock.advance(9_000);
    scan.resolve(aScan([{ pid: 1, name: 'systemd' }], { uptime: `${UPTIME + 9}.00`, oomkills: 7 }));

    expect(await asked).toContain('to 2026-08-30 01:50:08 UTC no process was killed');
  });

  it('asks beside the scan, and again where that shows another unit', async () => {
    const units: (string | null)[] = [];
    const scan = Promise.withResolvers<string>();
    bot.host('db01').scanSays(scan.promise);
    bot.host('db01').whySays((unit) => {
      units.push(unit);
      if (units.length === 1) scan.resolve(aScan([{ pid: 9, name: 'mysqld', cgroup: '/system.slice/mysql.service' }]));
      return died(7);
    });

    await why('mysqld', MINUTE_MS);

    expect(units).toEqual(['mysqld.service', 'mysql.service']);
  });

  it('waits for the line of a kill that was counted just now, and no longer', async () => {
    bot.host('db01').whySays(() => died(8));
    let text = '';
    const asked = why('999', MINUTE_MS).then((answer) => (text = answer));
    await bot.clock.advance(500);
    expect(text).toBe('');

    await bot.happen([killed(999, NOW_MS - 100, { seenAtMs: NOW_MS - 60 })]);
    await bot.clock.advance(250);
    await asked;

    expect(text).toContain('Victim:         java (pid 999');
  });

  describe('after a group that died as a whole, of which the kernel counts the first one twice', () => {
    function first(atMs: number): Kill {
      const kill = killed(500, atMs);
      const evidence = [1, 2].map((line) => ({ line, text: `Killed process 500 (java) total-vm:${line}kB` }));
      return { ...kill, record: { ...kill.record, oomGroup: '/system.slice/java.service', evidence } };
    }

    it('is a no, for all of the time that is explained so', async () => {
      bot.host('db01').whySays(() => died(3));
      watch = { ...watch, facts: { ...watch.facts!, oomKills: 0 } };
      await bot.happen([first(NOW_MS - MINUTE_MS / 2), killed(501, NOW_MS - MINUTE_MS / 2)]);

      expect(await why('999')).toContain('No: the OOM killer did not kill 999 on db01');
      expect(await why('999', MINUTE_MS)).toContain('No: the OOM killer did not kill 999 on db01');
    });

    it('does not say no when a kill is missing since the host was first watched', async () => {
      bot.host('db01').whySays(() => died(8));
      await bot.happen([first(NOW_MS - 30 * MINUTE_MS)]);
      const asked = why('999', MINUTE_MS);
      await bot.clock.advance(7_000);

      expect(await asked).toContain('I cannot tell whether the OOM killer took 999');
    });
  });

  it('waits six seconds for what no line tells', async () => {
    bot.host('db01').whySays(() => died(8));
    let text = '';
    const asked = why('999', MINUTE_MS).then((answer) => (text = answer));
    await bot.clock.advance(5_900);
    expect(text).toBe('');
    await bot.clock.advance(200);
    await asked;

    expect(text).toContain('I cannot tell whether the OOM killer took 999');
  });

  it('is not told no when a kill that came after the count makes up for one that is missing', async () => {
    let asks = 0;
    bot.host('db01').whySays(async () => {
      asks += 1;
      if (asks > 1) return died(9);
      await bot.happen([killed(500, NOW_MS + 5, { seenAtMs: NOW_MS + 10 })]);
      return died(8);
    });
    const asked = why('999', MINUTE_MS);
    await bot.clock.advance(7_000);

    expect(await asked).toContain('I cannot tell whether the OOM killer took 999');
  });

  it('is not told no where its kill comes on record while the record is read', async () => {
    bot.host('db01').whySays(() => died(8));
    const { kills } = bot.store;
    let reads = 0;
    vi.spyOn(bot.store, 'kills').mockImplementation(async (query) => {
      const found = await kills(query);
      reads += 1;
      if (reads === 1) await bot.happen([killed(999, NOW_MS - 100, { seenAtMs: NOW_MS - 60 })]);
      return found;
    });
    const asked = why('999', MINUTE_MS);
    await bot.clock.advance(500);

    expect(await asked).toContain('Victim:         java (pid 999');
  });

  it('waits until the log of a host that was just met has been read back', async () => {
    watch = { ...watch, sinceMs: NOW_MS };
    await watchedSince(NOW_MS);
    let text = '';
    const asked = why('998').then((answer) => (text = answer));
    await bot.clock.advance(400);
    expect(text).toBe('');
    await bot.happen([1, 2, 3, 4, 5, 6, 998].map((pid) => killed(pid, NOW_MS - 3_600_000, { seenAtMs: NOW_MS - 1 })));
    await bot.clock.advance(250);
    await asked;

    expect(text).toContain('Victim:         java (pid 998');
  });

  it('waits two seconds for that at most', async () => {
    watch = { ...watch, sinceMs: NOW_MS };
    const asked = why('998');
    await bot.clock.advance(2_100);

    expect(await asked).toContain('I cannot tell');
  });

  it('is not asked while there is no connection', async () => {
    bot.host('db01').become('unreachable');
    bot.host('db01').whySays(() => new Promise<null>(() => {}));

    expect(await why('999')).toContain('did not answer, so its counters could not be compared');
  });

  it('shows lines of the kernel of the time that was asked about alone', async () => {
    function crash(seconds: number): string {
      return `line ${seconds}.5 mysqld[77]: segfault at ${seconds} ip 0 sp 0 error 4`;
    }
    bot.host('db01').whySays(() => died(7, [crash(UPTIME - 3_600), crash(UPTIME - 30)]));

    const text = await why('77', MINUTE_MS);

    expect(text).toContain(`segfault at ${UPTIME - 30}`);
    expect(text).not.toContain(`segfault at ${UPTIME - 3_600}`);
  });

  describe('that was killed, names what says which memory settings fit', () => {
    const MYSQL = { pid: 9, name: 'mysqld', cgroup: '/system.slice/mysql.service' };

    async function ends(kill: Kill, rows: ScanRow[]): Promise<string | undefined> {
      bot.host('db01').scanSays(aScan(rows, { uptime: `${UPTIME}.00` }));
      await bot.happen([kill]);
      const asked = readCommand(['why', 'db01', String(kill.record.pid), '1h']);
      if (asked.kind !== 'command') throw new Error(asked.kind);
      const { text } = await answerInText(asked, bot.handlers);
      expect(text).toContain('Yes: ');
      return text.trimEnd().split('\n').at(-1);
    }

    it('of a program that runs again', async () => {
      const mysqld = aKill({ bootId: BOOT_ID, atMs: NOW_MS - MINUTE_MS });

      expect(await ends(mysqld, [MYSQL])).toBe('Which of its memory settings fit there: oombot size db01 mysqld');
      const slack = await bot.handlers.answerWhy({ host: 'db01', what: 'mysqld', when: null }, ASKER);
      expect(JSON.stringify(renderContent(noticeOf(slack), 'message').blocks)).toContain('`/oom size db01 mysqld`');
      expect(textOf(await bot.handlers.answerSize({ host: 'db01', what: 'mysqld' }, ASKER))).toContain('innodb');
    });

    it('of one that is down, where its last kill can be asked about', async () => {
      const mysqld = aKill({ bootId: BOOT_ID, atMs: NOW_MS - MINUTE_MS });

      expect(await ends(mysqld, [])).toContain('oombot size db01 mysqld');
      expect(textOf(await bot.handlers.answerSize({ host: 'db01', what: 'mysqld' }, ASKER))).toContain('innodb');
    });

    it.each([
      ['a program without such settings', 'tail', [{ pid: 9, name: 'tail' }]],
      ['one that is down, beside a larger one', 'redis-server', []],
    ])('but not of %s', async (_, name, rows) => {
      const kill = killed(999, NOW_MS - MINUTE_MS);
      kill.record.name = name;

      expect(await ends(kill, rows)).not.toContain('size');
    });
  });
});
