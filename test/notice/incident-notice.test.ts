import { describe, expect, it } from 'vitest';
import type { Kill } from '../../src/incident/incident.ts';
import { describeIncident, type IncidentContext } from '../../src/notice/incident/incident-notice.ts';
import type { Notice } from '../../src/notice/notice.ts';
import { describeUnreachable } from '../../src/notice/answer/fleet-notice.ts';
import { explainReport } from '../../src/notice/incident/kill-report.ts';
import { judgeRecord } from '../../src/cause/cause.ts';
import type { KillRecord } from '../../src/oom/report.ts';
import { renderText } from '../../src/notice/render-text.ts';
import { shellWord } from '../../src/notice/host-text.ts';
import { describeSummary, describeSummaryLines } from '../../src/notice/incident/storm-notice.ts';
import { aKill, aRecord } from '../support/a-kill.ts';
import { anIncident } from '../support/an-incident.ts';
import { HOSTILE_NAMES } from '../support/hostile-names.ts';

const T0 = Date.UTC(2026, 7, 30, 1, 35, 8);
const CONTEXT: IncidentContext = { nowMs: T0 + 60_000, protect: false };

function headline(notice: Notice): string {
  return renderText(notice).split('\n')[0] ?? '';
}

function many(count: number): Kill[] {
  return Array.from({ length: count }, (_, pid) => aKill({ pid, atMs: T0 + pid * 20_000 }));
}

function aGroupRecord(pid: number): KillRecord {
  const path = '/system.slice/mysql.service';
  return aRecord({ pid, oomGroup: path, domain: 'memcg', oomMemcg: path, taskMemcg: path });
}

function headlineOf(kills: Kill[], given: Parameters<typeof anIncident>[0] = {}): string {
  return headline(describeIncident(anIncident({ kills, ...given }), CONTEXT));
}

