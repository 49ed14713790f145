import { decodeText } from '../bytes.ts';
import type { MemcgFacts } from '../report.ts';

// Task in /a/b killed as a result of limit of /a                     up to 4.20: group of the victim, then the full one
// memory: usage 15356kB, limit 15360kB, failcnt 122
// memory+swap: usage 0kB, limit 9007199254740988kB, failcnt 0        cgroup v1
// swap: usage 0kB, limit 0kB, failcnt 0                              cgroup v2
// Memory cgroup stats for /a: cache:0KB rss:15356KB …                one line for each group of the tree, up to 5.2
// Memory cgroup stats for /a:                                        from 5.3 on: one `name value` a line, bytes or counts
// anon 15728640

export interface MemcgState {
  facts: MemcgFacts;
  /** Whose limit: from `Task in`, or from the heading of the statistics. */
  oomMemcg: string | null;
  taskMemcg: string | null;
  statsOpen: boolean;
  /** Lines of statistics taken. */
  statCount: number;
}

export function emptyMemcg(): MemcgState {
  return {
    facts: {
      usageKiB: null,
      limitKiB: null,
      failcnt: null,
      swapUsageKiB: null,
      swapLimitKiB: null,
      memswUsageKiB: null,
      memswLimitKiB: null,
      kmemUsageKiB: null,
      kmemLimitKiB: null,
      version: null,
      statsKiB: {},
      events: {},
    },
    oomMemcg: null,
    taskMemcg: null,
    statsOpen: false,
    statCount: 0,
  };
}

const TASK_IN = /^ ?Task in (.*) killed as a result of limit of (.*)$/s;
const NO_VICTIM = /^ ?Memory limit reached of cgroup (.*)$/s;
const COUNTER = /^ ?(memory|memory\+swap|kmem|swap): usage (\d+)kB, limit (\d+)kB, failcnt (\d+)/;
// Memory cgroup stats for /a: cache:0KB rss:15356KB … — the path may hold anything, and nothing up to 3.8.
const STATS_FRONT = /^ ?Memory cgroup stats(?: for |:)/;
const GLUED_PAIR = /:(\w{1,40}):(\d{1,20})[kK]B$/;
const GLUED_MAX = 70;
const STAT_PAIR = /^(\w{1,40}):(\d{1,20})[kK]B$/;
const EVENT = /^(?:total_)?(?:pg(?!tables)|workingset_|thp_|numa_|nr_|zswp|swpin|swpout|pswp)/;
/** "No limit": 2^63 bytes, 2^64 bytes, or counters of 4 KiB pages, in the spellings of all versions. */
const UNLIMITED_KIB = 2 ** 53 - 4096;
const KEYS_MAX = 200;

/** Takes one line of a memory group's block into `state`; false: not such a line. */
export function readMemcgLine(state: MemcgState, text: string): boolean {
  if (state.statsOpen && readStat(state, text)) return true;
  const first = text.charCodeAt(0) === 32 ? text.charCodeAt(1) : text.charCodeAt(0);
  const counter = text.includes('usage ') ? COUNTER.exec(text) : null;
  if (counter !== null) {
    readCounter(state.facts, counter[1] ?? '', Number(counter[2]), Number(counter[3]), Number(counter[4]));
    return true;
  }
  if (first !== 77 && first !== 84) return false; // Memory, Task
  const taskIn = TASK_IN.exec(text);
  if (taskIn !== null) {
    state.taskMemcg ??= decodeText(taskIn[1] ?? '');
    state.oomMemcg ??= decodeText((taskIn[2] ?? '').trimEnd());
    return true;
  }
  const noVictim = NO_VICTIM.exec(text);
  if (noVictim !== null) {
    state.oomMemcg ??= decodeText((noVictim[1] ?? '').trimEnd());
    return true;
  }
  return STATS_FRONT.test(text) && readStatsLine(state, text);
}

/** The pairs stand at the end; each group of the tree has its own line, and their sum is what the full group holds. */
function readStatsLine(state: MemcgState, text: string): boolean {
  const words = text.trimEnd().split(' ');
  let first = words.length;
  for (; first > 0 && STAT_PAIR.test(words[first - 1] ?? ''); first -= 1);
  const front = words[first - 1] ?? '';
  // Some of 3.x put no blank between the path and the first pair.
  const glued = GLUED_PAIR.exec(front.slice(-GLUED_MAX));
  if (!front.endsWith(':') && glued === null) return false;
  state.statsOpen = first === words.length && glued === null;
  if (glued !== null) addStat(state.facts.statsKiB, glued[1] ?? '', Number(glued[2]));
  for (const word of words.slice(first)) {
    const pair = STAT_PAIR.exec(word);
    addStat(state.facts.statsKiB, pair?.[1] ?? '', Number(pair?.[2]));
  }
  return true;
}

function readCounter(facts: MemcgFacts, name: string, usageKiB: number, limit: number, failcnt: number): void {
  const limitKiB = limit >= UNLIMITED_KIB ? null : limit;
  if (name === 'memory') {
    facts.usageKiB ??= usageKiB;
    facts.limitKiB ??= limitKiB;
    facts.failcnt ??= failcnt;
  } else if (name === 'swap') {
    facts.swapUsageKiB ??= usageKiB;
    facts.swapLimitKiB ??= limitKiB;
    facts.version ??= 2;
  } else if (name === 'memory+swap') {
    facts.memswUsageKiB ??= usageKiB;
    facts.memswLimitKiB ??= limitKiB;
    facts.version ??= 1;
  } else {
    facts.kmemUsageKiB ??= usageKiB;
    facts.kmemLimitKiB ??= limitKiB;
  }
}

/** Takes `anon 15728640`; false: something else. Read by hand: a report has some fifty of them. */
export function readStat(state: MemcgState, text: string): boolean {
  let start = 0;
  while (text.charCodeAt(start) === 32) start += 1;
  let at = start;
  for (let code = text.charCodeAt(at); isKeyCharacter(code); code = text.charCodeAt((at += 1)));
  if (at === start || text.charCodeAt(at) !== 32 || text.charCodeAt(start) < 97) return false;
  const digits = at + 1;
  let value = 0;
  let end = digits;
  for (let code = text.charCodeAt(end); code >= 48 && code <= 57; code = text.charCodeAt((end += 1)))
    value = value * 10 + code - 48;
  if (end === digits || (end < text.length && text.slice(end).trim() !== '')) return false;
  if ((state.statCount += 1) > KEYS_MAX) return true;
  const { name, isEvent } = knowKey(text.slice(start, at));
  if (isEvent) state.facts.events[name] ??= value;
  else state.facts.statsKiB[name] ??= Math.round(value / 1024);
  return true;
}

function isKeyCharacter(code: number): boolean {
  return (code >= 97 && code <= 122) || code === 95 || (code >= 48 && code <= 57);
}

interface Key {
  name: string;
  isEvent: boolean;
}

/** The names are the same few in every report. */
const knownKeys = new Map<string, Key>();

function knowKey(name: string): Key {
  const known = knownKeys.get(name);
  if (known !== undefined) return known;
  const key: Key = { name, isEvent: EVENT.test(name) };
  if (knownKeys.size < KEYS_MAX) knownKeys.set(name, key);
  return key;
}

function addStat(stats: Record<string, number>, key: string, kiB: number): void {
  if (key in stats || Object.keys(stats).length < KEYS_MAX) stats[key] = (stats[key] ?? 0) + kiB;
}
