import { placeOfRecord, type Place, type Tasks } from './place.ts';
import { CONFIG_FILES } from './config-files.ts';
import { PROGRAMS } from './programs.ts';
import { settingOf, type SetValue } from './read-settings.ts';
import type { Held, Program, Split } from './program.ts';
import type { KillRecord } from '../oom/report.ts';

/** What of a program fits where it lives. Sizes in KiB. */
export interface Sizing {
  program: Program;
  tasks: Tasks;
  place: Place;
  /** Everything in the place that is not this program's. */
  othersKiB: number;
  /** Kept free for page cache and peaks. */
  reserveKiB: number;
  /** What is left for all tasks of the program, and for the one that is sized where each is sized by itself. */
  budgetKiB: number;
  instanceKiB: number;
  split: Split;
  /**
   * As its command line or its files say; null: not there, no number, or not sure. `path`: the file; null: the command line.
   * `undo`: as it is to be written again; null: several pools have one each.
   */
  now: { value: number; text: string; path: string | null; undo: string | null } | null;
  /** All that was read of its settings, whether a number or not. */
  told: readonly Told[];
  /**
   * `set`: this fits. `fits`: what is set now is no more than that. `no-room`: what is left is less than it needs to work.
   * `outside`: its memory is beside what its setting limits.
   */
  verdict: 'set' | 'fits' | 'no-room' | 'outside';
}

/** `isMain`: of the setting that is sized; else of one beside it. */
export interface Told extends SetValue {
  isMain: boolean;
}

/** A program is worth sizing from this share of the place on. */
const SHARE_MIN = 0.2;
const RESERVE_SHARE = 0.05;
const RESERVE_HOST_MIN_KIB = 32 * 1_024;
const RESERVE_GROUP_MIN_KIB = 8 * 1_024;
const RESERVE_MAX_KIB = 2 * 1_024 * 1_024;
/** The scan cuts a command line there: what follows is not known. */
const COMMAND_LINE_MAX = 200;
const UNITS_MIB: Readonly<Record<string, number>> = { k: 1 / 1_024, m: 1, g: 1_024, t: 1_024 * 1_024 };

/** Causes that are no matter of a program's settings: the kernel's own memory, addresses, a hand on the keyboard. */
const NOT_SIZED: ReadonlySet<string> = new Set([
  'sysrq',
  'panic',
  'no-killable',
  'allocating-task',
  'kernel-slab',
  'slab-cache',
  'group-kernel',
  'huge-pages',
  'min-free',
  'unaccounted',
  'fragmentation',
  'low-zone',
  'shmem',
  'mlocked',
  'page-tables',
  'kernel-stacks',
  'cpuset',
  'mempolicy',
  'one-node',
]);

/** The program with settings that held most where a kill happened, with what of it fits there; null: none that is known. */
export function sizeOfRecord(record: KillRecord, causeCode: string | null, commandLine: string | null): Sizing | null {
  if (record.outcome !== 'killed' || (causeCode !== null && NOT_SIZED.has(causeCode))) return null;
  const place = placeOfRecord(record, commandLine);
  return place === null ? null : (sizesIn(place, SHARE_MIN)[0] ?? null);
}

/** Each known program in a place that holds at least so much of it, the largest first. */
export function sizesIn(place: Place, shareMin: number): Sizing[] {
  return place.tasks
    .filter(({ kiB }) => kiB >= place.totalKiB * shareMin)
    .flatMap((tasks) => {
      const program = programOf(tasks);
      return program === null ? [] : [sizeOf(program, tasks, place)];
    });
}

/**
 * The same for programs that share a place: what there is for all of them is divided as they hold it now. Every one of them has to be
 * set, then all fit together.
 */
export function sizesTogether(place: Place, shareMin: number): Sizing[] {
  const alone = sizesIn(place, shareMin);
  const [first] = alone;
  if (first === undefined || alone.length === 1) return alone;
  const heldKiB = alone.reduce((sum, { tasks }) => sum + tasks.kiB, 0);
  // To each of them the others of this list are a part of all else.
  const othersKiB = Math.max(0, first.othersKiB - (heldKiB - first.tasks.kiB));
  const forAllKiB = Math.max(0, place.totalKiB - othersKiB - first.reserveKiB);
  return alone.map(({ program, tasks }) => sizeOf(program, tasks, place, (forAllKiB * tasks.kiB) / heldKiB));
}

/** Which program these tasks are; null: none that is known. */
export function programOf({ name, commandLine, unit }: Pick<Tasks, 'name' | 'commandLine' | 'unit'>): Program | null {
  const said = `${commandLine ?? ''} ${unit ?? ''}`;
  return (
    PROGRAMS.find(
      ({ names, told }) => names.test(name) || (told !== null && told.names.test(name) && told.by.test(said)),
    ) ?? null
  );
}

