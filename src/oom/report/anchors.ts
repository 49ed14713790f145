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
 * One of these stands in every line that changes an idle parser. Each is eleven bytes of the line's constant text, chosen to end in a
 * pair of bytes that other text rarely holds: that is what makes the search fast.
 */
const ANCHORS: readonly string[] = [
  'ked oom-kil', // NAME invoked oom-killer
  ': gfp_mask=', // oom-killer: gfp_mask=
  'constraint=', // oom-kill:constraint=
  'illed proce', // Killed process 365
  'ill process', // Kill process 365 (name) score, or sharing same memory
  'oom_reaper:',
  'oom_kill_pr', // oom_kill_process: 70 callbacks suppressed
  '.oom.group ', // Tasks in GROUP are going to be killed due to memory.oom.group set
  'killable pr', // no killable processes
  'el panic - ', // Kernel panic - not syncing
  'panic_on_oo', // panic_on_oom is selected
  'page alloca', // page allocation failure: its Mem-Info is no report's
  // A report whose beginning is lost.
  'ctive_anon:', // the first line of Mem-Info that every kernel from 2.6.28 on prints
  'ory cgroup ', // Memory cgroup stats for
  ' of cgroup ', // Memory limit reached of cgroup
  'as a result', // Task in GROUP killed as a result of limit of
  'emory value', // Tasks state (memory values in pages)
  'kB, failcnt', // memory: usage 15356kB, limit 15360kB, failcnt 122
  'id total_vm', // [ pid ]   uid  tgid total_vm
  // systemd-oomd, oomd, earlyoom, nohang, and what systemd says of a unit.
  ' the OOM ki', // A process of this unit has been killed by the OOM killer
  " 'oom-kill'", // Failed with result 'oom-kill'
  'oomd killed', // systemd-oomd killed 12 process(es)
  'oomd kill: ',
  'due to memo', // Killed GROUP due to memory pressure
  'ue to swap ', // due to swap used
  'ectorgroup:', // oomd's detectorgroup:
  'ow memory! ', // low memory! at or below SIGTERM limits
  'ending SIGT', // sending SIGTERM to
  'ending SIGK',
  'ng process ', // killing process 4711 "name" with signal 15
  'alating to ', // escalating to SIGKILL
  'rocess exit', // process exited after 0.1 seconds
  'id not exit', // process 4711 did not exit
  'ill failed:', // kill failed: Timer expired
  'atus (found', // Victim status (found in 1ms)
  'ective acti', // requires corrective actions
  'The victim ', // The victim died in
  'ng process:', // Killing process: tail, pid: 24833
  'to the vict', // Send SIGTERM to the victim
  'nd the SIGT', // Try to send the SIGTERM signal to
  'nd the SIGK',
  'for killing', // Marked GROUP for killing
  'itions met ', // Rule 'x' conditions met for cgroup
  'ry-run: Wou', // oomd dry-run: Would have tried to kill
  'OM killer k', // The kernel OOM killer killed some processes in this unit
  'IGKILL to c', // Sending SIGKILL to cgroup
  'killer: Kil', // lowmemorykiller: Killing 'x' (1), or of lmkd: Kill 'x' (1)
  'ller: kill(', // lowmemorykiller: kill(1): errno=1
  'send sigkil', // send sigkill to 1 (x), adj 9
  'OM encounte', // System OOM encountered
  'kill of PID', // OOM kill of PID, by the tool oomkill
  // Journal entries: export, verbose and pretty JSON are followed from their first line; a text that is no UTF-8 is a list of numbers.
  'EALTIME_TIM', // __REALTIME_TIMESTAMP=
  '_MACHINE_ID', // _MACHINE_ID=
  '"MESSAGE":[',
  '"MESSAGE" :',
];
export const ANCHOR_BYTES = 11;

export interface AnchorSearch {
  /** Offset of the first anchor that lies wholly within `from` and `to`, or -1. */
  next: (bytes: Uint8Array, from: number, to: number) => number;
}

/**
 * Searches for all anchors at once by the pair of bytes at the window's end (Wu and Manber, 1994): a pair that no anchor holds
 * lets the window skip its whole width but one, so most bytes are never looked at.
 */
