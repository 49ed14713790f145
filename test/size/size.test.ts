import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgeRecord } from '../../src/cause/cause.ts';
import type { KillRecord } from '../../src/oom/report.ts';
import { plainText } from '../../src/notice/render-text.ts';
import { sizeParts, sizeSteps, sizeText } from '../../src/notice/size-text.ts';
import { CONFIG_FILES } from '../../src/size/config-files.ts';
import type { Place, Tasks } from '../../src/size/place.ts';
import { PROGRAMS } from '../../src/size/programs.ts';
import { parseSettings, settingOf, type ReadSettings } from '../../src/size/read-settings.ts';
import { programOf, sizeOf, sizeOfRecord, sizesTogether, type Sizing } from '../../src/size/size.ts';
import { aRecord } from '../support/a-kill.ts';
import { ownCorpus, parseLines, publicCorpus, readLogFile, toLines } from '../support/corpus.ts';

const MIB = 1_024;
const GIB = 1_024 * MIB;

function tasksOf(name: string, given: Partial<Tasks> = {}): Tasks {
  return { name, count: 1, kiB: GIB, largestKiB: GIB, commandLine: null, unit: null, ...given };
}

/** A host of 8 GiB in which the kernel and others hold 1 GiB. */
function hostWith(...tasks: Tasks[]): Place {
  const others = tasksOf('others', { kiB: 900 * MIB, largestKiB: 900 * MIB });
  return {
    kind: 'host',
    group: null,
    totalKiB: 8 * GIB,
    swapKiB: 0,
    usedKiB: null,
    kernelKiB: 124 * MIB,
    tasks: [...tasks, others],
  };
}

function sized(tasks: Tasks): Sizing {
  const program = programOf(tasks);
  if (program === null) throw new Error(`${tasks.name} is no program that is known`);
  return sizeOf(program, tasks, hostWith(tasks));
}

/** As /proc had them, with what was masked on the host. */
const COMMAND_LINES: [line: string, name: string, key: string, now: number | null][] = [
  ['/usr/sbin/mysqld', 'mysqld', 'mysql', null],
  ['mysqld --user=mysql --innodb-buffer-pool-size=6G --max-connections=400', 'mysqld', 'mysql', 6_144],
  ['mariadbd --innodb_buffer_pool_size=536870912', 'mariadbd', 'mysql', 512],
  ['postgres -c work_mem=64MB -c shared_buffers=1GB', 'postgres', 'postgres', 64],
  ['/usr/lib/postgresql/15/bin/postgres -D /var/lib/postgresql/15/main -c work_mem=65536', 'postgres', 'postgres', 64],
  ['java -Xms256m -Xmx1g -jar app.jar -Xmx2048M', 'java', 'java', 2_048],
  ['/usr/bin/java -Xmx512000k -cp /srv/app Main', 'java', 'java', 500],
  ['/usr/share/elasticsearch/jdk/bin/java -Xms4g -Xmx4g', 'java', 'elasticsearch', 4_096],
  ['/usr/share/opensearch/jdk/bin/java -Xshare:auto', 'java', 'opensearch', null],
  ['node --max-old-space-size=4096 server.js', 'node', 'node', 4_096],
  ['/usr/bin/node --max_old_space_size=512 dist/main.js', 'MainThread', 'node', 512],
  ['redis-server --port 6380 --maxmemory 2gb --requirepass ***', 'redis-server', 'redis', 2_048],
  ['/usr/bin/redis-server 127.0.0.1:6379', 'redis-server', 'redis', null],
  ['redis-server --maxmemory 0', 'redis-server', 'redis', null],
  ['php-fpm: pool www', 'php-fpm8.2', 'php-fpm', null],
  ['/usr/bin/mongod --config /etc/mongod.conf --wiredTigerCacheSizeGB 1.5', 'mongod', 'mongodb', 1_536],
  ['clickhouse-server --config-file=/etc/clickhouse-server/config.xml', 'clickhouse-serv', 'clickhouse', null],
  ['/usr/bin/python3 /usr/bin/gunicorn -w 9 app:app', 'gunicorn', 'gunicorn', 9],
  ['/srv/venv/bin/python /srv/venv/bin/gunicorn --workers=4 app:app', 'python3.11', 'gunicorn', 4],
  ['uwsgi --ini /etc/uwsgi/app.ini --processes 16', 'uwsgi', 'uwsgi', 16],
  ['puma: cluster worker 0: 4711 [shop]', 'ruby3.1', 'puma', null],
  ['nginx: worker process', 'nginx', 'nginx', null],
  ['/usr/bin/prometheus --config.file=/etc/prometheus/prometheus.yml', 'prometheus', 'prometheus', null],
];