describe('a kill’s message', () => {
  it('tells somebody who was just woken up, in this order', () => {
    const incident = anIncident({
      back: { kind: 'restarted', afterMs: 4_000, pid: 20_111 },
      next: {
        atMs: T0 + 30_000,
        candidates: [
          { pid: 20_111, name: 'mysqld', rssKiB: 2_097_152, swapKiB: 0, oomScoreAdj: 0 },
          { pid: 2_200, name: 'icinga2', rssKiB: 1_608_452, swapKiB: 0, oomScoreAdj: 0 },
        ],
      },
    });
    const notice = describeIncident(incident, {
      ...CONTEXT,
      seenBefore: {
        kills: 14,
        times: 12,
        firstAtMs: T0 - 7 * 86_400_000,
        lastAtMs: T0 - 6_600_000,
        typicalGapMs: 6_600_000,
        clockMinutes: [],
        isDaily: false,
      },
    });

    expect(renderText(notice))
      .toBe(`mysqld of mysql.service was killed on db01: the host ran out of memory. Back after 4 s

mysqld alone held 5.9 GiB, 50 % of 12 GiB RAM. Likely cause.

Also: The host has no swap: there is often no slowdown to warn you (certain).

Victim:         mysqld (pid 18540, uid 111), unit mysql.service
Triggered by:   icinga2, pid 2211 (not necessarily the cause)
What ran out:   the host, 12 GiB RAM, no swap
Memory freed:   5.9 GiB
Score:          512
oom_score_adj:  0
When:           2026-08-30 01:35:08 UTC

Who held memory
Process  Count   Memory  Of RAM
mysqld       1  5.9 GiB    50 %
icinga2      3  3.4 GiB    29 %
apache2     31  1.2 GiB    10 %

Seen before:  14 kills since 2026-08-23 01:35:08 UTC, last 2026-08-29 23:45:08 UTC, about every 1 h 50 min
Status:       back after 4 s as pid 20111
Who is next:  mysqld (pid 20111, 2 GiB), then icinga2 (pid 2200, 1.5 GiB), as of 2026-08-30 01:35:38 UTC

Do: Cap it before it takes the host down (it was using 5.9 GiB). With no swap it may hang at the cap, so watch it. First save the current value (replace BEFORE in the undo): systemctl show -p MemoryHigh mysql.service
  systemctl set-property mysql.service MemoryHigh=4798M
Undo:
  systemctl set-property mysql.service MemoryHigh=BEFORE

Size: mysqld fits here with innodb_buffer_pool_size = 3072M. The arithmetic, command and undo: /oom show inc-db01

The host’s RAM
Processes            10,713 MiB
Unaccounted          956 MiB
Kernel (slab)        195 MiB
Free                 90 MiB
Page tables, stacks  49 MiB
Rest                 40 MiB

Read from journal, kernel 4.15.0. Incident ${incident.id}.`);
  });

  it('leaves out what is not known, and invents nothing', () => {
    const bare = aRecord({
      identity: null,
      trigger: null,
      score: null,
      oomScoreAdj: null,
      uid: null,
      anonRssKiB: null,
      fileRssKiB: null,
      shmemRssKiB: null,
      domain: null,
      cause: null,
      holders: [],
      memory: null,
      ramPages: null,
      kernelRelease: null,
    });
    const notice = describeIncident(anIncident({ kills: [aKill({ record: bare })] }), CONTEXT);

    expect(renderText({ ...notice, parts: [] })).toContain('The log does not show why');
    expect(notice.parts).toEqual([
      {
        kind: 'facts',
        facts: [
          { label: 'Victim', value: [{ hostText: 'mysqld' }, { words: ' (pid 18540)' }] },
          { label: 'What ran out', value: [{ words: 'not known: the log has this kill without its report' }] },
          { label: 'When', value: [{ atMs: T0 }, { words: '' }] },
        ],
      },
    ]);
  });

  it('keeps victim, trigger and domain apart for a group’s limit', () => {
    const record = aRecord({
      name: 'java',
      domain: 'memcg',
      memory: null,
      holders: [{ name: 'java', count: 1, rssPages: 128_000, anonPages: null, swapPages: 0, largestPid: 18_540 }],
      oomMemcg: '/system.slice/tomcat.service',
      taskMemcg: '/system.slice/tomcat.service',
      memcgUsageKiB: 524_288,
      memcgLimitKiB: 524_288,
      identity: { unit: 'tomcat.service', slice: 'system.slice', container: null, runtime: null, pod: null, qos: null },
      cause: {
        code: 'memcg-limit',
        sure: 'certain',
        text: 'The memory cgroup reached its own limit (512 MiB of 512 MiB); the host itself may have had free memory.',
        numbers: {},
      },
    });

    const text = renderText(describeIncident(anIncident({ kills: [aKill({ record })] }), CONTEXT));

    expect(text).toContain('java of tomcat.service was killed on db01: its memory limit of 512 MiB was reached');
    expect(text).toContain('java alone held 500 MiB, 98 % of the group’s 512 MiB. Likely cause.');
    expect(text).toContain('memory group /system.slice/tomcat.service, 512 MiB used of 512 MiB allowed');
    expect(text).toContain('systemctl set-property tomcat.service MemoryMax=640M');
    expect(text).toContain('systemctl set-property tomcat.service MemoryMax=BEFORE');
  });

  it('names the parent whose limit it was', () => {
    const record = aRecord({
      domain: 'memcg',
      oomMemcg: '/user.slice',
      taskMemcg: '/user.slice/x.scope',
      memcgLimitKiB: 1_048_576,
    });

    expect(headlineOf([aKill({ record })])).toContain('the memory limit of 1 GiB of user.slice was reached');
  });

  it('calls a container by its id, and not by the engine’s long unit', () => {
    const id = '4f1e0c9b7a3d5e6f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f7';
    const path = `/system.slice/docker-${id}.scope`;
    const identity = {
      unit: `docker-${id}.scope`,
      slice: null,
      container: id,
      runtime: 'docker',
      pod: null,
      qos: null,
    };
    const record = aRecord({
      name: 'redis-server',
      identity,
      domain: 'memcg',
      oomMemcg: path,
      taskMemcg: path,
      cause: null,
    });

    const text = renderText(describeIncident(anIncident({ kills: [aKill({ record })] }), CONTEXT));

    expect(text).toContain('redis-server of container 4f1e0c9b7a3d was killed on db01: its memory limit was reached');
    expect(text).toContain('memory group /system.slice/docker-4f1e0c9b7a3d….scope');
    expect(text).toContain(`docker stats --no-stream ${id}`);
    expect(text).not.toContain('set-property');
  });

  it('counts only anonymous memory as freed: what is in tmpfs or in the cache may stay', () => {
    const record = aRecord({ anonRssKiB: 11_264, shmemRssKiB: 36_864, fileRssKiB: 1_024 });

    expect(renderText(describeIncident(anIncident({ kills: [aKill({ record })] }), CONTEXT))).toMatch(
      /Memory freed: +11 MiB anonymous; 36 MiB shared and 1 MiB of files may stay/,
    );
  });

  it('shows shared memory and tmpfs apart from what processes hold', () => {
    const record = aRecord();
    const memory = record.memory && { ...record.memory, shmemKiB: 4_096_000 };
    const text = renderText(
      describeIncident(anIncident({ kills: [aKill({ record: { ...record, memory } })] }), CONTEXT),
    );

    expect(text).toMatch(/Processes +6,742 MiB/);
    expect(text).toMatch(/Shared, tmpfs +4,000 MiB/);
  });

  it.each(['cpuset', 'mempolicy'] as const)(
    'counts shares of all RAM when only some nodes were printed (%s)',
    (domain) => {
      const record = aRecord({ domain });
      const memory = record.memory && { ...record.memory, managedKiB: 3_000_000 };
      const kills = [aKill({ record: { ...record, memory } })];

      expect(renderText(describeIncident(anIncident({ kills }), CONTEXT))).toMatch(/mysqld +1 +5.9 GiB +49 %/);
    },
  );

  it('does not excuse the trigger when it died itself', () => {
    const trigger = { name: 'mysqld', pid: 18_540, gfpMask: null, gfpFlags: null, order: 0, oomScoreAdj: 0 };
    const text = renderText(
      describeIncident(anIncident({ kills: [aKill({ record: aRecord({ trigger }) })] }), CONTEXT),
    );

    expect(text).toContain('mysqld (pid 18540)\n');
    expect(text).not.toContain('not necessarily the cause');
  });

  it('counts how often it died in the ten minutes that were looked at', () => {
    const incident = anIncident({ back: { kind: 'loop', restarts: 5 } });

    expect(renderText(describeIncident(incident, CONTEXT))).toContain('keeps dying, 5 times in the last 10 min');
  });

  it.each([
    ['Kernel panic - not syncing: Out of memory: compulsory panic_on_oom is enabled', 'vm.panic_on_oom is set'],
    ['Kernel panic - not syncing: Out of memory and no killable processes...', 'Nobody was left'],
    ['Kernel panic - not syncing: System is deadlocked on memory', 'deadlocked on memory'],
  ])('says why the kernel panicked: %s', (line, says) => {
    const record = aRecord({ outcome: 'panic', pid: null, name: null, evidence: [{ line: 1, text: line }] });

    expect(judgeRecord(record)?.text).toContain(says);
  });

  it('asks not to mistake the sum of shared memory for memory', () => {
    const holders = [
      { name: 'postgres', count: 200, rssPages: 4_000_000, anonPages: null, swapPages: 0, largestPid: 1 },
    ];
    const notice = describeIncident(anIncident({ kills: [aKill({ record: aRecord({ holders }) })] }), CONTEXT);

    expect(renderText(notice)).toContain('counted once for each of them');
  });

  it.each([
    [4_711, 'by its figures in the table it would have been java (pid 4711'],
    [18_540, 'most points in the table: java (pid 18540'],
  ])('says that another would have been picked only when there is another (%i)', (pid, says) => {
    const predictedVictim = { pid, name: 'java', points: 9, score: 1, agrees: false, reason: null };

    expect(explainReport([aRecord({ predictedVictim })])).toContain(says);
  });

  it('points at the real holder when the victim was not the cause', () => {
    const holders = [
      { name: 'php-fpm', count: 458, rssPages: 2_000_000, anonPages: null, swapPages: 0, largestPid: 1 },
    ];
    const notice = describeIncident(
      anIncident({ kills: [aKill({ record: aRecord({ holders, anonRssKiB: 13_312 }) })] }),
      CONTEXT,
    );

    expect(renderText(notice)).toContain('458 × php-fpm held more than the victim');
  });
});

