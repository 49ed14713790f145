import type { Incident } from '../../incident/incident.ts';
import type { Notice } from '../../notice/notice.ts';
import { describeStorm } from '../../notice/incident/storm-notice.ts';
import { describeMoreKills } from '../../notice/incident/thread-notice.ts';
import { openChannelMemory } from './channel-memory.ts';
import { backOffMs, planStep, type ChannelView, type Step } from './delivery-plan.ts';
import { settleRefused } from './delivery-refused.ts';
import { markOf, seenAs, threadOf, type Item } from './delivery-item.ts';
import type { DeliveryWorld } from './delivery-world.ts';
import { openDigests } from './thread-batching.ts';
import type { Delivery, Posted, SendOutcome } from '../ports.ts';
import { readReply } from '../reply-body.ts';
import { nextNews, noteFound, sendNews } from './send-news.ts';

/** So many of each kind are held at once. Incidents have room of their own: no backlog of words keeps a new one waiting. */
const CLAIM_MAX = { incident: 400, news: 200, reply: 100 } as const;
/** What another process left in flight is looked for this far back; what this one sent, not much longer than a request takes. */
const LEFT_BACK_MS = 7 * 24 * 60 * 60_000;
const SENT_BACK_MS = 10 * 60_000;
/** A chat that will not be searched does not block its channel for ever. */
const LOOKS_REFUSED_MAX = 5;
/** Of a message that was found in the chat: older than any incident's. */
const SEEN_REVISION = -1;

/** Edits count for the whole workspace: conversations share the allowance of `chat.update`, about 50 a minute. */
export interface EditAllowance {
  freeAtMs: number;
}
const EDIT_SPACING_MS = 1_200;

export interface ChannelQueue {
  /** Takes what another process left in flight. */
  adopt: (deliveries: readonly Delivery[]) => Promise<void>;
  /** Claims and sends until nothing can be sent now. Returns when to come again; null: when something new is there. */
  run: (signal: AbortSignal) => Promise<number | null>;
  /** Gives unsent claims back, so that another process may take them at once. What may have arrived stays in flight. */
  release: () => Promise<void>;
  /** The same for a channel that another process serves now; call it again: it looks for what may have arrived. */
  letGo: () => Promise<void>;
}

