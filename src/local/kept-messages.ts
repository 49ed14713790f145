import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import type { Changes } from './changes.ts';
import type { Directory } from './directory.ts';
import type { Message } from './message.ts';
import type { MessageLog } from './message-log.ts';

/** What the page shows of a channel, and the threads of that. */
const KEPT_PER_CHANNEL_MAX = 500;
/** A storm brings hundreds of changes: they are written together. */
const WRITE_AFTER_MS = 2_000;

const block = z.looseObject({ type: z.string(), block_id: z.string() });
const kept = z.object({
  ts: z.string().regex(/^\d{1,12}\.\d{6}$/),
  user: z.string(),
  threadTs: z.string().nullable(),
  isBroadcast: z.boolean(),
  text: z.string(),
  blocks: z.array(block),
  metadata: z.object({ event_type: z.string(), event_payload: z.record(z.string(), z.unknown()) }).nullable(),
  editedTs: z.string().nullable(),
  onlyFor: z.string().nullable(),
  replies: z.object({ count: z.number(), users: z.array(z.string()), latestTs: z.string().nullable() }),
});
const Kept = z.object({
  // By the channel's name: its id goes by its place in the configuration.
  channels: z.record(z.string(), z.array(kept)),
  lastRead: z.record(z.string(), z.string()),
});

/**
 * Takes up the messages that `file` has of an earlier start, and keeps it up to date from then on; a file that cannot be read is begun
 * anew. Gives how to end that, with what is not written yet.
 */
export function keepMessages(
  file: string,
  world: { changes: Changes; directory: Directory; log: MessageLog },
): () => void {
  const { changes, directory, log } = world;
  const before = read(file);
  for (const [name, messages] of Object.entries(before?.channels ?? {})) {
    const channel = directory.channel(name);
    if (channel !== null)
      log.restore(
        channel.id,
        messages.map((one): Message => ({ ...one, channel: channel.id })),
      );
  }
  log.restoreReads(new Map(Object.entries(before?.lastRead ?? {})));

  let timer: NodeJS.Timeout | null = null;
  function write(): void {
    timer = null;
    const channels = Object.fromEntries(
      directory.channels().map(({ id, name }) => [name, log.newest(id, KEPT_PER_CHANNEL_MAX)]),
    );
    try {
      writeFileSync(`${file}.new`, JSON.stringify({ channels, lastRead: Object.fromEntries(log.reads()) }), {
        mode: 0o600,
      });
      renameSync(`${file}.new`, file);
    } catch {
      // The disk is full or read-only: the page still shows what there is, and the bot says so itself.
      rmSync(`${file}.new`, { force: true });
    }
  }
  const stop = changes.subscribe(({ kind }) => {
    if (kind === 'message' || kind === 'removed' || kind === 'read')
      timer ??= setTimeout(write, WRITE_AFTER_MS).unref();
  });
  return () => {
    stop();
    if (timer === null) return;
    clearTimeout(timer);
    write();
  };
}

function read(file: string): z.output<typeof Kept> | null {
  try {
    return Kept.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return null;
  }
}
