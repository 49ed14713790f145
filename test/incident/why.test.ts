import { describe, expect, it } from 'vitest';
import type { DeathFacts, UnitEnd } from '../../src/cause/death-facts.ts';
import { decideWhy, type SeenProcess, type Verdict, type WhyEvidence } from '../../src/incident/why.ts';
import { describeWhy } from '../../src/notice/answer/why-notice.ts';
import { renderText } from '../../src/notice/render-text.ts';
import { identifyCgroup } from '../../src/oom/proc/cgroup.ts';
import type { ContainerName } from '../../src/oom/proc/container-name.ts';
import { aKill, aRecord } from '../support/a-kill.ts';
import { HOSTILE_NAMES } from '../support/hostile-names.ts';

const NOW = Date.UTC(2026, 7, 30, 12);
const MINUTE_MS = 60_000;
const BOOT = NOW - 3 * 24 * 60 * MINUTE_MS;
const ASK = { what: 'mysqld', sinceMs: NOW - 60 * MINUTE_MS, untilMs: NOW };
const UPTIME = (NOW - BOOT) / 1_000;

const UNIT: UnitEnd = {
  name: 'mysql.service',
  activeState: 'failed',
  result: 'signal',
  how: 'killed',
  status: 9,
  mainPid: 512,
  startedSeconds: UPTIME - 9_000,
  endedSeconds: UPTIME - 600,
  restarts: 0,
  oomKills: null,
  managedOomKills: null,
  watchdogSeconds: null,
  stopTimeoutSeconds: 90,
  runtimeMaxSeconds: null,
  tasksMax: null,
  limitAddressBytes: null,
};

function someFacts(given: Partial<DeathFacts> = {}): DeathFacts {
  return {
    bootId: '6738972c-2174-421e-a173-1ada06c5396d',
    uptimeSeconds: UPTIME,
    oomKills: 0,
    killers: [],
    unit: null,
    unitUnread: false,
    groupOomKills: null,
    forksRefused: null,
    ring: null,
    lines: [],
    said: [],
    ...given,
  };
}

/** A host that was watched since before it was booted, whose kernel killed nothing, where the one that is asked about is known. */
function known(given: Partial<WhyEvidence> = {}): WhyEvidence {
  return {
    kills: [],
    allKills: true,
    alive: [],
    gone: [],
    containers: [],
    unit: 'mysql.service',
    facts: someFacts({ unit: UNIT }),
    bootAtMs: BOOT,
    missingSinceBoot: 0,
    missingSinceWatched: 0,
    watchedSinceMs: BOOT - MINUTE_MS,
    watching: { gaps: 0 },
    unitKills: 0,
    ...given,
  };
}

function killed(
  name: string,
  cgroup = '/system.slice/mysql.service',
  given: Partial<Parameters<typeof aKill>[0]> = {},
) {
  const record = aRecord({ name, pid: 512, taskMemcg: cgroup, identity: identifyCgroup(cgroup) });
  return aKill({ record, atMs: NOW - 10 * MINUTE_MS, ...given });
}

function missingOf(verdict: Verdict): string[] {
  return verdict.kind === 'unknown' ? verdict.missing.map(({ kind }) => kind) : [verdict.kind];
}

function told(verdict: Verdict, evidence: WhyEvidence, what = 'mysqld'): string {
  const { facts, bootAtMs } = evidence;
  return renderText(
    describeWhy({ host: 'db01', ask: { ...ASK, what }, verdict, facts, incident: null, bootAtMs, inspect: null }),
  );
}

