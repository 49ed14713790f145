import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { oomScoreAdjOfOomAdj } from '../../src/oom/badness/badness.ts';
import { renderSetup } from '../../src/setup/setup-script.ts';
import { setupOptions } from './options.ts';
import { LACKS_CAPABILITY, openUnsharedHost, type UnsharedHost } from './unshared-host.ts';
import { has, needs, skipWithout, type PartName } from '../support/needs.ts';

const HELPER = path.join(import.meta.dirname, '../../src/setup/oom-adj.sh');

const shells: [PartName, ...string[]][] = [['dash'], ['busybox', 'sh'], ['bash', '--posix']];
const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
/** As a user without it runs its text: nothing is noted outside `dir`, and no log is asked for. */
function uninstalled(dir: string): string {
  return readFileSync(HELPER, 'utf8')
    .replace('\nINSTALLED=yes\n', '\nINSTALLED=no\n')
    .replace('\nKEPT=/run/oom-adj\n', `\nKEPT=${dir}/kept\n`);
}

interface Victim {
  pid: number;
  start: string;
}

describe.each(['sudo', 'doas'] as const)('oom-adj through %s', needs('namespaces', 'busybox'), (way) => {
  let host: UnsharedHost;
  let victim: Victim;

  beforeEach((context) => skipWithout(context, way));
  beforeAll(async () => {
    if (!has(way)) return;
    host = await openUnsharedHost();
    if (way === 'doas') host.run('rm /usr/bin/sudo');
    const { stdout } = host.run(renderSetup(setupOptions()));
    expect(stdout).toContain('oombot can read the kernel log through oom-kmsg');
    victim = start(sleeper());
  });
  afterAll(() => host?.close());

  function start(command: string): Victim {
    const { stdout } = host.run(`${command} </dev/null >/dev/null 2>&1 & sleep 0.1; echo $!; cat /proc/$!/stat`);
    const [pid = '', stat = ''] = stdout.split(/\n(.*)/s);
    return { pid: Number(pid), start: stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '' };
  }
  /** Somebody's process that is at a value from where root can lower it, also without CAP_SYS_RESOURCE. */
  function sleeper(value = 600, program = 'sleep'): string {
    return `setpriv --reuid 65534 sh -c 'echo ${value} >/proc/self/oom_score_adj; exec ${program} 1000'`;
  }
  function as(command: string, input: string | Buffer = '') {
    return host.run(`exec su oombot -s /bin/sh -c "$(cat <<'COMMAND'\n${command}\nCOMMAND\n)"`, { input });
  }
  function ask(request: string | Buffer): string {
    return as(`${way} -n /usr/local/sbin/oom-adj`, request).stdout.trim();
  }
  function valueOf({ pid }: Victim): string {
    return host.run(`cat /proc/${pid}/oom_score_adj`).stdout.trim();
  }
  /** A request as it should be, with some of it replaced. */
  function line(change: Partial<Record<'v' | 'boot' | 'pid' | 'start' | 'cur' | 'now', string | number>> = {}): string {
    const { pid, start: ticks } = victim;
    return `${Object.values({ v: 'v1', boot: bootId, pid, start: ticks, cur: 600, now: 300, ...change }).join(' ')}\n`;
  }

  it.each([
    ['nothing', () => '', 'incomplete'],
    ['a line that is not ended', () => line().trim(), 'incomplete'],
    ['a second line', () => line() + line(), 'chars'],
    ['5 MB of digits', () => '1'.repeat(5_000_000), 'incomplete'],
    ['5 MB of NULs', () => Buffer.alloc(5_000_000), 'incomplete'],
    ['a NUL inside', () => line({ now: '3\0' + '00' }), 'chars'],
    ['a tab', () => line().replace(' ', '\t'), 'chars'],
    ['a carriage return', () => line().replace('\n', '\r\n'), 'chars'],
    ['too few fields', () => 'v1 1 2 3 4\n', 'fields'],
    ['two fields more', () => line({ now: '300 1 1' }), 'fields'],
    ['another version', () => line({ v: 'v2' }), 'version'],
    ['another boot', () => line({ boot: bootId.replaceAll(/[0-9]/g, '0') }), 'boot'],
    ['a stale value', () => line({ cur: 1 }), 'changed:600'],
    ['another start time', () => line({ start: '1' }), 'reused'],
    ['a process that is gone', () => line({ pid: 4_000_000 }), 'gone'],
    ['pid 1', () => line({ pid: 1 }), 'pid'],
    ['pid 0', () => line({ pid: 0 }), 'pid'],
    ['pid -1', () => line({ pid: -1 }), 'pid'],
    ['-901', () => line({ now: -901 }), 'range'],
    ['-1000', () => line({ now: -1000 }), 'range'],
    ['-1001', () => line({ now: -1001 }), 'range'],
    ['a higher value', () => line({ now: 601 }), 'no-raise'],
    ['a short reference', () => line({ now: `300 ${'a'.repeat(15)}` }), 'ref'],
    ['a long reference', () => line({ now: `300 ${'a'.repeat(65)}` }), 'ref'],
    ['a reference that is none', () => line({ now: `300 ${'g'.repeat(16)}` }), 'ref'],
    ['-1000 of pid 1', () => line({ pid: 1, now: -1000 }), 'pid'],
    ['1001', () => line({ now: 1001 }), 'range'],
    ['010', () => line({ now: '010' }), 'number'],
    ['-0', () => line({ now: '-0' }), 'number'],
    ['+5', () => line({ now: '+5' }), 'chars'],
    ['0x10', () => line({ now: '0x10' }), 'number'],
    ['1e3', () => line({ now: '1e3' }), 'number'],
    ['99999999999999999999', () => line({ now: '9'.repeat(20) }), 'number'],
    ['$(…)', () => line({ now: '$(touch /etc/owned)' }), 'chars'],
    ['backticks', () => line({ now: '`touch /etc/owned`' }), 'chars'],
    ['; command', () => line({ now: '300;touch /etc/owned' }), 'chars'],
    ['a star for a pid', () => line({ pid: '*' }), 'chars'],
    ['a question mark for a pid', () => line({ pid: '?' }), 'chars'],
    ['../1', () => line({ pid: '../1' }), 'chars'],
    ['self', () => line({ pid: 'self' }), 'pid'],
    ['1/../2', () => line({ pid: '1/../2' }), 'chars'],
    ['a path for a boot id', () => line({ boot: '/etc/shadow' }), 'chars'],
  ])('refuses %s', (_, request, reason) => {
    const answer = ask(request());

    expect(answer).toBe(`refused ${reason}`);
    expect(valueOf(victim)).toBe('600');
    expect(host.run('ls /etc/owned').status).not.toBe(0);
  });

  it('refuses the number of a thread', () => {
    const threaded = start(`${process.execPath} -e "setInterval(()=>{},1e6)"`);
    const tid = Number(
      host.run(`sleep 0.3; ls /proc/${threaded.pid}/task`).stdout.trim().split('\n').map(Number).at(-1),
    );
    const stat = host.run(`cat /proc/${tid}/stat`).stdout;

    const answer = ask(line({ pid: tid, start: stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '' }));

    expect(tid).not.toBe(threaded.pid);
    expect(answer).toBe('refused thread');
  });

  it('gives the caller nothing but that one command', () => {
    // What root would run if anything of the caller's surroundings reached the helper.
    host.run(`mkdir -m 755 /dev/shm/evil; cd /dev/shm/evil
for c in dd tr cat id logger printf mkdir; do printf '#!/bin/sh\\ntouch /etc/owned\\n' > $c; chmod 755 $c; done
echo 'touch /etc/owned' > env; chmod 644 env`);
    const helper = '/usr/local/sbin/oom-adj';
    const tries =
      way === 'sudo'
        ? [
            `sudo -n ${helper} x`,
            `sudo -n ${helper} ''`,
            'sudo -n -s touch /etc/owned',
            'sudo -n sh -c "touch /etc/owned"',
            'sudo -n -i touch /etc/owned',
            "sudo -n '-u#-1' touch /etc/owned",
            'sudo -n -u root /usr/bin/touch /etc/owned',
            'EDITOR="touch /etc/owned" sudoedit -n /etc/hosts',
            `sudo -n PATH=/dev/shm/evil ${helper}`,
            `sudo -n ENV=/dev/shm/evil/env BASH_ENV=/dev/shm/evil/env ${helper}`,
            `sudo -n LD_PRELOAD=/dev/shm/evil/dd ${helper}`,
            `PATH=/dev/shm/evil:$PATH sudo -n -E ${helper}`,
            'sudo -n /usr/local/sbin/oom-kmsg x',
            'sudo -n -g adm /usr/local/sbin/oom-adj',
          ]
        : [
            `doas -n ${helper} x`,
            `doas -n ${helper} ''`,
            'doas -n -s',
            'doas -n sh -c "touch /etc/owned"',
            'doas -n touch /etc/owned',
            `doas -n -u nobody ${helper}`,
            'doas -n -C /etc/doas.conf -s',
            `doas -n PATH=/dev/shm/evil ${helper}`,
            'doas -n /usr/local/sbin/oom-kmsg x',
          ];
    const surroundings =
      'PATH=/dev/shm/evil:/usr/bin:/bin ENV=/dev/shm/evil/env BASH_ENV=/dev/shm/evil/env IFS=0 CDPATH=/dev/shm';
    const writes = [
      `cp /dev/shm/evil/dd ${helper}`,
      `rm -f ${helper}`,
      `mv /dev/shm/evil/dd ${helper}`,
      `echo x >> ${helper}`,
      'echo x >> ~/.ssh/authorized_keys',
      'mv ~/.ssh ~/old',
      'touch ~/x',
      'ls /run/oom-adj',
      `echo 1000 > /proc/${victim.pid}/oom_score_adj`,
    ];

    const succeeded = [...tries, ...writes].filter((command) => as(command, line()).status === 0);
    const harmless = as(`${surroundings} /usr/bin/${way} -n ${helper}`, line({ now: 600 })).stdout;

    expect(succeeded).toEqual([]);
    expect(harmless).toMatch(/^ok pid=/m);
    expect(host.run('ls /etc/owned').status).not.toBe(0);
  });

  it('applies what it may, reads it back and leaves a line in the log of the host', () => {
    const mine = start(sleeper());
    const of = { pid: mine.pid, start: mine.start };
    const ref = 'feedc0de'.repeat(8);

    const lowered = ask(line({ ...of, now: `100 ${ref}` }));
    const back = ask(line({ ...of, cur: 100, now: 600 }));

    expect(back).toMatch(new RegExp(`^ok pid=${mine.pid} old=100 new=600 oom_score=\\d+$`));
    expect(lowered).toMatch(new RegExp(`^ok pid=${mine.pid} old=600 new=100 oom_score=\\d+$`));
    expect(valueOf(mine)).toBe('600');
    const log = host.run('sleep 0.3; cat /var/log/seen').stdout;
    for (const step of ['asked', 'set'])
      expect(log).toContain(
        `oom-adj: ${step} pid=${mine.pid} start=${mine.start} comm=sleep old=600 new=100 ref=${ref} by=oombot`,
      );
    expect(log).toMatch(/oom-adj: refused why=reused req=v1 \d+ 300 by=oombot/);
  });

  it('says what it can do, and that root lacks the capability to lower where it does', () => {
    const answer = ask('v1 hello\n');
    const one = start('setpriv --reuid 65534 sleep 1000');
    const below = ask(line({ ...one, cur: 0, now: -5 }));
    const tried = ask(line({ ...one, cur: LACKS_CAPABILITY ? 0 : -5, now: -6 }).replace('v1', 'v1 try'));

    expect(answer).toBe(
      `ok oom-adj=1 min=-900 max=1000 capability=${LACKS_CAPABILITY ? 'no' : 'yes'} writable=yes file=oom_score_adj units=no raise=no log=yes try=yes ref=yes names=yes drill=yes`,
    );
    expect(below).toMatch(LACKS_CAPABILITY ? /^refused capability$/ : /^ok .* new=-5 /);
    expect(tried).toBe(LACKS_CAPABILITY ? 'refused capability' : 'ok try');
    if (!LACKS_CAPABILITY) expect(ask(line({ ...one, cur: -5, now: 0 }))).toMatch(/^ok /);
  });

  it('only lowers a value or puts back what it lowered, of root’s processes too', () => {
    host.run('cp /bin/sleep /dev/shm/sshd');
    const login = start('sh -c "echo 600 > /proc/self/oom_score_adj; exec /dev/shm/sshd 1000"');
    const stranger = start(sleeper(300));

    for (const { now, cur, of } of [
      { of: login, cur: 600, now: 700 },
      { of: stranger, cur: 300, now: 301 },
      { of: stranger, cur: 300, now: 1000 },
    ])
      expect(ask(line({ ...of, cur, now }))).toBe('refused no-raise');
    expect(ask(line({ ...login, cur: 600, now: 100 }))).toMatch(/^ok /);
    expect(ask(line({ ...login, cur: 100, now: 601 }))).toBe('refused no-raise');
    expect(ask(line({ ...login, cur: 100, now: 50 }))).toMatch(/^ok /);
    expect(ask(line({ ...login, cur: 50, now: 600 }).replace('v1', 'v1 try'))).toBe('ok try');
    expect(valueOf(login)).toBe('50');
    expect(ask(line({ ...login, cur: 50, now: 600 }))).toMatch(/^ok /);
    expect(valueOf(login)).toBe('600');
  });

  it('does not undo what somebody else did to a process since', () => {
    const one = start(sleeper(600));
    expect(ask(line({ ...one, now: 400 }))).toMatch(/^ok /);
    host.run(`echo 200 >/proc/${one.pid}/oom_score_adj`);

    expect(ask(line({ ...one, cur: 200, now: 600 }))).toBe('refused no-raise');
    expect(ask(line({ ...one, cur: 200, now: 100 }))).toMatch(/^ok /);
    expect(ask(line({ ...one, cur: 100, now: 600 }))).toBe('refused no-raise');
    expect(ask(line({ ...one, cur: 100, now: 200 }))).toMatch(/^ok /);
  });

  it('puts back the children that were forked from a process while it was lowered', () => {
    const parent = start(sleeper(600));
    expect(ask(line({ ...parent, now: 400 }))).toMatch(/^ok /);
    // A child as fork() leaves it: with the value of its parent, which here a shell stands in for.
    const family = start(
      `setpriv --reuid 65534 sh -c 'echo 600 >/proc/self/oom_score_adj; while [ ! -e /dev/shm/go ]; do sleep 0.05; done; sleep 1000 & wait'`,
    );
    expect(ask(line({ ...family, now: 400 }))).toMatch(/^ok /);
    host.run('touch /dev/shm/go; sleep 0.3');
    const child = childOf(family);

    expect(valueOf(child)).toBe('400');
    expect(ask(line({ ...family, cur: 400, now: 600 }))).toMatch(/^ok /);
    expect(ask(line({ ...child, cur: 400, now: 601 }))).toBe('refused no-raise');
    expect(ask(line({ ...child, cur: 400, now: 600 }))).toMatch(/^ok /);
  });

  function childOf({ pid }: Victim): Victim {
    const child = host.run(`cat /proc/${pid}/task/${pid}/children`).stdout.trim().split(' ').at(-1) ?? '';
    const stat = host.run(`cat /proc/${child}/stat`).stdout;
    return { pid: Number(child), start: stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '' };
  }

  it('says that /proc is read-only', () => {
    const ro = host.run(
      `unshare -m sh -c 'mount -o remount,ro /proc && su oombot -s /bin/sh -c "${way} -n /usr/local/sbin/oom-adj"'`,
      { input: line() },
    );

    expect(ro.stdout.trim()).toBe('refused read-only');
  });
});

