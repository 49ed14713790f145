import { identifyCgroup } from '../oom/proc/cgroup.ts';
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

/** The process, or the unit's processes, that `what` means: a pid, a process's name, or a unit with or without `.service`. */
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
  if (first === undefined) return { kind: 'none', names: namesOf(scan, [...byUnit.keys()]) };
  if (second === undefined) return processTarget(first);
  return several(named, byUnit);
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
  return [...new Set([...scan.processes.map((one) => one.name), ...units])];
}
