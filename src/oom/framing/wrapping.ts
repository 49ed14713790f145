import { findHost, findStamps, isLevel, nameIn } from './front-facts.ts';
import type { Landmark } from './landmarks.ts';
import { KERNEL_NAMES, stripPrefix, stripProgram, type KnownTail } from './prefix.ts';
import { matchFront, matchTail, shapeOf, type Part } from './shape.ts';
import { knownProgram, programWithin } from './programs.ts';
import { isExample, isMention, isSearch, isSentence, isWhole } from './quoted.ts';
import { emptyStamp, type Stamp } from './stamp.ts';

// What stands before and behind the lines of one input, learned from the lines whose own beginning and end are known. A front is an
// outer part of any form, and behind it, where there is one, a front that is known (prefix.ts):
//
//   2026-03-04T05:06:07+00:00 i-0abc123 Mar  4 05:06:07 db01 kernel: [  100.000005] Out of memory: Killed process …
//   |-------------- outer ------------||------------- known --------------------|

export interface Sample {
  text: string;
  landmark: Landmark;
}

interface Tail {
  parts: readonly Part[];
  /** How many blanks it begins with; Infinity: not always as many. */
  firstGap: number;
  kinds: Set<string>;
  samples: number;
  words: Map<string, number>[];
  isIdentity: boolean[];
  /** The last one seen. */
  text: string;
}

/** One form of front and tail. */
export interface Wrapping {
  key: string;
  parts: readonly Part[];
  lastGap: number;
  hasInner: boolean;
  /** What each word of the outer part was in the samples, with how often. */
  words: Map<string, number>[];
  /** Words by which lines of different sources are told apart. */
  isIdentity: boolean[];
  samples: number;
  kinds: Map<string, number>;
  /** Programs that the outer part names last, with the kinds of lines that they wrote. */
  programs: Map<string, Set<string>>;
  tails: Map<string, Tail>;
  exactEnds: number;
  /** Hosts that the known part named; each line another: it is no host. */
  hosts: Set<string>;
  ignoresHost: boolean;
  /** The tails that are believed, the longest first. */
  ends: Tail[];
  /** The outer part of the last sample. */
  outer: string;
  /** A sentence quotes the kill line. */
  isTold: boolean;
  /** Only the words that name somebody are quoted. */
  isMention: boolean;
  /** What the last tail said of the host: a line that breaks off lacks it. */
  ofTail: Pick<Stamp, 'host' | 'hostName'>;
}

/** With its pid, as only logs have it; else it may be who said it, or where. */
const PROGRAM = /(?:^|[\s\])|])([A-Za-z][\w./@-]{0,63})\[\d{1,10}\]: ?$/;
const OUTER_MAX = 600;
/** Whoever tells of kills quotes no more lines in the same words. */
const TOLD_MAX = 2;
const WORDS_KEPT = 32;
/** So many kinds of lines are no quotation any more: the program hands the kernel's log on. */
const KINDS_OF_LOG = 3;

const scratch: Stamp = emptyStamp();
const nobody: KnownTail = { text: '', host: '', program: null };

/** Where the known part of a front begins that ends at `end`: the outermost one; `end` when there is none. */
function innerStart(text: string, end: number): number {
  for (let at = 0; at < end; at += 1) {
    const code = text.charCodeAt(at);
    // Within a letter outside of ASCII.
    if (code >= 0x80 && code < 0xc0) continue;
    if (code === 32 || code === 9 || (at > 0 && isWord(text.charCodeAt(at - 1)) && !text.startsWith('\\t', at - 2)))
      continue;
    Object.assign(scratch, emptyStamp());
    if (stripPrefix(text, at, scratch, nobody, false) === end && scratch.form !== 'program') return at;
  }
  return end;
}

