/** At most so many messages in one channel within the window, whatever happens. Slack takes about one a second with short bursts. */
export const POSTS_MAX = 3;
export const POSTS_WINDOW_MS = 10_000;
/** One message is edited no more often than this. */
export const EDIT_GAP_MS = 3_000;
/** A message that was just posted may be completed sooner. */
const FIRST_EDIT_GAP_MS = 1_000;
/** A channel is back to single messages when no incident has joined its storm for this long. */
export const STORM_QUIET_MS = 30_000;
/** A message that tells of more incidents could not carry all their ids; the storm goes on in a new one. */
export const STORM_MEMBERS_MAX = 200;

const BACK_OFF_FIRST_MS = 1_000;
const BACK_OFF_MAX_MS = 30_000;
const REFUSED_FIRST_MS = 15_000;
const REFUSED_MAX_MS = 15 * 60_000;
/** About an hour of tries; then an operator must have changed something. */
export const REFUSED_TRIES_MAX = 8;

/** One channel, as the decision sees it. */
export interface ChannelView {
  pausedUntilMs: number;
  /** Times of posts and replies, oldest first. */
  sentAtMs: readonly number[];
  /** Incidents without a message, oldest first. */
  newIds: readonly string[];
  /** Messages that show less than is known, with the time of their last change. */
  behind: readonly { ts: string; touchedAtMs: number; wasEdited: boolean }[];
  /** The newest message that tells of one new incident; it can become a storm's. */
  newestSingle: { ts: string; touchedAtMs: number; wasEdited: boolean; atMs: number } | null;
  storm: { ts: string; members: number; joinedAtMs: number; touchedAtMs: number } | null;
  /** When each waiting reply may be sent. */
  replyAtMs: readonly number[];
  /** All channels share the allowance for edits. */
  editFreeAtMs: number;
}

export type Step =
  | { kind: 'post'; id: string }
  | { kind: 'storm'; ids: readonly string[] }
  | { kind: 'join'; ts: string; ids: readonly string[] }
  | { kind: 'edit'; ts: string }
  | { kind: 'reply'; index: number }
  | { kind: 'wait'; untilMs: number };

/**
 * What to do next in a channel. New incidents come first: alone while the allowance lasts, together in one message when they are
 * more, and into the message that is there when nothing is left. Then messages are brought up to date, then threads.
 */
export function planStep(view: ChannelView, nowMs: number): Step {
  if (nowMs < view.pausedUntilMs) return { kind: 'wait', untilMs: view.pausedUntilMs };
  const recent = view.sentAtMs.filter((at) => at > nowMs - POSTS_WINDOW_MS);
  const free = POSTS_MAX - recent.length;
  const roomAtMs = (recent[0] ?? nowMs) + POSTS_WINDOW_MS;
  const waits: number[] = [];

  if (view.newIds.length > 0) {
    const step = planNew(view, free, nowMs);
    if (step && step.kind !== 'wait') return step;
    waits.push(step?.untilMs ?? roomAtMs);
  }

  const edits = view.behind
    .map((one) => ({ ts: one.ts, dueAtMs: Math.max(editableAt(one), view.editFreeAtMs) }))
    .toSorted((a, b) => a.dueAtMs - b.dueAtMs);
  if (edits[0] && edits[0].dueAtMs <= nowMs) return { kind: 'edit', ts: edits[0].ts };
  if (edits[0]) waits.push(edits[0].dueAtMs);

  const firstReplyMs = Math.min(...view.replyAtMs);
  if (view.replyAtMs.length > 0) {
    // The last place is kept for a new incident: that is what people must see.
    if (free >= 2 && firstReplyMs <= nowMs) return { kind: 'reply', index: view.replyAtMs.indexOf(firstReplyMs) };
    waits.push(free >= 2 ? firstReplyMs : Math.max(firstReplyMs, replyRoomAt(recent)));
  }
  return { kind: 'wait', untilMs: Math.max(nowMs + 1, Math.min(...waits)) };
}

function planNew(view: ChannelView, free: number, nowMs: number): Step | null {
  const { storm, newIds } = view;
  if (storm && nowMs - storm.joinedAtMs < STORM_QUIET_MS && storm.members < STORM_MEMBERS_MAX) {
    const dueAtMs = Math.max(storm.touchedAtMs + EDIT_GAP_MS, view.editFreeAtMs);
    const room = STORM_MEMBERS_MAX - storm.members;
    return dueAtMs <= nowMs
      ? { kind: 'join', ts: storm.ts, ids: newIds.slice(0, room) }
      : { kind: 'wait', untilMs: dueAtMs };
  }
  const [first] = newIds;
  if (free >= newIds.length && first !== undefined) return { kind: 'post', id: first };
  if (free >= 1) return { kind: 'storm', ids: newIds.slice(0, STORM_MEMBERS_MAX) };
  const single = view.newestSingle;
  if (!single || single.atMs <= nowMs - POSTS_WINDOW_MS) return null;
  const dueAtMs = Math.max(editableAt(single), view.editFreeAtMs);
  if (dueAtMs > nowMs) return { kind: 'wait', untilMs: dueAtMs };
  return { kind: 'join', ts: single.ts, ids: newIds.slice(0, STORM_MEMBERS_MAX - 1) };
}

function editableAt(message: { touchedAtMs: number; wasEdited: boolean }): number {
  return message.touchedAtMs + (message.wasEdited ? EDIT_GAP_MS : FIRST_EDIT_GAP_MS);
}

function replyRoomAt(recent: readonly number[]): number {
  return (recent[recent.length - POSTS_MAX + 1] ?? recent[0] ?? 0) + POSTS_WINDOW_MS;
}

/** How long a channel rests after its n-th failure in a row (1, 2, …) to reach Slack: 1 s, 2 s, 4 s … 30 s. */
export function backOffMs(failures: number): number {
  return Math.min(BACK_OFF_MAX_MS, BACK_OFF_FIRST_MS * 2 ** Math.min(20, Math.max(0, failures - 1)));
}

/** How long a delivery rests after its n-th refusal (1, 2, …): 15 s, 30 s … 15 min. */
export function refusedBackOffMs(tries: number): number {
  return Math.min(REFUSED_MAX_MS, REFUSED_FIRST_MS * 2 ** Math.min(20, Math.max(0, tries - 1)));
}
