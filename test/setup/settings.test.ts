import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openLiveScans } from '../../src/app/live-scan.ts';
import type { HostLink } from '../../src/app/host-link.ts';
import { parseSettings } from '../../src/size/read-settings.ts';
import { ownHelper, renderSetup } from '../../src/setup/setup-script.ts';
import { openHostLink } from '../../src/ssh/host-link.ts';
import { openSsh, type Ssh } from '../../src/ssh/open-ssh.ts';
import { anAnsweringBot, textOf } from '../support/an-answering-bot.ts';
import { needs, phpFpm } from '../support/needs.ts';
import { freePort, realClock, stateOf } from '../support/sshd.ts';
import { setupOptions } from './options.ts';
import { openUnsharedHost, type UnsharedHost } from './unshared-host.ts';

const ASKER = { userId: 'terminal', channelId: null };
// As Debian's mariadb-server, postgresql, redis-server and php-fpm have them, and with what an administrator adds.
const FILES = `
mkdir -p /etc/mysql/mariadb.conf.d /etc/redis
cat >/etc/mysql/mariadb.conf.d/50-server.cnf <<'END'
[server]
[mysqld]
pid-file                = /run/mysqld/mysqld.pid
#innodb_buffer_pool_size = 8G
[embedded]
[mariadb]
[mariadb-10.11]
END
cat >/etc/mysql/mariadb.conf.d/90-own.cnf <<'END'
[client]
password = hunter2
innodb_buffer_pool_size = 7G
[mariadbd]
innodb-buffer-pool-size = 256M
END
mkdir -p /etc/postgresql/test/conf.d
cp /usr/share/postgresql/*/postgresql.conf.sample /etc/postgresql/test/postgresql.conf
printf '%s\\n' "shared_buffers = 128MB  # (change requires restart)" "include_dir = 'conf.d'" >>/etc/postgresql/test/postgresql.conf
echo "work_mem = '24 MB'   # own" >/etc/postgresql/test/conf.d/own.conf
echo 'maxmemory 1gb' >/etc/redis/redis.conf
chown nobody /etc/redis; chmod 2770 /etc/redis; chmod 640 /etc/redis/redis.conf
rm -f /etc/php/*/fpm/pool.d/*
for p in www:5 api:20; do
  cat >/etc/php/$(ls /etc/php)/fpm/pool.d/\${p%:*}.conf <<END
[\${p%:*}]
user = nobody
group = nogroup
listen = /run/\${p%:*}.sock
env[DB_PASSWORD] = hunter2
pm = ondemand
pm.max_children = \${p#*:}
END
done`;

