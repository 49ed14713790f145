import { titleOf } from '../../cause/cause-facts.ts';
import { identifyCgroup } from '../../oom/proc/cgroup.ts';
import type { ProcessFacts, ProcScan } from '../../oom/proc/proc-scan.ts';
import { CONFIG_FILES } from '../../size/config-files.ts';
import type { Tasks } from '../../size/place.ts';
import type { Program } from '../../size/program.ts';
import { parseSettings } from '../../size/read-settings.ts';
import { programOf } from '../../size/size.ts';
import type { HostLink, SettingsRequest } from '../host-link.ts';
import type { Clock } from '../ports.ts';
import { withTimeout } from '../with-timeout.ts';

const WITHIN_MS = 6_000;
const ASKED_MAX = 8;

/** Settings of programs by the name of their tasks. */
export type SettingsByName = ReadonlyMap<string, Pick<Tasks, 'settings' | 'ageSeconds'>>;

/** Programs that run, or, without a `scan` of their processes, ran until they were killed: then `inContainer` says where. */
export interface Asked {
  tasks: Pick<Tasks, 'name'>;
  program: Program;
  inContainer?: boolean;
}

/** Asks a host how these of its programs are set. Never throws; without an answer `settings` says why. */
export async function readSettings(
  link: HostLink | null,
  clock: Clock,
  scan: ProcScan,
  asked: readonly Asked[],
): Promise<SettingsByName> {
  const asks = asked
    .slice(0, ASKED_MAX)
    .flatMap((one) => (one.program.key in CONFIG_FILES ? [askAbout(one, scan)] : []));
  if (link === null || asks.length === 0) return new Map();
  const answer = await withTimeout(clock, WITHIN_MS, () => link.settings(asks.map(({ request }) => request)));
  const text = answer.kind === 'done' ? answer.value : null;
  const found = text === null ? ('no-answer' as const) : parseSettings(text);
  return new Map(
    asks.map(({ name, request, ageSeconds }) => {
      const settings =
        typeof found === 'string' ? found : (found.get(`${request.program} ${request.pid}`) ?? 'no-answer');
      return [name, { settings, ageSeconds }];
    }),
  );
}

function askAbout(
  { tasks: { name }, program, inContainer = false }: Asked,
  scan: ProcScan,
): { name: string; request: SettingsRequest; ageSeconds: number | null } {
  const heads = headsOf(scan, program);
  const head = headOf(scan, name);
  const isInside = head === null ? inContainer : isContained(head);
  const others = heads.filter((one) => one.pid !== head?.pid && !isContained(one));
  return {
    name,
    request: {
      program: program.key,
      pid: head?.pid ?? 0,
      files: isInside ? 'inside' : others.length > 0 ? 'named' : 'usual',
    },
    ageSeconds: head === null ? null : scan.uptimeSeconds - head.startTicks / scan.clockTicksPerSecond,
  };
}

/** The process above the largest of that name: a server's first one, whose command line tells of all of them. */
function headOf({ processes }: ProcScan, name: string): ProcessFacts | null {
  const [largest] = processes.filter((one) => titleOf(one.name) === name).toSorted((a, b) => b.rssKiB - a.rssKiB);
  const byPid = new Map(processes.map((one) => [one.pid, one]));
  let head = largest ?? null;
  // A parent is older than its child; where pids say otherwise, they end it.
  for (let steps = 0; head !== null && steps < processes.length; steps++) {
    const parent = byPid.get(head.parentPid);
    if (parent === undefined || parent === head || titleOf(parent.name) !== name) return head;
    head = parent;
  }
  return head;
}

/** The first process of each server of this program. */
function headsOf({ processes }: ProcScan, program: Program): ProcessFacts[] {
  const own = processes.filter((one) => {
    const unit = one.cgroup === null ? null : identifyCgroup(one.cgroup).unit;
    return programOf({ name: titleOf(one.name), commandLine: one.commandLine, unit })?.key === program.key;
  });
  const pids = new Set(own.map(({ pid }) => pid));
  return own.filter(({ parentPid }) => !pids.has(parentPid));
}

function isContained({ cgroup }: ProcessFacts): boolean {
  return cgroup !== null && identifyCgroup(cgroup).container !== null;
}
