import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { judgeRecord } from '../../src/cause/cause.ts';
import { judgeIncident } from '../../src/incident/judge-incident.ts';
import { groupKills } from '../../src/incident/grouping.ts';
import { parseHostLook } from '../../src/cause/read-host-facts.ts';
import type { Kill } from '../../src/incident/incident.ts';
import type { KillRecord } from '../../src/oom/report.ts';
import { COMMANDS } from '../../src/remote/scripts.ts';
import { aKill } from '../support/a-kill.ts';
import { oomKills } from '../support/kernel-kill.ts';
import { openScenario, type Scenario } from '../support/provoked.ts';
import { needs } from '../support/needs.ts';

// Real shortages with a known cause, in memory cgroups of this machine. `memory.oom.group` needs cgroup v2, and dirty page cache a slow
// disk: those come from the corpora.
function open(limitMiB: number): Scenario {
  const scenario = openScenario(limitMiB);
  onTestFinished(scenario.close);
  return scenario;
}

function causes(record: KillRecord): string[] {
  const cause = judgeRecord(record);
  return [cause, ...(cause?.also ?? [])].map((one) => `${one?.code} ${one?.sure}`);
}

/** A shell that holds so many MiB until its input ends. */
function holding(shell: string, mib: number): string {
  return `${shell} -c 'x=$(head -c ${mib}M /dev/zero | tr "\\0" x); read -r _'`;
}

/** Starts one after the other up to the first kill: beyond ten reports in five seconds the kernel prints none. */
async function fill(start: () => void): Promise<void> {
  const before = oomKills();
  for (let count = 0; count < 100 && oomKills() === before; count += 1) {
    start();
    await sleep(40);
  }
}

describe('the cause of a real kill', needs('kills', 'perl', 'x64'), () => {
  it('is one hog', async () => {
    const { run, killed } = open(32);
    run('exec tail /dev/zero');
    const record = await killed();

    expect(causes(record)[0]).toBe('hog likely');
    expect(judgeRecord(record)?.text).toMatch(/^tail alone held 3\d MiB, \d+ % of the group’s 32 MiB\.$/);
  });

  it('is a pool of many', async () => {
    const { run, killed, shellNamed } = open(40);
    const worker = shellNamed('php-fpm');
    await fill(() => run(`exec ${holding(worker, 1)}`));
    const record = await killed();

    expect(causes(record)[0]).toBe('worker-pool likely');
    expect(judgeRecord(record)?.text).toMatch(/^A worker pool or fork storm: \d\d × php-fpm together held/);
  });

  it('is not the victim', async () => {
    const { run, killed, shellNamed } = open(40);
    const [database, worker] = [shellNamed('mysqld'), shellNamed('php-fpm')];
    run(`exec ${holding(database, 4)}`);
    await sleep(500);
    await fill(() => run(`exec ${holding(worker, 1)}`));
    const record = await killed();

    expect(record.name).toBe('mysqld');
    expect(causes(record)[0]).toBe('victim-not-cause likely');
    expect(judgeRecord(record)?.text).toMatch(/^mysqld \(.* MiB\) is not the cause: \d\d × php-fpm held/);
  });

  it('is a file in a tmpfs, which no kill gives back', async () => {
    const file = `/dev/shm/oombot-cause-${process.pid}`;
    onTestFinished(() => rmSync(file, { force: true }));
    const { run, killed } = open(24);
    run(`exec dd if=/dev/zero of=${file} bs=1M count=40`);
    const record = await killed();

    expect(causes(record)[0]).toBe('shmem likely');
    rmSync(file);
  });

  it('is locked memory', async () => {
    const { run, killed } = open(32);
    // mlockall(MCL_CURRENT | MCL_FUTURE)
    run(`exec perl -e 'syscall(151, 3) == 0 or die; my @a; push @a, "x" x 65536 while 1'`);
    const record = await killed();

    expect(causes(record)[0]).toBe('mlocked likely');
  });

  it('is page tables', async () => {
    const { run, killed } = open(24);
    // mmap(NULL, 1 TiB, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE): each touch costs one page of page tables and no memory.
    run(
      `exec perl -e 'my $at = syscall(9, 0, 1 << 40, 1, 0x4022, -1, 0); for my $i (0 .. 400000) { my $p = pack("Q", $at + $i * 2097152); my $x = unpack("P1", $p) }'`,
    );
    const record = await killed();

    expect(causes(record)[0]).toBe('page-tables likely');
  });

  it('is an adj that made the victim', async () => {
    const { run, killed, shellNamed } = open(64);
    const [large, small] = [shellNamed('large'), shellNamed('offered')];
    run(`echo 1000 > /proc/self/oom_score_adj; exec ${holding(small, 2)}`);
    await sleep(500);
    run(`exec ${large} -c 'x=; while :; do x=$x$(head -c 1M /dev/zero | tr "\\0" x); done'`);
    const record = await killed();

    expect(record.name).toBe('offered');
    expect(causes(record)[0]).toBe('adj-victim certain');
    expect(judgeRecord(record)?.text).toMatch(/adj of 1000 put offered \(.*\) first: by size alone large/);
  });

  it('is a limit that is too small: it stands there again right after the kill', async () => {
    const { run, killed, group } = open(24);
    run('exec tail /dev/zero');
    const record = await killed();
    const diedAtMs = Date.now();
    run('head -c 22M /dev/zero | tail | sleep 60');
    await sleep(3_000);
    const looked = spawnSync('sh', ['-c', COMMANDS.look], { input: `\n${group}\n`, encoding: 'latin1' });
    const facts = parseHostLook(looked.stdout, { unit: null, group }, Date.now());
    const [incident] = groupKills([], [killAt(record, diedAtMs)], diedAtMs, () => 'i1').incidents;

    expect(incident?.cause).toMatchObject({ code: 'hog', sure: 'likely' });
    const cause = incident === undefined ? null : judgeIncident({ ...incident, hostFacts: facts });
    expect(cause).toMatchObject({ code: 'limit-too-small', sure: 'likely' });
    expect(cause?.text).toMatch(/^Its limit of 24 MiB is too small .* it holds 2\d MiB, 9\d % again\.$/);
  });

  it('is a loop, when it dies again and again', async () => {
    const { run, killed } = open(16);
    const kills: Kill[] = [];
    for (let death = 0; death < 4; death += 1) {
      run('exec tail /dev/zero');
      kills.push(killAt(await killed(), 1_000_000 + death * 20_000));
    }
    const [incident, ...others] = groupKills([], kills, 1_080_000, () => 'i1').incidents;

    expect(others).toEqual([]);
    expect(incident?.cause).toMatchObject({
      code: 'kill-loop',
      sure: 'certain',
      text: 'It is in a loop: killed 4 times within 1 min: each life ended at the limit of 16 MiB.',
    });
  });

  it('is what the group above may hold, and the report says so', async () => {
    const { run, killed, group } = open(32);
    const inner = `/sys/fs/cgroup/memory${group}/inner`;
    run(`mkdir ${inner}; echo $$ > ${inner}/cgroup.procs; exec tail /dev/zero`);
    const record = await killed();
    await sleep(300);
    spawnSync('rmdir', [inner]);

    expect(causes(record)).toEqual(['hog likely', 'parent-limit certain']);
  });
});

function killAt(record: KillRecord, atMs: number): Kill {
  return aKill({ record, atMs });
}