export function openAnchorSearch(): AnchorSearch {
  tables ??= buildTables();
  const { skips, endings } = tables;
  /** Offset of the anchor whose last byte is at `at`, or -1. */
  function anchorAt(bytes: Uint8Array, at: number, pair: number): number {
    const start = at - ANCHOR_BYTES + 1;
    for (const needle of endings.get(pair) ?? []) if (startsAt(bytes, start, needle)) return start;
    return -1;
  }

  function search(bytes: Uint8Array, from: number, to: number): number {
    for (let at = from; at < to;) {
      const pair = (bytes[at - 1] ?? 0) | ((bytes[at] ?? 0) << 8);
      const skip = skips[pair] ?? 0;
      if (skip > 0) at += skip;
      else {
        const start = anchorAt(bytes, at, pair);
        if (start >= 0) return start;
        at += 1;
      }
    }
    return -1;
  }

  return {
    next: (bytes, from, to) => {
      // Each step waits for the memory that the last one asked for: two searches at once take little longer than one.
      const middle = Math.max(from + ANCHOR_BYTES - 1, from + ((to - from) >> 1));
      let first = from + ANCHOR_BYTES - 1;
      let second = middle;
      while (first < middle && second < to) {
        const firstSkip = skips[(bytes[first - 1] ?? 0) | ((bytes[first] ?? 0) << 8)] ?? 0;
        const secondSkip = skips[(bytes[second - 1] ?? 0) | ((bytes[second] ?? 0) << 8)] ?? 0;
        if (firstSkip === 0 || secondSkip === 0) {
          const start =
            firstSkip > 0 ? -1 : anchorAt(bytes, first, (bytes[first - 1] ?? 0) | ((bytes[first] ?? 0) << 8));
          if (start >= 0) return start;
          // An anchor in the second half waits until the first is done.
          if (secondSkip === 0 && anchorAt(bytes, second, (bytes[second - 1] ?? 0) | ((bytes[second] ?? 0) << 8)) >= 0)
            break;
        }
        first += firstSkip > 0 ? firstSkip : 1;
        second += secondSkip > 0 ? secondSkip : 1;
      }
      const found = search(bytes, first, middle);
      return found >= 0 ? found : search(bytes, second, to);
    },
  };
}

interface Tables {
  /** How far a pair of bytes lets the window move; 0: an anchor may end here. */
  skips: Uint8Array;
  /** The anchors that end in a pair. */
  endings: Map<number, Uint8Array[]>;
}

/** The same for every search, and as dear as reading a small file. */
let tables: Tables | null = null;

function buildTables(): Tables {
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
  return { skips, endings };
}

function startsAt(bytes: Uint8Array, start: number, needle: Uint8Array): boolean {
  for (let at = 0; at < ANCHOR_BYTES; at += 1) if (bytes[start + at] !== needle[at]) return false;
  return true;
}

const FEEDS = 0x0a0a0a0a;
const LOW_BITS = 0x7f7f7f7f;
const ONES = 0x01010101;
/** The four counters of a word hold up to 255 each; two words are counted apart, since each addition waits for the one before. */
const ROUND = 254;

/** How many line feeds stand between `from` and `to`: four bytes at a time, since every byte of a log has to pass here. */
export function countLineFeeds(bytes: Uint8Array, from: number, to: number): number {
  let count = 0;
  let at = from;
  while (at < to && (bytes.byteOffset + at) % 4 !== 0) if (bytes[at++] === 10) count += 1;
  const rounds = Math.floor((to - at) / 4 / ROUND);
  if (rounds === 0) return count + countOneByOne(bytes, at, to);
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + at, rounds * ROUND);
  for (let word = 0; word < words.length;) {
    let even = 0;
    let odd = 0;
    for (const stop = word + ROUND; word < stop; word += 2) {
      // A byte is 0 where a line feed was; only then its highest bit stays 0 in the sum.
      const first = (words[word] ?? 0) ^ FEEDS;
      const second = (words[word + 1] ?? 0) ^ FEEDS;
      even = (even + (((((first & LOW_BITS) + LOW_BITS) | first) >>> 7) & ONES)) | 0;
      odd = (odd + (((((second & LOW_BITS) + LOW_BITS) | second) >>> 7) & ONES)) | 0;
    }
    count += ROUND * 4 - sumBytes(even) - sumBytes(odd);
  }
  return count + countOneByOne(bytes, at + words.length * 4, to);
}

function countOneByOne(bytes: Uint8Array, from: number, to: number): number {
  let count = 0;
  for (let at = from; at < to; at += 1) if (bytes[at] === 10) count += 1;
  return count;
}

function sumBytes(word: number): number {
  return (word & 255) + ((word >>> 8) & 255) + ((word >>> 16) & 255) + (word >>> 24);
}
