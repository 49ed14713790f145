import type { Changes } from './changes.ts';
import type { Content, Message } from './message.ts';
import { BOT } from './directory.ts';

const MESSAGES_PER_CHANNEL_MAX = 2_000; // The oldest go first; a stand-in forgets rather than grows

export type Draft = Pick<Message, 'channel' | 'user'> & Partial<Message>;

export interface MessageLog {
  post: (draft: Draft) => Message;
  edit: (message: Message, content: Partial<Content & Pick<Message, 'metadata'>>) => void;
  remove: (message: Message) => void;
  /** Messages that only one person sees are found with `onlyFor` alone. */
  find: (channel: string, ts: string, onlyFor?: string) => Message | null;
  /** Oldest first; what `person` may see: null is the bot, who sees no ephemeral messages. */
  inChannel: (channel: string, person: string | null) => Message[];
  /** The parent and its replies, oldest first. */
  inThread: (channel: string, threadTs: string, person: string | null) => Message[];
  unread: (channel: string, person: string) => number;
  markRead: (channel: string, person: string) => void;
  nextTs: () => string;
  /** The newest of a channel with all its threads, oldest first. */
  newest: (channel: string, max: number) => Message[];
  /** Those of an earlier start, before any other is posted. */
  restore: (channel: string, messages: Message[]) => void;
  /** Up to where each person read each channel. */
  reads: () => ReadonlyMap<string, string>;
  restoreReads: (reads: ReadonlyMap<string, string>) => void;
}

/** Holds every message of the workspace, the newest two thousand of each channel. */
export function openMessageLog(changes: Changes, nowMs: () => number): MessageLog {
  const byChannel = new Map<string, Message[]>();
  const lastRead = new Map<string, string>();
  let lastMicros = 0;

  function nextTs(): string {
    lastMicros = Math.max(lastMicros + 1, nowMs() * 1000);
    return `${Math.floor(lastMicros / 1e6)}.${String(lastMicros % 1e6).padStart(6, '0')}`;
  }

  function all(channel: string): Message[] {
    return byChannel.get(channel) ?? [];
  }

  function countReply(channel: string, reply: Message): void {
    const parent = all(channel).find((one) => one.ts === reply.threadTs);
    if (parent === undefined || reply.onlyFor !== null) return;
    parent.replies.count += 1;
    parent.replies.latestTs = reply.ts;
    if (!parent.replies.users.includes(reply.user)) parent.replies.users.push(reply.user);
    changes.emit({ kind: 'message', message: parent });
  }

  function mayBeSeen(message: Message, person: string | null): boolean {
    return message.onlyFor === null || message.onlyFor === person;
  }

  return {
    nextTs,
    newest: (channel, max) => all(channel).slice(-max),
    restore(channel, messages) {
      byChannel.set(channel, messages.slice(-MESSAGES_PER_CHANNEL_MAX));
      for (const { ts } of messages) lastMicros = Math.max(lastMicros, Math.round(Number(ts) * 1e6));
    },
    reads: () => lastRead,
    restoreReads(reads) {
      for (const [key, ts] of reads) lastRead.set(key, ts);
    },
    post(draft) {
      const message: Message = {
        text: '',
        blocks: [],
        threadTs: null,
        isBroadcast: false,
        metadata: null,
        editedTs: null,
        onlyFor: null,
        ...draft,
        ts: nextTs(),
        replies: { count: 0, users: [], latestTs: null },
      };
      const messages = byChannel.get(message.channel) ?? [];
      byChannel.set(message.channel, messages);
      messages.push(message);
      if (messages.length > MESSAGES_PER_CHANNEL_MAX) messages.shift();
      if (message.threadTs !== null) countReply(message.channel, message);
      changes.emit({ kind: 'message', message });
      return message;
    },
    edit(message, content) {
      Object.assign(message, content);
      if (message.onlyFor === null) message.editedTs = nextTs();
      changes.emit({ kind: 'message', message });
    },
    remove(message) {
      const messages = all(message.channel);
      const at = messages.indexOf(message);
      if (at >= 0) messages.splice(at, 1);
      const { channel, ts, threadTs, onlyFor } = message;
      const parent = messages.find((one) => one.ts === threadTs);
      if (parent !== undefined && onlyFor === null) {
        parent.replies.count -= 1;
        changes.emit({ kind: 'message', message: parent });
      }
      changes.emit({ kind: 'removed', channel, ts, threadTs, onlyFor });
    },
    find(channel, ts, onlyFor) {
      return all(channel).find((one) => one.ts === ts && mayBeSeen(one, onlyFor ?? null)) ?? null;
    },
    inChannel(channel, person) {
      return all(channel).filter((one) => (one.threadTs === null || one.isBroadcast) && mayBeSeen(one, person));
    },
    inThread(channel, threadTs, person) {
      return all(channel).filter((one) => (one.ts === threadTs || one.threadTs === threadTs) && mayBeSeen(one, person));
    },
    unread(channel, person) {
      const readTs = lastRead.get(`${person} ${channel}`) ?? '0';
      return all(channel).filter(
        (one) => one.ts > readTs && one.user !== person && one.threadTs === null && mayBeSeen(one, person),
      ).length;
    },
    markRead(channel, person) {
      lastRead.set(`${person} ${channel}`, all(channel).at(-1)?.ts ?? '0');
      changes.emit({ kind: 'read', person, channel });
    },
  };
}

/** The message as the Web API and payloads spell it. */
export function asSlackMessage(message: Message, options = { withMetadata: false }): Record<string, unknown> {
  const isBot = message.user === BOT.id;
  return {
    type: 'message',
    ts: message.ts,
    user: message.user,
    text: message.text,
    ...(isBot ? { bot_id: BOT.botId, app_id: 'ALOCALAPP', team: 'TLOCALDEV' } : {}),
    ...(message.blocks.length > 0 ? { blocks: message.blocks } : {}),
    ...(message.threadTs === null ? {} : { thread_ts: message.threadTs }),
    ...(message.isBroadcast ? { subtype: 'thread_broadcast' } : {}),
    ...(message.editedTs === null ? {} : { edited: { user: message.user, ts: message.editedTs } }),
    ...(message.replies.count > 0
      ? {
          thread_ts: message.ts,
          reply_count: message.replies.count,
          reply_users: message.replies.users,
          reply_users_count: message.replies.users.length,
          latest_reply: message.replies.latestTs,
        }
      : {}),
    ...(options.withMetadata && message.metadata !== null ? { metadata: message.metadata } : {}),
  };
}