describe.each(shells)('oom-adj under %s', needs('root'), (...shell) => {
  let dir: string;
  beforeEach((context) => skipWithout(context, shell[0]));
  beforeAll(() => {
    dir = mkdtempSync(path.join(tmpdir(), 'oombot-shells-'));
    writeFileSync(path.join(dir, 'helper'), uninstalled(dir));
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  function ask(request: string, script = path.join(dir, 'helper')): string {
    const [command, ...args] = [...shell, script];
    return spawnSync(command, args, { input: request, encoding: 'utf8' }).stdout.trim();
  }

  it('refuses a kernel thread', needs('kernel threads'), () => {
    const stat = readFileSync('/proc/2/stat', 'utf8');
    const start = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';

    const answer = ask(`v1 ${bootId} 2 ${start} 0 300\n`);

    expect(answer).toBe('refused kthread');
  });

  it.each(['a) b', 'a) S 1 1', 'x\ny) Z 1', ') ) (', '$(id)', '-n', 'é\u{1f600}'])(
    'finds the start time behind the name %j',
    (name) => {
      const rename = `require('fs').writeFileSync('/proc/self/comm', process.argv[1]);
        require('fs').writeFileSync('/proc/self/oom_score_adj', '700');
        require('child_process').spawnSync(process.argv[2], process.argv.slice(3), {
          input: 'v1 ${bootId} ' + process.pid + ' ' + require('fs').readFileSync('/proc/self/stat', 'latin1').replace(/[^]*\\) /, '').split(' ')[19] + ' 700 600\\n',
          stdio: ['pipe', 'inherit', 'inherit'] })`;

      const { stdout } = spawnSync(process.execPath, ['-e', rename, '--', name, ...shell, path.join(dir, 'helper')], {
        encoding: 'utf8',
      });

      expect(stdout).toMatch(/^ok pid=\d+ old=700 new=600 oom_score=\d+\n$/);
    },
  );

  // Kernels before 2.6.36: plain files with their numbers stand in for /proc, which stored what was written as it was.
  describe('on a kernel that knows only oom_adj', () => {
    function legacyHost(oomAdj: number): {
      ask: (request: string) => string;
      stored: () => string;
      remove: () => void;
    } {
      const old = mkdtempSync(path.join(dir, 'legacy-'));
      const script = path.join(old, 'oom-adj.sh');
      mkdirSync(path.join(old, 'self'));
      mkdirSync(path.join(old, '4242'));
      writeFileSync(path.join(old, 'self/oom_adj'), '0\n');
      writeFileSync(path.join(old, 'self/status'), 'CapEff:\tffffffffffffffff\n');
      writeFileSync(path.join(old, 'boot_id'), `${bootId}\n`);
      writeFileSync(path.join(old, '4242/oom_adj'), `${oomAdj}\n`);
      writeFileSync(path.join(old, '4242/oom_score'), '77\n');
      writeFileSync(path.join(old, '4242/stat'), `4242 (old) S${' 1'.repeat(18)} 555 0\n`);
      writeFileSync(path.join(old, '4242/status'), 'Name:\told\nTgid:\t4242\nUid:\t7\t7\t7\t7\nVmRSS:\t100 kB\n');
      const text = uninstalled(old)
        .replace('\nMIN=-900\n', '\nMIN=-1000\n')
        .replaceAll('/proc/sys/kernel/random/boot_id', `${old}/boot_id`)
        .replaceAll('/proc/', `${old}/`);
      writeFileSync(script, text);
      return {
        ask: (request) => ask(request, script),
        stored: () => readFileSync(path.join(old, '4242/oom_adj'), 'utf8').trim(),
        remove: () => rmSync(old, { recursive: true }),
      };
    }

    it.each([
      [0, -500, '-8', -470],
      [0, -900, '-15', -882],
      [0, -1000, '-17', -1000],
      // Never to "never", unless that was asked for.
      [0, -999, '-16', -941],
      [0, 300, '5', 294],
      [0, 999, '14', 823],
      [0, 1000, '15', 1000],
      [0, 1, '0', 0],
    ])('takes %i to the nearest of %i and says what it became', (from, to, stored, shown) => {
      const legacy = legacyHost(from);

      const answer = legacy.ask(`v1 ${bootId} 4242 555 0 ${to}\n`);

      expect(answer).toBe(`ok pid=4242 old=0 new=${shown} oom_score=77 oom_adj=${stored}`);
      expect(legacy.stored()).toBe(stored);
      legacy.remove();
    });

    it('brings back every value exactly', () => {
      const legacy = legacyHost(0);
      let now = 0;

      for (let value = -17; value <= 15; value++) {
        const wanted = oomScoreAdjOfOomAdj(value);
        expect(legacy.ask(`v1 ${bootId} 4242 555 ${now} ${wanted}\n`)).toMatch(/^ok /);
        expect(legacy.stored()).toBe(String(value));
        now = wanted;
      }
      legacy.remove();
    });

    it('says so when asked what it can do', () => {
      const legacy = legacyHost(0);

      expect(legacy.ask('v1 hello\n')).toMatch(
        /^ok oom-adj=1 min=-1000 max=1000 capability=yes writable=yes file=oom_adj units=(?:yes|no) raise=no log=(?:yes|no) try=yes ref=yes names=yes drill=yes$/,
      );
      legacy.remove();
    });
  });
});

// How often, at least 1,000: more by hand. Each lane is a number space of its own.
const TRIES = Math.max(1_000, Number(process.env['OOMBOT_RACE_TRIES'] ?? 0));
const LANES = 4;

// A process dies while its value is being changed, and its number is given to another at once.
const RACE = `
helper=$1 tries=$2 spread=$3 lane=$4
sed "s|^KEPT=.*|KEPT=/run/oom-adj-$lane|" "$helper" >"$helper.$lane"
said=/run/said.$lane
read -r boot </proc/sys/kernel/random/boot_id
reused=0 wrong=0 applied=0 n=0
start_of() { read -r st <"/proc/$1/stat"; set -- \${st##*\\) }; shift 19; echo "$1"; }
while [ "$reused" -lt "$tries" ] && [ "$n" -lt $((tries * 3)) ]; do
  n=$((n + 1))
  sleep 1000 & old=$!
  echo 600 >"/proc/$old/oom_score_adj"
  start=$(start_of "$old")
  sleep 0.0$((n % 3 + 1))
  echo "v1 $boot $old $start 600 500" | sh "$helper.$lane" >"$said" & asked=$!
  # The death falls before, inside and after what the helper does.
  sleep "$(printf 0.%03d $((n * 7 % spread)))"
  kill -9 "$old"; wait "$old"
  echo $((old - 1)) >/proc/sys/kernel/ns_last_pid
  sleep 1000 & new=$!
  wait "$asked"
  if [ "$new" = "$old" ]; then
    reused=$((reused + 1))
    read -r value <"/proc/$new/oom_score_adj"
    [ "$value" = 0 ] || wrong=$((wrong + 1))
    case $(cat "$said") in ok*) applied=$((applied + 1)) ;; esac
  fi
  kill -9 "$new"; wait "$new"
done 2>/dev/null
echo "reused=$reused wrong=$wrong applied=$applied"
`;

describe('a number that is given to another process', { ...needs('namespaces'), timeout: 600_000 }, () => {
  function race(change: (text: string) => string, tries: number, spreadMs: number): Promise<Record<string, number>> {
    return openUnsharedHost().then(async (host) => {
      host.run('cat > /root/helper', { input: change(readFileSync(HELPER, 'utf8')) });
      host.run('cat > /root/race', { input: RACE });
      const { stdout, stderr } = host.run(
        `cd /root; for lane in $(seq ${LANES}); do
  unshare -p -f --mount-proc sh ./race ./helper ${Math.ceil(tries / LANES)} ${spreadMs} "$lane" &
done; wait`,
        { timeoutMs: 900_000 },
      );
      await host.close();
      const sums: Record<string, number> = {};
      for (const [, name = '', count] of stdout.matchAll(/(\w+)=(\d+)/g))
        sums[name] = (sums[name] ?? 0) + Number(count);
      if (stdout.split('\n').length !== LANES + 1) throw new Error(`${stdout}${stderr}`);
      return sums;
    });
  }
  // The moment between the last look and the write, made long.
  function slow(text: string): string {
    return text.replace('put=$new\n', 'put=$new\nsleep 0.02\n');
  }

  it('is never written to, as the helper is and with the moment before the write made long', async () => {
    // It logs the request before it acts: that alone takes it some tens of milliseconds.
    const asItIs = await race((text) => text, TRIES, 150);
    const madeLong = await race(slow, 100, 60);

    expect(asItIs).toMatchObject({ wrong: 0 });
    expect(asItIs['reused']).toBeGreaterThanOrEqual(TRIES);
    expect(asItIs['applied']).toBeGreaterThan(0);
    expect(madeLong).toMatchObject({ wrong: 0, reused: 100 });
  });

  it('would be, by a helper that writes by number: the test can fail', async () => {
    const byNumber = await race((text) => slow(text).replace('"$put" >"$file"', '"$put" >"/proc/$pid/$file"'), 100, 60);

    expect(byNumber['wrong']).toBeGreaterThan(0);
  });
});