/** One channel's deliveries, one request at a time. */
export function openChannelQueue(channel: string, world: DeliveryWorld, edits: EditAllowance): ChannelQueue {
  const { store, workspace, clock, log } = world;
  const items = new Map<number, Item>();
  const memory = openChannelMemory(clock.nowMs);
  const digests = openDigests();
  let pausedUntilMs = 0;
  let failures = 0;
  let looksRefused = 0;

  async function run(signal: AbortSignal): Promise<number | null> {
    while (!signal.aborted) {
      if (clock.nowMs() < pausedUntilMs) return pausedUntilMs;
      await claim();
      if ([...items.values()].some((item) => item.maybeSentSinceMs !== null)) {
        await look();
        continue;
      }
      const replies = [...items.values()].filter((item) => item.delivery.kind !== 'incident');
      const step = planStep(view(replies), clock.nowMs());
      if (step.kind === 'wait') return Number.isFinite(step.untilMs) ? step.untilMs : null;
      await perform(step, replies);
    }
    return null;
  }

  async function claim(): Promise<void> {
    for (const kind of ['incident', 'news', 'reply'] as const) {
      const held = [...items.values()].filter((item) => item.delivery.kind === kind).length;
      if (held >= CLAIM_MAX[kind]) continue;
      const limit = CLAIM_MAX[kind] - held;
      const claimed = await store.claimDeliveries(channel, world.owner, clock.nowMs(), limit, kind);
      for (const delivery of claimed) await take(delivery, null);
    }
  }

  async function take(delivery: Delivery, maybeSentSinceMs: number | null): Promise<void> {
    const posted = delivery.kind === 'news' ? null : await postedOf(delivery.incidentId);
    const item = { delivery, reply: readReply(delivery.body), maybeSentSinceMs, posted };
    items.set(delivery.id, item);
    if (maybeSentSinceMs === null && (await hasNothingToSay(item)))
      await done(item, delivery.kind === 'incident' ? posted : null);
  }

  /** True for messages that are up to date, and for replies that cannot be said or need not be. */
  async function hasNothingToSay({ delivery, reply, posted }: Item): Promise<boolean> {
    if (delivery.kind === 'incident') {
      const incident = posted ? await store.incident(delivery.incidentId) : null;
      return posted !== null && (!incident || incident.revision <= posted.revision);
    }
    if (delivery.kind === 'news') return reply === null;
    if (!reply || !posted || (await isStorm(posted))) return true;
    return (reply.upToKill ?? 0) > 0 && digests.fold(delivery.incidentId, reply.upToKill ?? 0, clock.nowMs());
  }

  /** The message tells of several incidents: what happens to one of them is no news in its thread. */
  async function isStorm(posted: Posted): Promise<boolean> {
    return (await store.postedTogether(channel, posted.ts)).length > 1;
  }

  async function postedOf(incidentId: string): Promise<Posted | null> {
    return (await store.postedOf(incidentId)).find((one) => one.channel === channel) ?? null;
  }

  function view(replies: readonly Item[]): ChannelView {
    const nowMs = clock.nowMs();
    const behind = [...incidentItems()].flatMap((item) => (item.posted ? [item.posted.ts] : []));
    return {
      pausedUntilMs,
      ...memory.view(),
      newIds: unposted().map((item) => item.delivery.incidentId),
      behind: [...new Set(behind)].map((ts) => ({ ts, ...memory.changeOf(ts) })),
      replyAtMs: [...replies.map(() => nowMs), ...digests.dueTimes()],
      editFreeAtMs: edits.freeAtMs,
    };
  }

  function incidentItems(): Item[] {
    return [...items.values()].filter((item) => item.delivery.kind === 'incident');
  }

  function unposted(): Item[] {
    return incidentItems().filter((item) => item.posted === null);
  }

  async function perform(step: Exclude<Step, { kind: 'wait' }>, replies: readonly Item[]): Promise<void> {
    switch (step.kind) {
      case 'post':
        return postIncidents([step.id]);
      case 'storm':
        return postIncidents(step.ids);
      case 'join':
        return editMessage(step.ts, step.ids);
      case 'edit':
        return editMessage(step.ts, []);
      case 'reply': {
        const reply = replies[step.index];
        if (reply?.delivery.kind === 'news') return tellNews(replies.filter((one) => one.delivery.kind === 'news'));
        return reply ? sendReply(reply) : sendDigest();
      }
    }
  }

  async function postIncidents(ids: readonly string[]): Promise<void> {
    const sending = unposted().filter((item) => ids.includes(item.delivery.incidentId));
    const incidents = await loadAll(ids, sending);
    const [first] = incidents;
    if (!first) return;
    const notice = await tell(first, incidents);
    const outcome = memory.counted(await workspace.post({ channel, notice, mark: markOf(incidents) }));
    if (outcome.kind !== 'sent') return failed(sending, outcome, true);
    memory.posted(outcome.ts, incidents.length);
    await settleShown(sending, incidents, outcome.ts);
  }

  /** Brings a message up to date; `joining` incidents become part of it, and it a storm's. */
  async function editMessage(ts: string, joining: readonly string[]): Promise<void> {
    const members = (await store.postedTogether(channel, ts)).map((one) => one.incidentId);
    const sending = [
      ...incidentItems().filter((item) => item.posted?.ts === ts),
      ...unposted().filter((item) => joining.includes(item.delivery.incidentId)),
    ];
    const ids = [...new Set([...members, ...sending.map((item) => item.delivery.incidentId)])];
    const incidents = await loadAll(ids, sending);
    const [first] = incidents;
    if (!first) return;
    const notice = await tell(first, incidents);
    edits.freeAtMs = clock.nowMs() + EDIT_SPACING_MS;
    const outcome = await workspace.update({ channel, ts, notice, mark: markOf(incidents) });
    if (outcome.kind !== 'sent') return failed(sending, outcome, joining.length > 0);
    memory.edited(ts, joining.length > 0 ? incidents.length : null);
    await settleShown(sending, incidents, ts);
  }

  async function tell(first: Incident, all: readonly Incident[]): Promise<Notice> {
    return all.length === 1 ? world.describe(first) : describeStorm(all);
  }

  /** All news that wait, as one message; what fills one by itself goes alone. */
  async function tellNews(all: readonly Item[]): Promise<void> {
    const waiting = nextNews(all);
    const sent = await sendNews(world, channel, waiting);
    if (!sent) return;
    const outcome = memory.counted(sent);
    // It may have been an edit.
    if (waiting[0]?.reply?.key != null) edits.freeAtMs = clock.nowMs() + EDIT_SPACING_MS;
    if (outcome.kind !== 'sent') return failed(waiting, outcome, true);
    failures = 0;
    for (const item of waiting) await done(item, null);
  }

  async function sendReply(item: Item): Promise<void> {
    if (!item.reply || !item.posted || (await isStorm(item.posted))) return done(item, null);
    const mark = { id: seenAs(item), also: [] };
    const outcome = memory.counted(
      await workspace.reply({ channel, threadTs: item.posted.ts, notice: item.reply.notice, mark }),
    );
    // The message was deleted, and its thread with it: there is nobody to tell.
    if (outcome.kind === 'gone') return done(item, null);
    if (outcome.kind !== 'sent') return failed([item], outcome, true);
    failures = 0;
    if (item.reply.upToKill !== null && item.reply.upToKill > 0)
      digests.told(item.delivery.incidentId, item.reply.upToKill, clock.nowMs());
    await done(item, null);
  }

  /** Kills that were folded while their thread rested, as one line. Lost with the process; the message and the record have them. */
  async function sendDigest(): Promise<void> {
    const due = digests.takeDue(clock.nowMs());
    const posted = due ? await postedOf(due.incidentId) : null;
    const incident = due ? await store.incident(due.incidentId) : null;
    if (!due || !posted || !incident || incident.killCount <= due.toldKills || (await isStorm(posted))) return;
    const notice = describeMoreKills(incident, incident.killCount - due.toldKills, clock.nowMs() - due.toldAtMs);
    const mark = { id: `more-${due.incidentId}-${incident.killCount}`, also: [] };
    const outcome = memory.counted(await workspace.reply({ channel, threadTs: posted.ts, notice, mark }));
    if (outcome.kind !== 'sent') return failed([], outcome, false);
    failures = 0;
    digests.told(due.incidentId, incident.killCount, clock.nowMs());
  }

  /** The incidents as they are now; deliveries of those that are no longer on record are settled. */
  async function loadAll(ids: readonly string[], sending: readonly Item[]): Promise<Incident[]> {
    const loaded = new Map<string, Incident>();
    for (const id of ids) {
      const incident = await store.incident(id);
      if (incident) loaded.set(id, incident);
    }
    for (const item of sending) if (!loaded.has(item.delivery.incidentId)) await done(item, null);
    return [...loaded.values()];
  }

  async function settleShown(sending: readonly Item[], incidents: readonly Incident[], ts: string): Promise<void> {
    failures = 0;
    for (const item of sending) {
      const incident = incidents.find((one) => one.id === item.delivery.incidentId);
      if (incident) await done(item, { incidentId: incident.id, channel, ts, revision: incident.revision });
    }
  }

  async function done(item: Item, posted: Posted | null): Promise<void> {
    await store.settleDelivery(item.delivery.id, { kind: 'done', posted });
    items.delete(item.delivery.id);
  }

  async function failed(
    sending: readonly Item[],
    outcome: Exclude<SendOutcome, { kind: 'sent' }>,
    maybeSent: boolean,
  ): Promise<void> {
    switch (outcome.kind) {
      case 'rate-limited':
        pausedUntilMs = clock.nowMs() + outcome.retryAfterMs;
        return;
      case 'unsent':
      case 'unknown':
        rest(outcome.reason);
        if (outcome.kind === 'unknown' && maybeSent) {
          for (const item of sending) item.maybeSentSinceMs ??= clock.nowMs() - SENT_BACK_MS;
        }
        return;
      case 'gone':
        for (const item of sending) {
          // Nothing to answer to or to edit, and yet nothing was there: not to be tried at once again.
          if (!item.posted) await refused(item, 'message not found');
          await store.forgetPosted(item.delivery.incidentId, channel);
          item.posted = null;
        }
        return;
      case 'refused':
        for (const item of sending) await refused(item, outcome.reason);
        return;
    }
  }

  function rest(reason: string): void {
    failures += 1;
    pausedUntilMs = clock.nowMs() + backOffMs(failures);
    if (failures === 1) log.warn({ channel, reason }, 'Slack is unreachable; messages are waiting');
  }

  async function refused(item: Item, reason: string): Promise<void> {
    items.delete(item.delivery.id);
    await settleRefused(world, item.delivery, reason);
  }

  /** Finds out what became of doubtful messages of one place before any of them is repeated. */
  async function look(): Promise<void> {
    const doubtful = [...items.values()].filter((item) => item.maybeSentSinceMs !== null);
    const threadTs = doubtful[0] ? threadOf(doubtful[0]) : null;
    const here = doubtful.filter((item) => threadOf(item) === threadTs);
    const sinceMs = Math.min(...here.map((item) => item.maybeSentSinceMs ?? Infinity));
    const seen = await workspace.find({ channel, threadTs, sinceMs });
    switch (seen.kind) {
      case 'looked':
        looksRefused = 0;
        for (const item of here) await settleSeen(item, seen.byId.get(seenAs(item)));
        return;
      case 'rate-limited':
        pausedUntilMs = clock.nowMs() + seen.retryAfterMs;
        return;
      case 'unknown':
        return rest(seen.reason);
      case 'refused':
        looksRefused += 1;
        if (looksRefused < LOOKS_REFUSED_MAX) return rest(seen.reason);
        looksRefused = 0;
        log.error({ channel, reason: seen.reason }, 'Slack cannot be searched; a message may be posted twice');
        for (const item of here) item.maybeSentSinceMs = null;
    }
  }

  async function settleSeen(item: Item, ts: string | undefined): Promise<void> {
    item.maybeSentSinceMs = null;
    if (ts === undefined) return;
    const { incidentId, kind } = item.delivery;
    log.info({ channel, incidentId }, 'A message that might not have been sent did arrive; not repeated');
    if (kind === 'news') await noteFound(world, item, { channel, ts });
    if (kind !== 'incident') await done(item, null);
    // What it shows may be older than what is known: it is edited.
    else item.posted = { incidentId, channel, ts, revision: SEEN_REVISION };
  }

  async function adopt(deliveries: readonly Delivery[]): Promise<void> {
    for (const delivery of deliveries) await take(delivery, clock.nowMs() - LEFT_BACK_MS);
  }

  async function letGo(): Promise<void> {
    if (clock.nowMs() >= pausedUntilMs && [...items.values()].some((item) => item.maybeSentSinceMs !== null))
      await look();
    await release();
  }

  async function release(): Promise<void> {
    for (const item of items.values()) {
      if (item.maybeSentSinceMs !== null) continue;
      // Whoever comes next must know where it stands; what changed since has a delivery of its own.
      if (item.posted?.revision === SEEN_REVISION) {
        await done(item, item.posted);
        continue;
      }
      await store.settleDelivery(item.delivery.id, { kind: 'retry', notBeforeMs: item.delivery.notBeforeMs });
      items.delete(item.delivery.id);
    }
  }

  return { adopt, run, letGo, release };
}