describe('yes, it was the OOM killer', () => {
  const container: ContainerName = {
    id: '4f1e2d3c'.repeat(8),
    kind: 'container',
    engine: 'kubernetes',
    name: 'shop/web-1',
    part: 'nginx',
    uid: null,
  };
  const inPod = `/kubepods/burstable/pod5b4c1d4e-2f6a-4a53-9f39-6f6f5d3a1c11/${container.id}`;

  it.each([
    ['its name', 'mysqld', killed('mysqld'), 'name'],
    ['its name in another case', 'MySQLd', killed('mysqld'), 'name'],
    ['a name that the kernel cut', 'elasticsearch-node', killed('elasticsearch-n'), 'name'],
    ['its pid', '512', killed('mysqld'), 'pid'],
    ['its unit, of which another process died', 'mysql', killed('mysqldump'), 'unit'],
    ['its unit in full', 'mysql.service', killed('mysqldump'), 'unit'],
    ['its container', 'shop/web-1 (nginx)', killed('nginx-worker', inPod, { container }), 'container'],
    ['its pod', 'shop/web-1', killed('nginx-worker', inPod, { container }), 'container'],
    ['the beginning of its id', container.id.slice(0, 12), killed('nginx-worker', inPod), 'container'],
  ])('by %s', (_, what, kill, by) => {
    const evidence = known({ kills: [kill], unit: what.startsWith('mysql') ? 'mysql.service' : null });

    expect(decideWhy({ ...ASK, what }, evidence)).toMatchObject({ kind: 'yes', by, count: 1 });
  });

  it('by a userspace killer too', () => {
    const kill = killed('mysqld');
    const verdict = decideWhy(ASK, known({ kills: [{ ...kill, record: { ...kill.record, killer: 'earlyoom' } }] }));

    expect(told(verdict, known())).toContain('was killed by earlyoom on db01');
  });

  it('by a userspace killer that names no unit, where systemd says that this was its main process', () => {
    const kill = killed('perl');
    const record = { ...kill.record, killer: 'earlyoom' as const, pid: 512, taskMemcg: null, identity: null };
    const bootId = someFacts().bootId;
    const ask = { ...ASK, what: 'mysql.service' };

    expect(decideWhy(ask, known({ kills: [{ ...kill, bootId, who: null, record }] }))).toMatchObject({
      kind: 'yes',
      by: 'unit',
    });
    expect(
      decideWhy(ask, known({ kills: [{ ...kill, bootId, who: null, record: { ...record, pid: 513 } }] })).kind,
    ).not.toBe('yes');
    expect(decideWhy(ask, known({ kills: [{ ...kill, bootId: 'another', who: null, record }] })).kind).not.toBe('yes');
  });

  it('also where systemd alone noticed it', () => {
    const evidence = known({ facts: someFacts({ unit: { ...UNIT, result: 'oom-kill' } }) });
    const verdict = decideWhy(ASK, evidence);

    expect(verdict.kind).toBe('yes-by-systemd');
    expect(told(verdict, evidence)).toContain('Yes: the OOM killer took a process of mysqld on db01');
  });

  it('does not take an attempt or a dry run for a kill', () => {
    const kill = killed('mysqld');
    for (const outcome of ['attempted', 'dry-run'] as const)
      expect(decideWhy(ASK, known({ kills: [{ ...kill, record: { ...kill.record, outcome } }] })).kind).toBe('no');
  });
});

