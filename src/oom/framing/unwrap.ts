import { openFramer, type Framer, type LogLine } from './frame.ts';
import { openHandedOn } from './handed-on.ts';
import { findLandmark, mayBeginReport } from './landmarks.ts';
import type { KnownTail } from './prefix.ts';
import { emptyStamp, type Stamp } from './stamp.ts';
import { addSample, conclude, isBelieved, strip, withoutTail, type Wrapping } from './wrapping.ts';

// Known fronts (prefix.ts) are taken off at once. Where a report begins, lines are held back until one of them shows whether the
// known front was all: a line that is known wherever it stands (landmarks.ts) must begin right behind it. Mostly the second or third
// line of a report does, and a kill line always. If not, what stands before and behind such lines is learned (wrapping.ts) and taken
// off all of them, and off all that follow.

export interface Unwrapper extends Framer {
  /** Nothing comes for a while: gives the lines that were held back. */
  settle: (out: LogLine[]) => void;
  /** Lines are held back. */
  isHolding: () => boolean;
  /** Nobody could read the line framed last, though something of a report stands in it: looks at its wrapping. */
  suspect: () => void;
}

/** One line, whatever holds it: as it stands there, and what its container told. */
export interface Unit {
  text: string;
  line: number;
  base: Stamp | null;
  /** What it is when only known fronts are taken off. */
  lines: LogLine[];
}

const WRAPPINGS_MAX = 64;
/** Without a landmark so far down, nothing unknown is there. */
const UNDECIDED_MAX = 64;
/** So many lines in a row of as many hosts are no report. */
const HOSTS_MAX = 3;
/** A journal entry of which the first fields are lost has no more than so many left. */
const TORN_LINES_MAX = 40;
const HELD_LINES_MAX = 1_500;
const HELD_BYTES_MAX = 524_288;

/**
 * @param isIdle no report is open: lines are looked at for the beginning of one
 * @param isPatient the whole input can be waited for: more lines show the wrapping better. Else a kill is told with its line
 */
