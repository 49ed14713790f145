import { closest, distance } from 'fastest-levenshtein';
import { z } from 'zod';

/** One value. Whatever is wrong with it, the error says what was expected. */
export function value<S extends z.ZodType>(expected: string, schema: S) {
  return z.unknown().transform((given, context): z.output<S> => {
    const result = schema.safeParse(given);
    if (result.success) return result.data;
    context.addIssue({ code: 'custom', message: `expected ${expected}` });
    return z.NEVER;
  });
}

/** A mapping with these keys and no others; a misspelt one gets "did you mean". */
export function section<S extends z.ZodRawShape>(shape: S) {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== 'unrecognized_keys') return 'expected a mapping of keys to values';
      return (issue['keys'] as string[])
        .map((key) => {
          const near = closest(key, known);
          return distance(key, near) <= Math.max(2, key.length / 3)
            ? `did you mean ${near}?`
            : `known here: ${known.join(', ')}`;
        })
        .join(' ');
    },
  });
}

export function list<S extends z.ZodType>(of: S) {
  return z.array(of, { error: 'expected a list' });
}

export const text = z.string().regex(/^[^\0-\x1f\x7f]{1,1000}$/);
export const path = value('a path', text);
export const tag = value('a tag: letters, digits, dashes', z.string().regex(/^[A-Za-z0-9][\w.-]{0,49}$/));