describe('commands to paste', () => {
  const unsafe = HOSTILE_NAMES.filter((name) => shellWord(name) === null && name.trim() !== '');

  it.each(unsafe.map((name) => [JSON.stringify(name).slice(0, 40), name]))('never hold %s', (_, name) => {
    const identity = { unit: name, slice: null, container: name, runtime: 'docker', pod: null, qos: null };
    const holders = [{ name, count: 1, rssPages: 9, anonPages: null, swapPages: 0, largestPid: 1 }];
    const records = [
      aRecord({ identity, holders, anonRssKiB: 9_000_000 }),
      aRecord({ identity, holders, anonRssKiB: 1 }),
      aRecord({ identity, holders, domain: 'memcg', oomMemcg: `/x/${name}`, memcgLimitKiB: 1, cause: null }),
    ];

    const commands = records.flatMap((record) =>
      describeIncident(anIncident({ kills: [aKill({ record })] }), CONTEXT).parts.filter(
        (part) => part.kind === 'command',
      ),
    );

    for (const { command, undo } of commands) {
      expect(`${command}\n${undo ?? ''}`).not.toContain(name);
      expect(command).toMatch(/^(?:ps|systemctl|docker|sysctl) [\w ,=.@:|%/+-]+$/);
    }
    expect(commands.length).toBeGreaterThan(0);
  });

  function adviceText(path: string, unit: string, given: Partial<KillRecord> = {}): string {
    const identity = { unit, slice: null, container: null, runtime: null, pod: null, qos: null };
    const kills = [aKill({ record: aRecord({ identity, taskMemcg: path, ...given }) })];
    return renderText(describeIncident(anIncident({ kills }), CONTEXT));
  }

  it.each([
    ['/user.slice/user-1000.slice/user@1000.service/app.slice/mysql.service', 'mysql.service'],
    ['/lxc/101/ns/system.slice/mysql.service', 'mysql.service'],
    ['/system.slice/ssh.service', 'ssh.service'],
    ['/system.slice/system-sshd.slice/sshd@3.service', 'sshd@3.service'],
    ['/system.slice/systemd-logind.service', 'systemd-logind.service'],
    ['/system.slice/dbus.service', 'dbus.service'],
    ['/system.slice/docker.service', 'docker.service'],
    ['/system.slice/containerd.service', 'containerd.service'],
    ['/system.slice/kubelet.service', 'kubelet.service'],
    ['/system.slice/cron.service', 'cron.service'],
    ['/init.scope', 'init.scope'],
  ])('never change the limits of %s', (path, unit) => {
    expect(adviceText(path, unit)).not.toContain('set-property');
    expect(
      adviceText(path, unit, { domain: 'memcg', oomMemcg: path, memcgLimitKiB: 1_024, cause: null }),
    ).not.toContain('set-property');
  });

  it('leave a unit alone whose victim keeps the host reachable', () => {
    expect(adviceText('/system.slice/x.service', 'x.service', { name: 'sshd' })).not.toContain('set-property');
    expect(adviceText('/system.slice/x.service', 'x.service')).toContain('set-property');
  });

  it('promise a brake only where there is swap', () => {
    expect(adviceText('/system.slice/x.service', 'x.service', { totalSwapKiB: 1_024 })).toContain('swapped out');
    expect(adviceText('/system.slice/x.service', 'x.service', { totalSwapKiB: 0 })).toContain('may hang at the cap');
  });
});

