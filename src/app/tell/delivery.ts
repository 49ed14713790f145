import { openChannelQueue, type ChannelQueue } from './channel-queue.ts';
import type { DeliveryWorld } from './delivery-world.ts';
import type { Delivery } from '../ports.ts';

export interface DeliveryOptions extends DeliveryWorld {
  /** Channels may be shared among processes: false for those that another one serves. */
  isMine?: (channel: string) => boolean;
}

export interface Deliveries {
  /** Something new waits in the outbox. Cheap; call it after each save. */
  wake: () => void;
  /** Stops sending, waits for the requests under way, and gives back what was not sent. */
  close: () => Promise<void>;
}

/** Without a wake the outbox is looked at this often: another process may have written to it. */
const POLL_MS = 5_000;
const ADOPT_EVERY_MS = 30_000;
const AFTER_FAULT_MS = 2_000;

/**
 * Brings the outbox to the chat, for ever: each channel on its own, so that a slow one holds up nobody else. Nothing is dropped while
 * the chat is away, and nothing is repeated before it was looked for. A fault of the store is logged and tried again.
 */
export function openDelivery(options: DeliveryOptions): Deliveries {
  const { store, clock, log, isMine = () => true } = options;
  const stop = new AbortController();
  const edits = { freeAtMs: 0 };
  const queues = new Map<string, ChannelQueue>();
  const running = new Map<string, Promise<void>>();
  /** When each channel wants to run again. Until then only news make it run: what waits may wait behind what it holds. */
  const due = new Map<string, number>();
  /** Channels that were running when news came. */
  const again = new Set<string>();
  let nap = new AbortController();
  let news = true;
  let pollAtMs = 0;
  let adoptAtMs = 0;
  const loop = keepDelivering();

  function wake(): void {
    news = true;
    nap.abort();
  }

  async function keepDelivering(): Promise<void> {
    while (!stop.signal.aborted) {
      nap = new AbortController();
      try {
        if (clock.nowMs() >= adoptAtMs) await adoptLeftovers();
        await startDue();
      } catch (error) {
        log.error({ err: error }, 'The outbox could not be read');
        await sleepUntil(clock.nowMs() + AFTER_FAULT_MS);
        continue;
      }
      await sleepUntil(Math.min(pollAtMs, ...due.values()));
    }
  }

  async function startDue(): Promise<void> {
    const nowMs = clock.nowMs();
    const late = [...due].filter(([, atMs]) => atMs <= nowMs).map(([channel]) => channel);
    for (const channel of late) {
      if (!isMine(channel)) due.delete(channel);
      else if (!running.has(channel)) start(channel);
    }
    if (!news && nowMs < pollAtMs) return;

    for (const channel of queues.keys())
      if (!isMine(channel) && !running.has(channel)) running.set(channel, leave(channel));
    news = false;
    pollAtMs = nowMs + POLL_MS;
    for (const queue of await store.queueLengths()) {
      if (queue.nextAtMs === null || queue.nextAtMs > nowMs || !isMine(queue.channel)) continue;
      if (running.has(queue.channel)) again.add(queue.channel);
      else start(queue.channel);
    }
  }

  function start(channel: string): void {
    due.delete(channel);
    again.delete(channel);
    running.set(channel, runChannel(channel));
  }

  async function runChannel(channel: string): Promise<void> {
    try {
      const againAtMs = await queueOf(channel).run(stop.signal);
      if (againAtMs !== null) due.set(channel, againAtMs);
    } catch (error) {
      log.error({ err: error, channel }, 'A channel could not be served');
      due.set(channel, clock.nowMs() + AFTER_FAULT_MS);
    }
    running.delete(channel);
    if (again.delete(channel)) due.set(channel, clock.nowMs());
    nap.abort();
  }

  async function leave(channel: string): Promise<void> {
    try {
      await queueOf(channel).letGo();
    } catch (error) {
      log.error({ err: error, channel }, 'A channel could not be handed over');
    }
    running.delete(channel);
  }

  function queueOf(channel: string): ChannelQueue {
    const queue = queues.get(channel) ?? openChannelQueue(channel, options, edits);
    queues.set(channel, queue);
    return queue;
  }

  async function adoptLeftovers(): Promise<void> {
    adoptAtMs = clock.nowMs() + ADOPT_EVERY_MS;
    const left = Map.groupBy(
      await store.adoptDeliveries(options.owner, clock.nowMs()),
      (delivery: Delivery) => delivery.channel,
    );
    for (const [channel, deliveries] of left) {
      await running.get(channel);
      await queueOf(channel).adopt(deliveries);
      due.set(channel, clock.nowMs());
    }
  }

  async function sleepUntil(atMs: number): Promise<void> {
    if (nap.signal.aborted || stop.signal.aborted) return;
    try {
      await clock.sleep(Math.max(1, atMs - clock.nowMs()), nap.signal);
    } catch (error) {
      if (!nap.signal.aborted) throw error;
    }
  }

  async function close(): Promise<void> {
    stop.abort();
    nap.abort();
    await loop;
    await Promise.all(running.values());
    for (const queue of queues.values()) await queue.release();
  }

  return { wake, close };
}
