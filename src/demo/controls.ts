import PQueue from 'p-queue';

import type { Clock } from '../app/ports.ts';
import { ANON_FULL_PAGES, TOTAL_PAGES, type DemoMachine } from './machine.ts';
import { batchJob, IMPORT_UNIT, REDIS_SCOPE, WEB_UNIT, type DemoProcess } from './processes.ts';
import {
  chooseVictim,
  renderGroupReport,
  renderHostReport,
  renderReaped,
  roomIn,
  type ReportText,
} from './report-text.ts';

/** Something that a person can let happen on the simulated machine. */
export interface DemoControl {
  id: string;
  label: string;
  description: string;
  /** Lets it happen now, and says in a sentence what did. Never rejects. */
  run: () => Promise<string>;
}

const REAPED_AFTER_MS = 300;
const STORM_KILLS = 25;
const STORM_EVERY_MS = 60;
// printk_ratelimit of oom_kill_process(): DEFAULT_RATELIMIT_INTERVAL and _BURST.
const DUMPS_MAX = 10;
const DUMPS_EVERY_MS = 5_000;
export const REDIS_LIMIT_PAGES = 32_768;
export const WEB_LIMIT_PAGES = 65_536;
const BATCH_LIMIT_PAGES = 32_768;
/** All others than the one that happens. */
const WAITING_MAX = 4;