export function openUnwrapper(isIdle: () => boolean, isPatient: boolean): Unwrapper {
  const learned = new Map<string, Wrapping>();
  /** The last one that fitted comes first. */
  let wrappings: Wrapping[] = [];
  let held: Unit[] = [];
  let heldBytes = 0;
  let phase: 'none' | 'undecided' | 'unknown' = 'none';
  let units: Unit[] = [];
  let isLooking = false;
  const known: KnownTail = { text: '', host: '', program: null };
  const handedOn = openHandedOn();

  const framer = openFramer({
    take: (text, line, base, out) => {
      if (isLooking) units.push({ text, line, base, lines: [] });
      return wrappings.length > 0 ? unwrap(text, line, base, out) : -1;
    },
  });

  /** How wide the front of a learned wrapping was, when the line was given without it; -1: none was there. */
  function unwrap(text: string, line: number, base: Stamp | null, out: LogLine[]): number {
    for (let index = 0; index < wrappings.length; index += 1) {
      const wrapping = wrappings[index];
      if (wrapping === undefined) continue;
      const stamp = base === null ? emptyStamp() : { ...base };
      const at = strip(wrapping, text, stamp, known);
      if (at < 0) continue;
      if (index > 0) wrappings = [wrapping, ...wrappings.filter((other) => other !== wrapping)];
      framer.push(out, withoutTail(wrapping, text.slice(at), stamp), line, stamp);
      return at;
    }
    return -1;
  }

  function startHolding(): void {
    phase = 'undecided';
    held = [];
    heldBytes = 0;
  }

  /** Takes the lines that were framed last into what is held. */
  function hold(from: LogLine[]): void {
    const [first] = units;
    if (first !== undefined && units.length === 1) first.lines = from;
    else for (const unit of units) unit.lines = from.filter(({ line }) => line === unit.line);
    if (units.length === 0 && from.length > 0) units = [{ text: '', line: 0, base: null, lines: from }];
    for (const unit of units) {
      held.push(unit);
      heldBytes += unit.text.length;
      judge(unit);
    }
  }

  function judge(unit: Unit): void {
    if (phase !== 'undecided') return;
    for (const line of unit.lines) {
      const landmark = findLandmark(line.text);
      if (landmark === null) {
        // What was taken for a front holds the kernel's text.
        if (findLandmark(unit.text) !== null) phase = 'unknown';
        continue;
      }
      const goesOn = landmark.end >= 0 && landmark.end < line.text.length;
      // Another program quotes the kernel, or hands its log on, or what was taken for its name is none.
      if (isForeign(line) && landmark.kind !== 'userspace') {
        if (isPatient && handedOn.note(line, landmark.kind)) phase = 'none';
        continue;
      }
      const isAside =
        line.form === 'inside' || landmark.start > 1 || (landmark.start === 1 && line.text.charCodeAt(0) !== 32);
      if (isAside || goesOn || hostsDiffer(held) > HOSTS_MAX) phase = 'unknown';
      else if (landmark.start >= 0 && (hostsDiffer(held) < 2 || landmark.kind === 'kill')) phase = 'none';
      if (phase !== 'undecided') return;
    }
  }

  function isOver(): boolean {
    if (phase === 'undecided') return held.length > UNDECIDED_MAX;
    if (phase === 'none' || held.length > HELD_LINES_MAX || heldBytes > HELD_BYTES_MAX) return true;
    if (isPatient) return false;
    const kind = findLandmark(held.at(-1)?.text ?? '')?.kind;
    return kind === 'kill' || kind === 'userspace';
  }

  function release(out: LogLine[]): void {
    const isUnknown = phase === 'unknown';
    phase = 'none';
    const given = held;
    held = [];
    if (isUnknown) learn(given);
    const from = out.length;
    for (const unit of given)
      if (!isUnknown || unit.text === '' || unwrap(unit.text, unit.line, unit.base, out) < 0) out.push(...unit.lines);
    completeTop(out.slice(from));
    handedOn.apply(out, from);
  }

  function learn(from: readonly Unit[]): void {
    const fresh = new Map<string, Wrapping>();
    for (const unit of from) {
      const landmark = unit.lines.some(isForeign) ? null : findLandmark(unit.text);
      if (landmark !== null) addSample(fresh, { text: unit.text, landmark });
    }
    const isMixed = from.length > 1 && fresh.size > 0 && from.some(isUnwrapped);
    for (const wrapping of fresh.values()) {
      conclude(wrapping);
      // Its words stand once, before the first line of a log that has no front: `{code}[  107.5] oom-kill:…`.
      if (isMixed && wrapping.samples === 1) wrapping.isIdentity = [];
      if (!isBelieved(wrapping) || (learned.size >= WRAPPINGS_MAX && !learned.has(wrapping.key))) continue;
      learned.set(wrapping.key, wrapping);
    }
    wrappings = [...learned.values()];
  }

  return {
    frame: (given, line, out) => {
      isLooking = phase !== 'none' || (isIdle() && mayBeginReport(given));
      if (!isLooking) {
        const from = out.length;
        framer.frame(given, line, out);
        handedOn.apply(out, from);
        return;
      }
      units = [];
      const lines: LogLine[] = [];
      framer.frame(given, line, lines);
      if (phase === 'none') {
        handedOn.apply(lines, 0);
        if (lines.some(({ form }) => form === 'learned') || !units.some(({ text }) => mayBeginReport(text))) {
          out.push(...lines);
          return;
        }
        startHolding();
      }
      hold(lines);
      if (isOver()) release(out);
    },
    push: framer.push,
    needsEveryLine: framer.needsEveryLine,
    isHolding: () => phase !== 'none',
    suspect: () => undefined,
    settle: release,
    end: (out) => {
      isLooking = phase !== 'none';
      units = [];
      const lines: LogLine[] = [];
      framer.end(lines);
      if (isLooking) hold(lines);
      else out.push(...lines);
      release(out);
    },
  };
}

/** A landmark begins its line, with a known front at most. */
function isUnwrapped({ lines }: Unit): boolean {
  return lines.some(({ text }) => findLandmark(text)?.start === 0);
}

/** The first line of an input may lack its beginning, a first entry its first fields: they are of the host that the next one names. */
function completeTop(lines: readonly LogLine[]): void {
  const next = lines.find(({ stream }) => stream !== '');
  if (next === undefined) return;
  for (const line of lines) {
    if (line.stream !== '' || line.line > TORN_LINES_MAX) return;
    const isUntimed = line.timeText === null && line.kernelUs === null;
    if (!isUntimed && (line.line !== 1 || lines[1] !== next)) continue;
    line.stream = next.stream;
    line.host = next.host;
  }
}

/** How many hosts the lines name, where each names another: what was taken for a host may be an id. Else 0. */
function hostsDiffer(units: readonly Unit[]): number {
  const hosts = units.flatMap(({ lines }) => lines.map(({ stream }) => stream)).filter((host) => host !== '');
  return new Set(hosts).size === hosts.length ? hosts.length : 0;
}

/** A known front names another program. */
function isForeign({ program }: LogLine): boolean {
  return program !== null && program !== 'userspace';
}
