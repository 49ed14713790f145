import { UNKILLABLE } from '../oom/badness/badness.ts';
import { rankNext, type ProcessFacts, type ProcScan } from '../oom/proc/proc-scan.ts';
import type { ProofNote } from './change.ts';
import { chosenPid } from './proof.ts';
import type { ChangeRefusal } from './refusal.ts';

/** Values from here down leave a process alive that leaks. */
const DEEP = -900;
const PROTECTED = -500;
const BIG_SHARE = 0.1;
const MANY_CHILDREN = 5;
const MUCH_PROTECTED = 0.6;
const WORTH_KILLING = 0.05;
const GREW_SHARE = 0.1;
const GREW_LEAST_KIB = 64 * 1024;
const GREW_LEAST_MS = 10_000;

/** An earlier look at the same host. */
export interface EarlierLook {
  scan: ProcScan;
  agoMs: number;
}

export interface Brakes {
  notes: ProofNote[];
  /** It takes a second approver and an end date. */
  needsCare: boolean;
  refusal: ChangeRefusal | null;
}

/**
 * What speaks against these values (pid → adj): over-protection makes the kernel take everything else, and panic when nothing is left.
 * `scan` is of the whole host, `among` of those among whom the kernel chooses (the same, or one memory group).
 */
export function findBrakes(
  scan: ProcScan,
  among: ProcScan,
  values: ReadonlyMap<number, number>,
  earlier: EarlierLook | null,
): Brakes {
  const targets = scan.processes.filter(({ pid }) => values.has(pid));
  const lowered = targets.filter((one) => (values.get(one.pid) ?? 0) < one.oomScoreAdj);
  const care = [...lowered.flatMap((one) => deepNotes(one, values.get(one.pid) ?? 0, scan, earlier)), ...sumNotes()];
  const notes = firstOfEach([...care, ...scopeNotes(), ...childNotes(), ...likelier()]);
  return { notes, needsCare: care.length > 0, refusal: refusal() };

  function adjOf(one: ProcessFacts): number {
    return values.get(one.pid) ?? one.oomScoreAdj;
  }

  /** Only lowering can over-protect. */
  function sumNotes(): ProofNote[] {
    if (lowered.length === 0) return [];
    const total = scan.memTotalKiB + scan.swapTotalKiB;
    const held = sumKiB(scan.processes.filter((one) => adjOf(one) <= PROTECTED));
    const isAnyLeft = scan.processes.some(
      (one) => one.pid !== 1 && adjOf(one) > PROTECTED && kiBOf(one) >= WORTH_KILLING * scan.memTotalKiB,
    );
    const wasAnyLeft = scan.processes.some(
      (one) => one.pid !== 1 && one.oomScoreAdj > PROTECTED && kiBOf(one) >= WORTH_KILLING * scan.memTotalKiB,
    );
    return [
      ...(held >= MUCH_PROTECTED * total ? [{ kind: 'much-protected' as const, share: held / total }] : []),
      // On a host of small processes there was nothing of that size before either.
      ...(wasAnyLeft && !isAnyLeft ? [{ kind: 'little-left' as const }] : []),
    ];
  }

  function scopeNotes(): ProofNote[] {
    if (rankNext(among).formula.scale === null) return [];
    const before = chosenPid(among, new Map());
    const after = chosenPid(among, values);
    const killable = among.processes.filter((one) => one.pid !== 1 && !values.has(one.pid));
    return [
      ...(lowered.length > 0 && (before === null || !values.has(before)) ? [{ kind: 'not-next' as const }] : []),
      ...(lowered.length > 0 && after !== null && values.has(after) ? [{ kind: 'still-next' as const }] : []),
      ...(among !== scan && lowered.length > 0 && killable.length === 0 ? [{ kind: 'alone-in-group' as const }] : []),
    ];
  }

  function childNotes(): ProofNote[] {
    const children = targets.flatMap((one) => childrenOf(one, scan)).filter((one) => !values.has(one.pid));
    return children.length === 0 ? [] : [{ kind: 'children-inherit', children: children.length }];
  }

  function likelier(): ProofNote[] {
    const raised = targets.some((one) => (values.get(one.pid) ?? 0) > one.oomScoreAdj);
    return raised ? [{ kind: 'more-likely' }] : [];
  }

  function refusal(): ChangeRefusal | null {
    if (lowered.length === 0) return null;
    const { ranking, formula } = rankNext(among, values);
    if (formula.scale === null || ranking.length === 0) return null;
    return ranking.every((row) => row.points === UNKILLABLE) ? { kind: 'nothing-killable' } : null;
  }
}

function deepNotes(one: ProcessFacts, to: number, scan: ProcScan, earlier: EarlierLook | null): ProofNote[] {
  if (to > DEEP) return [];
  const share = one.rssKiB / scan.memTotalKiB;
  const children = childrenOf(one, scan).length;
  const grewKiB = grownKiB(one, scan, earlier);
  return [
    ...(to === -1000 ? [{ kind: 'never-killed' as const }] : []),
    ...(share >= BIG_SHARE ? [{ kind: 'big-and-deep' as const, rssShare: share }] : []),
    ...(earlier !== null && grewKiB !== null
      ? [{ kind: 'growing-and-deep' as const, grewKiB, inMs: earlier.agoMs }]
      : []),
    ...(children >= MANY_CHILDREN ? [{ kind: 'forking-and-deep' as const, children }] : []),
  ];
}

function grownKiB(one: ProcessFacts, scan: ProcScan, earlier: EarlierLook | null): number | null {
  if (earlier === null || earlier.scan.bootId !== scan.bootId || earlier.agoMs < GREW_LEAST_MS) return null;
  const before = earlier.scan.processes.find((was) => was.pid === one.pid && was.startTicks === one.startTicks);
  const grew = before === undefined ? 0 : one.rssKiB - before.rssKiB;
  return grew >= GREW_LEAST_KIB && grew >= GREW_SHARE * one.rssKiB ? grew : null;
}

function childrenOf(parent: ProcessFacts, scan: ProcScan): ProcessFacts[] {
  return scan.processes.filter((one) => one.parentPid === parent.pid);
}

function kiBOf(one: ProcessFacts): number {
  return one.rssKiB + one.swapKiB;
}

function sumKiB(processes: readonly ProcessFacts[]): number {
  return processes.reduce((sum, one) => sum + kiBOf(one), 0);
}

function firstOfEach(notes: readonly ProofNote[]): ProofNote[] {
  return notes.filter((note, at) => notes.findIndex((other) => other.kind === note.kind) === at);
}
