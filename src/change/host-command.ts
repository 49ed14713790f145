import type { ChangeRefusal } from './refusal.ts';

// The helper takes one line on standard input and answers one line:
//   v1 <boot_id> <pid> <starttime_ticks> <current_adj> <new_adj>   ok pid=1306 old=0 new=-300 oom_score=468
//   v1 unit <boot_id> <unit> <current|-> <new|->                   ok unit=mysql.service old=- new=-500
//   v1 try …                    ok try      whether one of these would be done; nothing is
//   v1 hello                    ok oom-adj=1 min=-900 max=1000 capability=yes writable=yes file=oom_score_adj [units=yes] [raise=no log=yes try=yes ref=yes] [names=yes] [drill=yes]
//   v1 names                    name docker … (oom/proc/container-name.ts), a line each, then: ok names=12
//   v1 drill <nonce>            ok drill=<nonce>    the kernel killed a process of the helper's own
// What stands in brackets older helpers do not say. The first two and drill may end in 16 to 64 hex digits for the host's log.
// or `refused <reason>`. It checks all of this again; what is checked here only keeps nonsense from being sent.

const VERSION = 1;
const BOOT_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
// systemd.unit(5), without what a shell or a path could take for more than a name.
const UNIT = /^[A-Za-z0-9:_@\\][A-Za-z0-9:_.@\\-]{0,246}\.(?:service|scope|slice|socket|mount|swap)$/;

export const HELLO_REQUEST = 'v1 hello\n';
/** What the engines call their containers. Only helpers that say `names=yes` know it; it changes and logs nothing. */
export const NAMES_REQUEST = 'v1 names\n';

/** The request for one process. null: one of its parts is none. */
export function processRequest(want: {
  bootId: string;
  pid: number;
  startTicks: number;
  from: number;
  to: number;
  ref?: string | undefined;
}): string | null {
  const { bootId, pid, startTicks, from, to, ref } = want;
  if (!BOOT_ID.test(bootId) || !isWhole(pid, 2, 9_999_999) || !isWhole(startTicks, 0, 1e15)) return null;
  if (!isAdj(from) || !isAdj(to)) return null;
  return `v1 ${bootId} ${pid} ${startTicks} ${from + 0} ${to + 0}${refWord(ref)}\n`;
}

/** The request for a unit's drop-in; null as a value stands for no drop-in. */
export function unitRequest(want: {
  bootId: string;
  unit: string;
  from: number | null;
  to: number | null;
  ref?: string | undefined;
}): string | null {
  const { bootId, unit, from, to, ref } = want;
  if (!BOOT_ID.test(bootId) || !isUnitName(unit)) return null;
  if ((from !== null && !isAdj(from)) || (to !== null && !isAdj(to))) return null;
  return `v1 unit ${bootId} ${unit} ${from ?? '-'} ${to ?? '-'}${refWord(ref)}\n`;
}

/** The question whether a request would be done. Only helpers that say `try=yes` know it. */
export function tryRequest(request: string): string {
  return request.replace(/^v1 /, 'v1 try ');
}

/** Has the helper let the kernel kill a process of its own. `id`: 32 hex digits. Only helpers that say `drill=yes` know it. */
export function drillRequest(id: string, ref?: string): string {
  return `v1 drill ${id}${refWord(ref)}\n`;
}

/** Reads what came back for it, or for the question whether it would be done: `done` then says that it would. */
export function readDrillAnswer(
  text: string,
  id: string,
): { kind: 'done' } | { kind: 'refused'; word: string } | { kind: 'unknown'; reason: string } {
  const line = answerLine(text);
  if (line === `ok drill=${id}` || line === 'ok try') return { kind: 'done' };
  const refused = line === null ? null : REFUSED.exec(line);
  return refused
    ? { kind: 'refused', word: refused[1] ?? '' }
    : { kind: 'unknown', reason: 'The helper’s answer cannot be read.' };
}

/** What ties the host's own log to ours. Only helpers that say `ref=yes` take it. */
function refWord(ref: string | undefined): string {
  return ref !== undefined && /^[0-9a-f]{16,64}$/.test(ref) ? ` ${ref}` : '';
}

/** Whether a name can be a unit's, and can be sent. */
export function isUnitName(text: string): boolean {
  return UNIT.test(text) && !text.includes('..');
}

function isWhole(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}

/** Whether a value is in the range that the kernel knows. */
export function isAdj(value: number): boolean {
  return isWhole(value, -1000, 1000);
}

export type HelperAnswer =
  | { kind: 'written'; old: number; now: number }
  | { kind: 'unit-written'; old: number | null; now: number | null }
  /** It would be done. */
  | { kind: 'would' }
  | { kind: 'refused'; why: ChangeRefusal }
  /** No such line: it may have been done or not. */
  | { kind: 'unreadable' };