describe('a program and what is set now', () => {
  it.each(COMMAND_LINES)('is read from: %s', (commandLine, name, key, now) => {
    const { program, now: read } = sized(tasksOf(name, { commandLine }));

    expect([program.key, read?.value ?? null]).toEqual([key, now]);
  });

  it('has each program in those command lines', () => {
    const keys = new Set(COMMAND_LINES.map(([, , key]) => key));

    expect(PROGRAMS.map(({ key }) => key).filter((key) => !keys.has(key))).toEqual([]);
  });

  it('has files or arguments of no other program', () => {
    const keys = PROGRAMS.map(({ key }) => key);

    expect(Object.keys(CONFIG_FILES).filter((key) => !keys.includes(key))).toEqual([]);
  });

  it.each(['python3', 'ruby', 'MainThread', 'bash', 'postgresql-runner', 'javac'])('is not guessed of %s', (name) => {
    expect(programOf(tasksOf(name, { commandLine: `/usr/bin/${name} /srv/run` }))).toBeNull();
  });

  it('is not read from the very end of a line that was cut', () => {
    const commandLine = `java ${'-Dx=y '.repeat(40)}`.slice(0, 190) + ' -Xmx1024m';

    expect(commandLine.slice(0, 200)).toHaveLength(200);
    expect(sized(tasksOf('java', { commandLine: commandLine.slice(0, 198) + '10' })).now).toBeNull();
    expect(sized(tasksOf('java', { commandLine: 'java -Xmx1024m' })).now?.value).toBe(1_024);
  });

  it('is not read from what was masked', () => {
    expect(sized(tasksOf('mysqld', { commandLine: 'mysqld --innodb-buffer-pool-size=***' })).now).toBeNull();
  });
});

