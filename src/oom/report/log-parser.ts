import { openAssembler, type Assembler } from './assemble.ts';
import type { LogLine } from '../framing/frame.ts';
import { openUnwrapper } from '../framing/unwrap.ts';
import { buildRecord, shareFacts } from './record.ts';
import type { OomEvent } from '../report.ts';
import type { ReportState } from './report-state.ts';
import { onceOverStreams } from './told-twice.ts';

export interface LogParser {
  /**
   * Takes one line as a byte string (latin1: one character per byte) without its line end; `number` counts from 1.
   * Gives what it changed. Never throws, whatever the bytes.
   */
  line: (bytes: string, number: number) => OomEvent[];
  /** Nothing came for a while (a second on a live stream): tells what still waited for a further line. */
  settle: () => OomEvent[];
  /** End of input: every kill gets its last word (`closed`). */
  end: () => OomEvent[];
  /** Nothing is open, and the form does not need every line: lines that hold no anchor (anchors.ts) need not be given. */
  maySkip: () => boolean;
}

const STREAMS_MAX = 64;
/** A line that stands twice is this close to itself, with what its container puts between. */
const REPEATED_WITHIN = 12;
/** printk cuts at 1 to 2 KiB (LOG_LINE_MAX); with room for what wrappers add. Nothing behind it is the kernel's. */
const TEXT_MAX = 8_192;
const KILLED_MAX = 10_000;
const BETWEEN_MAX = 32;
const NO_EVENTS: OomEvent[] = [];

/**
 * A parser for one input, a file or a live stream. With `lastWordOnly` only `closed` events are given, which saves work on files;
 * with `keepsLines` the first kill of a report comes with all its lines.
 */
export function openLogParser(options: { lastWordOnly?: boolean; keepsLines?: boolean } = {}): LogParser {
  const framer = openUnwrapper(isIdle, options.lastWordOnly === true);
  const assemblers = new Map<string, Assembler>();
  const lines: LogLine[] = [];
  /** Told by assemblers that had to make room. */
  const evicted: OomEvent[] = [];
  /** Who died, whatever the host: `365 mariadbd`. */
  const killed = new Set<string>();
  let reports = 0;
  let last: Assembler | null = null;
  let lastStream = '';
  let lastLine: LogLine | null = null;
  /** Begins a report; a paste may have a name or a time between it and its double. */
  let lastHeader: LogLine | null = null;

  function isIdle(): boolean {
    for (const assembler of assemblers.values()) if (!assembler.isIdle()) return false;
    return true;
  }

  function assemblerOf(stream: string): Assembler {
    if (last !== null && stream === lastStream) return last;
    last = assemblers.get(stream) ?? openStream(stream);
    lastStream = stream;
    return last;
  }

  function openStream(stream: string): Assembler {
    if (assemblers.size >= STREAMS_MAX) {
      for (const [oldest, assembler] of assemblers) {
        assembler.end();
        tell(assembler, evicted);
        assemblers.delete(oldest);
        break;
      }
    }
    const assembler = openAssembler(
      () => (reports += 1),
      (pid, name) => [...assemblers].some(([other, { hasKilled }]) => other !== stream && hasKilled(pid, name)),
      options.keepsLines === true,
    );
    assemblers.set(stream, assembler);
    return assembler;
  }

  function tell(assembler: Assembler, out: OomEvent[]): void {
    for (const { kind, death } of assembler.events) {
      if (kind === 'kill' && death.pid !== null && death.name !== null) {
        if (killed.size >= KILLED_MAX) killed.clear();
        killed.add(`${death.pid} ${death.name}`);
      }
      // Its kill line stands under the name of another host: two names of one machine, or of a machine and its guest.
      if (death.reapedAlone !== null && killed.has(death.reapedAlone)) continue;
      if (kind === 'closed' || options.lastWordOnly !== true)
        out.push({ kind, record: buildRecord(death), ...(kind === 'kill' ? linesOf(death.report) : {}) });
      else if (kind === 'kill') shareFacts(death.report, death);
    }
    assembler.events.length = 0;
  }

  function takeLines(): OomEvent[] {
    let events = NO_EVENTS;
    for (const line of lines) {
      if (isRepeated(line, lastLine)) continue;
      lastLine = line;
      if (lastHeader !== null) {
        if (isRepeated(line, lastHeader)) continue;
        if (line.text.length > BETWEEN_MAX) lastHeader = null;
      }
      if (line.text.length > TEXT_MAX) line.text = line.text.slice(0, TEXT_MAX);
      const assembler = assemblerOf(line.stream);
      assembler.feed(line);
      if (assembler.hasBegunWith(line)) lastHeader = line;
      if (assembler.events.length === 0 && evicted.length === 0) continue;
      events = [...events, ...evicted.splice(0)];
      tell(assembler, events);
    }
    lines.length = 0;
    return events;
  }

  function tellAll(act: (assembler: Assembler) => void): OomEvent[] {
    const events = [...takeLines(), ...evicted.splice(0)];
    for (const assembler of assemblers.values()) {
      act(assembler);
      tell(assembler, events);
    }
    return events.sort((a, b) => a.record.line - b.record.line);
  }

  return {
    line: (bytes, number) => {
      framer.frame(bytes, number, lines);
      return takeLines();
    },
    settle: () => {
      framer.settle(lines);
      return tellAll((assembler) => assembler.settle());
    },
    end: () => {
      framer.end(lines);
      const events = tellAll((assembler) => assembler.end());
      return options.lastWordOnly === true && assemblers.size > 1 ? onceOverStreams(events) : events;
    },
    maySkip: () => !framer.needsEveryLine() && !framer.isHolding() && isIdle(),
  };
}

/** Once: they are large, and a report may stay amendable for long. */
function linesOf(report: ReportState): Pick<OomEvent, 'report'> {
  const { kept } = report;
  report.kept = null;
  return kept === null ? {} : { report: kept };
}

/** The line above once more: two loggers wrote into one file. */
function isRepeated(line: LogLine, above: LogLine | null): boolean {
  return (
    above !== null &&
    line.text === above.text &&
    line.text !== '' &&
    line.line - above.line <= REPEATED_WITHIN &&
    !line.continued &&
    line.stream === above.stream &&
    line.kernelUs === above.kernelUs &&
    line.timeText === above.timeText
  );
}
