import { withCause } from '../../src/cause/cause.ts';
import { describeIncident } from '../../src/notice/incident/incident-notice.ts';
import { describe, expect, it } from 'vitest';
import { seenBeforeText } from '../../src/notice/recurrence-text.ts';
import { plainText, renderText } from '../../src/notice/render-text.ts';
import { aKill, aRecord } from '../support/a-kill.ts';
import { aScan } from '../support/a-scan.ts';
import { anAnsweringBot, noticeOf, NOW_MS, refusalOf, textOf } from '../support/an-answering-bot.ts';
import { ownCorpus, parseLines, readLogFile, toLines } from '../support/corpus.ts';
import { HOSTILE_NAMES } from '../support/hostile-names.ts';

const ASKER = { userId: 'U1', channelId: 'C1' };
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

describe('the newest incident of a host', () => {
  it('is told as a card with a share button and who is next', async () => {
    const bot = await anAnsweringBot();
    await bot.happen([aKill()]);
    bot.host('db01').scanSays(
      aScan([
        { pid: 300, name: 'icinga2', rssKiB: 900_000 },
        { pid: 200, name: 'mysqld', rssKiB: 2_000_000 },
      ]),
    );

    const notice = noticeOf(await bot.handlers.answerLast({ host: 'db01' }, ASKER));

    expect(plainText(notice.headline)).toBe('mysqld of mysql.service was killed on db01: the host ran out of memory');
    expect(renderText(notice)).toMatch(/Who is next: +mysqld \(pid 200, 1.9 GiB\), then icinga2 \(pid 300, 879 MiB\)/);
    expect(renderText(notice)).toContain(`Seen before:  ${plainText(seenBeforeText(null))}`);
    expect(notice.buttons.map((button) => button.id)).toEqual(['scores', 'report', 'share']);
  });

  it('of a full memory group says who is next in that group, weighed by its limit', async () => {
    const bot = await anAnsweringBot();
    const record = aRecord({ domain: 'memcg', oomMemcg: '/app.slice', memcgLimitKiB: 100_000 });
    await bot.happen([aKill({ record })]);
    bot.host('db01').scanSays(
      aScan([
        { pid: 300, name: 'huge', rssKiB: 2_000_000, cgroup: '/system.slice' },
        { pid: 301, name: 'other', rssKiB: 2_000_000, cgroup: '/app.slice2' },
        // An adj of 100 weighs a tenth of the limit there: 10 MB, not 400 MB as on the whole host.
        { pid: 400, name: 'small', rssKiB: 20_000, adj: 100, cgroup: '/app.slice/small.service' },
        { pid: 401, name: 'large', rssKiB: 60_000, cgroup: '/app.slice' },
      ]),
    );

    const text = textOf(await bot.handlers.answerLast({ host: 'db01' }, ASKER));

    expect(text).toMatch(/Who is next: +large \(pid 401, 59 MiB\), then small \(pid 400, 20 MiB, adj 100\), as of/);
  });

  it('carries the facts of a real report', async () => {
    const bot = await anAnsweringBot();
    const corpus = ownCorpus();
    const records = parseLines(toLines(readLogFile(corpus, 'd12-unit-java.dmesg.log')));
    await bot.happen(records.map((record) => aKill({ record })));

    const text = textOf(await bot.handlers.answerLast({ host: 'db01' }, ASKER));

    expect(text).toContain('java of app-web.service was killed on db01');
    expect(text).toContain('/system.slice/app-web.service');
  });

  it('says how often its service died before, and how it repeats', async () => {
    const bot = await anAnsweringBot();
    const { atMs } = aKill();
    for (const day of [4, 3, 2, 1]) await bot.happen([aKill({ atMs: atMs - day * DAY_MS })]);
    await bot.happen([aKill({ atMs })]);
    // Another service and another host do not count.
    await bot.happen([aKill({ name: 'java', pid: 7, atMs: atMs - 5 * DAY_MS })]);
    await bot.happen([aKill({ host: 'db02', atMs: atMs - 6 * DAY_MS })]);

    const text = textOf(await bot.handlers.answerLast({ host: 'db01' }, ASKER));

    expect(text).toContain(
      '4 kills since 2026-08-26 01:35:08 UTC, last 2026-08-29 01:35:08 UTC, every day at about 01:35 UTC',
    );
  });

  it('comes without "who is next" when the host takes longer than two seconds, and says so', async () => {
    const bot = await anAnsweringBot();
    await bot.happen([aKill()]);
    bot.host('db01').scanSays(new Promise(() => {}));

    const asking = bot.handlers.answerLast({ host: 'db01' }, ASKER);
    await bot.clock.advance(2_000);
    const text = textOf(await asking);

    expect(text).not.toMatch(/Who is next: +\w/);
    expect(text).toContain('Who is next is unknown: the host did not answer within 2 s.');
  });

  it('is answered from the record while the host cannot be reached', async () => {
    const bot = await anAnsweringBot();
    await bot.happen([aKill()]);
    bot.host('db01').become('refused', 'db01 shows another host key than the one on file.');

    const text = textOf(await bot.handlers.answerLast({ host: 'db01' }, ASKER));

    expect(text).toContain('mysqld of mysql.service was killed on db01');
    expect(text).toContain('From the record. Who is next is unknown: db01 shows another host key');
    expect(bot.host('db01').scans()).toBe(0);
  });

  it('is answered from the record for a host that is no longer watched', async () => {
    const bot = await anAnsweringBot();
    await bot.happen([aKill()]);
    bot.hosts.delete('db01');

    const text = textOf(await bot.handlers.answerLast({ host: 'db01' }, ASKER));

    expect(text).toContain('mysqld of mysql.service was killed on db01');
    expect(text).toContain('this host is no longer watched');
  });

  it('waits for a connection that is being made, within its two seconds', async () => {
    const bot = await anAnsweringBot();
    await bot.happen([aKill()]);
    const db01 = bot.host('db01');
    db01.become('connecting');
    db01.scanSays(aScan([{ pid: 200, name: 'mysqld' }]));

    const asking = bot.handlers.answerLast({ host: 'db01' }, ASKER);
    await bot.clock.advance(1_000);
    db01.become('connected');

    expect(textOf(await asking)).toMatch(/Who is next: +mysqld \(pid 200/);
  });

  it('says that it knows of no kill', async () => {
    const bot = await anAnsweringBot();

    const refusal = refusalOf(await bot.handlers.answerLast({ host: 'web1' }, ASKER));

    expect(refusal).toEqual({ kind: 'no-kill-known', host: 'web1', watchedSinceMs: null });
  });

  it('does not call a host quiet that it cannot reach', async () => {
    const bot = await anAnsweringBot();
    bot.host('web1').become('unreachable', 'web1 does not answer on port 22.');

    const refusal = refusalOf(await bot.handlers.answerLast({ host: 'web1' }, ASKER));

    expect(refusal).toEqual({
      kind: 'host-unreachable',
      host: 'web1',
      sinceMs: NOW_MS,
      reason: 'web1 does not answer on port 22.',
    });
  });

  it.each([
    ['DB01', 'mysqld'],
    ['Db01', 'mysqld'],
  ])('takes %s for db01', async (asked, expected) => {
    const bot = await anAnsweringBot();
    await bot.happen([aKill()]);

    expect(textOf(await bot.handlers.answerLast({ host: asked }, ASKER))).toContain(expected);
  });

  it('asks whether another host was meant', async () => {
    const bot = await anAnsweringBot();

    const refusal = refusalOf(await bot.handlers.answerLast({ host: 'bd01' }, ASKER));

    expect(refusal).toEqual({
      kind: 'unknown-host',
      host: 'bd01',
      nearest: 'db01',
      known: ['db01', 'db02', 'web1'],
    });
  });

  it('refuses any text that is no host without a fault', async () => {
    const bot = await anAnsweringBot();

    for (const host of HOSTILE_NAMES) {
      expect(refusalOf(await bot.handlers.answerLast({ host }, ASKER)).kind).toBe('unknown-host');
    }
  });
});

describe('one incident', () => {
  it('is shared with the name of who did it and the buttons of a message', async () => {
    const bot = await anAnsweringBot();
    await bot.happen([aKill()]);
    const [incident] = await bot.store.incidents('db01', 1);

    const notice = noticeOf(await bot.handlers.share({ incidentId: incident!.id }, ASKER));

    expect(notice.buttons.map((button) => button.id)).toEqual(['ack', 'scores', 'report', 'mute']);
    expect(notice.small).toContainEqual([
      { words: 'Shared by ' },
      { userId: 'U1' },
      { words: ', as known ' },
      { atMs: NOW_MS },
      { words: '.' },
    ]);
  });

  it('is reported in full: each kill on record and the lines of the log', async () => {
    const bot = await anAnsweringBot();
    const { atMs } = aKill();
    await bot.happen([aKill(), aKill({ pid: 19_001, atMs: atMs + 60_000, record: aRecord({ pid: 19_001 }) })]);
    const [incident] = await bot.store.incidents('db01', 1);

    const text = textOf(await bot.handlers.fullReport({ incidentId: incident!.id }, ASKER));

    expect(text).toContain('2 kills of this incident on record');
    expect(text).toContain('2026-08-30 01:36:08 UTC  mysqld  pid 19001');
    expect(text).toContain('[7189052.422998] icinga2 invoked oom-killer: gfp_mask=0x14200ca');
  });

  it('is reported with its task table and the lines of the log, of whichever kill of a group has them', async () => {
    const bot = await anAnsweringBot();
    const lines = toLines(readLogFile(ownCorpus(), 'd12-oomgroup.dmesg.log'));
    const records = parseLines(lines);
    const kills = records.map((record) => aKill({ record, pid: record.pid ?? 0 }));
    await bot.happen(kills);
    const text = lines.join('\n');
    await bot.store.saveReports([{ host: 'db01', key: kills[0]!.key, text }]);
    const [incident] = await bot.store.incidents('db01', 1);

    const table = await bot.handlers.fullReport({ incidentId: incident!.id, kill: 3 }, ASKER);
    const first = noticeOf(table);
    const more = first.buttons.find(({ label }) => label === 'Next page')!;
    const [, kill, page] = more.value.split(' ').map(Number);
    const ofLines = await bot.handlers.fullReport({ incidentId: incident!.id, kill: kill!, page: page! }, ASKER);
    const second = noticeOf(ofLines);

    expect(renderText(first)).toMatch(/Tasks 1 to \d+ of \d+, most memory first/);
    expect(renderText(first)).toContain('(killed)');
    expect(renderText(second)).toContain('invoked oom-killer');
    expect(table).toMatchObject({ file: null });
    expect(ofLines).toMatchObject({
      file: {
        name: expect.stringMatching(/^db01-[\w.-]+-\d+-2026-08-30T01-35-08Z\.log$/),
        text: expect.stringContaining(`${lines[0]}\n${lines[1]}\n`),
        threads: await bot.store.postedOf(incident!.id),
      },
    });
  });

  it('has a file name without anything of a process’s name that a file system or a page may take otherwise', async () => {
    const bot = await anAnsweringBot();
    for (const [at, name] of HOSTILE_NAMES.entries()) {
      const record = aRecord({ name, pid: 100 + at, identity: null, taskMemcg: null });
      const kill = aKill({ record, atMs: NOW_MS - at * 3_600_000 });
      await bot.happen([kill]);
      await bot.store.saveReports([{ host: 'db01', key: kill.key, text: 'a line' }]);
    }

    const incidents = await bot.store.incidents('db01', 100);
    const answers = await Promise.all(
      incidents.map(({ id }) => bot.handlers.fullReport({ incidentId: id, page: 2 }, ASKER)),
    );
    for (const answer of answers)
      expect(answer).toMatchObject({ file: { name: expect.stringMatching(/^db01-[\w.-]{1,120}\.log$/) } });
    expect(answers.length).toBeGreaterThan(5);
  });

  it.each(['share', 'fullReport', 'muteIncident'] as const)('that is gone is refused by %s', async (what) => {
    const bot = await anAnsweringBot();

    expect(refusalOf(await bot.handlers[what]({ incidentId: 'inc-none' }, ASKER))).toEqual({
      kind: 'stale',
      what: 'This incident',
    });
  });
});

describe('an incident by its id', () => {
  async function aBotWith(count: number) {
    const bot = await anAnsweringBot();
    const { atMs } = aKill();
    await bot.happen(
      Array.from({ length: count }, (_, pid) =>
        aKill({ pid, atMs: atMs + pid * 1_000, record: withCause(aRecord({ pid, score: 500 + pid, cause: null })) }),
      ),
    );
    const [incident] = await bot.store.incidents('db01', 1);
    return { bot, incident: incident! };
  }

  it('is shown with every kill in it, each with its own facts, a page at a time', async () => {
    const { bot, incident } = await aBotWith(45);
    const pages = await Promise.all(
      [1, 2, 3, 4, 5].map(async (page) =>
        noticeOf(await bot.handlers.showIncident({ incident: incident.id.slice(0, 8), page }, ASKER)),
      ),
    );

    const scores = pages.flatMap((page) =>
      [...renderText(page).matchAll(/ (5\d\d) /g)].map((match) => Number(match[1])),
    );
    expect(scores).toEqual(Array.from({ length: 45 }, (_, at) => 544 - at));
    expect(pages.map(({ parts }) => parts[0]?.kind === 'table' && parts[0].caption)).toEqual([
      'Kills 1 to 10 of 45, newest first',
      'Kills 11 to 20 of 45, newest first',
      'Kills 21 to 30 of 45, newest first',
      'Kills 31 to 40 of 45, newest first',
      'Kills 41 to 45 of 45, newest first',
    ]);
    expect(pages[0]?.buttons.map(({ value }) => value)).toContain(`show ${incident.id.slice(0, 8)} 2`);
  });

  it('tells a few kills one by one, each with its cause', async () => {
    const { bot, incident } = await aBotWith(2);

    const text = textOf(await bot.handlers.showIncident({ incident: incident.id, page: 1 }, ASKER));

    expect(text.match(/^Victim: /gm)).toHaveLength(2);
    expect(text.match(/Likely cause\./g)).toHaveLength(2);
    expect(text).toContain('What ran out:');
  });

  it('that nobody has, that is none, or that several have is refused', async () => {
    const { bot } = await aBotWith(1);
    await bot.happen([aKill({ host: 'db02' })]);

    for (const [id, isAmbiguous] of [
      ['nope', false],
      ["' or 1", false],
      ['%', false],
      ['i', true],
    ] as const)
      expect(refusalOf(await bot.handlers.showIncident({ incident: id, page: 1 }, ASKER))).toEqual({
        kind: 'no-such-incident',
        id,
        isAmbiguous,
      });
  });

  it('is taken by somebody: shown in its message and on record until it ends', async () => {
    const { bot, incident } = await aBotWith(1);

    const notice = noticeOf(await bot.handlers.ackIncident({ incident: incident.id }, ASKER));
    const taken = (await bot.store.incident(incident.id))!;
    await bot.handlers.ackIncident({ incident: incident.id }, { userId: 'U2', channelId: 'C1' });
    await bot.store.updateIncident({ ...(await bot.store.incident(incident.id))!, closedAtMs: NOW_MS }, []);

    expect(plainText(notice.headline)).toBe('You are on it: mysql.service on db01');
    expect(taken.ack).toEqual({ by: 'U1', atMs: NOW_MS });
    const card = describeIncident(taken, { nowMs: NOW_MS, protect: false });
    expect(renderText(card)).toMatch(/^On it: +@?U1 since /m);
    expect(card.buttons.map(({ id }) => id)).not.toContain('ack');
    expect((await bot.store.audit(null, 9)).map(({ action, actor }) => `${actor} ${action}`)).toEqual([
      'U2 ack',
      'U1 ack',
    ]);
    expect(refusalOf(await bot.handlers.ackIncident({ incident: incident.id }, ASKER))).toMatchObject({
      kind: 'incident-closed',
    });
  });
});
