/** One line of the kernel's log. Texts are ASCII; line feeds inside one are part of it. */
export interface KernelText {
  /** As in <linux/kern_levels.h>: 3 error, 4 warning, 6 information. */
  level: number;
  text: string;
}

/** A line as the kernel has it: numbered, and stamped with microseconds since boot. */
export interface RingRecord extends KernelText {
  seq: number;
  usec: number;
}

export interface KernelRing {
  append: (line: KernelText, usec: number) => RingRecord;
  /** What is still held, oldest first. */
  records: () => readonly RingRecord[];
  /** Calls back for each new record; returns how to stop that. */
  onRecord: (listener: (record: RingRecord) => void) => () => void;
}

/** The ring of a kernel: bounded, the oldest records make room. */
const RECORDS_MAX = 8_192;

export function openKernelRing(): KernelRing {
  const listeners = new Set<(record: RingRecord) => void>();
  let held: RingRecord[] = [];
  let seq = 0;

  return {
    append: ({ level, text }, usec) => {
      const record = { level, text, seq: seq++, usec };
      held.push(record);
      if (held.length > RECORDS_MAX) held = held.slice(-RECORDS_MAX / 2);
      for (const listener of listeners) listener(record);
      return record;
    },
    records: () => held,
    onRecord: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** A record as a read of /dev/kmsg gives it: `prio,seq,usec,-;text`, bytes beyond printable ASCII and `\` as `\xHH`. */
export function renderKmsg({ level, seq, usec, text }: RingRecord): string {
  const escaped = text.replaceAll(
    /[^\x20-\x5b\x5d-\x7e]/g,
    (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
  return `${level},${seq},${usec},-;${escaped}\n`;
}
