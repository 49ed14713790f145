import type { LogLine } from './frame.ts';
import { stripPrefix, type KnownTail } from './prefix.ts';
import { emptyStamp } from './stamp.ts';

// Programs that hand the kernel's log on under their own name: `logger -t`, a container that runs dmesg, the syslog driver of Docker.
//
//   Nov 22 19:51:13 db01 dmesg-dump[1234]: [  107.500000] php-fpm invoked oom-killer: …
//
// Who shows many kinds of lines of a report does so; who shows one or two quotes the kernel, as a watcher does that tells of kills.

export interface HandedOn {
  /** Notes that a program wrote a line of this kind; true: it hands the kernel's log on. */
  note: (line: LogLine, kind: string) => boolean;
  /** Takes the names of such programs off the lines from `from` on. */
  apply: (lines: LogLine[], from: number) => void;
}

const KINDS = 4;
/** A name that differs from line to line is no name. */
const SPREAD_MAX = 8;

export function openHandedOn(): HandedOn {
  const kinds = new Map<string, Set<string>>();
  const programs = new Set<string>();
  const known: KnownTail = { text: '', host: '', program: null };

  return {
    note: ({ program }, kind) => {
      if (program === null || kinds.size > SPREAD_MAX) return false;
      const seen = kinds.get(program) ?? new Set<string>();
      kinds.set(program, seen.add(kind));
      if (seen.size < KINDS) return false;
      programs.add(program);
      return true;
    },
    apply: (lines, from) => {
      if (programs.size === 0) return;
      for (let at = from; at < lines.length; at += 1) {
        const line = lines[at];
        if (line?.program == null || !programs.has(line.program)) continue;
        const stamp = emptyStamp();
        line.text = line.text.slice(stripPrefix(line.text, 0, stamp, known, false));
        line.program = stamp.program;
        line.kernelUs ??= stamp.kernelUs;
        line.timeText ??= stamp.timeText;
      }
    },
  };
}