const WRITTEN = /^ok pid=(\d{1,7}) old=(-?\d{1,4}) new=(-?\d{1,4}) oom_score=(?:-?\d{1,6}|-)(?: oom_adj=-?\d{1,3})?$/;
const UNIT_WRITTEN = /^ok unit=(\S{1,255}) old=(-|-?\d{1,4}) new=(-|-?\d{1,4})$/;
const REFUSED = /^refused ([a-z-]{1,30})(?::(-|-?\d{1,4}))?$/;

/** Reads what came back for a request about `pid` or `unit`. Only the last such line counts: sudo may say something before. */
export function readHelperAnswer(text: string, about: { pid: number } | { unit: string }): HelperAnswer {
  const line = answerLine(text);
  if (line === null) return { kind: 'unreadable' };
  const written = WRITTEN.exec(line);
  if (written) {
    if (!('pid' in about) || Number(written[1]) !== about.pid) return { kind: 'unreadable' };
    return { kind: 'written', old: Number(written[2]), now: Number(written[3]) };
  }
  const unit = UNIT_WRITTEN.exec(line);
  if (unit) {
    if (!('unit' in about) || unit[1] !== about.unit) return { kind: 'unreadable' };
    return { kind: 'unit-written', old: valueOrNone(unit[2]), now: valueOrNone(unit[3]) };
  }
  if (line === 'ok try') return { kind: 'would' };
  const refused = REFUSED.exec(line);
  return refused ? { kind: 'refused', why: refusalOf(refused[1] ?? '', refused[2] ?? null) } : { kind: 'unreadable' };
}

function answerLine(text: string): string | null {
  return (
    text
      .slice(-4_000)
      .split(/\r?\n/)
      .findLast((line) => /^(?:ok|refused) /.test(line)) ?? null
  );
}

function valueOrNone(text: string | undefined): number | null {
  return text === undefined || text === '-' ? null : Number(text);
}

function refusalOf(reason: string, value: string | null): ChangeRefusal {
  switch (reason) {
    case 'boot':
      return { kind: 'rebooted' };
    case 'gone':
      return { kind: 'process-gone' };
    case 'reused':
      return { kind: 'process-replaced' };
    case 'changed':
      return { kind: 'value-changed', now: value ?? '?' };
    case 'protected':
      return { kind: 'kept-process' };
    case 'no-raise':
      return { kind: 'no-raise', line: null };
    case 'log':
      return { kind: 'no-host-log' };
    case 'thread':
    case 'kthread':
    case 'pid':
      return { kind: 'not-a-process' };
    case 'capability':
      return { kind: 'no-capability' };
    case 'read-only':
      return { kind: 'read-only' };
    case 'write':
    case 'verify':
    case 'note':
    case 'limits':
    case 'busy':
      return { kind: 'not-written' };
    case 'version':
      return { kind: 'helper-version' };
    case 'no-systemd':
      return { kind: 'no-systemd' };
    case 'unit':
      return { kind: 'no-unit' };
    default:
      return { kind: 'bad-request', reason: value === null ? reason : `${reason}:${value}` };
  }
}

/** What the helper of a host can do. */
export interface HelperMeans {
  min: number;
  max: number;
  /** Root may lower a value below where a process started. */
  capability: boolean;
  /** The kernel has only oom_adj, -17 to 15. */
  legacy: boolean;
  /** It can write a unit's drop-in. */
  units: boolean;
  /** It raises values above where it found them; older helpers do. */
  raises: boolean;
  /** It has a log to write to, without which it does nothing. */
  logs: boolean;
  /** It can be asked whether it would do something. */
  tries: boolean;
  /** It takes a reference for its log. */
  refs: boolean;
  /** It can ask the container engines for their names. */
  names: boolean;
  /** It knows drills. */
  drills: boolean;
}

/** Reads the answer to HELLO_REQUEST. null: no helper that this version can talk to. */
export function readMeans(text: string): HelperMeans | null {
  const facts = new Map(
    (answerLine(text) ?? '')
      .split(' ')
      .slice(1, 20)
      .map((word): [string, string] => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]),
  );
  const [min, max] = [Number(facts.get('min') ?? Number.NaN), Number(facts.get('max') ?? Number.NaN)];
  if (Number(facts.get('oom-adj')) !== VERSION || !isAdj(min) || !isAdj(max) || min > max) return null;
  return {
    min,
    max,
    capability: facts.get('capability') === 'yes',
    legacy: facts.get('file') === 'oom_adj',
    units: facts.get('units') === 'yes',
    raises: facts.get('raise') !== 'no',
    logs: facts.get('log') !== 'no',
    tries: facts.get('try') === 'yes',
    refs: facts.get('ref') === 'yes',
    names: facts.get('names') === 'yes',
    drills: facts.get('drill') === 'yes',
  };
}
