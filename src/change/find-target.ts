import { identifyCgroup } from '../oom/proc/cgroup.ts';
import { containerLabel, nameOfGroup } from '../oom/proc/container-name.ts';
import type { ProcessFacts, ProcScan } from '../oom/proc/proc-scan.ts';

/** What a word that somebody typed stands for on a host. A target with a `dropInUnit` is a whole unit, whose value can last. */
export type Target =
  | { kind: 'found'; subject: string; processes: ProcessFacts[]; unit: string | null; dropInUnit: string | null }
  /** Never guessed. `word` is what to type to mean that one. */
  | { kind: 'several'; choices: TargetChoice[]; more: number }
  /** `names`: what there is instead, to find what is near. */
  | { kind: 'none'; names: string[] };

export interface TargetChoice {
  word: string;
  name: string;
  unit: string | null;
  count: number;
  rssKiB: number;
  pid: number | null;
}

const CHOICES_MAX = 9;

/**
 * The process, or the processes, that `what` means: a pid, a process's name, a unit with or without `.service`, or a container or pod
 * by its name or by the beginning of its id.
 */
export function findTarget(scan: ProcScan, what: string): Target {
  if (/^\d{1,7}$/.test(what)) {
    const one = scan.processes.find(({ pid }) => pid === Number(what));
    return one === undefined ? { kind: 'none', names: [] } : processTarget(one);
  }
  const byUnit = Map.groupBy(scan.processes, (one) => unitOf(one) ?? '');
  byUnit.delete('');
  const named = withName(scan.processes, what);
  const unit = nameOf(what, [...byUnit.keys()]);
  const isUnitWord = /\.(?:service|scope|socket|mount|swap)$/i.test(what);
  const [first, second] = named;
  if (unit !== null && (isUnitWord || first === undefined)) return unitTarget(unit, byUnit.get(unit) ?? []);
  if (first === undefined)
    return containerTarget(scan, what) ?? { kind: 'none', names: namesOf(scan, [...byUnit.keys()]) };
  if (second === undefined) return processTarget(first);
  return several(named, byUnit);
}

/** Processes of containers or pods called so. They have no file of their own: a container starts with what its engine gives it. */
function containerTarget(scan: ProcScan, what: string): Target | null {
  const homes = Map.groupBy(
    scan.processes.filter(({ cgroup }) => isCalled(scan, cgroup, what)),
    ({ cgroup }) => identifyCgroup(cgroup ?? '/').container ?? '',
  );
  const all = [...homes.values()].flat().toSorted((a, b) => a.startTicks - b.startTicks || a.pid - b.pid);
  const [first] = all;
  if (first === undefined) return null;
  const named = nameOfGroup(scan.containers, first.cgroup);
  const pods = new Set(all.map(({ cgroup }) => identifyCgroup(cgroup ?? '/').pod));
  // The containers of one pod are meant together by its name; several that only share a name are not.
  if (homes.size > 1 && (pods.size > 1 || pods.has(null))) return severalContainers(scan, what, homes);
  const label = named === null ? `container ${what}` : homes.size > 1 ? named.name : containerLabel(named);
  return { kind: 'found', subject: label, processes: all, unit: null, dropInUnit: null };
}

function isCalled({ containers }: ProcScan, cgroup: string | null, what: string): boolean {
  const { container, pod } = identifyCgroup(cgroup ?? '/');
  if (container === null && pod === null) return false;
  const named = nameOfGroup(containers, cgroup);
  if (named !== null && [named.name, containerLabel(named)].includes(what)) return true;
  return /^[0-9a-f]{8,64}$/.test(what) && (container?.startsWith(what) ?? false);
}

function severalContainers(scan: ProcScan, what: string, homes: ReadonlyMap<string, ProcessFacts[]>): Target {
  const choices = [...homes].map(([id, all]): TargetChoice => {
    const named = nameOfGroup(scan.containers, all[0]?.cgroup ?? null);
    const name = named === null ? what : containerLabel(named);
    return { word: id.slice(0, 12), name, unit: null, count: all.length, rssKiB: sumKiB(all), pid: null };
  });
  return { kind: 'several', choices: choices.slice(0, CHOICES_MAX), more: Math.max(0, choices.length - CHOICES_MAX) };
}

/** The unit that a process lives in, as systemd calls it. */
export function unitOf({ cgroup }: Pick<ProcessFacts, 'cgroup'>): string | null {
  return cgroup === null ? null : identifyCgroup(cgroup).unit;
}

function processTarget(one: ProcessFacts): Target {
  return { kind: 'found', subject: one.name, processes: [one], unit: unitOf(one), dropInUnit: null };
}

function unitTarget(unit: string, processes: ProcessFacts[]): Target {
  // A scope is made anew by whoever starts it: there is no file of it to add to.
  const lasts = unit.endsWith('.service');
  const sorted = processes.toSorted((a, b) => a.startTicks - b.startTicks || a.pid - b.pid);
  return { kind: 'found', subject: unit, processes: sorted, unit, dropInUnit: lasts ? unit : null };
}

function withName(processes: readonly ProcessFacts[], what: string): ProcessFacts[] {
  const exact = processes.filter(({ name }) => name === what);
  return exact.length > 0 ? exact : processes.filter(({ name }) => name.toLowerCase() === what.toLowerCase());
}

function nameOf(what: string, units: readonly string[]): string | null {
  const lower = what.toLowerCase();
  return units.find((unit) => [lower, `${lower}.service`].includes(unit.toLowerCase())) ?? null;
}

function several(named: readonly ProcessFacts[], byUnit: ReadonlyMap<string, ProcessFacts[]>): Target {
  const units = new Set(named.map(unitOf).filter((unit) => unit !== null));
  const choices: TargetChoice[] = [
    ...[...units].map((unit): TargetChoice => {
      const all = byUnit.get(unit) ?? [];
      return { word: unit, name: unit, unit, count: all.length, rssKiB: sumKiB(all), pid: null };
    }),
    ...named
      .toSorted((a, b) => b.rssKiB - a.rssKiB || a.pid - b.pid)
      .map((one): TargetChoice => {
        const { pid, name, rssKiB } = one;
        return { word: String(pid), name, unit: unitOf(one), count: 1, rssKiB, pid };
      }),
  ];
  return { kind: 'several', choices: choices.slice(0, CHOICES_MAX), more: Math.max(0, choices.length - CHOICES_MAX) };
}

function sumKiB(processes: readonly ProcessFacts[]): number {
  return processes.reduce((sum, one) => sum + one.rssKiB, 0);
}

function namesOf(scan: ProcScan, units: readonly string[]): string[] {
  return [...new Set([...scan.processes.map((one) => one.name), ...units, ...scan.containers.map(({ name }) => name)])];
}
