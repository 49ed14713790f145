/** A kind of process of the simulated machine, as its unit starts it. */
export interface ProcessKind {
  name: string;
  uid: number;
  cgroup: string;
  commandLine: string | null;
  /** Memory of its own once it has run for a while, in pages of 4 KiB. */
  anonPages: number;
  /** Beside that, of files: text and libraries. */
  filePages: number;
  totalVmPages: number;
  threads: number;
  /** What its unit sets. */
  oomScoreAdj: number;
  /** Started again this long after its death; null: not. */
  restartMs: number | null;
  /** How many of it run. */
  count: number;
}

/** A running process, as /proc and the kernel's task table would show it. */
export interface DemoProcess {
  kind: ProcessKind;
  pid: number;
  parentPid: number;
  /** Clock ticks of 10 ms after boot. */
  startTicks: number;
  oomScoreAdj: number;
  anonPages: number;
  filePages: number;
  totalVmPages: number;
  pageTablePages: number;
}

export const REDIS_SCOPE =
  '/system.slice/docker-4f1e0c9b7a3d5e6f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f7.scope';
export const WEB_UNIT = '/system.slice/web.service';
export const IMPORT_UNIT = '/system.slice/nightly-import.service';

/** What runs on demo-db01: a database host that was given everything else, too. */
export const PROCESS_KINDS: readonly ProcessKind[] = [
  kind('systemd', 0, '/init.scope', '/sbin/init', {
    anonPages: 1_100,
    filePages: 2_300,
    totalVmPages: 42_300,
    restartMs: null,
  }),
  unit('systemd-journal', 0, 'systemd-journald', '/lib/systemd/systemd-journald', {
    anonPages: 1_900,
    filePages: 8_600,
    totalVmPages: 22_500,
    oomScoreAdj: -250,
  }),
  unit('systemd-udevd', 0, 'systemd-udevd', '/lib/systemd/systemd-udevd', {
    anonPages: 900,
    filePages: 700,
    totalVmPages: 6_700,
    oomScoreAdj: -1000,
  }),
  unit('systemd-oomd', 107, 'systemd-oomd', '/lib/systemd/systemd-oomd', {
    anonPages: 420,
    filePages: 1_200,
    totalVmPages: 4_100,
    oomScoreAdj: -900,
  }),
  unit(
    'dbus-daemon',
    101,
    'dbus',
    '/usr/bin/dbus-daemon --system --address=systemd: --nofork --nopidfile --systemd-activation --syslog-only',
    { anonPages: 340, filePages: 900, totalVmPages: 2_300, oomScoreAdj: -900 },
  ),
  unit('systemd-logind', 0, 'systemd-logind', '/lib/systemd/systemd-logind', {
    anonPages: 520,
    filePages: 1_500,
    totalVmPages: 6_300,
  }),
  unit('cron', 0, 'cron', '/usr/sbin/cron -f', { anonPages: 130, filePages: 500, totalVmPages: 1_700 }),
  unit('chronyd', 104, 'chrony', '/usr/sbin/chronyd -F 1', { anonPages: 210, filePages: 600, totalVmPages: 4_700 }),
  unit('sshd', 0, 'ssh', 'sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups', {
    anonPages: 340,
    filePages: 1_700,
    totalVmPages: 3_900,
    oomScoreAdj: -1000,
  }),
  unit('mysqld', 111, 'mysql', '/usr/sbin/mysqld', {
    anonPages: 1_228_400,
    filePages: 0,
    totalVmPages: 1_930_392,
    threads: 62,
    restartMs: 4_000,
  }),
  unit(
    'java',
    998,
    'graylog-server',
    '/usr/bin/java -Xms1g -Xmx1536m -XX:+UseG1GC -jar /usr/share/graylog-server/graylog.jar server -f /etc/graylog/server/server.conf',
    { anonPages: 398_400, filePages: 3_100, totalVmPages: 1_180_000, threads: 148, restartMs: 9_000 },
  ),
  unit('memcached', 112, 'memcached', '/usr/bin/memcached -m 1024 -p 11211 -u memcache -l 127.0.0.1', {
    anonPages: 262_300,
    filePages: 300,
    totalVmPages: 287_000,
    threads: 10,
    restartMs: 1_500,
  }),
  unit(
    'icinga2',
    110,
    'icinga2',
    '/usr/lib/x86_64-linux-gnu/icinga2/sbin/icinga2 --no-stack-rlimit daemon -e /var/log/icinga2/error.log',
    { anonPages: 38_600, filePages: 2_900, totalVmPages: 224_000, threads: 21 },
  ),
  unit(
    'carbon-cache',
    113,
    'carbon-cache',
    '/usr/bin/python3 /usr/bin/carbon-cache --config=/etc/carbon/carbon.conf start',
    { anonPages: 62_100, filePages: 900, totalVmPages: 98_000 },
  ),
  unit('apache2', 0, 'apache2', '/usr/sbin/apache2 -k start', {
    anonPages: 1_700,
    filePages: 2_600,
    totalVmPages: 51_000,
    restartMs: 1_000,
  }),
  unit('apache2', 33, 'apache2', '/usr/sbin/apache2 -k start', {
    anonPages: 6_400,
    filePages: 1_100,
    totalVmPages: 53_000,
    threads: 27,
    count: 6,
  }),
  unit('php-fpm8.2', 0, 'php8.2-fpm', 'php-fpm: master process (/etc/php/8.2/fpm/php-fpm.conf)', {
    anonPages: 2_100,
    filePages: 4_300,
    totalVmPages: 61_000,
  }),
  unit('php-fpm8.2', 33, 'php8.2-fpm', 'php-fpm: pool www', {
    anonPages: 27_300,
    filePages: 3_900,
    totalVmPages: 96_000,
    count: 15,
  }),
  unit('dockerd', 0, 'docker', '/usr/sbin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock', {
    anonPages: 17_800,
    filePages: 5_200,
    totalVmPages: 466_000,
    threads: 18,
    oomScoreAdj: -500,
  }),
  unit('containerd', 0, 'containerd', '/usr/bin/containerd', {
    anonPages: 8_900,
    filePages: 4_100,
    totalVmPages: 361_000,
    threads: 14,
    oomScoreAdj: -999,
  }),
  kind('redis-server', 999, REDIS_SCOPE, 'redis-server *:6379', {
    anonPages: 29_400,
    filePages: 900,
    totalVmPages: 41_200,
    threads: 5,
    restartMs: 2_000,
  }),
  kind('gunicorn', 997, WEB_UNIT, '/srv/web/venv/bin/gunicorn --workers 3 --bind 127.0.0.1:8000 web.wsgi', {
    anonPages: 5_900,
    filePages: 1_800,
    totalVmPages: 9_400,
    restartMs: 1_000,
  }),
  kind('gunicorn: worke', 997, WEB_UNIT, '/srv/web/venv/bin/gunicorn --workers 3 --bind 127.0.0.1:8000 web.wsgi', {
    anonPages: 12_600,
    filePages: 900,
    totalVmPages: 31_200,
    restartMs: 1_400,
    count: 3,
  }),
  kind('import.py', 996, IMPORT_UNIT, '/usr/bin/python3 /srv/import/import.py --all --fast', {
    anonPages: 22_900,
    filePages: 1_300,
    totalVmPages: 44_700,
    restartMs: 30_000,
  }),
];