describe('headlines', () => {
  it.each([
    [1, 'mysqld of mysql.service was killed on db01: the host ran out of memory'],
    [2, 'mysqld of mysql.service was killed 2 times on db01 within 20 s: the host ran out of memory'],
    [31, 'mysqld of mysql.service was killed 31 times on db01 within 10 min: the host ran out of memory'],
  ])('count %i', (count, says) => expect(headlineOf(many(count))).toBe(says));

  it('say whether it is back', () => {
    expect(headlineOf(many(1), { back: { kind: 'down', sinceMs: T0 } })).toMatch(/\. Still down$/);
    expect(headlineOf(many(1), { back: { kind: 'loop', restarts: 5 } })).toMatch(/\. It keeps dying$/);
  });

  it('tell of a storm by its services', () => {
    const names = ['php-fpm', 'mysqld', 'sshd'];
    const kills = names.map((name, at) => aKill({ pid: at, atMs: T0 + at * 1_000, name }));

    expect(headlineOf(kills)).toBe(
      '3 processes of 3 services were killed on db01 within 2 s: the host ran out of memory',
    );
  });

  it('count processes where their names differ', () => {
    const kills = ['php-fpm7', 'php-fpm8'].map((name, pid) =>
      aKill({ pid, atMs: T0 + pid, record: aRecord({ name, pid }) }),
    );

    expect(headlineOf(kills)).toBe('2 processes of mysql.service were killed on db01: the host ran out of memory');
  });

  it('name no size of a limit that was not the same each time', () => {
    const limits = [524_288, 1_048_576].map((memcgLimitKiB, pid) =>
      aKill({ pid, atMs: T0 + pid, record: { ...aGroupRecord(pid), oomGroup: null, memcgLimitKiB } }),
    );

    expect(headlineOf(limits)).toMatch(/: its memory limit was reached$/);
    expect(headlineOf([limits[0]!, limits[0]!])).toMatch(/: its memory limit of 512 MiB was reached$/);
  });

  it('say that it is not known what ran out, and whose limit it was', () => {
    const short = { constraint: null, trigger: null, oomMemcg: null, taskMemcg: null, identity: null };

    expect(headlineOf([aKill({ record: aRecord({ ...short, domain: null }) })])).toBe(
      'mysqld was killed on db01: what ran out is not known',
    );
    expect(headlineOf([aKill({ record: aRecord({ ...short, domain: 'memcg' }) })])).toBe(
      'mysqld was killed on db01: a memory limit was reached; the log does not say whose',
    );
  });

  it('say of how many kills it is not known what ran out', () => {
    const path = '/system.slice/mysql.service';
    const known = aKill({ pid: 1, record: aRecord({ pid: 1, domain: 'memcg', oomMemcg: path, taskMemcg: path }) });
    const unknown = aKill({ pid: 2, record: aRecord({ pid: 2, domain: 'memcg', oomMemcg: null }) });
    const incident = { ...anIncident({ kills: [known] }), killCount: 2, kills: [known, unknown] };

    expect(headline(describeIncident(incident, CONTEXT))).toContain(
      'its memory limit was reached (not known of 1 of them)',
    );
  });

  it('tell of a whole group that was killed together', () => {
    expect(headlineOf([aKill({ record: aGroupRecord(1) }), aKill({ record: aGroupRecord(2) })])).toBe(
      '2 processes of mysql.service were killed together on db01: its memory limit was reached',
    );
  });

  it.each([
    ['panic' as const, 'db01 panicked: it was out of memory'],
    ['no-killable' as const, 'db01 is out of memory and has nothing left to kill'],
    ['truncated' as const, 'Out of memory on db01: the report is cut off'],
  ])('tell of a report without a victim (%s)', (outcome, says) => {
    expect(headlineOf([aKill({ record: aRecord({ outcome, pid: null, name: null }) })])).toBe(says);
  });

  it('tell of kills that only the counter knows', () => {
    expect(headlineOf([aKill({ source: 'counter', record: aRecord({ pid: null, name: null }) })])).toBe(
      '1 kill on db01 is not explained: the kernel counted, but it is not in its log',
    );
    const record = aRecord({ killer: 'systemd-oomd', pid: null, name: null });
    expect(headlineOf([aKill({ source: 'counter', record })])).toBe(
      '1 kill by systemd-oomd on db01 is not explained: systemd counted it, but it is in no log',
    );
  });

  it('tell whom the reaper took when nothing else is in the log', () => {
    const evidence = [
      { line: 1, text: 'oom_reaper: reaped process 365 (mariadbd), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB' },
    ];
    const record = aRecord({ outcome: 'truncated', pid: null, name: null, reaped: true, evidence });

    expect(headlineOf([aKill({ record })])).toBe('mariadbd (pid 365) was killed on db01');
    expect(explainReport([record])).toMatch(/^mariadbd \(pid 365\) was killed; only the reaper’s line/);
  });

  it('tell of a kill that was tried in vain', () => {
    const given = { killer: 'earlyoom' as const, domain: null, trigger: null };
    const lived = aRecord({ ...given, aftermath: ['process 18540 did not exit', 'kill failed: Timer expired'] });
    const died = aRecord({ ...given, aftermath: ['kill failed: Timer expired', 'process exited after 1.2 seconds'] });

    expect(headlineOf([aKill({ record: lived })])).toBe(
      'earlyoom tried to kill mysqld of mysql.service on db01, it did not exit: earlyoom stepped in',
    );
    expect(judgeRecord(lived)?.text).toBe('earlyoom tried to kill it, and it did not exit.');
    expect(headlineOf([aKill({ record: died })])).toContain('was killed on db01');
  });

  it('tell who else killed', () => {
    expect(headlineOf([aKill({ record: aRecord({ killer: 'earlyoom', domain: null, trigger: null }) })])).toBe(
      'mysqld of mysql.service was killed on db01: earlyoom stepped in',
    );
    const trigger = { name: 'bash', pid: 1, gfpMask: null, gfpFlags: null, order: -1, oomScoreAdj: 0 };
    expect(headlineOf([aKill({ record: aRecord({ trigger }) })])).toContain('the OOM killer was run by hand');
  });
});

