import { spawnSync } from 'node:child_process';
import { mkdirSync, rmdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readWhen, spanOf } from '../../src/app/answer/when-words.ts';
import { parseDeathFacts } from '../../src/cause/death-facts.ts';
import { COMMANDS } from '../../src/remote/scripts.ts';
import { HOSTILE_NAMES } from '../support/hostile-names.ts';

const SHELLS = ['sh', 'dash', 'busybox sh', 'bash'].filter(
  (shell) => spawnSync('sh', ['-c', `${shell} -c :`]).status === 0,
);
// As systemd 252 printed it for a unit whose main process was ended by kill -9.
const SHOWN = `#why 1
boot 6738972c-2174-421e-a173-1ada06c5396d
up 1902.47
oomkill 3
unit Id=why-nine.service
unit LoadState=loaded
unit ActiveState=failed
unit Result=signal
unit ExecMainPID=512
unit ExecMainCode=2
unit ExecMainStatus=9
unit ExecMainStartTimestampMonotonic=1800000000
unit ExecMainExitTimestampMonotonic=1890500000
unit NRestarts=0
unit ControlGroup=
unit OOMPolicy=stop
unit WatchdogUSec=0
unit TimeoutStopUSec=1min 30s
unit RuntimeMaxUSec=infinity
unit TasksMax=2300
unit LimitAS=infinity
group memory oom_kill 2
group memory oom_group_kill 0
group pids max 7
ring 0.000000 1901.20
line 1890.4 perl[512]: segfault at 8 ip 0000 sp 0000 error 4
said 1795400000.120000 why-nine.service: Main process exited, code=killed, status=9/KILL
killer earlyoom
#end
`;

describe('what a host still knows of a death', () => {
  it('is read as systemd and the kernel print it', () => {
    expect(parseDeathFacts(`Welcome!\n${SHOWN}`)).toEqual({
      bootId: '6738972c-2174-421e-a173-1ada06c5396d',
      uptimeSeconds: 1902.47,
      oomKills: 3,
      killers: ['earlyoom'],
      unit: {
        name: 'why-nine.service',
        activeState: 'failed',
        result: 'signal',
        how: 'killed',
        status: 9,
        mainPid: 512,
        startedSeconds: 1800,
        endedSeconds: 1890.5,
        restarts: 0,
        oomKills: null,
        managedOomKills: null,
        watchdogSeconds: null,
        stopTimeoutSeconds: 90,
        runtimeMaxSeconds: null,
        tasksMax: 2300,
        limitAddressBytes: null,
      },
      unitUnread: false,
      groupOomKills: 2,
      forksRefused: 7,
      ring: { firstSeconds: 0, lastSeconds: 1901.2 },
      lines: [{ seconds: 1890.4, text: 'perl[512]: segfault at 8 ip 0000 sp 0000 error 4' }],
      said: [{ atMs: 1_795_400_000_120, text: 'why-nine.service: Main process exited, code=killed, status=9/KILL' }],
    });
  });

  it('tells the kills that newer systemd counts', () => {
    const text = SHOWN.replace('unit OOMPolicy', 'unit OOMKills=2\nunit ManagedOOMKills=1\nunit OOMPolicy');

    expect(parseDeathFacts(text)?.unit).toMatchObject({ oomKills: 2, managedOomKills: 1 });
  });

  it('is nothing of a unit that was never there, and nothing at all when it was cut off', () => {
    const text = SHOWN.replace('LoadState=loaded', 'LoadState=not-found').replace('=failed', '=inactive');

    expect(parseDeathFacts(text)).toMatchObject({ unit: null, oomKills: 3 });
    expect(parseDeathFacts(SHOWN.replace('#end\n', ''))).toBeNull();
    expect(parseDeathFacts('#oombot-host 1 refused name\n')).toBeNull();
  });

  it.each(SHELLS)('is asked with %s, and nothing of what it is given is run', (shell) => {
    const cwd = path.join('/tmp', `oombot-why-${process.pid}-${SHELLS.indexOf(shell)}`);
    mkdirSync(cwd);
    onTestFinished(() => rmdirSync(cwd));
    const nasty = ['$(touch x)', '`touch x`', '; touch x', "'; touch x; '", '/../../etc', '-H', '"; touch x'];
    for (const text of ['', ...nasty, ...HOSTILE_NAMES.slice(0, 12).map((name) => name.replaceAll('\n', ' '))]) {
      const command = COMMANDS.why.replace('sh -c', `${shell} -c`);
      const { stdout, stderr } = spawnSync('sh', ['-c', command], {
        input: `${text}\n${text}\n`,
        encoding: 'latin1',
        cwd,
      });
      const facts = parseDeathFacts(stdout);
      expect([text, stderr]).toEqual([text, '']);
      expect(facts?.uptimeSeconds).toBeGreaterThan(0);
      expect(facts?.unit).toBeNull();
    }
    // An empty directory is all that can be removed.
  });
});

describe('when it died', () => {
  const NOW = Date.UTC(2026, 10, 30, 14, 30);

  it.each<[string, number, number]>([
    ['2h', NOW - 7_200_000, NOW],
    ['30m ago', NOW - 1_800_000, NOW],
    ['for the last 1 hour', NOW - 3_600_000, NOW],
    ['at 14:05', Date.UTC(2026, 10, 30, 13, 55), Date.UTC(2026, 10, 30, 14, 15)],
    ['around 23:00 UTC', Date.UTC(2026, 10, 29, 22, 50), Date.UTC(2026, 10, 29, 23, 10)],
    ['14:29', Date.UTC(2026, 10, 30, 14, 19), NOW],
    ['2026-11-29 03:00', Date.UTC(2026, 10, 29, 2, 50), Date.UTC(2026, 10, 29, 3, 10)],
    ['2026-11-29T03:00:00Z', Date.UTC(2026, 10, 29, 2, 50), Date.UTC(2026, 10, 29, 3, 10)],
  ])('can be said as “%s”', (said, sinceMs, untilMs) => {
    expect(spanOf(readWhen(said.split(' ')), NOW)).toEqual({ sinceMs, untilMs });
  });

  it.each(['yesterday', '25:00', '2026-13-45 03:00', '-2h', 'x'])('is not guessed from “%s”', (said) => {
    expect(readWhen(said.split(' '))).toBeNull();
  });
});
