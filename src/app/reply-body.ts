import { z } from 'zod';
import type { Notice } from '../notice/notice.ts';

/** What a reply or news say that the record does not know. */
export interface ReplyBody {
  notice: Notice;
  /** News under a key are one message: what comes later edits what stands. */
  key?: string | null;
}

/** The key of news that stand in a channel for ever: the drills of its hosts. Deleted by somebody, they are posted anew. */
export const STANDING_KEY = 'drills';

// Written by this program, perhaps by an older one: only the frame is checked.
const Body = z.object({
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

/** A reply as the ledger keeps it. */
export function writeReply(body: ReplyBody): string {
  return JSON.stringify(body);
}

/** The lines of a summary for its thread: made from these incidents when it is sent. */
export function writeLines(incidentIds: readonly string[]): string {
  return JSON.stringify({ lines: incidentIds });
}

const Lines = z.object({ lines: z.array(z.string()) });

/** The opposite; null: it is no such list. */
export function readLines(text: string | null): readonly string[] | null {
  if (text === null) return null;
  try {
    return Lines.safeParse(JSON.parse(text)).data?.lines ?? null;
  } catch {
    return null; // JSON.parse: the row was damaged
  }
}

/** The opposite of `writeReply`; null when it cannot be read any more. */
export function readReply(text: string | null): ReplyBody | null {
  if (text === null) return null;
  try {
    const read = Body.safeParse(JSON.parse(text));
    return read.success ? (read.data as unknown as ReplyBody) : null;
  } catch {
    return null; // JSON.parse: the row was damaged
  }
}