function isWord(code: number): boolean {
  return (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code === 95;
}

/** Adds what one line shows to the wrappings known so far. */
export function addSample(wrappings: Map<string, Wrapping>, { text, landmark }: Sample): void {
  const { start, end, kind } = landmark;
  if (start < 0 || start > OUTER_MAX) return;
  const inner = innerStart(text, start);
  const outer = text.slice(0, inner);
  const shape = shapeOf(outer);
  if (shape === null) return;
  const key = `${shape.key}\n${inner < start}`;
  const gap = outer.length - outer.trimEnd().length;
  const wrapping = wrappings.get(key) ?? openWrapping(key, shape.parts, gap, inner < start);
  wrappings.set(key, wrapping);
  wrapping.lastGap = gap === wrapping.lastGap ? gap : Infinity;
  wrapping.samples += 1;
  if (inner < start && wrapping.hosts.size < WORDS_KEPT) wrapping.hosts.add(scratch.host);
  wrapping.outer = outer;
  wrapping.isMention = isMention(outer, text, landmark);
  wrapping.isTold = wrapping.samples <= TOLD_MAX && inner === start && isWhole(text, landmark) && isSentence(outer);
  wrapping.kinds.set(kind, (wrapping.kinds.get(kind) ?? 0) + 1);
  countWords(wrapping.words, shape.words);
  const program = inner < start ? null : programOf(outer);
  if (program !== null) {
    const kinds = wrapping.programs.get(program) ?? new Set<string>();
    if (wrapping.programs.size < WORDS_KEPT) wrapping.programs.set(program, kinds.add(kind));
  }
  if (end < 0) return;
  wrapping.exactEnds += 1;
  const tail = shapeOf(text.slice(end), true);
  if (tail === null || end === text.length || tail.parts[0] === 'word') return;
  const firstGap = text.length - end - text.slice(end).trimStart().length;
  const seen = wrapping.tails.get(tail.key) ?? openTail(tail.parts, firstGap);
  if (wrapping.tails.size >= WORDS_KEPT) return;
  wrapping.tails.set(tail.key, seen);
  seen.firstGap = seen.firstGap === firstGap ? firstGap : Infinity;
  seen.kinds.add(kind);
  seen.samples += 1;
  seen.text = text.slice(end);
  countWords(seen.words, tail.words);
}

function openTail(parts: readonly Part[], firstGap: number): Tail {
  return { parts, firstGap, kinds: new Set(), samples: 0, words: [], isIdentity: [], text: '' };
}

function countWords(counts: Map<string, number>[], words: readonly string[]): void {
  for (const [at, word] of words.entries()) {
    const seen = (counts[at] ??= new Map<string, number>());
    if (seen.size < WORDS_KEPT || seen.has(word)) seen.set(word, (seen.get(word) ?? 0) + 1);
  }
}

function openWrapping(key: string, parts: readonly Part[], lastGap: number, hasInner: boolean): Wrapping {
  return {
    key,
    parts,
    lastGap,
    hasInner,
    words: [],
    isIdentity: [],
    samples: 0,
    kinds: new Map(),
    programs: new Map(),
    tails: new Map(),
    exactEnds: 0,
    hosts: new Set(),
    ignoresHost: false,
    ends: [],
    outer: '',
    isTold: false,
    isMention: false,
    ofTail: { host: '', hostName: null },
  };
}

/** The program that a front names last; null: none. A single word with a colon is where the line is from: `node1: `. */
function programOf(outer: string): string | null {
  const known = programWithin(outer);
  if (known !== null) return known;
  const named = PROGRAM.exec(outer);
  const name = named?.[1];
  if (named === null || name === undefined || named.index === 0 || isLevel(name) || KERNEL_NAMES.has(name)) return null;
  return name;
}

/** Decides what the samples mean: which words tell sources apart, and what the tail is. */
export function conclude(wrapping: Wrapping): void {
  const repeats = [...wrapping.kinds.values()].some((count) => count > 1);
  wrapping.isIdentity = findIdentity(wrapping.outer, wrapping.words, wrapping.samples, repeats);
  const least = wrapping.outer === '' || wrapping.exactEnds > 1 ? 2 : 1;
  wrapping.ignoresHost = wrapping.hosts.size > 2 && wrapping.hosts.size >= Math.min(wrapping.samples, WORDS_KEPT);
  wrapping.ends = [...wrapping.tails.values()]
    .filter(({ kinds }) => kinds.size >= least)
    .sort((a, b) => b.parts.length - a.parts.length);
  for (const tail of wrapping.ends) {
    const isIdentity = findIdentity(tail.text, tail.words, tail.samples, repeats);
    // A tail that all lines have tells nothing apart, and a torn line lacks it.
    tail.isIdentity = isIdentity.map((is, at) => is && (wrapping.ends.length > 1 || (tail.words[at]?.size ?? 0) > 1));
  }
}

/** Which words of a text tell sources apart: none of those in its stamps, and no name of a field (`MESSAGE=`). */
function findIdentity(
  text: string,
  words: readonly Map<string, number>[],
  samples: number,
  repeats: boolean,
): boolean[] {
  const spans = findStamps(text);
  const shape = shapeOf(text);
  const isOther = (shape?.words ?? []).map((word, at) => {
    const from = shape?.starts[at] ?? 0;
    const to = from + word.length;
    return (
      text.charAt(to) === '=' ||
      knownProgram(word) !== null ||
      spans.some((span) => from >= span.start && to <= span.end)
    );
  });
  return words.map((seen, at) => isOther[at] !== true && isIdentity(seen, samples, repeats));
}

function isIdentity(seen: Map<string, number>, samples: number, repeats: boolean): boolean {
  const values = [...seen.keys()];
  if (values.length >= WORDS_KEPT) return false;
  if (values.every(isLevel)) return false;
  const areNumbers = values.every((value) => /^\d+$/.test(value));
  if (seen.size === 1) return !areNumbers;
  // A count, or an id of each line, which may stand twice.
  // Of few letters it may be a name: `db01`.
  const areIds =
    values.every((value) => /^[0-9a-f]{4,64}$/.test(value)) && !values.every((value) => /^[a-f]+\d{1,2}$/.test(value));
  if ((seen.size === samples && (samples > 2 || areIds)) || (areIds && seen.size > 2 && samples < seen.size * 3))
    return false;
  if (areNumbers) return repeats && seen.size <= 8 && seen.size * 3 <= samples;
  if (values.some((value) => /\d/.test(value))) return seen.size * 2 <= samples || samples <= 2;
  return repeats && seen.size <= 16 && seen.size * 2 <= samples;
}

/** Prose that quotes one line of a log is no log, but may tell of a kill. */
export function isBelieved(wrapping: Wrapping): boolean {
  const { outer, samples, kinds } = wrapping;
  if (isSearch(outer)) return false;
  if (outer === '' && wrapping.ends.length === 0 && !wrapping.ignoresHost) return false;
  if (kinds.size > 1 || wrapping.hasInner) return true;
  const [kind] = kinds.keys();
  if (kind !== 'kill' && kind !== 'score' && kind !== 'verdict' && kind !== 'userspace') return samples > 2;
  if (isExample(outer) || (kind === 'kill' && wrapping.isMention)) return false;
  if (isSentence(outer)) return (kind === 'kill' || kind === 'score') && wrapping.isTold;
  return !/^ *[A-Za-z]+: ?$/.test(outer);
}

const words: string[] = [];

/** Takes a line's wrapping off, noting in `stamp` what it says; -1: the line has another. Gives where the kernel's text begins. */
export function strip(wrapping: Wrapping, text: string, stamp: Stamp, known: KnownTail): number {
  const at = matchFront(wrapping.parts, wrapping.lastGap, text, words);
  if (at < 0) return -1;
  const identity = words.filter((_, index) => wrapping.isIdentity[index] === true);
  const inner = wrapping.hasInner ? stripKnown(text, at, stamp, known) : stripProgram(text, at, stamp);
  // Nothing of the front is there: the rest of a record with line breaks.
  if (wrapping.hasInner && inner === at && wrapping.parts.length === 1) return -1;
  if (wrapping.ignoresHost) stamp.host = '';
  const outer = text.slice(0, at);
  const named = findHost(outer);
  stamp.hostName = named !== '' ? named : stamp.host !== '' ? stamp.host : nameOf(wrapping, outer, identity);
  stamp.host = [...(named !== '' ? [named] : identity), stamp.host].join(' ').trimEnd();
  if (stamp.timeText === null) {
    const [found] = findStamps(outer);
    stamp.timeText = found?.timeText ?? null;
    stamp.realtimeUs ??= found?.realtimeUs ?? null;
  }
  if (inner === at && stamp.program === null) {
    const program = nameIds(wrapping) ? null : programOf(outer);
    if (program !== null && (wrapping.programs.get(program)?.size ?? 0) < KINDS_OF_LOG) stamp.program = program;
  }
  if (stamp.form === 'bare') stamp.form = wrapping.isTold ? 'told' : 'learned';
  return inner;
}

/** The one name of all that tells sources apart. Of a single line it must look like one: any words may stand before a quotation. */
function nameOf({ samples, kinds }: Wrapping, text: string, identity: readonly string[]): string {
  const name = identity.length === 0 ? '' : nameIn(text, identity);
  return samples > 1 || kinds.size > 1 || /[\d.-]/.test(name) ? name : '';
}

/** The known part of a front. What holds the line may have told time and host already. */
function stripKnown(text: string, at: number, stamp: Stamp, known: KnownTail): number {
  if (stamp.timeText === null && stamp.form === 'bare') return stripPrefix(text, at, stamp, known, false);
  const own = emptyStamp();
  const end = stripPrefix(text, at, own, known, false);
  stamp.program = own.program ?? stamp.program;
  stamp.kernelUs ??= own.kernelUs;
  stamp.timeText = own.timeText ?? stamp.timeText;
  if (own.host !== '') stamp.host = own.host;
  return end;
}

/** What looks like a program's name is another one on each line: an id. */
function nameIds({ programs, samples }: Wrapping): boolean {
  return programs.size > 2 && programs.size * 4 > samples;
}

/** A text without the tail; what the tail says is noted in `stamp`. */
export function withoutTail(wrapping: Wrapping, text: string, stamp: Stamp): string {
  const tail = wrapping.ends.find(({ parts, firstGap }) => matchTail(parts, firstGap, text) >= 0);
  if (tail === undefined) {
    if (stamp.host === '') Object.assign(stamp, wrapping.ofTail);
    return text;
  }
  const end = matchTail(tail.parts, tail.firstGap, text);
  const rest = text.slice(end);
  const front = stamp.host;
  const named = findHost(rest);
  if (named !== '') {
    stamp.host = `${named} ${stamp.host}`.trimEnd();
    stamp.hostName = named;
  } else if (tail.isIdentity.includes(true)) {
    const identity = (shapeOf(rest, true)?.words ?? []).filter((_, at) => tail.isIdentity[at] === true);
    stamp.hostName = stamp.host === '' ? nameOf(wrapping, rest, identity) : (stamp.hostName ?? stamp.host);
    stamp.host = [stamp.host, ...identity].join(' ').trimStart();
  }
  if (front === '') wrapping.ofTail = { host: stamp.host, hostName: stamp.hostName };
  if (stamp.timeText === null) {
    const [found] = findStamps(rest);
    stamp.timeText = found?.timeText ?? null;
    stamp.realtimeUs ??= found?.realtimeUs ?? null;
  }
  return text.slice(0, end);
}
