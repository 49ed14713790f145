import type { Incident } from '../../incident/incident.ts';
import type { NewDelivery } from '../ports.ts';
import { webhookName } from '../webhook.ts';
import { withTimeout } from '../with-timeout.ts';
import { openDestination, type Destination } from './destination.ts';
import type { TellWorld } from './tell-world.ts';
import { openWebhookDestination } from './webhook-destination.ts';

export interface TellingOptions extends TellWorld {
  /** Channels may be shared among processes: false for those that another one serves. */
  isMine?: (channel: string) => boolean;
}

export interface Telling {
  /** The ledger asks for something new. Cheap; call it after each save. */
  wake: () => void;
  /** Kills were saved: new incidents reach their channels even if the ledger cannot be read just then. */
  see: (saved: { incidents: readonly Incident[]; asked: readonly NewDelivery[] }) => void;
  /** An incident was opened, or cannot be saved: its channel is told, whatever becomes of the store. */
  hand: (incident: Incident, channel: string, isOnRecord: boolean) => void;
  /** Stops sending, waits for the requests under way. */
  close: () => Promise<void>;
}

/** Without a wake the ledger is looked at this often: another process may have written to it. */
const POLL_MS = 5_000;
const AFTER_FAULT_MS = 1_000;
const STORE_WITHIN_MS = 3_000;
/** Without a reason an AbortController makes an error with a stack each time. */
const WOKEN = 'woken';

/**
 * Makes stand in the chat what the ledger says should, for ever: each channel on its own, so that a slow one holds up nobody else.
 * Nothing is dropped while the chat or the store is away, and nothing is repeated before it was looked for.
 */
export function openTelling(options: TellingOptions): Telling {
  const { store, clock, log, isMine = () => true } = options;
  const stop = new AbortController();
  const edits = { freeAtMs: 0 };
  const destinations = new Map<string, Destination>();
  const running = new Map<string, Promise<void>>();
  /** When each channel wants to run again. Until then only news make it run. */
  const due = new Map<string, number>();
  /** Channels that were running when news came. */
  const again = new Set<string>();
  let nap = new AbortController();
  let news = true;
  let pollAtMs = 0;
  const loop = keepTelling();

  function wake(): void {
    news = true;
    nap.abort(WOKEN);
  }

  function hand(incident: Incident, channel: string, isOnRecord: boolean): void {
    if (isOnRecord && !isMine(channel)) return wake();
    destinationOf(channel).hand(incident, isOnRecord);
    if (running.has(channel)) again.add(channel);
    else if (!stop.signal.aborted) start(channel);
  }

  function see({ incidents, asked }: { incidents: readonly Incident[]; asked: readonly NewDelivery[] }): void {
    for (const { incidentId, channel } of asked) {
      const opened = incidents.find(({ id, revision }) => id === incidentId && revision === 1);
      if (opened !== undefined) hand(opened, channel, true);
    }
    wake();
  }

  async function keepTelling(): Promise<void> {
    while (!stop.signal.aborted) {
      nap = new AbortController();
      try {
        await startDue();
      } catch (error) {
        log.error({ err: error }, 'The ledger could not be read');
        news = true;
        await sleepUntil(clock.nowMs() + AFTER_FAULT_MS);
        continue;
      }
      await sleepUntil(Math.min(pollAtMs, ...due.values()));
    }
  }

  async function startDue(): Promise<void> {
    const nowMs = clock.nowMs();
    for (const [channel, atMs] of due)
      if (atMs <= nowMs && !running.has(channel)) {
        if (mayServe(channel)) start(channel);
        else due.delete(channel);
      }
    if (!news && nowMs < pollAtMs) return;
    news = false;
    pollAtMs = nowMs + POLL_MS;
    const queues = await withTimeout(clock, STORE_WITHIN_MS, store.queueLengths);
    if (queues.kind === 'late') throw new Error('the store did not answer in time');
    for (const queue of queues.value) {
      if (queue.nextAtMs === null || queue.nextAtMs > nowMs || !mayServe(queue.channel)) continue;
      if (running.has(queue.channel)) again.add(queue.channel);
      else start(queue.channel);
    }
  }

  /** What could not be written down is written, and told, by whoever knows it. */
  function mayServe(channel: string): boolean {
    const known = destinations.get(channel);
    return isMine(channel) || (known !== undefined && (known.unwritten() > 0 || known.owes()));
  }

  function start(channel: string): void {
    due.delete(channel);
    again.delete(channel);
    running.set(channel, runOne(channel));
  }

  async function runOne(channel: string): Promise<void> {
    const againAtMs = await destinationOf(channel).run(stop.signal);
    if (againAtMs !== null) due.set(channel, againAtMs);
    running.delete(channel);
    if (again.delete(channel)) due.set(channel, Math.min(due.get(channel) ?? Infinity, clock.nowMs()));
    nap.abort(WOKEN);
  }

  function destinationOf(channel: string): Destination {
    const known = destinations.get(channel);
    if (known !== undefined) return known;
    const opened =
      webhookName(channel) === null
        ? openDestination(channel, options, edits, () => isMine(channel))
        : openWebhookDestination(channel, options, () => isMine(channel));
    destinations.set(channel, opened);
    return opened;
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
    nap.abort(WOKEN);
    await loop;
    await Promise.all(running.values());
    for (const destination of destinations.values()) await destination.close();
  }

  return { wake, see, hand, close };
}