describe('no, it was not', () => {
  it('with the counter and what systemd says instead', () => {
    const evidence = known();
    const text = told(decideWhy(ASK, evidence), evidence);

    expect(text).toContain('No: the OOM killer did not kill mysqld on db01');
    expect(text).toContain('no process was killed for memory: the kernel’s counter has been at 0 since boot');
    expect(text).toContain('SIGKILL (9), which a shell or a container engine shows as exit status 137');
    expect(text).toContain('auditctl -a always,exit');
  });

  it('with what was killed in that time instead', () => {
    const evidence = known({ kills: [killed('java', '/system.slice/app.service')] });
    const verdict = decideWhy({ ...ASK, what: '999' }, evidence);

    expect(told(verdict, evidence, '999')).toMatch(/1 process was killed for memory, and this was not among them/);
    expect(told(verdict, evidence, '999')).toContain('Killed for memory in that time: java of app.service');
  });

  it.each<[string, Partial<UnitEnd>, string]>([
    [
      'a crash',
      { result: 'core-dump', how: 'dumped', status: 11 },
      'crashed with SIGSEGV (11) and dumped core, which shows as exit status 139',
    ],
    ['an abort', { result: 'signal', status: 6 }, 'SIGABRT (6), which shows as exit status 134'],
    ['an order to end', { result: 'signal', status: 15 }, 'SIGTERM (15), which shows as exit status 143'],
    [
      'an exit code',
      { result: 'exit-code', how: 'exited', status: 1 },
      'ended by itself with exit code 1: its own decision',
    ],
    [
      '137 from within',
      { result: 'exit-code', how: 'exited', status: 137 },
      'exit code 137 (128 + 9): it passes on that a child',
    ],
    ['a watchdog', { result: 'watchdog', status: 6, watchdogSeconds: 30 }, 'did not report in time (WatchdogSec=30 s)'],
    ['a stop that took too long', { result: 'timeout' }, 'did not stop in time (TimeoutStopSec=90 s)'],
    [
      'a life that was limited',
      { result: 'timeout', runtimeMaxSeconds: 8_400 },
      'it had run for as long as it may (RuntimeMaxSec=2 h 20 min)',
    ],
    ['too many starts', { result: 'start-limit-hit' }, 'started too often in a short time'],
    [
      'an ordinary end',
      { activeState: 'inactive', result: 'success', how: 'exited', status: 0 },
      'ended in order, with exit code 0',
    ],
  ])('but %s', (_, unit, words) => {
    const evidence = known({ facts: someFacts({ unit: { ...UNIT, ...unit } }) });
    const verdict = decideWhy(ASK, evidence);

    expect(verdict.kind).toBe('no');
    expect(told(verdict, evidence)).toContain(words);
  });

  it('but forks that were refused, and an allocation that may be', () => {
    const unit = {
      ...UNIT,
      result: 'exit-code',
      how: 'exited' as const,
      status: 1,
      tasksMax: 40,
      limitAddressBytes: 2 ** 30,
    };
    const evidence = known({ facts: someFacts({ unit, forksRefused: 7 }) });
    const text = told(decideWhy(ASK, evidence), evidence);

    expect(text).toContain('7 forks were refused in its group: the limit of tasks was reached (TasksMax=40)');
    expect(text).toContain('1 GiB of address space (LimitAS=, ulimit -v)');
  });

  it('but a segfault that the kernel logged of it, and of nobody else', () => {
    const lines = [
      { seconds: UPTIME - 601, text: 'mysqld[512]: segfault at 0 ip 00005555 sp 00007ffd error 4 in mysqld' },
      { seconds: UPTIME - 500, text: 'perl[77]: segfault at 8 ip 00005555 sp 00007ffd error 4' },
    ];
    const evidence = known({ facts: someFacts({ unit: UNIT, lines }) });
    const text = told(decideWhy(ASK, evidence), evidence);

    expect(text).toContain('11:49:59  mysqld[512]: segfault at 0');
    expect(text).not.toContain('perl[77]');
  });

  it('says when systemd did not answer', () => {
    const evidence = known({ facts: someFacts({ unitUnread: true }) });

    expect(told(decideWhy(ASK, evidence), evidence)).toContain('systemd did not answer the bot’s account there');
  });

  it('of something that nobody saw, when nothing at all was killed', () => {
    const evidence = known({ unit: null, facts: someFacts() });
    const verdict = decideWhy({ ...ASK, what: 'nosuch' }, evidence);

    expect(verdict).toMatchObject({ kind: 'no', isKnown: false });
    expect(told(verdict, evidence, 'nosuch')).toContain('Nothing called nosuch runs there or was seen running');
  });
});

describe('it is still running', () => {
  const alive: SeenProcess[] = [{ pid: 512, name: 'mysqld', cgroup: null, startedAtMs: NOW - 90 * MINUTE_MS }];

  it('when it began before the time that was asked about', () => {
    const evidence = known({ alive });

    expect(told(decideWhy(ASK, evidence), evidence)).toContain('mysqld (pid 512) is running on db01');
  });

  it('is no answer when it was started since, or another of its name is gone', () => {
    const restarted = [{ pid: 600, name: 'mysqld', cgroup: null, startedAtMs: NOW - 5 * MINUTE_MS }];

    expect(decideWhy(ASK, known({ alive: restarted })).kind).toBe('no');
    expect(decideWhy(ASK, known({ alive, gone: restarted })).kind).toBe('no');
  });
});

