import { describe, expect, it } from 'vitest';
import { plainText } from '../../src/notice/render-text.ts';
import { describeIncident } from '../../src/notice/incident/incident-notice.ts';
import { renderContent } from '../../src/slack/blocks.ts';
import { aKill, aRecord } from '../support/a-kill.ts';
import { anIncident } from '../support/an-incident.ts';
import { aScan } from '../support/a-scan.ts';
import { anAnsweringBot, noticeOf, NOW_MS, refusalOf, textOf } from '../support/an-answering-bot.ts';

const ASKER = { userId: 'terminal', channelId: null };
const MIB = 1_024;

const ROWS = [
  { pid: 10, name: 'mariadbd', rssKiB: 1_200 * MIB, commandLine: 'mariadbd --innodb-buffer-pool-size=3G' },
  { pid: 20, name: 'php-fpm8.2', rssKiB: 100 * MIB },
  { pid: 21, name: 'php-fpm8.2', rssKiB: 60 * MIB },
  { pid: 22, name: 'php-fpm8.2', rssKiB: 60 * MIB },
  { pid: 30, name: 'sshd', rssKiB: 9 * MIB },
];

async function aBot(rows = ROWS) {
  const bot = await anAnsweringBot();
  bot.host('db01').scanSays(aScan(rows, { total: 4_096 * MIB, available: 2_500 * MIB }));
  return bot;
}

