import { z } from 'zod';
import type { Notice } from '../notice/notice.ts';

/** What a waiting reply says. `upToKill`: it tells of a kill, the so-many-th of its incident; such replies are told together when they come fast. 0: the first one's evidence, which a storm leaves out like single kills. */
export interface ReplyBody {
  notice: Notice;
  upToKill: number | null;
  /** News under a key are one message: what comes later edits what stands. */
  key?: string | null;
}

// Written by this program, perhaps by an older one: only the frame is checked.
const Body = z.object({
  upToKill: z.number().nullable(),
  key: z.string().nullish(),
  notice: z.object({
    tone: z.enum(['bad', 'warn', 'good', 'plain']),
    headline: z.array(z.looseObject({})),
    sentence: z.array(z.looseObject({})).nullable(),
    parts: z.array(z.looseObject({ kind: z.enum(['text', 'facts', 'table', 'chart', 'rows', 'command', 'lines']) })),
    small: z.array(z.array(z.looseObject({}))),
    buttons: z.array(z.looseObject({ id: z.string(), label: z.string(), value: z.string() })),
  }),
});

/** A reply as the outbox keeps it. */
export function writeReply(body: ReplyBody): string {
  return JSON.stringify(body);
}

/** The opposite; null when it cannot be read any more. */
export function readReply(text: string | null): ReplyBody | null {
  if (text === null) return null;
  try {
    const read = Body.safeParse(JSON.parse(text));
    return read.success ? (read.data as unknown as ReplyBody) : null;
  } catch {
    return null; // JSON.parse: the row was damaged
  }
}
