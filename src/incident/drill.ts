import { isSameDeath } from './death-key.ts';
import type { Kill } from './incident.ts';

/** Where a drill can end, in the order of its way. `interrupted`: the bot itself was stopped. */
export type DrillStep = 'announce' | 'kill' | 'see' | 'record' | 'tell' | 'interrupted';

/** A kill on purpose, to try the way from a host to its channel. Times are by the bot's clock. */
export interface Drill {
  /** 32 hex digits that nobody could know before: the kill's memory group is named after it. */
  id: string;
  host: string;
  channel: string;
  /** The user who asked for it; null: the schedule. */
  by: string | null;
  /** `waiting`: for the process that watches the host. `refused`: the host did not let it begin. */
  state: 'waiting' | 'running' | 'worked' | 'failed' | 'refused';
  madeAtMs: number;
  /** When the host was asked to kill. */
  askedAtMs: number | null;
  /** As the kernel's log says it, as exactly as clocks can be compared. */
  killedAtMs: number | null;
  /** When the line was read. */
  seenAtMs: number | null;
  recordedAtMs: number | null;
  /** When the channel showed it. */
  toldAtMs: number | null;
  /** The kernel's own count of its kills before and after; null: it does not count them, or was not asked. */
  counted: { before: number; after: number } | null;
  /** Why it ended where it did; null: it did not fail. */
  end: { step: DrillStep; reason: string } | null;
}

/** What a kill of a drill is on record as. */
export interface DrillKill {
  id: string;
  host: string;
  bootId: string | null;
  /** As of every kill. */
  key: string;
}

/** From when a host was asked on, so long its kill may take to die and to be read. */
export const DRILL_WINDOW_MS = 120_000;
/** The host's clock as far as it can be told may be off by more than it says. */
const AROUND_MS = 5_000;
// oom-kill:…,oom_memcg=/oombot-drill-6e23483f3240cc65c29d1d13e1fe9a76,task_memcg=/oombot-drill-6e23483f3240cc65c29d1d13e1fe9a76,task=oombot-drill,…
// Only root can make a group there: those that users are handed are further down.
const GROUP = /^\/oombot-drill-([0-9a-f]{32})$/;

/** The id in a kill that looks like one of a drill; null: it does not. Whether it is one, the drill of that id says. */
export function drillIdOf({ record }: Kill): string | null {
  if (record.killer !== 'kernel' || record.outcome !== 'killed') return null;
  if (record.oomMemcg === null || record.taskMemcg !== record.oomMemcg) return null;
  return GROUP.exec(record.oomMemcg)?.[1] ?? null;
}

/**
 * Whether a kill is the one of this drill: in its group, on its host, in its time, and the first one. `known`: the key of the
 * death that was taken for it before, which may be told again at any time; null: none was.
 */
export function isKillOfDrill(
  kill: Kill,
  drill: Pick<Drill, 'id' | 'host' | 'askedAtMs'>,
  known: string | null,
): boolean {
  const { askedAtMs } = drill;
  if (drillIdOf(kill) !== drill.id || kill.host !== drill.host || askedAtMs === null) return false;
  if (known !== null) return isSameDeath(known, kill.key);
  const aroundMs = AROUND_MS + kill.atErrorMs;
  return isWithin(kill.seenAtMs, askedAtMs, 0) || isWithin(kill.atMs, askedAtMs, aroundMs);
}

function isWithin(atMs: number, askedAtMs: number, slackMs: number): boolean {
  return atMs >= askedAtMs - slackMs && atMs <= askedAtMs + DRILL_WINDOW_MS + slackMs;
}
