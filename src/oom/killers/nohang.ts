import { decodeText, toInteger } from '../bytes.ts';
import { NO_KILL, type UserspaceKill, type UserspaceLine } from './userspace-kill.ts';

// nohang prints a block, one entry of the journal a line:
//   Victim status (found in 1ms):                                                        0.2 on
//     PID:       5677, name: tail, state: R, EUID: 1000, SID: 1234 (bash), lifetime: 12 s
//     badness:   572, oom_score:  572, oom_score_adj:  0
//   Sending SIGTERM to the victim
// 0.1 and what lay between had one field a line (`  PID:       5677`), or all in one:
//   Victim is tail, pid: 5677, badness: 572, VmRSS: 3963 MiB, VmSwap: 0 MiB
//   Sending SIGTERM to the victim; OK; response time: 13 ms
// and the very first:
//   Try to send the SIGTERM signal to tail,
//   Pid 5677, Badness 572, VmRSS 3963 MiB
const ANSI = /\x1b\[[0-9;]{0,8}m/g;
const ALL = /^\s{0,8}Victim is (.{0,64}), pid: (\d{1,10}), badness: (-?\d{1,10})(?:, VmRSS: (\d{1,12}) MiB)?/s;
const PID_LINE = /^\s{0,8}PID: {1,12}(\d{1,10})(?:, name: |\s*$)/;
const NAME_END = /, state: .{1,24}, EUID: (\d{1,10})/;
const FIELD = /^\s{0,8}(Name|EUID|VmRSS): {1,12}(.{1,64}?)\s{0,8}$/;
const BADNESS =
  /^\s{0,8}badness: {1,12}(-?\d{1,10})(?:, oom_score: {1,12}\d{1,10})?(?:, oom_score_adj: {1,12}(-?\d{1,5}))?/;
const RSS = /^\s{0,8}Vm, MiB: {1,8}Size: \d{1,12}, RSS: (\d{1,12})/;
const BLOCK = /^(?:Victim (?:status|information) \(found|Found a (?:victim|process) with )/;
const SEND = /^\s{0,8}Send(?:ing)? (SIG[A-Z]{3,6}) to the victim(.{0,200})/;
const TRY =
  /^\s{0,8}Try to send the (SIG[A-Z]{3,6}) signal to (?:blacklisted process )?(.{1,64}?),(?:\s{1,4}Pid (\d{1,10}))?\s*$/;
const TRY_PID = /^\s{0,8}Pid (\d{1,10}), (?:oom_score|Badness) (-?\d{1,10})(?:, VmRSS (\d{1,12}) MiB)?/;
/** 0.2 prints up to 40 lines between whom it found and the signal. */
const BLOCK_LINES_MAX = 60;
const DIED = /^\s{0,8}The victim (?:died in \d|became a zombie)/;
const LIVES = /^\s{0,8}The victim doesn't respond/;
const NOT_SENT = /^\s{0,8}(?:Selected process died before corrective action|(?:no such process|ProcessLookupError))/;

export interface NohangReader {
  read: (text: string) => UserspaceLine | null;
  /** A line of which the program is not known, as in nohang's own log file: only what no other program writes. */
  readBare: (text: string) => UserspaceLine | null;
  isInBlock: () => boolean;
}

/** Reads nohang's lines, from 0.1 on, and remembers whom it has found. */
export function openNohangReader(): NohangReader {
  let victim: Partial<UserspaceKill> = {};
  let tried: { signal: string; name: string } | null = null;
  /** How many lines of a block without a program may follow. */
  let bareLines = 0;

  function take(signal: string | null, rest: string): UserspaceLine | null {
    if (victim.pid === undefined || rest.includes('no such process')) return null;
    const kill = { ...NO_KILL, killer: 'nohang' as const, ...victim, signal };
    victim = {};
    return { kind: 'kill', kill };
  }

  /** Keeps what a line of the block says; true: it was one. */
  function note(text: string): boolean {
    const all = ALL.exec(text);
    if (all !== null) {
      victim = { name: decodeText(all[1] ?? ''), pid: Number(all[2]), score: Number(all[3]), rssKiB: toKiB(all[4]) };
      return true;
    }
    if (BLOCK.test(text)) {
      victim = {};
      return true;
    }
    const pid = PID_LINE.exec(text);
    if (pid !== null) {
      const rest = text.slice(pid[0].length, pid[0].length + 200);
      const end = NAME_END.exec(rest);
      victim = { ...victim, pid: Number(pid[1]) };
      if (end !== null) victim = { ...victim, name: decodeText(rest.slice(0, end.index)), uid: toInteger(end[1]) };
      return true;
    }
    const field = FIELD.exec(text);
    if (field !== null) {
      const value = field[2] ?? '';
      if (field[1] === 'Name') victim = { ...victim, name: decodeText(value) };
      else if (field[1] === 'EUID' && /^\d{1,10}$/.test(value)) victim = { ...victim, uid: Number(value) };
      return true;
    }
    const badness = BADNESS.exec(text);
    if (badness !== null) victim = { ...victim, score: Number(badness[1]), oomScoreAdj: toInteger(badness[2]) };
    const rss = RSS.exec(text);
    if (rss !== null) victim = { ...victim, rssKiB: toKiB(rss[1]) };
    return badness !== null || rss !== null;
  }

  function read(given: string): UserspaceLine | null {
    const text = given.includes('\x1b') ? given.replace(ANSI, '') : given;
    if (note(text)) return null;
    const send = SEND.exec(text);
    if (send !== null) return take(send[1] ?? null, send[2] ?? '');
    const attempt = TRY.exec(text);
    if (attempt !== null) {
      tried = { signal: attempt[1] ?? '', name: decodeText(attempt[2] ?? '') };
      if (attempt[3] === undefined) return null;
      victim = { pid: Number(attempt[3]), name: tried.name };
      return take(tried.signal, '');
    }
    const attempted = tried === null ? null : TRY_PID.exec(text);
    if (tried !== null && attempted !== null) {
      const { signal, name } = tried;
      tried = null;
      victim = { pid: Number(attempted[1]), name, score: Number(attempted[2]), rssKiB: toKiB(attempted[3]) };
      return take(signal, '');
    }
    if (DIED.test(text)) return { kind: 'after', text, says: 'died' };
    if (LIVES.test(text) || NOT_SENT.test(text)) return { kind: 'after', text, says: 'failed' };
    return text.includes('requires corrective actions') ? { kind: 'before', text } : null;
  }

  return {
    read,
    isInBlock: () => bareLines > 0,
    readBare: (text) => {
      if (BLOCK.test(text) || ALL.test(text) || TRY.test(text)) bareLines = BLOCK_LINES_MAX;
      else if (bareLines > 0) bareLines -= 1;
      else return DIED.test(text) || LIVES.test(text) ? read(text) : null;
      return read(text);
    },
  };
}

function toKiB(mib: string | undefined): number | null {
  return mib === undefined ? null : Number(mib) * 1024;
}
