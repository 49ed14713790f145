import type { Clock, MessageMark, SendOutcome, Workspace } from '../../src/app/ports.ts';
import { renderText } from '../../src/notice/render-text.ts';
import type { Notice } from '../../src/notice/notice.ts';

export interface ChatMessage {
  channel: string;
  ts: string;
  threadTs: string | null;
  mark: MessageMark;
  notice: Notice;
  text: string;
  postedAtMs: number;
  edits: number[];
}

/** What happens to a request: taken or not, and what its sender is told; `hang`: nothing, ever. */
export interface Fate {
  taken: boolean;
  told: Exclude<SendOutcome, { kind: 'sent' }> | 'sent' | 'hang';
}

export interface ScriptedChat extends Workspace {
  messages: ChatMessage[];
  /** All requests, also those that failed. */
  calls: { method: 'post' | 'update' | 'reply' | 'find'; atMs: number }[];
  /** Decides about the next requests; undefined: taken and told so. */
  script: { fate: (method: 'post' | 'update' | 'reply' | 'find') => Fate | undefined };
  remove: (ts: string) => void;
}

/** A chat in memory that fails as it is told to, as Slack can: before or after it took a message, or without a word. */
export function scriptedChat(clock: Clock): ScriptedChat {
  const messages: ChatMessage[] = [];
  const calls: ScriptedChat['calls'] = [];
  const script: ScriptedChat['script'] = { fate: () => undefined };
  let count = 0;

  async function send(method: 'post' | 'update' | 'reply', take: () => string | null): Promise<SendOutcome> {
    calls.push({ method, atMs: clock.nowMs() });
    const fate = script.fate(method) ?? { taken: true, told: 'sent' };
    const ts = fate.taken ? take() : null;
    if (fate.told === 'hang') return new Promise(() => {});
    if (fate.told !== 'sent') return fate.told;
    return ts === null ? { kind: 'gone' } : { kind: 'sent', ts };
  }

  function add(to: { channel: string; notice: Notice; mark: MessageMark }, threadTs: string | null): string {
    count += 1;
    const ts = `${Math.floor(clock.nowMs() / 1_000)}.${String(count).padStart(6, '0')}`;
    messages.push({ ...to, ts, threadTs, text: renderText(to.notice), postedAtMs: clock.nowMs(), edits: [] });
    return ts;
  }

  return {
    messages,
    calls,
    script,
    post: (to) => send('post', () => add(to, null)),
    reply: (to) => send('reply', () => (messages.some((one) => one.ts === to.threadTs) ? add(to, to.threadTs) : null)),
    update: (to) =>
      send('update', () => {
        const message = messages.find((one) => one.ts === to.ts && one.channel === to.channel);
        if (!message) return null;
        Object.assign(message, { notice: to.notice, mark: to.mark, text: renderText(to.notice) });
        message.edits.push(clock.nowMs());
        return to.ts;
      }),
    find: async ({ channel, threadTs }) => {
      calls.push({ method: 'find', atMs: clock.nowMs() });
      const fate = script.fate('find');
      if (fate?.told === 'hang') return new Promise(() => {});
      if (fate && fate.told !== 'sent')
        return fate.told.kind === 'rate-limited' || fate.told.kind === 'refused'
          ? fate.told
          : { kind: 'unknown', reason: 'down' };
      const there = messages.filter(
        (one) => one.channel === channel && (threadTs === null ? one.threadTs === null : one.threadTs === threadTs),
      );
      return {
        kind: 'looked',
        byId: new Map(there.flatMap((one) => [one.mark.id, ...one.mark.also].map((id) => [id, one.ts] as const))),
      };
    },
    remove: (ts) => {
      messages.splice(
        messages.findIndex((one) => one.ts === ts),
        1,
      );
    },
  };
}
