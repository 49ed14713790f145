import { gunzipSync } from 'node:zlib';
import type { webApi } from '@slack/bolt';
import { z } from 'zod';

type Client = webApi.WebClient;

const FILES_MAX = 3;
const FILE_BYTES_MAX = 5_000_000;
const DOWNLOAD_MS = 20_000;
const SCOPE = 'files:read';

const Allowed = z.object({ response_metadata: z.object({ scopes: z.array(z.string()).default([]) }).optional() });
const Info = z.object({
  file: z.object({
    name: z.string().nullish(),
    size: z.number().default(0),
    url_private_download: z.string().nullish(),
    url_private: z.string().nullish(),
  }),
});

/** A file that cannot be explained, as one sentence for whoever added it. */
export class UnreadableFile extends Error {}

/** Whether this installation may read files; without the scope nobody is asked for one. */
export async function mayReadFiles(client: Client): Promise<boolean> {
  const read = Allowed.safeParse(await client.auth.test());
  return read.success && (read.data.response_metadata?.scopes.includes(SCOPE) ?? false);
}

/** The text of files that a person added, plain or gzipped. Throws UnreadableFile with a sentence. */
export async function readFiles(client: Client, ids: readonly string[]): Promise<string> {
  const texts: string[] = [];
  for (const id of ids.slice(0, FILES_MAX)) texts.push(await readFile(client, id));
  return texts.join('\n');
}

async function readFile(client: Client, id: string): Promise<string> {
  const { file } = Info.parse(await client.apiCall('files.info', { file: id }));
  const name = file.name ?? 'the file';
  const url = file.url_private_download ?? file.url_private ?? null;
  if (url === null || !isOfSlack(url, client))
    throw new UnreadableFile(`${name} cannot be read: Slack gives no address.`);
  if (file.size > FILE_BYTES_MAX)
    throw new UnreadableFile(
      `${name} is larger than ${FILE_BYTES_MAX / 1_000_000} MB: run oombot parse on it in a terminal.`,
    );
  const response = await fetch(url, {
    headers: { authorization: `Bearer ${client.token ?? ''}` },
    redirect: 'error',
    signal: AbortSignal.timeout(DOWNLOAD_MS),
  });
  if (!response.ok) throw new UnreadableFile(`${name} cannot be read: Slack answers ${response.status}.`);
  const bytes = Buffer.from(await response.arrayBuffer()).subarray(0, FILE_BYTES_MAX);
  return toText(bytes, name);
}

function toText(bytes: Buffer, name: string): string {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes.toString('utf8');
  try {
    return gunzipSync(bytes, { maxOutputLength: 4 * FILE_BYTES_MAX }).toString('utf8');
  } catch {
    throw new UnreadableFile(`${name} cannot be unpacked: run oombot parse on it in a terminal.`);
  }
}

/** The token goes to Slack alone, or to the server that stands in for it. */
export function isOfSlack(url: string, client: Client): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname, origin } = new URL(url);
  const isHome = client.slackApiUrl !== undefined && new URL(client.slackApiUrl).origin === origin;
  return isHome || (protocol === 'https:' && (hostname === 'slack.com' || hostname.endsWith('.slack.com')));
}
