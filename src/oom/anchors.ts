// Where in a log something about an OOM kill can begin. A log of a gigabyte holds a few reports: everything else is passed over by
// `openLogScanner` (scan-log.ts), which is what readers of files use:
//
//   const parser = openLogParser({ lastWordOnly: true });
//   const scanner = openLogScanner({ parser, buffer: Buffer.allocUnsafe(SCAN_BUFFER), found: (events) => … });
//   for await (const chunk of chunks) scanner.push(chunk);
//   scanner.end();
//
// It splits lines, bounds their length, counts them, and gives the parser all that it needs. Nothing else has to be kept in step.

/**
 * One of these stands in every line that changes an idle parser. Each is nine bytes of the line's constant text, chosen to end in a
 * pair of bytes that other text rarely holds: that is what makes the search fast.
 */
const ANCHORS: readonly string[] = [
  'oked oom-', // NAME invoked oom-killer
  'er: gfp_m', // oom-killer: gfp_mask=
  'oom-kill:', // oom-kill:constraint=
  'lled proc', // Killed process 365
  'ill proce', // Kill process 365 (name) score, or sharing same memory
  'm_reaper:', // oom_reaper: reaped process
  'oom_kill_', // oom_kill_process: 70 callbacks suppressed
  'oom.group', // Tasks in GROUP are going to be killed due to memory.oom.group set
  'o killabl', // no killable processes
  '- not syn', // Kernel panic - not syncing
  'panic_on_', // panic_on_oom is selected
  'age alloc', // page allocation failure: its Mem-Info is no report's
  // A report whose beginning is lost.
  'Mem-Info:',
  'Mem-info:',
  'oup stats', // Memory cgroup stats for
  'ed of cgr', // Memory limit reached of cgroup
  'lt of lim', // Task in GROUP killed as a result of limit of
  'ate (memo', // Tasks state (memory values in pages)
  'B, failcn', // memory: usage 15356kB, limit 15360kB, failcnt 122
  ' total_vm', // [ pid ]   uid  tgid total_vm
  // systemd-oomd, oomd, earlyoom, nohang, and what systemd says of a unit.
  'y the OOM', // A process of this unit has been killed by the OOM killer
  "oom-kill'", // Failed with result 'oom-kill'
  'oomd kill', // systemd-oomd killed 12 process(es), oomd kill:
  'e to memo', // Killed GROUP due to memory pressure
  'due to sw', // due to swap used
  'ruleset:[',
  'w memory!', // low memory! at or below SIGTERM limits
  'ending SI', // sending SIGTERM to
  'ling proc', // killing process 4711 "name" with signal 15
  'ng to SIG', // escalating to SIGKILL
  'exited af', // process exited after 0.1 seconds
  'd not exi', // process 4711 did not exit
  'kill fail', // kill failed: Timer expired
  'status (f', // Victim status (found in 1ms)
  'ires corr', // requires corrective actions
  'he victim', // The victim died in
  // Journal entries: export, verbose and pretty JSON are followed from their first line; a text that is no UTF-8 is a list of numbers.
  'ALTIME_TI', // __REALTIME_TIMESTAMP=
  '_BOOT_ID=',
  'ESSAGE":[',
  'ESSAGE" :',
];
export const ANCHOR_BYTES = 9;

export interface AnchorSearch {
  /** Offset of the first anchor that lies wholly within `from` and `to`, or -1. */
  next: (bytes: Uint8Array, from: number, to: number) => number;
}

/**
 * Searches for all anchors at once by the pair of bytes at the window's end (Wu and Manber, 1994): a pair that no anchor holds
 * lets the window skip its whole width but one, so most bytes are never looked at.
 */
export function openAnchorSearch(): AnchorSearch {
  const skips = new Uint8Array(65_536).fill(ANCHOR_BYTES - 1);
  const endings = new Map<number, Uint8Array[]>();
  for (const anchor of ANCHORS) {
    const needle = Uint8Array.from(anchor, (character) => character.charCodeAt(0));
    for (let at = 0; at < ANCHOR_BYTES - 1; at += 1) {
      const pair = (needle[at] ?? 0) | ((needle[at + 1] ?? 0) << 8);
      skips[pair] = Math.min(skips[pair] ?? 0, ANCHOR_BYTES - 2 - at);
      if (at === ANCHOR_BYTES - 2) endings.set(pair, [...(endings.get(pair) ?? []), needle]);
    }
  }
  return {
    next: (bytes, from, to) => {
      let at = from + ANCHOR_BYTES - 1;
      while (at < to) {
        const pair = (bytes[at - 1] ?? 0) | ((bytes[at] ?? 0) << 8);
        const skip = skips[pair] ?? 0;
        if (skip > 0) at += skip;
        else {
          const start = at - ANCHOR_BYTES + 1;
          for (const needle of endings.get(pair) ?? []) if (startsAt(bytes, start, needle)) return start;
          at += 1;
        }
      }
      return -1;
    },
  };
}

function startsAt(bytes: Uint8Array, start: number, needle: Uint8Array): boolean {
  for (let at = 0; at < ANCHOR_BYTES; at += 1) if (bytes[start + at] !== needle[at]) return false;
  return true;
}

const FEEDS = 0x0a0a0a0a;
const LOW_BITS = 0x7f7f7f7f;
/** Each of the four counters of a word holds up to 255. */
const WORDS_A_ROUND = 255;

/** How many line feeds stand between `from` and `to`: four bytes at a time, since every byte of a log has to pass here. */
export function countLineFeeds(bytes: Uint8Array, from: number, to: number): number {
  let count = 0;
  let at = from;
  while (at < to && (bytes.byteOffset + at) % 4 !== 0) if (bytes[at++] === 10) count += 1;
  if (at === to) return count;
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset + at, (to - at) >> 2);
  for (let word = 0; word < words.length;) {
    const stop = Math.min(words.length, word + WORDS_A_ROUND);
    let counters = 0;
    for (; word < stop; word += 1) {
      // A byte of `mixed` is 0 where a line feed was; only then its highest bit stays 0 in the sum.
      const mixed = (words[word] ?? 0) ^ FEEDS;
      const others = ((mixed & LOW_BITS) + LOW_BITS) | mixed;
      counters = (counters + ((~others & 0x80808080) >>> 7)) | 0;
    }
    count += (counters & 255) + ((counters >>> 8) & 255) + ((counters >>> 16) & 255) + (counters >>> 24);
  }
  for (at += words.length * 4; at < to; at += 1) if (bytes[at] === 10) count += 1;
  return count;
}
