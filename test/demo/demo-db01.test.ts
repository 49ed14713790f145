import { ownHelper } from '../../src/setup/setup-script.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { openLogParser } from '../../src/oom/report/log-parser.ts';
import { parseProcScan, rankNext, type ProcScan } from '../../src/oom/proc/proc-scan.ts';
import type { KillRecord } from '../../src/oom/report.ts';
import { checkHost } from '../../src/setup/check.ts';
import { openDemoHosts, type DemoHosts } from '../../src/demo/demo-hosts.ts';
import type { Connection } from '../../src/ssh/connection.ts';
import { openHostLink } from '../../src/ssh/host-link.ts';
import { openSsh, type Ssh } from '../../src/ssh/open-ssh.ts';
import { readCounters, type Probe } from '../../src/ssh/probe.ts';
import { following, probeOf, type Following } from '../support/follow.ts';
import { realClock, stateOf } from '../support/sshd.ts';

describe('demo-db01, as the bot sees it', { timeout: 30_000 }, () => {
  let demo: DemoHosts;
  let ssh: Ssh;
  let connection: Connection;
  let probe: Probe;
  let watch: Following;

  beforeAll(async () => {
    demo = await openDemoHosts({ clock: realClock });
    ssh = openSsh({ clock: realClock, random: () => 0.05, passphrase: null, agentSocket: null });
    connection = ssh.connect(targetOf('demo-db01'));
    await stateOf(connection, 'connected');
    probe = await probeOf(connection);
    watch = following(connection, probe);
    await watch.until('Linux version', 'kmsg');
  });
  afterAll(async () => {
    await watch.stop();
    await ssh.close();
    await demo.close();
  });

  function targetOf(name: string): DemoHosts['hosts'][number]['target'] {
    const host = demo.hosts.find((one) => one.name === name);
    if (host === undefined) throw new Error(`no ${name}`);
    return host.target;
  }

  async function run(id: string): Promise<string> {
    const control = demo.controls.find((one) => one.id === id);
    if (control === undefined) throw new Error(`no ${id}`);
    return control.run();
  }

  /** What is read of a source from its `from`th line on. */
  function recordsOf(source: string, from = 0): KillRecord[] {
    const parser = openLogParser({ lastWordOnly: true });
    const events = watch
      .texts(source)
      .slice(from)
      .flatMap((line, index) => parser.line(line, index + 1));
    return [...events, ...parser.end()].map((event) => event.record);
  }

  /** Lets something happen and gives what the bot read of it. */
  async function replay(id: string, last: string, source = 'kmsg'): Promise<KillRecord[]> {
    const from = watch.texts(source).length;
    await run(id);
    await arrived(source, from, last);
    return recordsOf(source, from);
  }

  async function arrived(source: string, from: number, text: string): Promise<void> {
    await expect.poll(() => watch.texts(source).slice(from).join('\n'), { timeout: 5_000 }).toContain(text);
  }

  async function scan(): Promise<ProcScan> {
    const text = await openHostLink('demo-db01', connection, { logFiles: null, clock: realClock, ownHelper }).scan(
      'all',
    );
    const parsed = parseProcScan(text ?? '');
    if (parsed.kind === 'fault') throw new Error(parsed.fault);
    return parsed;
  }

  it('shows the facts of a Debian host that was set up for oombot', () => {
    expect(probe).toMatchObject({
      user: 'oombot',
      os: 'Debian GNU/Linux 12 (bookworm)',
      kernel: '6.1.0-50-amd64',
      kmsg: 'sudo',
      journal: { readable: true },
      killers: ['systemd-oomd'],
      oomAdj: 'sudo',
      oomKills: 0,
    });
    expect(probe.bootAtMs).toBeLessThan(Date.now() - 4 * 60_000);
  });

  it('has nothing that a check would find off, but a userspace killer to know of', () => {
    const host = { ...targetOf('demo-db01'), jump: null, transport: 'ssh2' as const, logFiles: null };

    const findings = checkHost({ host, login: null, probe });

    expect(findings.map(({ code, severity }) => [code, severity])).toEqual([['userspace-killers', 'note']]);
  });

  it('has the founding story in its past, three times a day, with whole reports', async () => {
    await expect.poll(() => watch.positions.get('past')?.value).toBe('read');
    const since = probe.bootAtMs;
    const parsed = recordsOf('journal').filter((record) => Date.parse(record.time ?? '') < since);

    expect(parsed.length).toBeGreaterThanOrEqual(11);
    expect(parsed.length).toBeLessThanOrEqual(12);
    for (const record of parsed) {
      expect(record).toMatchObject({
        name: 'mysqld',
        uid: 111,
        domain: 'host',
        outcome: 'killed',
        reaped: true,
        trigger: { name: 'icinga2', gfpFlags: 'GFP_HIGHUSER_MOVABLE|__GFP_COMP', order: 0 },
        identity: { unit: 'mysql.service' },
        predictedVictim: { name: 'mysqld', agrees: true },
        warnings: [],
      });
      expect(record.tasksInDump).toBeGreaterThan(30);
    }
    const times = parsed.map((record) => new Date(record.time ?? '').toTimeString().slice(0, 8));
    expect(new Set(times)).toEqual(new Set(['01:35:08', '14:12:41', '23:45:33']));
    expect(parsed.find((_, at) => times[at] === '01:35:08')).toMatchObject({
      pageTablesKiB: 12_632,
      totalVmKiB: 7_721_568,
      anonRssKiB: 6_141_916,
      fileRssKiB: 0,
    });
  });

  it('kills mysqld when icinga2 asks for memory, and starts it again', async () => {
    const before = await scan();
    const old = before.processes.find((one) => one.name === 'mysqld');
    const [record, ...more] = await replay('host', 'oom_reaper');

    expect(more).toEqual([]);
    expect(record).toMatchObject({
      pid: old?.pid,
      name: 'mysqld',
      domain: 'host',
      constraint: 'CONSTRAINT_NONE',
      trigger: { name: 'icinga2' },
      identity: { unit: 'mysql.service' },
      kernelRelease: '6.1.0-50-amd64',
      reaped: true,
      predictedVictim: { pid: old?.pid, agrees: true },
      warnings: [],
    });
    expect(record?.memory).toMatchObject({ managedKiB: before.memTotalKiB, totalSwapKiB: 0 });
    const link = openHostLink('demo-db01', connection, { logFiles: null, clock: realClock, ownHelper });
    expect(await link.unit('mysql.service')).toMatchObject({ isActive: false, mainPid: null });
    await expect.poll(async () => (await link.unit('mysql.service'))?.isActive, { timeout: 8_000 }).toBe(true);
    const again = (await scan()).processes.find((one) => one.name === 'mysqld');
    expect(again?.pid).toBeGreaterThan(old?.pid ?? Infinity);
    expect(await link.unit('mysql.service')).toMatchObject({ mainPid: again?.pid, restarts: 1 });
  });

  it('kills redis-server at the limit of its container', async () => {
    const [record, ...more] = await replay('container', 'oom_reaper');

    expect(more).toEqual([]);
    expect(record).toMatchObject({
      name: 'redis-server',
      uid: 999,
      domain: 'memcg',
      memcgLimitKiB: 131_072,
      identity: { runtime: 'docker', container: expect.stringMatching(/^4f1e0c9b7a3d/) },
      predictedVictim: { agrees: true },
      warnings: [],
    });
    expect(record?.memcg?.statsKiB['anon']).toBeGreaterThan(129_000);
  });

  it('lets a whole service die by memory.oom.group', async () => {
    const records = await replay('group', 'oom_reaper');

    expect(records.map((record) => record.name)).toEqual([
      'gunicorn: worke',
      'gunicorn',
      'gunicorn: worke',
      'gunicorn: worke',
    ]);
    expect(new Set(records.map((record) => record.report)).size).toBe(1);
    for (const record of records)
      expect(record).toMatchObject({
        oomGroup: '/system.slice/web.service',
        domain: 'memcg',
        identity: { unit: 'web.service' },
      });
  });

  it('ends a unit by systemd-oomd, which the kernel says nothing of', async () => {
    const kills = probe.oomKills;
    const counted = (await readCounters(connection, realClock))?.oomKills;
    const [record] = await replay('oomd', 'nightly-import.service due to memory pressure', 'journal');

    expect(record).toMatchObject({
      killer: 'systemd-oomd',
      identity: { unit: 'nightly-import.service' },
      reason: expect.stringContaining('62.53% > 50.00%'),
    });
    expect(kills).toBe(0);
    expect((await readCounters(connection, realClock))?.oomKills).toBe(counted);
  });

  it('has a storm of 25 kills, of which the kernel reports ten whole', async () => {
    const records = await replay('storm', '(batch-24)');

    expect(records.map((record) => record.name)).toEqual(Array.from({ length: 25 }, (_, number) => `batch-${number}`));
    const whole = records.filter((record) => record.trigger !== null);
    expect(whole.length).toBeLessThanOrEqual(10);
    expect(whole.length).toBeGreaterThanOrEqual(7);
    for (const record of whole) expect(record).toMatchObject({ domain: 'memcg', memcgLimitKiB: 131_072 });
  });

  it('lets a process of its helper die in a drill, in a group of its own', async () => {
    const before = await openCounters();
    const from = watch.texts('kmsg').length;
    const id = 'ab'.repeat(16);
    const link = openHostLink('demo-db01', connection, { logFiles: null, clock: realClock, ownHelper });

    expect(await link.changes.request(`v1 try drill ${id}\n`)).toMatchObject({
      kind: 'answered',
      text: expect.stringContaining('ok try'),
    });
    expect(await link.changes.request(`v1 drill ${id} ${'cd'.repeat(32)}\n`)).toMatchObject({
      kind: 'answered',
      text: expect.stringContaining(`ok drill=${id}`),
    });
    await arrived('kmsg', from, 'Killed process');

    expect(recordsOf('kmsg', from)).toMatchObject([
      { name: 'oombot-drill', domain: 'memcg', oomMemcg: `/oombot-drill-${id}`, taskMemcg: `/oombot-drill-${id}` },
    ]);
    expect(await openCounters()).toBe((before ?? 0) + 1);
    expect((await scan()).processes.some(({ name }) => name === 'oombot-drill')).toBe(false);
  });

  async function openCounters(): Promise<number | null> {
    return (await readCounters(connection, realClock))?.oomKills ?? null;
  }

  it('counts as many kills as its log has lines of them', async () => {
    const lines = watch.texts('kmsg').filter((line) => line.includes('Killed process '));
    const counters = await readCounters(connection, realClock);

    expect(lines.length).toBeGreaterThan(0);
    expect(counters).toMatchObject({ bootId: probe.bootId, oomKills: lines.length });
  });

  it('shows processes whose scores are the kernel’s', async () => {
    const seen = await scan();
    const { ranking, formula } = rankNext(seen);

    expect(seen).toMatchObject({ complete: true, unreadRows: 0, seesAll: true, bootId: probe.bootId });
    expect(formula.kernels).toBe('5.9 and newer');
    for (const row of ranking) expect(row.task.oomScore, row.task.name).toBe(row.score);
    expect(seen.processes.map((one) => one.name)).toEqual(
      expect.arrayContaining(['systemd', 'sshd', 'icinga2', 'apache2', 'php-fpm8.2', 'systemd-journal']),
    );
  });

  it('tells one who comes again all that happened since, from where he stopped', async () => {
    const live = watch.texts('kmsg').filter((line) => line.includes('Killed process '));
    const other = ssh.connect({ ...targetOf('demo-db01'), name: 'again' });
    await stateOf(other, 'connected');
    const resumed = following(other, probe, { positions: [...watch.positions.values()] });
    const from = watch.texts('kmsg').length;

    await expect.poll(() => run('container')).toContain('killed redis-server');
    await arrived('kmsg', from, 'oom_reaper');
    await resumed.until('oom_reaper', 'kmsg');
    await resumed.stop();
    await other.close();

    expect(live.length).toBeGreaterThan(0);
    expect(resumed.texts('kmsg')[0]).toBe(watch.texts('kmsg')[from]);
    expect(resumed.gaps).toEqual([]);
  });

  it('is another boot after a restart of ours: what was read is not read again, what is new comes', async () => {
    const later = await openDemoHosts({ clock: realClock });
    const other = ssh.connect(later.hosts[1]?.target ?? targetOf('demo-db01'));
    await stateOf(other, 'connected');
    const resumed = following(other, await probeOf(other), { positions: [...watch.positions.values()] });
    await resumed.until('Linux version', 'kmsg');

    await later.controls.find((one) => one.id === 'container')?.run();
    await resumed.until('oom_reaper', 'kmsg');
    const gaps = resumed.gaps.map(({ kind, lookup }) => [kind, lookup]);
    await resumed.stop();
    await other.close();
    await later.close();

    expect(gaps).toEqual([['reboot', 'journal']]);
    expect(resumed.batches.filter((batch) => batch.source === 'journal' && batch.lookup === null)).toEqual([]);
    expect(resumed.texts('kmsg').filter((line) => line.includes('Killed process '))).toHaveLength(1);
  });

  it('runs nothing: another command gets a sentence', async () => {
    const answer = await connection.exec('id', { timeoutMs: 5_000, maxBytes: 1_000 });

    expect(answer.end).toEqual({ kind: 'exit', code: 127 });
    expect(answer.stdout.toString()).toBe('');
    expect(answer.stderr).toContain('simulated');
  });
});