describe('what fits on a host', () => {
  it('is told of all known programs, so that they fit together', async () => {
    const { handlers } = await aBot();

    const notice = noticeOf(await handlers.answerSize({ host: 'DB01', what: null }, ASKER));

    expect(plainText(notice.headline)).toBe('What fits on db01: 4 GiB RAM');
    expect(plainText(notice.sentence ?? [])).toMatch(/^2 programs share it/);
    const said = notice.parts.flatMap((part) => (part.kind === 'text' ? [plainText(part.text)] : []));
    // 4096 − 176 in use by others − 205 reserve = 3715, as 1200 to 220: (3139 − 96 − 471) / 1.1 = 2338, in steps of 128;
    // 1 + (576 − 24 − 100) / 88.
    expect(said[0]).toMatch(/^Size: mariadbd fits here with innodb_buffer_pool_size = 2304M \(now 3G\)\.$/);
    expect(said[1]).toMatch(/^Size: php-fpm8\.2 fits here with at most pm\.max_children = 6\.$/);
  });

  it('is told of one program by its name, the beginning of it, its unit or a pid', async () => {
    const { handlers } = await aBot();

    for (const what of ['mariadbd', 'maria', 'mariadbd.service', '10']) {
      const text = textOf(await handlers.answerSize({ host: 'db01', what }, ASKER));
      expect(text, what).toContain('mariadbd fits here with innodb_buffer_pool_size');
      expect(text, what).toMatch(/4 GiB RAM − .* all else .* − 205 MiB reserve = /);
    }
  });

  it('takes the limit of its group where that was hit before', async () => {
    const bot = await aBot();
    const group = '/system.slice/mariadbd.service';
    const record = aRecord({ domain: 'memcg', oomMemcg: group, taskMemcg: group, memcgLimitKiB: 1_500 * MIB });
    await bot.happen([aKill({ atMs: NOW_MS - 60_000, record })]);

    const text = textOf(await bot.handlers.answerSize({ host: 'db01', what: 'mariadbd' }, ASKER));

    expect(text).toContain(`a limit of 1.5 GiB of group ${group}`);
    expect(text).toContain('1.5 GiB limit of the group − 75 MiB all else');
  });

  it('is told of a program that is down by its last kill', async () => {
    const bot = await aBot();
    await bot.happen([aKill({ atMs: NOW_MS - 60_000 })]);

    const text = textOf(await bot.handlers.answerSize({ host: 'db01', what: 'mysqld' }, ASKER));

    expect(text).toContain('mysqld fits here with innodb_buffer_pool_size = 3072M');
    expect(text).toContain('It does not run now: numbers of its kill');
  });

  it('says which programs are known where this one is not, and what is near where nothing is called so', async () => {
    const { handlers } = await aBot();

    expect(textOf(await handlers.answerSize({ host: 'db01', what: 'sshd' }, ASKER))).toMatch(
      /^No settings known for sshd on db01\s+Sizes are known for MySQL and MariaDB, PostgreSQL/,
    );
    expect(refusalOf(await handlers.answerSize({ host: 'db01', what: 'mariadbx' }, ASKER))).toMatchObject({
      why: { kind: 'no-such-process', nearest: 'mariadbd' },
    });
    expect(refusalOf(await handlers.answerSize({ host: 'db0l', what: null }, ASKER))).toMatchObject({
      kind: 'unknown-host',
    });
  });

  it('keeps within the limits of a message, and interprets no name', async () => {
    const { handlers } = await aBot([{ pid: 10, name: 'php-fpm<!channel>', rssKiB: 1_200 * MIB }, ...ROWS]);

    const notice = noticeOf(await handlers.answerSize({ host: 'db01', what: null }, ASKER));

    expect(JSON.stringify(renderContent(notice, 'message'))).not.toContain('<!channel>');
    expect(renderContent(notice, 'message').blocks.length).toBeLessThanOrEqual(48);
  });

  it('is one click away from the scores, where settings of one of them are known', async () => {
    const { handlers } = await aBot();
    const bare = await aBot([{ pid: 30, name: 'sshd', rssKiB: 9 * MIB }]);
    const ask = { host: 'db01', limit: null };

    const known = noticeOf(await handlers.answerScores(ask, ASKER));
    const unknown = noticeOf(await bare.handlers.answerScores(ask, ASKER));

    expect(known.buttons.map(({ value }) => value)).toContain('size db01');
    expect(unknown.buttons.map(({ value }) => value)).toEqual(['db01']);
  });

  it('has what files of the host say, asked of the first process of each server', async () => {
    const rows = [
      ...ROWS,
      {
        pid: 23,
        name: 'php-fpm8.2',
        rssKiB: 9 * MIB,
        commandLine: 'php-fpm: master process (/etc/php/8.2/fpm/php-fpm.conf)',
      },
      { pid: 40, name: 'redis-server', rssKiB: 600 * MIB },
      { pid: 41, name: 'redis-server', rssKiB: 500 * MIB },
      { pid: 50, name: 'nginx', rssKiB: 400 * MIB, cgroup: `/system.slice/docker-${'a'.repeat(64)}.scope` },
    ].map((row) => (row.name === 'php-fpm8.2' && row.pid !== 23 ? { ...row, parentPid: 23 } : row));
    const bot = await aBot(rows);
    const asked: string[] = [];
    bot.host('db01').settingsSay((asks) => {
      asked.push(...asks.map(({ program, pid, files }) => `${program} ${pid} ${files}`));
      return `#settings 1\nprogram php-fpm 23\nfile 9999 /p.conf\nset 1 www pm.max_children 7\nprogram nginx 50\ninside\n#end\n`;
    });

    const text = textOf(await bot.handlers.answerSize({ host: 'db01', what: null }, ASKER));

    expect(asked.toSorted()).toEqual(['mysql 10 usual', 'nginx 50 inside', 'php-fpm 23 usual', 'redis 40 named']);
    expect(text).toMatch(/pm\.max_children = \d+ \(now 7, in \/p\.conf\)/);
    expect(text).toContain('it runs in a container, whose files cannot be read from here');
    expect(text).toContain('its files were not read: the host gave no answer');
  });

  it('has what files say of a program that is down', async () => {
    const bot = await aBot();
    await bot.happen([aKill({ atMs: NOW_MS - 60_000 })]);
    // Another server of the same program runs: whose the usual files are is not known.
    const asked: unknown[] = [];
    bot.host('db01').settingsSay((asks) => {
      asked.push(...asks);
      return '#settings 1\nprogram mysql 0\nfile 9 /etc/my.cnf\nset 1 mysqld innodb_buffer_pool_size 4G\n#end\n';
    });

    const text = textOf(await bot.handlers.answerSize({ host: 'db01', what: 'mysqld' }, ASKER));

    expect(asked).toEqual([{ program: 'mysql', pid: 0, files: 'named' }]);
    expect(text).toContain('innodb_buffer_pool_size = 3072M (now 4G, in /etc/my.cnf)');
  });

  it('waits for a host that says nothing of its files for a while only', async () => {
    const bot = await aBot();
    bot.host('db01').settingsSay(() => new Promise(() => undefined));
    const answer = bot.handlers.answerSize({ host: 'db01', what: 'php-fpm8.2' }, ASKER);
    await bot.clock.advance(10_000);

    expect(textOf(await answer)).toContain('its files were not read: the host gave no answer');
  });

  it('stands in an incident’s message as one line', () => {
    const notice = describeIncident(anIncident({}), { nowMs: NOW_MS, protect: false });
    const lines = notice.parts.filter((part) => part.kind === 'text' && plainText(part.text).startsWith('Size: '));

    expect(lines).toHaveLength(1);
  });
});