describe('an incident of several kills', () => {
  const names = Array.from({ length: 24 }, (_, at) => `w${String(at).padStart(2, '0')}`);
  const shortage = names.map((name, pid) => aKill({ pid, name, atMs: T0 + pid * 1_000 }));

  it('says of which kill it speaks, and names the services with what is left out', () => {
    const text = renderText(describeIncident(anIncident({ kills: shortage }), CONTEXT));

    expect(text).toMatch(/^Last kill \(w23\): /m);
    expect(text).toMatch(/^Victim \(last kill\): +w23 /m);
    expect(text).toMatch(/^Triggered by \(last kill\): +icinga2/m);
    expect(text).toMatch(/^What ran out \(last kill\): +the host/m);
    expect(text).toMatch(/^Memory freed: +5.9 GiB at the last kill, 117 GiB in 20 kills of known size/m);
    expect(text).toMatch(/^Victims: +w00, w01, .*w19 and 4 more$/m);
    expect(text).toContain('Who held memory, last kill');
    expect(text).toContain('The host’s RAM, last kill');
    expect(text).toContain('Memory of 20 of 24 victims');
  });

  it('names the service that is back, of several', () => {
    const incident = anIncident({ kills: shortage, back: { kind: 'restarted', afterMs: 4_000, pid: 9 } });
    const notice = describeIncident(incident, { ...CONTEXT, seenBefore: null });

    expect(headline(notice)).toBe(
      '24 processes of 24 services were killed on db01 within 23 s: the host ran out of memory. w23: back after 4 s',
    );
    expect(renderText(notice)).toMatch(/^Status: +w23: back after 4 s as pid 9$/m);
    expect(renderText(notice)).toMatch(/^Seen before: +w00: no, /m);
  });

  it('counts services beyond those that it names as more than so many', () => {
    const kills = Array.from({ length: 600 }, (_, pid) => aKill({ pid, name: `w${pid}`, atMs: T0 + pid }));

    expect(headlineOf(kills)).toContain('600 processes of more than 500 services were killed on db01');
  });

  it('speaks of one death where a group was killed as a whole', () => {
    const kills = [1, 2].map((pid) => aKill({ pid, record: aGroupRecord(pid) }));

    expect(renderText(describeIncident(anIncident({ kills }), CONTEXT))).not.toMatch(/^Last kill/m);
  });
});

