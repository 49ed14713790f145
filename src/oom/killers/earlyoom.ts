import { decodeText, toInteger } from '../bytes.ts';
import { NO_KILL, type UserspaceLine } from './userspace-kill.ts';

// earlyoom[1233]: sending SIGTERM to process 29410 uid 1000 "cluster": badness 1264, VmRSS 23964 MiB            1.6 on
// sending SIGTERM to process 29410 "cluster": badness 1264, VmRSS 23964 MiB                                     1.3
// killing process 4711 "name" with signal 15: badness 972, VmRSS 3963 MiB                                       1.3 rc
// Killing process 'tail' with signal 15, pid: 24833, badness: 972, VmRSS: 3963 MiB                              1.2
// Killing process: tail, pid: 24833, badness: 972, VmRSS: 3963 MiB                                              1.1
// Killing process 24833 tail                                                                                    0.1 to 1.0
const SENDING = /^sending (SIG[A-Z]{3,6}) to process (\d{1,10})(?: uid (\d{1,10}))? "/;
const KILLING_QUOTED = /^killing process (\d{1,10}) "/;
const KILLING_NAMED = /^Killing process: ?|^Killing process '/;
const KILLING_PID = /^Killing process (\d{1,10}) (.{1,64})$/s;
const FIGURES =
  /^": (?:badness|oom_score) (\d{1,10})(?:, oom_score_adj (-?\d{1,5}))?(?:, VmRSS (\d{1,12}) MiB)?|^" with signal (\d{1,2}): badness (\d{1,10})(?:, VmRSS (\d{1,12}) MiB)?/;
const NAMED_FIGURES = /^(?:' with signal (\d{1,2}))?, pid: (\d{1,10}), badness: (\d{1,10})(?:, VmRSS: (\d{1,12}) MiB)?/;
const BEFORE = /^[Ll]ow memory! |^Low Memory! |^Out of memory! (?:mem min|avail): /;
const NAME_MAX = 15;
const ENDS = ['": badness ', '": oom_score ', '" with signal '];

const DIED = /^process (?:(\d{1,10}) )?exited after /;
const LIVES = /^process (\d{1,10}) did not exit/;
const FAILED = /^(?:kill failed: |(?:Warning: )?Could not kill process: )/;
/** ETIME as glibc and musl say it: the end of a wait, told behind "did not exit". */
const TIMED_OUT = /: (?:Timer expired|Device timeout)\s{0,8}$/;
const DRY_RUN = /^(?:dryrun, not actually sending|Warning: Dryrun mode, not actually killing)/;
const MORE = /^(?:escalating to SIG|killing whole process group )/;

/** One line of earlyoom, from its first version on; null: nothing about a kill. Its first words for it are also those of others. */
export function readEarlyoom(text: string, isNamed: boolean): UserspaceLine | null {
  const first = text.charCodeAt(0) | 32;
  if (first === 115 || first === 107) {
    const kill = readSending(text, isNamed) ?? readKilling(text) ?? (isNamed ? readFirstWords(text) : null);
    if (kill !== null) return kill;
  }
  if (BEFORE.test(text)) return { kind: 'before', text };
  const died = DIED.exec(text);
  if (died !== null) return { kind: 'after', text, says: 'died', pid: toInteger(died[1]) };
  const lives = LIVES.exec(text);
  if (lives !== null) return { kind: 'after', text, says: 'failed', pid: toInteger(lives[1]) };
  if (FAILED.test(text)) {
    if (TIMED_OUT.test(text)) return { kind: 'after', text, says: 'timed-out' };
    return { kind: 'after', text, says: text.includes('No such process') ? 'died' : 'failed' };
  }
  if (DRY_RUN.test(text)) return { kind: 'after', text, says: 'dry-run' };
  return MORE.test(text) ? { kind: 'after', text } : null;
}

function readSending(text: string, isNamed: boolean): UserspaceLine | null {
  const sending = SENDING.exec(text);
  const killing = sending === null ? KILLING_QUOTED.exec(text) : null;
  const front = sending ?? killing;
  if (front === null) return null;
  const found = endOfName(text, front[0].length);
  // Cut behind the name.
  const isCut = found < 0 && isNamed && /^.{1,15}"\s*$/s.test(text.slice(front[0].length));
  const end = isCut ? text.lastIndexOf('"') : found;
  const figures = end < 0 ? null : FIGURES.exec(text.slice(end, end + 200));
  if (figures === null && !isCut) return null;
  return {
    kind: 'kill',
    kill: {
      ...NO_KILL,
      pid: Number(sending?.[2] ?? killing?.[1]),
      name: decodeText(text.slice(front[0].length, end)),
      uid: toInteger(sending?.[3]),
      score: toInteger(figures?.[1] ?? figures?.[5]),
      oomScoreAdj: toInteger(figures?.[2]),
      rssKiB: toKiB(figures?.[3] ?? figures?.[6]),
      signal: sending?.[1] ?? signalOf(figures?.[4]),
    },
  };
}

/** The name is 15 bytes of anything, and a command line may follow: the last end within that. A byte that is cut is shown as U+FFFD. */
function endOfName(text: string, start: number): number {
  for (let at = Math.min(text.length, start + 3 * NAME_MAX); at >= start; at -= 1)
    if (ENDS.some((end) => text.startsWith(end, at)) && nameLength(text.slice(start, at)) <= NAME_MAX) return at;
  return -1;
}

function nameLength(bytes: string): number {
  return bytes.replaceAll('\xef\xbf\xbd', '.').length;
}

function readKilling(text: string): UserspaceLine | null {
  const named = KILLING_NAMED.exec(text);
  if (named !== null) {
    const start = named[0].length;
    const last = text.lastIndexOf(', pid: ', start + NAME_MAX + ' with signal 15'.length + 1);
    const quote = named[0].endsWith("'") ? text.lastIndexOf("' with signal ", last) : last;
    const figures = quote < start ? null : NAMED_FIGURES.exec(text.slice(quote, quote + 200));
    if (figures === null) return null;
    return {
      kind: 'kill',
      kill: {
        ...NO_KILL,
        pid: Number(figures[2]),
        name: decodeText(text.slice(start, quote)),
        score: Number(figures[3]),
        rssKiB: toKiB(figures[4]),
        signal: figures[1] === undefined ? null : signalOf(figures[1]),
      },
    };
  }
  return null;
}

function readFirstWords(text: string): UserspaceLine | null {
  const bare = KILLING_PID.exec(text);
  if (bare === null) return null;
  return { kind: 'kill', kill: { ...NO_KILL, pid: Number(bare[1]), name: decodeText(bare[2] ?? '') } };
}

function signalOf(number: string | undefined): string {
  return number === '9' ? 'SIGKILL' : 'SIGTERM';
}

function toKiB(mib: string | undefined): number | null {
  return mib === undefined ? null : Number(mib) * 1024;
}
