// What the userspace killers write. They send plain signals: no kernel report, no `oom_kill` count.
import type { LogLine } from '../framing/frame.ts';
import { readAndroid } from './android.ts';
import { readEarlyoom } from './earlyoom.ts';
import { openNohangReader } from './nohang.ts';
import { readOomd } from './oomd.ts';
import { openSystemdOomdReader } from './systemd-oomd.ts';
import { readTalos } from './talos.ts';
import type { UserspaceLine } from './userspace-kill.ts';
import { readKubelet, readUnit } from './witnesses.ts';

/** Without a program only what no other says. */
function readBareUnit(text: string): UserspaceLine | null {
  const unit = text.endsWith(' in this unit.') ? readUnit(text) : null;
  return unit?.kind === 'unit' && unit.by !== null ? unit : null;
}

export interface UserspaceReader {
  /** By the program that the framing named; of bare text only lines with a shape of their own count. */
  read: (line: LogLine) => UserspaceLine[];
  /** Lines of any look belong to what a killer without a program has begun to say. */
  isInBlock: () => boolean;
  /** Nothing more came: what waited for a further line is told as it is. */
  settle: () => UserspaceLine[];
}

/** Reads one stream; remembers what a killer said just before. */
export function openUserspaceReader(): UserspaceReader {
  const nohang = openNohangReader();
  const oomd = openSystemdOomdReader();

  function readOne(program: string | null, text: string): UserspaceLine | null {
    switch (program) {
      case null:
      case 'userspace':
        return (
          readEarlyoom(text, false) ??
          readOomd(text, false) ??
          readAndroid(text, false) ??
          readTalos(text) ??
          readBareUnit(text) ??
          readKubelet(text) ??
          nohang.readBare(text)
        );
      case 'earlyoom':
        return readEarlyoom(text, true);
      case 'systemd':
        return readUnit(text);
      case 'oomd':
        return readOomd(text, true);
      case 'lowmemorykiller':
      case 'lmkd':
        return readAndroid(text, true);
      case 'talos':
      case 'controller-runtime':
        return readTalos(text);
      default:
        return program.startsWith('nohang') ? nohang.read(text) : readKubelet(text);
    }
  }

  return {
    settle: oomd.settle,
    isInBlock: nohang.isInBlock,
    read: (line) => {
      const { program, text } = line;
      if (program === 'systemd-oomd') return oomd.read(line, text);
      const bare = program === null || program === 'userspace' ? oomd.read(line, text) : [];
      const said = bare.length > 0 ? null : readOne(program, text);
      if (said === null) return bare;
      // Who saw the kill of a rule stands behind its candidates.
      return [...oomd.settle(), said];
    },
  };
}
