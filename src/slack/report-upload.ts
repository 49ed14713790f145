import type { webApi } from '@slack/bolt';
import { z } from 'zod';
import type { Reply } from '../app/answer/command.ts';
import type { Requester, TextFile } from '../app/answer/handlers.ts';
import { describeSentFile, withoutFile } from '../notice/incident/full-report.ts';
import type { Directory } from './directory.ts';
import type { Granted } from './granted.ts';
import { isOfSlack } from './report-files.ts';
import { slackErrorWord } from './send-error.ts';

type Client = webApi.WebClient;

const UPLOAD_MS = 20_000;
/** Files that are not sent twice to one place. */
const SENT_MAX = 100;
const Begun = z.object({ upload_url: z.string(), file_id: z.string() });

/**
 * Sends a text as a file: into the thread that it belongs to where that is in the channel of whoever asks, else to that person alone. Gives
 * what to say of it; the answer itself, which shows the text, where the app may not send files or Slack does not take this one.
 */
export type SendFile = (answer: Reply, requester: Requester) => Promise<Reply>;

export function openUpload(client: Client, directory: Directory, granted: Pick<Granted, 'has'>): SendFile {
  /** By channel, thread and name; those that failed are forgotten. */
  const sent = new Map<string, Promise<void>>();

  /** Whoever asks again finds what is there already. */
  async function uploadOnce(file: TextFile, channel: string, threadTs: string | undefined): Promise<void> {
    const key = `${channel} ${threadTs ?? ''} ${file.name}`;
    const uploading = sent.get(key) ?? upload(file, channel, threadTs);
    sent.set(key, uploading);
    const [oldest] = sent.keys();
    if (sent.size > SENT_MAX && oldest !== undefined) sent.delete(oldest);
    try {
      await uploading;
    } catch (error) {
      sent.delete(key);
      throw error;
    }
  }

  /** The thread in this channel; undefined: there is none. */
  async function threadIn(channelId: string, threads: TextFile['threads']): Promise<string | undefined> {
    for (const { channel, ts } of threads) {
      // A channel that cannot be looked up is not the one that somebody asks from by its id.
      const id = await directory.channelId(channel).catch(() => null);
      if (id === channelId) return ts;
    }
    return undefined;
  }

  /** The app's direct messages with a person; null: they cannot be opened. A command may be typed in those with somebody else. */
  async function directPlace(userId: string, channelId: string | null): Promise<string | null> {
    if (granted.has('im:write')) return directory.channelId(userId);
    return channelId?.startsWith('D') === true ? channelId : null;
  }

  async function upload({ name, text }: TextFile, channel: string, threadTs: string | undefined): Promise<void> {
    const bytes = Buffer.from(text);
    const begun = Begun.parse(
      await client.apiCall('files.getUploadURLExternal', { filename: name, length: bytes.length }),
    );
    if (!isOfSlack(begun.upload_url, client)) throw new Error('Slack gives no address');
    // The address itself is the right to write there: no token goes with it.
    const response = await fetch(begun.upload_url, {
      method: 'POST',
      headers: { 'content-type': 'application/octet-stream' },
      body: bytes,
      redirect: 'error',
      signal: AbortSignal.timeout(UPLOAD_MS),
    });
    if (!response.ok) throw new Error(`Slack answers ${response.status}`);
    await client.apiCall('files.completeUploadExternal', {
      files: [{ id: begun.file_id, title: name }],
      channel_id: channel,
      ...(threadTs === undefined ? {} : { thread_ts: threadTs }),
    });
  }

  return async (answer, { userId, channelId }) => {
    const file = answer.kind === 'notice' ? (answer.file ?? null) : null;
    if (answer.kind !== 'notice' || file === null || !granted.has('files:write')) return answer;
    try {
      const threadTs = channelId === null ? undefined : await threadIn(channelId, file.threads);
      const place = threadTs === undefined ? await directPlace(userId, channelId) : channelId;
      if (place === null) return answer;
      await uploadOnce(file, place, threadTs);
      return { kind: 'notice', notice: describeSentFile(file.name, threadTs === undefined ? 'direct' : 'thread') };
    } catch (error) {
      const reason = slackErrorWord(error) ?? (error instanceof Error ? error.message : 'unknown');
      return { kind: 'notice', notice: withoutFile(answer.notice, reason) };
    }
  };
}
