/** What one program (or all workers of one name) holds in its place. Sizes in MiB. */
export interface Held {
  /** Tasks of that name: processes, not threads. */
  tasks: number;
  totalMiB: number;
  /** Of the largest task; where a table does not tell it, the mean. */
  largestMiB: number;
  /** The largest setting as its command line has it now, in MiB or as a count; null: not there, or not readable. */
  now: number | null;
}

/** One value to set. */
export interface SettingValue {
  /** As it is written in the configuration: `innodb_buffer_pool_size`. */
  name: string;
  /** In MiB, or a count. */
  value: number;
  /** With its unit, as the program reads it: `128M`. */
  text: string;
}

/** How a budget is divided. */
export interface Split {
  /** Everything beside the settings, each with its share of the budget. */
  rest: readonly { what: string; mib: number }[];
  /** How the values follow from what is left, in words with numbers: `57 MiB / 1.1`. */
  how: string;
  /** The setting that holds the memory first. */
  values: readonly [SettingValue, ...SettingValue[]];
}

/** A way to put values into effect. `BEFORE` in the undo stands for the value of before, which `look` shows. */
export interface Apply {
  /** Where it belongs, and what makes it count. */
  words: string;
  look: string | null;
  command: string;
  undo: string;
}

/** A program whose memory is a matter of its settings. All that is known of it stands in one entry of PROGRAMS. */
export interface Program {
  key: string;
  title: string;
  /** Names of its processes, as the kernel has them: 15 bytes at most. */
  names: RegExp;
  /** Names of interpreters that run it too, and what their command line or unit has then; null: none. */
  told: { names: RegExp; by: RegExp } | null;
  /** `workers`: the setting is how many there are; `memory`: how much one may hold. */
  kind: 'memory' | 'workers';
  /** What its memory is, in the order of size. */
  holds: string;
  /** What counts where the setting is not given. */
  unset: string;
  /** The setting on a command line; its one group is the value. */
  argument: RegExp | null;
  /** MiB of a bare number there; 1 for counts. */
  argumentUnitMiB: number;
  /** Below this it does not work well: then no value is proposed. In the unit of its first value. */
  least: number;
  /** How it divides a budget in MiB. */
  split: (budgetMiB: number, held: Held, name: string) => Split;
  apply: (values: Split['values'], now: string | null) => Apply;
  /** What is taken for granted. */
  assumes: readonly string[];
  /** What else limits it. */
  also: string | null;
  /** Which versions the facts are of, and where they stand. */
  source: { versions: string; url: string };
}

/** Whole MiB, in steps of which the program takes multiples only. */
export function downTo(step: number, mib: number): number {
  return Math.floor(mib / step) * step;
}