/** The arithmetic: total − others − reserve (or the budget that is given), its share of that, and how the program divides it. */
export function sizeOf(program: Program, tasks: Tasks, place: Place, givenKiB: number | null = null): Sizing {
  const least = place.kind === 'host' ? RESERVE_HOST_MIN_KIB : RESERVE_GROUP_MIN_KIB;
  const reserveKiB = Math.min(RESERVE_MAX_KIB, Math.max(least, place.totalKiB * RESERVE_SHARE));
  const othersKiB = givenKiB === null ? othersOf(tasks, place) : Math.max(0, place.totalKiB - reserveKiB - givenKiB);
  const budgetKiB = Math.max(0, place.totalKiB - othersKiB - reserveKiB);
  const share = isOneOfMany(program, tasks) ? tasks.largestKiB / tasks.kiB : 1;
  const instanceKiB = budgetKiB * share;
  const told = toldOf(program, tasks);
  const now = nowOf(program, tasks, told);
  const held: Held = {
    tasks: tasks.count,
    totalMiB: tasks.kiB / 1_024,
    largestMiB: tasks.largestKiB / 1_024,
    now: now?.value ?? null,
  };
  const split = program.split(instanceKiB / 1_024, held, tasks.name);
  const [{ value }] = split.values;
  return {
    program,
    tasks,
    place,
    othersKiB,
    reserveKiB,
    budgetKiB,
    instanceKiB,
    split,
    now,
    told,
    verdict: verdictOf(program, held, value, instanceKiB / 1_024),
  };
}

/** Each by itself has a heap or a cache of its own; those of PostgreSQL and of pools are one. */
function isOneOfMany({ kind, key }: Program, { count }: Tasks): boolean {
  return kind === 'memory' && key !== 'postgres' && count > 1;
}

function verdictOf({ least }: Program, held: Held, value: number, instanceMiB: number): Sizing['verdict'] {
  if (held.now !== null && held.now <= value) return 'fits';
  if (value >= least) return 'set';
  // What it holds beside its setting leaves no room for that.
  return held.now !== null && held.largestMiB - held.now > instanceMiB / 2 ? 'outside' : 'no-room';
}

/** Two ways to tell, the larger counts; but never so much that the program itself would hold nothing. */
function othersOf(tasks: Tasks, { usedKiB, kernelKiB, tasks: all, totalKiB }: Place): number {
  const byTasks = all.filter((one) => one.name !== tasks.name).reduce((sum, one) => sum + one.kiB, kernelKiB);
  if (usedKiB === null) return Math.min(byTasks, totalKiB);
  return Math.max(Math.min(byTasks, usedKiB - Math.min(tasks.largestKiB, usedKiB)), usedKiB - tasks.kiB, 0);
}

function toldOf({ key }: Program, { settings, ageSeconds = null }: Tasks): Told[] {
  if (typeof settings !== 'object') return [];
  const { keys = [], also = [] } = CONFIG_FILES[key] ?? {};
  return [keys, ...also.map((name) => [name])].flatMap((names) => {
    const value = settingOf(key, names, settings, ageSeconds);
    return value === null ? [] : [{ ...value, isMain: names === keys }];
  });
}

function nowOf(program: Program, tasks: Tasks, told: readonly Told[]): Sizing['now'] {
  const read = told.find(({ isMain }) => isMain);
  const given = read?.path === null ? read.text : argumentOf(program, tasks.commandLine);
  const text = given ?? (read?.doubt === null ? read.text : null);
  const value = text === null ? null : valueOf(program, text);
  if (text === null || value === null) return null;
  const path = given === null ? (read?.path ?? null) : null;
  return { value, text, path, undo: path !== null && read !== undefined && read.pools > 1 ? null : text };
}

/** The last one given counts. A value at the very end of a line that was cut may lack digits. */
function argumentOf({ argument }: Program, commandLine: string | null): string | null {
  if (argument === null || commandLine === null) return null;
  const found = [...commandLine.matchAll(new RegExp(argument.source, `${argument.flags}g`))].at(-1);
  const isCut =
    commandLine.length >= COMMAND_LINE_MAX && (found?.index ?? 0) + (found?.[0].length ?? 0) >= commandLine.length;
  return isCut ? null : (found?.[1] ?? null);
}

/** In MiB or as a count; null: it is none, or "no limit", which 0 is wherever it is allowed. */
function valueOf({ argumentUnitMiB }: Program, text: string): number | null {
  const [, digits = '', unit] = /^([\d.]+) ?([kmgt])?b?$/i.exec(text) ?? [];
  const value = Number(digits) * (unit === undefined ? argumentUnitMiB : (UNITS_MIB[unit.toLowerCase()] ?? NaN));
  return !Number.isFinite(value) || value <= 0 ? null : value;
}