type Sizes = Partial<ProcessKind> & Pick<ProcessKind, 'anonPages' | 'filePages' | 'totalVmPages'>;

function unit(name: string, uid: number, service: string, commandLine: string, sizes: Sizes): ProcessKind {
  return kind(name, uid, `/system.slice/${service}.service`, commandLine, sizes);
}

function kind(name: string, uid: number, cgroup: string, commandLine: string, sizes: Sizes): ProcessKind {
  return { name, uid, cgroup, commandLine, threads: 1, oomScoreAdj: 0, restartMs: 2_000, count: 1, ...sizes };
}

/** One job of the storm: it is started to die. */
export function batchJob(number: number): ProcessKind {
  return kind(`batch-${number}`, 995, `/system.slice/batch${number}.service`, `/usr/local/bin/batch ${number}`, {
    anonPages: 31_900,
    filePages: 180,
    totalVmPages: 36_000,
    restartMs: null,
  });
}

/** What the helper lets die in a drill, in a group of its own. */
export function drillProcess(nonce: string): ProcessKind {
  return kind('oombot-drill', 0, `/oombot-drill-${nonce}`, 'sh oombot-drill', {
    anonPages: 64,
    filePages: 410,
    totalVmPages: 4_237,
    restartMs: null,
  });
}

/** Workers of one kind are not all of one size. */
export function workerPages(kind: ProcessKind, chance: number): number {
  return kind.count === 1 ? kind.anonPages : Math.round(kind.anonPages * (0.94 + (chance % 13) / 100));
}

/** Page tables cost a page for each 2 MiB, and some. */
export function pageTablePagesOf(anonPages: number): number {
  return Math.ceil(anonPages / 512) + 14;
}

export function rssPagesOf(process: DemoProcess): number {
  return process.anonPages + process.filePages;
}
