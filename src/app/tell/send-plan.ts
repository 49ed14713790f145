/** At most so many messages in one channel within the window, whatever happens. Slack takes about one a second with short bursts. */
export const POSTS_MAX = 3;
export const POSTS_WINDOW_MS = 10_000;
/** One message is edited no more often than this. */
export const EDIT_GAP_MS = 3_000;
/** A message that was just posted may be completed sooner. */
const FIRST_EDIT_GAP_MS = 1_000;
/** A storm is over when nothing new has come for this long. */
export const STORM_QUIET_MS = 30_000;
/** In a storm news are gathered: the first summary after this, later ones less often. Well below the 30 s that each may take. */
const SUMMARY_FIRST_GAP_MS = 5_000;
const SUMMARY_GAP_MS = 12_000;
/** A message that tells of more incidents could not carry all their ids; the rest goes into the next. */
export const SUMMARY_MAX = 150;

const BACK_OFF_FIRST_MS = 1_000;
const BACK_OFF_MAX_MS = 30_000;
const REFUSED_FIRST_MS = 15_000;
const REFUSED_MAX_MS = 15 * 60_000;
/** About an hour of tries; then an operator must have changed something. */
export const REFUSED_TRIES_MAX = 8;

/** A storm as a channel is in it: a way of telling, which ends. */
export interface Storm {
  /** When its newest incident came. */
  newestAtMs: number;
  summaryAtMs: number;
  summaries: number;
}

/** One channel, as the decision sees it. */
export interface ChannelView {
  /** Times of posts and replies, oldest first. */
  sentAtMs: readonly number[];
  /** What people must be notified of, oldest first: incidents without a message, and those that are announced anew. */
  announce: readonly string[];
  /** Cards without a message. */
  cards: readonly string[];
  /** Messages that show less than is known, with the time of their last change. */
  behind: readonly { key: string; touchedAtMs: number; wasEdited: boolean }[];
  /** Threads in which something waits, and when it may be said. */
  threads: readonly { ts: string; atMs: number }[];
  hasNews: boolean;
  storm: Storm | null;
  /** All channels share the allowance for edits. */
  editFreeAtMs: number;
}

export type Step =
  | { kind: 'announce'; key: string }
  | { kind: 'summary'; keys: readonly string[] }
  | { kind: 'card'; key: string }
  | { kind: 'edit'; key: string }
  | { kind: 'thread'; ts: string }
  | { kind: 'news' }
  | { kind: 'wait'; untilMs: number };

/**
 * What to do next in a channel. What people must see comes first: alone while the allowance lasts, else together in a new message.
 * Then cards, then messages are brought up to date, then news and threads. The last place is kept for a new incident.
 */
export function planStep(view: ChannelView, nowMs: number): Step {
  const recent = view.sentAtMs.filter((at) => at >= nowMs - POSTS_WINDOW_MS);
  const free = POSTS_MAX - recent.length;
  const waits: number[] = [];

  if (view.announce.length > 0) {
    const step = planAnnouncement(view, recent, nowMs);
    if (step.kind !== 'wait') return step;
    waits.push(step.untilMs);
  }
  const [card] = view.cards;
  if (card !== undefined && free >= 2) return { kind: 'card', key: card };

  const edits = view.behind
    .map((one) => ({ key: one.key, dueAtMs: Math.max(editableAt(one), view.editFreeAtMs) }))
    .toSorted((a, b) => a.dueAtMs - b.dueAtMs);
  if (edits[0] && edits[0].dueAtMs <= nowMs) return { kind: 'edit', key: edits[0].key };
  if (edits[0]) waits.push(edits[0].dueAtMs);

  const thread = view.threads.toSorted((a, b) => a.atMs - b.atMs)[0];
  if (view.hasNews && free >= 2) return { kind: 'news' };
  if (thread && thread.atMs <= nowMs && free >= 2) return { kind: 'thread', ts: thread.ts };
  if (card !== undefined || view.hasNews) waits.push(roomAt(recent, 2));
  if (thread) waits.push(free >= 2 ? thread.atMs : Math.max(thread.atMs, roomAt(recent, 2)));
  return { kind: 'wait', untilMs: Math.max(nowMs + 1, Math.min(...waits)) };
}

function planAnnouncement(view: ChannelView, recent: readonly number[], nowMs: number): Step {
  const { storm, announce } = view;
  const free = POSTS_MAX - recent.length;
  const [first = ''] = announce;
  if (free < 1) return { kind: 'wait', untilMs: roomAt(recent, 1) };
  if (storm && nowMs - storm.newestAtMs < STORM_QUIET_MS) {
    const dueAtMs = storm.summaryAtMs + (storm.summaries < 2 ? SUMMARY_FIRST_GAP_MS : SUMMARY_GAP_MS);
    if (dueAtMs > nowMs) return { kind: 'wait', untilMs: dueAtMs };
  } else if (free >= announce.length) return { kind: 'announce', key: first };
  return announce.length === 1
    ? { kind: 'announce', key: first }
    : { kind: 'summary', keys: announce.slice(0, SUMMARY_MAX) };
}

function editableAt(message: { touchedAtMs: number; wasEdited: boolean }): number {
  return message.touchedAtMs + (message.wasEdited ? EDIT_GAP_MS : FIRST_EDIT_GAP_MS);
}

/** When so many places are free. */
function roomAt(recent: readonly number[], places: number): number {
  const at = recent[recent.length - POSTS_MAX + places - 1];
  return at === undefined ? 0 : at + POSTS_WINDOW_MS + 1;
}

/** How long a channel rests after its n-th failure in a row (1, 2, …) to reach Slack: 1 s, 2 s, 4 s … 30 s. */
export function backOffMs(failures: number): number {
  return Math.min(BACK_OFF_MAX_MS, BACK_OFF_FIRST_MS * 2 ** Math.min(20, Math.max(0, failures - 1)));
}

/** How long something rests after its n-th refusal (1, 2, …): 15 s, 30 s … 15 min. */
export function refusedBackOffMs(tries: number): number {
  return Math.min(REFUSED_MAX_MS, REFUSED_FIRST_MS * 2 ** Math.min(20, Math.max(0, tries - 1)));
}