describe('what files say is set now', () => {
  function read(lines: string[]): ReadSettings {
    const found = parseSettings(['Welcome!', '#settings 1', 'program mysql 7', ...lines, '#end', ''].join('\n'));
    return (typeof found === 'string' ? undefined : found.get('mysql 7')) ?? expect.fail(JSON.stringify(found));
  }
  function wordsOf(settings: Tasks['settings'], given: Partial<Tasks> = {}): string[] {
    const tasks = tasksOf('mariadbd', {
      commandLine: 'mariadbd',
      ...given,
      ...(settings === undefined ? {} : { settings }),
    });
    const sizing = sized(tasks);
    return [plainText(sizeText(sizing)), sizeSteps(sizing).find((step) => step.startsWith('now: ')) ?? ''];
  }
  const FILE = ['file 900 /etc/my.cnf', 'file 900 /etc/own.cnf', 'set 2 mysqld innodb_buffer_pool_size 8G'];

  it('counts, and is told with its file', () => {
    expect(wordsOf(read(FILE))).toEqual([
      'mariadbd fits here with innodb_buffer_pool_size = 5120M (now 8G, in /etc/own.cnf).',
      'now: innodb_buffer_pool_size = 8G (in /etc/own.cnf; SET GLOBAL or SET PERSIST may override it)',
    ]);
    expect(wordsOf(read([...FILE, 'set 1 server innodb_buffer_pool_size 2G']))[0]).toContain(
      'innodb_buffer_pool_size = 2G (in /etc/my.cnf) of mariadbd already fits here (up to 5120M would)',
    );
  });

  it('is less than the command line, and nothing where the section is another program’s', () => {
    expect(wordsOf(read(['arg innodb_buffer_pool_size 6G', ...FILE]))[1]).toBe(
      'now: innodb_buffer_pool_size = 6G (on its command line)',
    );
    expect(wordsOf(read(FILE), { commandLine: 'mariadbd --innodb-buffer-pool-size=6G' })[0]).toContain('(now 6G)');
    expect(wordsOf(read([...FILE.slice(0, 2), 'set 2 mysqldump innodb_buffer_pool_size 8G']))[1]).toBe(
      'now: not on its command line; not set in /etc/my.cnf or /etc/own.cnf; without the setting: 128 MiB',
    );
  });

  it('is not taken for sure where a file was changed since, cannot be read, or says no number', () => {
    const [sentence, now] = wordsOf(read(FILE), { ageSeconds: 1_000 });

    expect(sentence).toBe('mariadbd fits here with innodb_buffer_pool_size = 5120M.');
    expect(now).toMatch(/8G \(in \/etc\/own\.cnf; changed since it started, so what it runs with may differ;/);
    expect(wordsOf(read(FILE), { ageSeconds: 800 })[0]).toContain('now 8G, in /etc/own.cnf');
    expect(wordsOf(read([...FILE, 'unread /etc/x.cnf']))).toEqual([
      'mariadbd fits here with innodb_buffer_pool_size = 5120M.',
      'now: not on its command line; /etc/x.cnf could not be read; without the setting: 128 MiB',
    ]);
    expect(wordsOf(read([...FILE, 'set 1 mysqld innodb_buffer_pool_size ?']))[1]).toContain('= not a plain number (in');
  });

  it.each<[Tasks['settings'], string]>([
    [undefined, 'not on its command line, as far as that is known'],
    [
      'too-old',
      'its files were not read: oombot-host is too old for that (oombot check prints the line that upgrades it)',
    ],
    ['no-answer', 'its files were not read: the host gave no answer'],
    [read(['inside']), 'it runs in a container, whose files cannot be read from here'],
    [read(['unnamed']), 'it is not known which file it reads'],
    [read([]), 'not on its command line; no file in the usual places'],
  ])('is told as missing in one phrase: %j', (settings, phrase) => {
    expect(wordsOf(settings)[1]).toContain(`${phrase}; without the setting: 128 MiB`);
  });

  it('has no undo where pools have a value each', () => {
    const text = [
      '#settings 1',
      'program php-fpm 7',
      'file 9 /a',
      'set 1 a pm.max_children 900',
      'set 1 b pm.max_children 5',
      '#end',
    ];
    const found = parseSettings(text.join('\n'));
    const settings = typeof found === 'string' ? found : found.get('php-fpm 7');
    const sizing = sized({ ...tasksOf('php-fpm', { count: 40 }), ...(settings === undefined ? {} : { settings }) });

    expect(sizing.now).toEqual({ value: 905, text: '905', path: '/a', undo: null });
    expect(sizeParts(sizing)).toContainEqual(expect.objectContaining({ undo: 'pm.max_children = BEFORE' }));
  });

  it('is no answer, and throws nothing, for whatever a host says', () => {
    expect(parseSettings('\n#oombot-host 1 refused name\n')).toBe('too-old');
    for (const lines of [[], ['#settings 1', 'program mysql 1'], ['#end', '#settings 1']])
      expect(parseSettings(lines.join('\n'))).toBe('no-answer');
    fc.assert(
      fc.property(
        fc.array(fc.stringMatching(/^(?:program|set|file|arg|unread|inside)(?: [a-z0-9]{1,9}){0,4}$/)),
        (lines) => {
          const found = parseSettings(['#settings 1', ...lines, '#end'].join('\n'));
          if (typeof found !== 'string') for (const one of found.values()) settingOf('mysql', ['a'], one, 1);
        },
      ),
    );
  });
});

describe('what fits', () => {
  // 8 GiB − 1 GiB others − 410 MiB reserve = 6,758 MiB.
  it.each([
    // (6758 − 320 − 1014) / 1.1 = 4931: MySQL takes whole GiB there, MariaDB (96 in place of 320) whole 128 MiB.
    ['mysqld', {}, { innodb_buffer_pool_size: '4096M' }],
    ['mariadbd', {}, { innodb_buffer_pool_size: '5120M' }],
    // 20 backends: (6758 − 1689 − 80 − 200) / 20 / 4
    ['postgres', { count: 26 }, { work_mem: '59MB', shared_buffers: '1689MB' }],
    // (6758 − 16) / 2
    ['redis-server', {}, { maxmemory: '3371mb' }],
    // 70 %
    ['java', {}, { '-Xmx': '4730m' }],
    ['java', { unit: 'elasticsearch.service' }, { '-Xmx': '3379m', '-Xms': '3379m' }],
    // (6758 − 64) × 0.8
    ['node', {}, { '--max-old-space-size': '5355' }],
    // (6758 − 256) × 0.6 = 3901 MiB = 3.81 GiB, rounded down
    ['mongod', {}, { wiredTigerCacheSizeGB: '3.80' }],
    // 40 workers of 51.2 MiB in the mean: 1 + (6758 − 24 − 100) / 61.4
    ['php-fpm8.2', { count: 40, kiB: 2 * GIB, largestKiB: 100 * MIB }, { 'pm.max_children': '108' }],
  ] as [string, Partial<Tasks>, Record<string, string>][])('of %s %j is %j', (name, given, expected) => {
    const { verdict, split } = sized(tasksOf(name, given));

    expect(verdict).toBe('set');
    expect(Object.fromEntries(split.values.map((one) => [one.name, one.text]))).toEqual(expected);
  });

  it('keeps what was held beside the heap out of the heap', () => {
    const held = { kiB: 5 * GIB, largestKiB: 5 * GIB };

    expect(sized(tasksOf('java', { ...held, commandLine: 'java -Xmx2g' })).verdict).toBe('fits');
    // 3 GiB were beside a heap of 2 GiB: of 6758 MiB no more than 3686 are left for it.
    expect(sized(tasksOf('java', { ...held, commandLine: 'java -Xmx2g' })).split.values[0].text).toBe('3686m');
  });

  it('says so where the memory is not what the setting limits', () => {
    const leak = tasksOf('java', { kiB: 6_900 * MIB, largestKiB: 6_900 * MIB, commandLine: 'java -Xmx128m' });

    expect(sized(leak).verdict).toBe('outside');
  });

  it('divides a budget among instances as they hold it', () => {
    const four = tasksOf('redis-server', { count: 4, kiB: 4 * GIB, largestKiB: 2 * GIB });

    // Half of 6758 MiB: (3379 − 16) / 2
    expect(sized(four).split.values[0].text).toBe('1681mb');
  });

  it('proposes nothing below what a program needs to work', () => {
    const small: Place = { ...hostWith(tasksOf('mysqld')), totalKiB: 1.4 * GIB };
    const program = programOf(tasksOf('mysqld'));

    expect(program === null ? null : sizeOf(program, tasksOf('mysqld'), small).verdict).toBe('no-room');
  });

  it('lets several on one host fit together', () => {
    const php = tasksOf('php-fpm8.2', { count: 40, kiB: 4 * GIB, largestKiB: 110 * MIB });
    const mysql = tasksOf('mysqld', { kiB: 2 * GIB, largestKiB: 2 * GIB });
    const sizings = sizesTogether(hostWith(php, mysql), 0.05);
    const sumKiB = sizings.reduce((sum, { budgetKiB }) => sum + budgetKiB, 0);

    expect(sizings.map(({ program }) => program.key)).toEqual(['php-fpm', 'mysql']);
    expect(Math.round(sumKiB / MIB)).toBe(6_758);
    expect(sizings.map(({ budgetKiB }) => Math.round(budgetKiB / MIB))).toEqual([4_506, 2_253]);
  });
});

describe('the size by a report', () => {
  it('takes RAM where the host ran out, and the limit where a group did', () => {
    const memcg = { limitKiB: GIB, usageKiB: GIB, swapUsageKiB: null, swapLimitKiB: null };
    const inGroup: Partial<KillRecord> = {
      domain: 'memcg',
      memory: null,
      memcgLimitKiB: GIB,
      memcgUsageKiB: GIB,
      memcg: {
        ...memcg,
        failcnt: 1,
        memswUsageKiB: null,
        memswLimitKiB: null,
        kmemUsageKiB: null,
        version: 2,
        statsKiB: { anon: 1_000 * MIB, kernel: 20 * MIB },
        events: {},
      },
      holders: [{ name: 'mysqld', count: 1, rssPages: 256_000, anonPages: null, swapPages: 0, largestPid: 7 }],
    };

    expect(sizeOfRecord(aRecord(), 'hog', null)?.place).toMatchObject({ kind: 'host', totalKiB: 12_332_000 });
    const ofGroup = sizeOfRecord(aRecord(inGroup), 'memcg-limit', null);
    expect(ofGroup?.place).toMatchObject({ kind: 'group', totalKiB: GIB });
    expect(ofGroup?.othersKiB).toBe(20 * MIB);
    expect(ofGroup?.split.values[0].text).toBe('384M');
  });

  it.each(['sysrq', 'kernel-slab', 'shmem', 'cpuset', 'fragmentation'])('is not told where the cause is %s', (code) => {
    expect(sizeOfRecord(aRecord(), code, null)).toBeNull();
  });

  it('never proposes more than the place has, nor less than works, for any report of the corpora', () => {
    let count = 0;
    for (const corpus of [ownCorpus(), publicCorpus()])
      // The same reports in the framings of other programs say nothing more about sizes.
      for (const { file } of corpus?.entries.filter(({ file: one }) => !/journal|dmesg-|kernlog/.test(one)) ?? [])
        for (const record of parseLines(toLines(readLogFile(corpus as NonNullable<typeof corpus>, file)))) {
          const sizing = sizeOfRecord(record, judgeRecord(record)?.code ?? null, null);
          if (sizing === null) continue;
          count += 1;
          const [{ value }] = sizing.split.values;
          expect(sizing.budgetKiB, file).toBeLessThanOrEqual(sizing.place.totalKiB - sizing.reserveKiB);
          expect(sizing.instanceKiB, file).toBeLessThanOrEqual(sizing.budgetKiB);
          if (sizing.verdict !== 'set') continue;
          expect(value, file).toBeGreaterThanOrEqual(sizing.program.least);
          if (sizing.program.kind === 'memory') expect(value * MIB, file).toBeLessThan(sizing.instanceKiB);
        }

    expect(count).toBeGreaterThan(30);
  });
});