/** The kills that can be replayed. One at a time; a few more may wait. */
export function openControls(machine: DemoMachine, clock: Clock, signal: AbortSignal): DemoControl[] {
  const queue = new PQueue({ concurrency: 1 });
  let dumps = { sinceMs: 0, printed: 0, left: 0 };

  /** Whether the kernel prints a whole report now; as many as it left out before are told first. */
  function mayDump(): boolean {
    const nowMs = clock.nowMs();
    if (nowMs - dumps.sinceMs >= DUMPS_EVERY_MS) {
      if (dumps.left > 0)
        machine.logKernel([{ level: 4, text: `oom_kill_process: ${dumps.left} callbacks suppressed` }]);
      dumps = { sinceMs: nowMs, printed: 0, left: 0 };
    }
    const may = dumps.printed < DUMPS_MAX;
    dumps = { ...dumps, printed: dumps.printed + (may ? 1 : 0), left: dumps.left + (may ? 0 : 1) };
    return may;
  }

  /** Prints a report and counts each death that is in it: of a group the kernel names and counts the chosen one twice. */
  function die({ dump, deaths }: ReportText): void {
    machine.logKernel([...(mayDump() ? dump : []), ...deaths]);
    for (const { text } of deaths) if (text.includes('Killed process ')) machine.countKill();
  }

  async function reap(victims: readonly DemoProcess[]): Promise<void> {
    for (const { pid } of victims) machine.end(pid);
    await clock.sleep(REAPED_AFTER_MS, signal);
    machine.logKernel(victims.map(renderReaped));
  }

  async function killOnHost(): Promise<string> {
    const before = machine.processes();
    const mysqld = named(before, 'mysqld');
    const trigger = named(before, 'icinga2');
    if (mysqld === null || trigger === null) return notBack('mysqld');
    const others = before.reduce((sofar, one) => sofar + (one === mysqld ? 0 : one.anonPages), 0);
    machine.fill(mysqld.pid, Math.max(mysqld.anonPages, ANON_FULL_PAGES - others));
    const processes = machine.processes();
    const victim = chooseVictim(processes, TOTAL_PAGES);
    if (victim === null) return 'Nothing on demo-db01 may be killed any more: a real kernel would panic now.';
    die(renderHostReport({ trigger, victim, processes }));
    await reap([victim]);
    const why = victim.pid === mysqld.pid ? '' : ` mysqld (adj ${mysqld.oomScoreAdj}) was spared.`;
    return `demo-db01 ran out of memory when icinga2 asked for more; the kernel killed ${victim.kind.name} (${victim.pid}).${why}`;
  }

  async function killInContainer(): Promise<string> {
    const victim = fillGroup(REDIS_SCOPE, 'redis-server', REDIS_LIMIT_PAGES);
    if (victim === null) return notBack('redis-server');
    const processes = ofGroup(REDIS_SCOPE);
    die(
      renderGroupReport({
        memcg: REDIS_SCOPE,
        limitPages: REDIS_LIMIT_PAGES,
        trigger: victim,
        victim,
        others: [],
        processes,
      }),
    );
    await reap([victim]);
    return `A container reached its limit of 128 MiB; the kernel killed redis-server (${victim.pid}) in it.`;
  }

  async function killGroup(): Promise<string> {
    const trigger = fillGroup(WEB_UNIT, 'gunicorn: worke', WEB_LIMIT_PAGES);
    const processes = ofGroup(WEB_UNIT);
    const victim = chooseVictim(processes, WEB_LIMIT_PAGES);
    if (trigger === null || victim === null || processes.length < 2) return notBack('web.service');
    const others = processes.filter(({ pid, oomScoreAdj }) => pid !== victim.pid && oomScoreAdj !== -1000);
    die(renderGroupReport({ memcg: WEB_UNIT, limitPages: WEB_LIMIT_PAGES, trigger, victim, others, processes }));
    await reap([victim, ...others]);
    return `web.service reached its limit of 256 MiB; the kernel killed all ${others.length + 1} of its processes (memory.oom.group).`;
  }

  async function storm(): Promise<string> {
    for (let number = 0; number < STORM_KILLS; number++) {
      const job = machine.start(batchJob(number));
      const room = roomIn(BATCH_LIMIT_PAGES, []);
      machine.fill(job.pid, room);
      const victim = machine.processes().find(({ pid }) => pid === job.pid) ?? job;
      const { cgroup } = job.kind;
      die(
        renderGroupReport({
          memcg: cgroup,
          limitPages: BATCH_LIMIT_PAGES,
          trigger: victim,
          victim,
          others: [],
          processes: [victim],
        }),
      );
      machine.end(job.pid);
      await clock.sleep(STORM_EVERY_MS, signal);
    }
    return `${STORM_KILLS} batch jobs reached their limits within seconds and were killed; the kernel printed whole reports of the first ${DUMPS_MAX} at most.`;
  }

  async function killByOomd(): Promise<string> {
    const victim = ofGroup(IMPORT_UNIT)[0];
    if (victim === undefined) return notBack('nightly-import.service');
    for (const text of oomdLines(victim)) machine.logUnit('systemd-oomd.service', 6, text);
    machine.end(victim.pid);
    return `systemd-oomd killed nightly-import.service (${victim.kind.name}, ${victim.pid}) because of memory pressure.`;
  }

  /** Lets one process of a group take all that is left under the limit; null: it is not there. */
  function fillGroup(cgroup: string, name: string, limitPages: number): DemoProcess | null {
    const group = ofGroup(cgroup);
    const one = named(group, name);
    if (one === null) return null;
    const room = roomIn(
      limitPages,
      group.filter(({ pid }) => pid !== one.pid),
    );
    machine.fill(one.pid, room);
    return ofGroup(cgroup).find(({ pid }) => pid === one.pid) ?? null;
  }

  function ofGroup(cgroup: string): DemoProcess[] {
    return machine.processes().filter(({ kind }) => kind.cgroup === cgroup);
  }

  function control(id: string, label: string, description: string, act: () => Promise<string>): DemoControl {
    async function run(): Promise<string> {
      if (queue.size >= WAITING_MAX) return 'One thing after the other: some are still waiting to happen.';
      return queue.add(() => act().catch(() => 'demo-db01 was switched off.'));
    }
    return { id, label, description, run };
  }

  return [
    control(
      'host',
      'Host out of memory',
      'mysqld grows until nothing is left and icinga2 asks for more; the kernel chooses whom to kill.',
      killOnHost,
    ),
    control(
      'container',
      'Container at its limit',
      'redis-server in a Docker container reaches the limit of 128 MiB.',
      killInContainer,
    ),
    control('storm', 'Storm', `${STORM_KILLS} batch jobs reach their limits within two seconds.`, storm),
    control(
      'group',
      'A whole service',
      'A gunicorn worker fills web.service, which has memory.oom.group set: all its processes die together.',
      killGroup,
    ),
    control(
      'oomd',
      'systemd-oomd',
      'systemd-oomd ends nightly-import.service because of memory pressure; the kernel says nothing.',
      killByOomd,
    ),
  ];
}

// As systemd 252 wrote it on a virtual machine of ours, Debian 12.
function oomdLines({ kind, anonPages, filePages }: DemoProcess): string[] {
  const { cgroup } = kind;
  return [
    'Considered 1 cgroups for killing, top candidates were:',
    `        Path: ${cgroup}`,
    '                Memory Pressure Limit: 0.00%',
    '                Pressure: Avg10: 62.53 Avg60: 24.53 Avg300: 6.96 Total: 31s',
    `                Current Memory Usage: ${((anonPages + filePages) / 256).toFixed(1)}M`,
    '                Memory Min: 0B',
    '                Memory Low: 0B',
    '                Pgscan: 157230',
    '                Last Pgscan: 82367',
    `Killed ${cgroup} due to memory pressure for ${cgroup} being 62.53% > 50.00% for > 20s with reclaim activity`,
  ];
}

function named(processes: readonly DemoProcess[], name: string): DemoProcess | null {
  return processes.find(({ kind }) => kind.name === name) ?? null;
}

function notBack(name: string): string {
  return `${name} is not back yet; try again in a few seconds.`;
}
