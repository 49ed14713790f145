import type { Item } from './delivery-item.ts';
import { seenAs } from './delivery-item.ts';
import type { DeliveryWorld } from './delivery-world.ts';
import { describeNews } from './describe-news.ts';
import type { SendOutcome } from '../ports.ts';

type NewsWorld = Pick<DeliveryWorld, 'store' | 'workspace' | 'clock'>;

/** Of the news that wait, those that go as one message now: what fills a message or has one of its own goes alone. */
export function nextNews(waiting: readonly Item[]): readonly Item[] {
  const at = waiting.findIndex(fillsMessage);
  return at === -1 ? waiting : waiting.slice(0, Math.max(1, at));
}

/** Sends them. null: none of them can be read. */
export async function sendNews(
  { store, workspace, clock }: NewsWorld,
  channel: string,
  news: readonly Item[],
): Promise<SendOutcome | null> {
  const [first, ...others] = news.flatMap((item) => (item.reply ? [item.reply.notice] : []));
  if (!first) return null;
  const [id = '', ...also] = news.map(seenAs);
  const message = { channel, notice: describeNews(first, others), mark: { id, also } };
  const key = news[0]?.reply?.key ?? null;
  if (key === null) return workspace.post(message);

  const known = await store.postedNews(key);
  const isThere = known?.channel === channel;
  const outcome = isThere ? await workspace.update({ ...message, ts: known.ts }) : await workspace.post(message);
  // Somebody deleted the message: what it would say now is not news.
  if (outcome.kind === 'gone' && isThere) return { kind: 'sent', ts: known.ts };
  if (outcome.kind === 'sent') await store.savePostedNews(key, { channel, ts: outcome.ts, atMs: clock.nowMs() });
  return outcome;
}

/** A message that may not have arrived was found in the chat: what follows edits it. */
export async function noteFound(
  { store, clock }: NewsWorld,
  item: Item,
  at: { channel: string; ts: string },
): Promise<void> {
  const key = item.reply?.key ?? null;
  if (key !== null) await store.savePostedNews(key, { ...at, atMs: clock.nowMs() });
}

function fillsMessage({ reply }: Item): boolean {
  if (reply === null) return false;
  return reply.key != null || reply.notice.parts.some((part) => part.kind === 'table' || part.kind === 'rows');
}