describe('a summary of several incidents', () => {
  it('says how many, how much and where', () => {
    const members = ['web1', 'web2'].map((host, pid) => ({
      incident: anIncident({ kills: [aKill({ host, pid })] }),
      anew: null,
    }));

    expect(headline(describeSummary(members))).toBe('Out of memory: 2 incidents, 2 kills on 2 hosts within 1 s');
  });

  it('is not lost that was never reached', () => {
    expect(headline(describeUnreachable('db01', T0, 'no route'))).toBe(
      'db01 is unreachable: I can’t see kills there right now',
    );
  });

  it('names each host and service, and what they have in common', () => {
    const incidents = Array.from({ length: 20 }, (_, at) =>
      anIncident({ kills: [aKill({ host: `web${at}`, pid: at, atMs: T0 + at * 500 })] }),
    );

    const text = renderText(describeSummary(incidents.map((incident) => ({ incident, anew: null }))));

    expect(text).toContain('Out of memory: 20 incidents, 20 kills on 20 hosts within 10 s');
    expect(text).toContain('mysql.service was killed on 20 of 20 hosts: suspect a release, traffic or data');
    for (const { host } of incidents) expect(text).toContain(`${host}: mysql.service (1 kill)`);
  });

  it('says what it leaves to the thread, where each incident has a line with its id', () => {
    const incidents = Array.from({ length: 150 }, (_, at) =>
      anIncident({ id: `${String(at).padStart(8, '0')}-x`, kills: [aKill({ host: `host-with-a-long-name-${at}` })] }),
    );

    const text = renderText(describeSummary(incidents.map((incident) => ({ incident, anew: null }))));
    const [, more] = /and (\d+) more hosts, named in the thread/.exec(text) ?? [];
    expect(150 - Number(more)).toBe(incidents.filter(({ host }) => text.includes(`${host}:`)).length);
    const lines = renderText(describeSummaryLines(incidents));
    for (const { host, id } of incidents)
      expect(lines).toMatch(new RegExp(`${host}: mysql.service: the host ran out of memory +${id.slice(0, 8)}`));
  });
});
