import { describeNoSize, describeSizes } from '../../notice/answer/size-notice.ts';
import { unitOf } from '../../change/find-target.ts';
import { titleOf } from '../../cause/cause-facts.ts';
import { sizingOf } from '../../notice/incident/incident-size.ts';
import { placeOfScan, type Place, type Tasks } from '../../size/place.ts';
import { programOf, sizeOf, sizesTogether } from '../../size/size.ts';
import { isWithin } from '../../oom/proc/cgroup.ts';
import type { ProcScan } from '../../oom/proc/proc-scan.ts';
import { limitedGroups } from '../limited-groups.ts';
import type { LiveScans } from '../live-scan.ts';
import { nearest } from '../nearest.ts';
import type { AnswersWorld } from './answers-world.ts';
import type { Answer, Handlers } from './handlers.ts';
import { scanRefusal } from './scan-refusal.ts';
import { readSettings, type SettingsByName } from './size-settings.ts';
import type { Targets } from './targets.ts';

const WITHIN_MS = 10_000;
/** Without a name those are told that hold so much. */
const SHARE_MIN = 0.05;
const SHOWN = 4;
const INCIDENTS_MAX = 20;

/** What of the settings of a host's programs fits there, live; of one that is down, by its last kill. */
export function openSizeAnswer(
  { store, clock, fleet }: Pick<AnswersWorld, 'store' | 'clock' | 'fleet'>,
  targets: Targets,
  scans: LiveScans,
): Handlers['answerSize'] {
  return async ({ host: asked, what }) => {
    const target = await targets.host(asked);
    if (target.kind === 'refused') return target;
    const host = target.name;
    const [live, limits] = await Promise.all([scans.read(host, WITHIN_MS), limitedGroups(store, host, clock.nowMs())]);
    if (live.kind !== 'scan') return scanRefusal(host, live);
    const { scan, atMs } = live;
    if (what === null) {
      const place = placeOfScan(scan, null);
      const asked = sizesTogether(place, SHARE_MIN);
      if (asked.length === 0) return { kind: 'notice', notice: describeNoSize(host, null) };
      const settings = await readSettings(fleet.link(host), clock, scan, asked.slice(0, SHOWN));
      const found = sizesTogether({ ...place, tasks: place.tasks.map((one) => told(one, settings)) }, SHARE_MIN);
      const sizings = found.slice(0, SHOWN);
      return { kind: 'notice', notice: describeSizes({ host, atMs, sizings, more: found.length - SHOWN, kill: null }) };
    }
    const names = namesOf(scan, what);
    if (names.length === 0) return ofLastKill(host, what, scan);
    const meant = names.slice(0, SHOWN).flatMap((name) => {
      const place = placeAround(scan, name, limits);
      const tasks = place.tasks.find((one) => one.name === name);
      const program = tasks === undefined ? null : programOf(tasks);
      return tasks === undefined || program === null ? [] : [{ program, tasks, place }];
    });
    if (meant.length === 0) return { kind: 'notice', notice: describeNoSize(host, what) };
    const settings = await readSettings(fleet.link(host), clock, scan, meant);
    const sizings = meant.map(({ program, tasks, place }) => sizeOf(program, told(tasks, settings), place));
    return { kind: 'notice', notice: describeSizes({ host, atMs, sizings, more: 0, kill: null }) };
  };

  /** What is down cannot be looked at: its last report has the numbers. */
  async function ofLastKill(host: string, what: string, scan: ProcScan): Promise<Answer> {
    const incidents = await store.incidents(host, INCIDENTS_MAX);
    for (const incident of incidents) {
      const sizing = sizingOf(incident);
      const called = [sizing?.tasks.name, incident.service, incident.service.replace(/\.service$/, '')];
      if (sizing === null || !called.includes(what)) continue;
      const { program, tasks, place } = sizing;
      const inContainer = incident.kills.at(-1)?.record.identity?.container != null;
      const asked = { program, tasks, inContainer };
      const settings = await readSettings(fleet.link(host), clock, scan, [asked]);
      const sizings = [sizeOf(program, told(tasks, settings), place)];
      return {
        kind: 'notice',
        notice: describeSizes({ host, atMs: incident.lastAtMs, sizings, more: 0, kill: incident.id }),
      };
    }
    const known = [...new Set(scan.processes.map(({ name }) => name))];
    return {
      kind: 'refused',
      refusal: { kind: 'change', why: { kind: 'no-such-process', host, what, nearest: nearest(what, known) } },
    };
  }
}

function told(tasks: Tasks, settings: SettingsByName): Tasks {
  return { ...tasks, ...settings.get(tasks.name) };
}

/** Names of the processes that are meant: by name, by its beginning (`php-fpm` for `php-fpm8.2`), by unit or by pid. */
function namesOf(scan: ProcScan, what: string): string[] {
  const all = placeOfScan(scan, null).tasks.map(({ name }) => name);
  if (all.includes(what)) return [what];
  const ofUnit = scan.processes.filter(
    (one) => String(one.pid) === what || unitOf(one) === what || unitOf(one) === `${what}.service`,
  );
  const [largest] = ofUnit.toSorted((a, b) => b.rssKiB - a.rssKiB);
  if (largest !== undefined) return all.filter((name) => name === titleOf(largest.name));
  return all.filter((name) => name.startsWith(what));
}

/** The group with a known limit in which all processes of that name live, else the host. */
function placeAround(scan: ProcScan, name: string, limits: ReadonlyMap<string, number | null>): Place {
  const own = scan.processes.filter((one) => titleOf(one.name) === name);
  for (const [group, limitKiB] of limits)
    if (limitKiB !== null && limitKiB < scan.memTotalKiB && own.every(({ cgroup }) => isWithin(cgroup, group)))
      return placeOfScan(scan, { group, limitKiB });
  return placeOfScan(scan, null);
}
