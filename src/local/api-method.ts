import { z } from 'zod';
import type { World } from './world.ts';

/** What a method answers with `ok: true`, or Slack's error word. */
export type ApiAnswer =
  | { ok: true; [key: string]: unknown }
  | { ok: false; error: string; messages?: string[]; errors?: object[]; needed?: string; provided?: string };

export interface ApiMethod {
  token: 'bot' | 'app';
  /** One of these scopes is needed. */
  needs: readonly string[];
  run: (args: unknown, world: World) => ApiAnswer;
}

/** A method with the arguments that it reads. Others are ignored, as Slack does. */
export function method<S extends z.ZodType>(
  args: S,
  run: (args: z.infer<S>, world: World) => ApiAnswer,
  options: { token?: 'bot' | 'app'; needs?: readonly string[] } = {},
): ApiMethod {
  return {
    token: options.token ?? 'bot',
    needs: options.needs ?? [],
    run(sent, world) {
      const read = args.safeParse(sent);
      if (read.success) return run(read.data, world);
      const messages = read.error.issues.map((one) => `[ERROR] ${one.message} [json-pointer:/${one.path.join('/')}]`);
      return { ok: false, error: 'invalid_arguments', messages };
    },
  };
}

/** Slack's refusal when none of the scopes was granted; null: one was. */
export function missingScope(needs: readonly string[], world: World): ApiAnswer | null {
  const { scopes } = world;
  if (scopes === null || needs.length === 0 || needs.some((scope) => scopes.has(scope))) return null;
  return { ok: false, error: 'missing_scope', needed: needs.join(','), provided: [...scopes].join(',') };
}

/** An argument that is JSON: text in a form, the thing itself in a JSON body. Text that is no JSON stays text. */
export const jsonArgument = z.unknown().transform((value) => {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return value;
  }
});

export const flag = z
  .union([z.boolean(), z.string()])
  .optional()
  .transform((value) => value === true || value === 'true' || value === '1');

export const pageSize = z.coerce.number().int().min(1).max(1000).optional();

/** One page of a list with Slack's cursor (opaque: the offset in base64). */
export function page<T>(all: T[], limit: number, cursor: string | undefined): { items: T[]; nextCursor: string } {
  const offset = Number(Buffer.from(cursor ?? '', 'base64').toString()) || 0;
  const end = offset + limit;
  return {
    items: all.slice(offset, end),
    nextCursor: end < all.length ? Buffer.from(String(end)).toString('base64') : '',
  };
}