describe(
  'settings in the files of a host, read by an account without rights over a real sshd',
  {
    ...needs('namespaces', 'sshd', 'sudo', 'ssh-keygen', 'mariadbd', 'postgres', 'phpFpm', 'setpriv'),
    timeout: 180_000,
  },
  () => {
    let host: UnsharedHost;
    let port: number;
    let ssh: Ssh;
    let link: HostLink;

    beforeAll(async () => {
      host = await openUnsharedHost();
      port = await freePort();
      run(
        'mkdir -m 700 /root/keys; ssh-keygen -q -t ed25519 -N "" -f /root/keys/key; ls /etc/ssh/ssh_host_ed25519_key || ssh-keygen -A',
      );
      const publicKeys = [run('cat /root/keys/key.pub')];
      const { status, stderr } = host.run('exec sh -s', { input: renderSetup(setupOptions({ publicKeys })) });
      if (status !== 0) throw new Error(stderr);
      run(FILES);
      run(`/usr/sbin/sshd -p ${port} -o ListenAddress=127.0.0.1 -o PidFile=/run/sshd.pid`);
      ssh = openSsh({ clock: realClock, random: Math.random, passphrase: null, agentSocket: null });
      link = await connect();
    }, 120_000);
    afterAll(async () => {
      await link?.close();
      await ssh?.close();
      await host?.close();
    });

    function run(script: string): string {
      const { status, stdout, stderr } = host.run(`set -e\n${script}`);
      if (status !== 0) throw new Error(`${script}: ${stdout}${stderr}`);
      return stdout;
    }
    async function connect(): Promise<HostLink> {
      const file = path.join('/tmp', `oombot-settings-${process.pid}`);
      writeFileSync(file, run('cat /root/keys/key'), { mode: 0o600 });
      const key = run('cat /etc/ssh/ssh_host_ed25519_key.pub').split(' ').slice(0, 2).join(' ');
      writeFileSync(`${file}.known`, `[127.0.0.1]:${port} ${key}\n`);
      const connection = ssh.connect({
        name: 'db01',
        address: '127.0.0.1',
        port,
        user: 'oombot',
        identityFile: file,
        knownHosts: [`${file}.known`],
        fingerprints: [],
        jump: null,
      });
      await stateOf(connection, 'connected');
      const opened = openHostLink('db01', connection, { logFiles: null, clock: realClock, ownHelper });
      await opened.probe();
      return opened;
    }
    /** `/oom size db01 WHAT` */
    async function size(what: string): Promise<string> {
      const fleet = { link: () => link, hosts: () => [{ name: 'db01', tags: [], channel: null }] };
      const bot = await anAnsweringBot({ fleet, scans: openLiveScans(fleet, realClock) });
      return textOf(await bot.handlers.answerSize({ host: 'db01', what }, ASKER));
    }
    /** Starts it; how to stop it. */
    function start(command: string): () => void {
      const pid = Number(run(`setsid ${command} >/dev/null 2>&1 </dev/null &\necho $!; sleep 0.2`));
      return () => void run(`kill ${pid}; while [ -e /proc/${pid}/exe ]; do sleep 0.05; done`);
    }
    /** Something of that name, which does nothing. */
    function startAs(name: string): () => void {
      run(`cp /bin/sleep /usr/local/bin/${name}`);
      return start(`/usr/local/bin/${name} 1000`);
    }

    it('are MariaDB’s, as the server itself takes them', async () => {
      const taken = run("mariadbd --help --verbose 2>/dev/null | sed -n 's/^innodb-buffer-pool-size  *//p'").trim();
      const stop = startAs('mariadbd');

      const text = await size('mariadbd');

      expect(taken).toBe(String(256 << 20));
      expect(text).toContain('innodb_buffer_pool_size = 256M (in /etc/mysql/mariadb.conf.d/90-own.cnf');
      expect(text).toContain('SET GLOBAL or SET PERSIST may override it');
      stop();
    });

    it('are PostgreSQL’s, as the server itself takes them', async () => {
      const bin = run('ls -d /usr/lib/postgresql/*/bin').trim().split('\n').at(-1);
      run(
        `mkdir -m 700 /home/pg; chown nobody /home/pg; cd /home/pg; setpriv --reuid=nobody --regid=nogroup --clear-groups ${bin}/initdb -D /home/pg/data --no-sync -U u -A trust --locale=C`,
      );
      const own = `-D /home/pg/data -k /home/pg -c listen_addresses= -c config_file=/etc/postgresql/test/postgresql.conf`;
      const stop = start(`setpriv --reuid=nobody --regid=nogroup --clear-groups ${bin}/postgres ${own}`);
      run('i=0; until [ -S /home/pg/.s.PGSQL.5432 ] || [ $i = 100 ]; do sleep 0.1; i=$((i+1)); done');
      const shown = run(`${bin}/psql -h /home/pg -U u -d postgres -Atc 'SHOW work_mem' -c 'SHOW shared_buffers'`);

      const text = await size('postgres');

      expect(shown).toBe('24MB\n128MB\n');
      expect(text).toContain(
        'work_mem = 24 MB (in /etc/postgresql/test/conf.d/own.conf; ALTER SYSTEM may override it)',
      );
      expect(text).toContain(
        'shared_buffers = 128MB (in /etc/postgresql/test/postgresql.conf; ALTER SYSTEM may override it)',
      );
      // In the data directory nothing can be read without rights.
      stop();
      const stopAgain = start(
        `setpriv --reuid=nobody --regid=nogroup --clear-groups ${bin}/postgres -D /home/pg/data -k /home/pg -c listen_addresses=`,
      );
      run('i=0; until [ -S /home/pg/.s.PGSQL.5432 ] || [ $i = 100 ]; do sleep 0.1; i=$((i+1)); done');
      expect(await size('postgres')).toContain(
        'now: not on its command line; /home/pg/data/postgresql.conf could not be read; without the setting: 4 MiB',
      );
      stopAgain();
    });

    it('are PHP-FPM’s, the total of all its pools', async () => {
      const tested = host.run(`${phpFpm()} -tt`).stderr;
      run(`mkdir -p /run/php; ${phpFpm()} --daemonize`);

      const text = await size('php-fpm');

      expect(tested.match(/pm\.max_children = \d+/g)).toEqual(['pm.max_children = 20', 'pm.max_children = 5']);
      expect(text).toMatch(
        /pm\.max_children = 25 .*total of 2 pools, the last one in \/etc\/php\/[\d.]+\/fpm\/pool\.d\/www\.conf/s,
      );
      // A file that was changed since says what the next start takes, not what runs.
      run('sleep 2; touch /etc/php/*/fpm/pool.d/www.conf');
      expect(await size('php-fpm')).toContain('changed since it started');
      run('kill $(cat /run/php/php*-fpm.pid)');
    });

    it('are not Redis’s, whose file is closed to others: that is said', async () => {
      const stop = startAs('redis-server');

      expect(await size('redis-server')).toContain(
        'now: not on its command line; /etc/redis/redis.conf could not be read; without the setting: no limit',
      );
      stop();
    });

    it('are asked of an oombot-host of before in vain, and the answer says so', async () => {
      run('cp /usr/local/bin/oombot-host /root/new; sed "s/^settings)$/none)/" /root/new >/usr/local/bin/oombot-host');
      const stop = startAs('mariadbd');
      const text = await size('mariadbd');
      const answer = parseSettings((await link.settings([{ program: 'mysql', pid: 1, files: 'usual' }])) ?? '');
      run('cp /root/new /usr/local/bin/oombot-host');
      stop();

      expect(answer).toBe('too-old');
      expect(text).toMatch(/mariadbd fits here with innodb_buffer_pool_size = \d+M\./);
      expect(text).toContain('its files were not read: oombot-host is too old for that');
    });
  },
);