describe('never a false no: it cannot be told', () => {
  it.each<[string, Partial<WhyEvidence>, string]>([
    ['when the host does not answer', { facts: null }, 'host-away'],
    ['of the time before the host was booted', { bootAtMs: NOW - 5 * MINUTE_MS }, 'before-boot'],
    [
      'of the time before the host was watched, when its kernel killed then',
      { watchedSinceMs: NOW - 5 * MINUTE_MS, missingSinceBoot: 2, facts: someFacts({ oomKills: 2 }) },
      'before-watch',
    ],
    [
      'on a host that was never watched',
      { watchedSinceMs: null, missingSinceBoot: 2, facts: someFacts({ oomKills: 2 }) },
      'before-watch',
    ],
    ['on a kernel that does not count', { missingSinceBoot: null, facts: someFacts({ oomKills: null }) }, 'no-counter'],
    [
      'when the counter has more than the log: a gap',
      { missingSinceBoot: 3, missingSinceWatched: 1, facts: someFacts({ oomKills: 3 }) },
      'unexplained',
    ],
    [
      'when more is on record than was counted: one may hide another',
      { missingSinceBoot: -1, missingSinceWatched: -1, facts: someFacts({ oomKills: 3 }) },
      'unexplained',
    ],
    ['when not all kills could be read', { allKills: false }, 'more-recorded'],
    [
      'when the counter alone knows of a kill then',
      {
        kills: [
          {
            ...killed('x', '/x'),
            source: 'counter',
            record: { ...killed('x').record, pid: null, name: null, identity: null, taskMemcg: null },
          },
        ],
      },
      'nameless',
    ],
    [
      'beside a killer that nothing counts, unless its log was followed',
      { facts: someFacts({ unit: UNIT, killers: ['earlyoom'] }), watching: { gaps: 1 } },
      'other-killers',
    ],
    [
      'beside such a killer when nobody watches',
      { facts: someFacts({ unit: UNIT, killers: ['earlyoom'] }), watching: null },
      'other-killers',
    ],
    [
      'when its own group counted a kill that is not on record',
      { facts: someFacts({ unit: UNIT, groupOomKills: 1 }) },
      'unit-counts',
    ],
    [
      'when systemd counted one in its unit',
      { facts: someFacts({ unit: { ...UNIT, managedOomKills: 2 } }) },
      'unit-counts',
    ],
    [
      'when nobody is called so and others died: it may be a slip',
      { unit: null, facts: someFacts(), kills: [killed('java', '/system.slice/app.service')] },
      'nobody-called',
    ],
  ])('%s', (_, given, missing) => {
    const evidence = known(given);
    const verdict = decideWhy({ ...ASK, what: given.unit === null ? 'mysql_d' : 'mysqld' }, evidence);

    expect(missingOf(verdict)).toContain(missing);
    expect(told(verdict, evidence)).toContain('I cannot tell whether the OOM killer took');
  });

  it('but with a watched earlyoom and explained counts it can', () => {
    const facts = someFacts({ unit: UNIT, killers: ['earlyoom'], groupOomKills: 1, oomKills: 4 });

    expect(decideWhy(ASK, known({ facts, unitKills: 1, missingSinceBoot: 4 })).kind).toBe('no');
  });

  it('holds for any combination: a "no" stands only where nothing can be missing', () => {
    const flaws: Partial<WhyEvidence>[] = [
      { facts: null },
      { bootAtMs: null },
      { bootAtMs: NOW - MINUTE_MS },
      { missingSinceBoot: 1, watchedSinceMs: NOW },
      { missingSinceBoot: 1, missingSinceWatched: 1 },
      { missingSinceBoot: null },
      { allKills: false },
    ];
    for (const one of flaws)
      for (const two of flaws) expect(decideWhy(ASK, known({ ...one, ...two })).kind).toBe('unknown');
  });
});

describe('hostile words', () => {
  it('are shown and match nothing that they are not', () => {
    for (const what of HOSTILE_NAMES) {
      const evidence = known({ kills: [killed('java', '/system.slice/app.service')], unit: null, facts: someFacts() });
      const verdict = decideWhy({ ...ASK, what }, evidence);
      expect(verdict.kind).not.toBe('yes');
      expect(told(verdict, evidence, what).length).toBeGreaterThan(20);
    }
  });
});
