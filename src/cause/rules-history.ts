import { sayKiB } from '../oom/units.ts';
import type { CauseFacts } from './cause-facts.ts';
import type { Finding, Rule } from './cause-rule.ts';
import { THRESHOLDS } from './thresholds.ts';
import { sayName, sayPart, saySpan } from './cause-words.ts';

const SEEN = 'the kills that oombot has on record';

/** What only several kills say. */
export const HISTORY_RULES: readonly Rule[] = [
  {
    code: 'leak',
    id: 'L1',
    place: 'pattern',
    sure: 'likely',
    meaning: 'it grows steadily in every life, up to the kill',
    advice: 'leak',
    source: SEEN,
    find: ({ history }) => {
      const leak = history?.leak ?? null;
      if (leak === null || leak.slopeKiBPerHour <= 0) return null;
      if (leak.lives < THRESHOLDS.lives || leak.r2 < THRESHOLDS.leakR2) return null;
      return {
        text: `It leaks: it grew ${sayKiB(leak.slopeKiBPerHour)} an hour in each of its last ${leak.lives} lives (a straight line fits, R² ${leak.r2.toFixed(2)}).`,
        numbers: { slopeKiBPerHour: leak.slopeKiBPerHour, r2: leak.r2, lives: leak.lives },
      };
    },
  },
  {
    code: 'kill-loop',
    id: 'L5',
    place: 'pattern',
    sure: 'certain',
    meaning: 'it is restarted and killed again and again',
    advice: 'kill-loop',
    source: SEEN,
    find: killLoop,
  },
  {
    code: 'killing-does-not-help',
    id: 'P2',
    place: 'aside',
    sure: 'likely',
    meaning: 'several small victims: the memory is with the kernel, tmpfs or a protected process',
    advice: null,
    source: 'mm/oom_kill.c',
    find: ({ kills }) =>
      kills === null || kills.smallVictims < THRESHOLDS.smallVictims
        ? null
        : {
            text: `${kills.smallVictims} small processes died within a minute, and it did not help: the memory is elsewhere.`,
            numbers: { smallVictims: kills.smallVictims },
          },
  },
  {
    code: 'same-clock-time',
    id: 'L3',
    place: 'aside',
    sure: 'likely',
    meaning: 'it happens at the same time of the day',
    advice: 'same-clock-time',
    source: SEEN,
    find: ({ history }) => {
      const minute = history?.clockMinute ?? null;
      if (minute === null) return null;
      const clocks = (history?.clockMinutes ?? [minute]).map(clockOf);
      const listed = clocks.length < 2 ? clocks.join() : `${clocks.slice(0, -1).join(', ')} and ${clocks.at(-1)}`;
      const when = history?.isDaily === true ? 'every day at about' : 'at the same time, about';
      return {
        text: `It happens ${when} ${listed} UTC: look for a timer, backup or report.`,
        numbers: { clockMinute: minute },
      };
    },
  },
  {
    code: 'after-change',
    id: 'L4',
    place: 'aside',
    sure: 'likely',
    meaning: 'its first kill came right after a change on the host',
    advice: 'after-change',
    source: SEEN,
    find: afterChange,
  },
  {
    code: 'several-hosts',
    id: 'L6',
    place: 'aside',
    sure: 'likely',
    meaning: 'the same service died on other hosts too',
    advice: null,
    source: SEEN,
    find: ({ history }) => {
      const others = history?.otherHosts ?? [];
      if (others.length === 0) return null;
      const named = others.slice(0, 3).map(sayName).join(', ');
      return {
        text: `The same service died on ${named}${others.length > 3 ? ` and ${others.length - 3} more` : ''} within the hour: a release, traffic or data, rather than this host.`,
        numbers: { hosts: others.length + 1 },
      };
    },
  },
];

function killLoop({ kills, history, group, record, holders, totalKiB }: CauseFacts): Finding | null {
  // One process of a pool that dies worker by worker does not come back each time; a group that dies as a whole may.
  const isOfPool = kills !== null && kills.inLoop === 0 && record.oomGroup === null;
  const count = isOfPool ? 0 : Math.max(kills?.inLoop ?? 0, history?.loopCount ?? 0);
  if (count < THRESHOLDS.loopKills) return null;
  const span = kills !== null && kills.inLoop === count ? kills.loopSpanMs : THRESHOLDS.loopMs;
  const [first] = holders;
  const each =
    record.domain === 'memcg' && record.memcgLimitKiB !== null
      ? `: each life ended at the limit of ${sayKiB(record.memcgLimitKiB)}`
      : first !== undefined && totalKiB !== null && group === null
        ? `; ${sayName(first.name)} held ${sayPart(first.kiB, totalKiB)}`
        : '';
  return {
    text: `It is in a loop: killed ${count} times within ${saySpan(span)}${each}.`,
    numbers: { kills: count, spanMs: span },
    ...(kills !== null && kills.loopIsSure && kills.inLoop === count ? {} : { sure: 'likely' as const }),
  };
}

function afterChange({ history, host, kills }: CauseFacts): Finding | null {
  if (kills === null || history === null || history.recurrenceAtMs.length > 0) return null;
  const packages = host?.packages ?? null;
  const [atMs, what] =
    history.changedAtMs !== null
      ? [history.changedAtMs, history.changedWhat]
      : host !== null && packages !== null
        ? [host.atMs - packages.agoSeconds * 1_000, packages.text]
        : [null, null];
  if (atMs === null) return null;
  const beforeMs = kills.diedAtMs - atMs;
  if (beforeMs < 0 || beforeMs > THRESHOLDS.changeMs) return null;
  return {
    text: `Its first kill came ${saySpan(beforeMs)} after a change${what === null ? '' : `: ${sayName(what)}`}.`,
    numbers: { beforeMs },
  };
}

/** Minutes after midnight as `01:35`. */
function clockOf(minute: number): string {
  return `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;
}
