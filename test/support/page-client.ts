import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';

// The page's first channel and its first person, as src/local/directory.ts numbers and names them.
const [CHANNEL, PERSON] = ['CLOCAL001', 'ULOCALANA'];
const Posted = z.object({ ok: z.boolean() });
const Read = z.object({ messages: z.array(z.looseObject({ ts: z.string(), onlyForYou: z.boolean() })) });

/**
 * Types `/oom WORDS` into the local workspace at `url` as its page does, and gives the private answer as JSON text. Throws where none
 * comes within `timeoutMs`.
 */
export async function askPage(url: string, words: string, timeoutMs = 30_000): Promise<string> {
  const opened = await fetch(url);
  const cookie = opened.headers.getSetCookie()[0]?.split(';')[0] ?? '';
  const session = /name="session" content="([^"]+)"/.exec(await opened.text())?.[1] ?? '';
  const headers = { 'content-type': 'application/json', 'x-session': session, cookie, origin: new URL(url).origin };
  async function post(path: string, body: unknown): Promise<unknown> {
    const answer = await fetch(new URL(path, url), { method: 'POST', headers, body: JSON.stringify(body) });
    return answer.json();
  }

  const deed = { kind: 'command', channel: CHANNEL, text: `/oom ${words}` };
  const posted = await post('/page/do', { person: PERSON, deed });
  if (!Posted.parse(posted).ok) throw new Error(`/oom ${words} was not taken: ${JSON.stringify(posted)}`);
  const deadline = Date.now() + timeoutMs;
  while (Date.now() < deadline) {
    const { messages } = Read.parse(await post('/page/messages', { person: PERSON, channel: CHANNEL }));
    const answer = messages.findLast(({ onlyForYou }) => onlyForYou);
    if (answer !== undefined) return JSON.stringify(answer);
    await sleep(100);
  }
  throw new Error(`/oom ${words} was not answered within ${timeoutMs} ms`);
}

/** The page's address, as soon as the bot has printed it. Throws where the bot ends without it. */
export async function pageOf(stdout: Readable): Promise<string> {
  let said = '';
  for await (const chunk of stdout.iterator({ destroyOnReturn: false })) {
    said += String(chunk);
    const found = /http:\/\/127\.0\.0\.1:\d+\/\?token=[\w-]+\n/.exec(said)?.[0];
    if (found !== undefined) {
      // Nobody reads the rest, and the bot must not wait for that.
      stdout.resume();
      return found.trim();
    }
  }
  throw new Error(`it ended: ${said}`);
}
