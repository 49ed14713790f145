import { closest, distance } from 'fastest-levenshtein';

/** The candidate that somebody probably meant: at most one slip in three characters, in any case of letters. null: none is near. */
export function nearest(word: string, candidates: readonly string[]): string | null {
  const asked = word.toLowerCase().slice(0, 100);
  const byLower = new Map(candidates.map((candidate) => [candidate.toLowerCase(), candidate]));
  if (asked === '' || byLower.size === 0) return null;
  const found = closest(asked, [...byLower.keys()]);
  const slips = distance(asked, found);
  const allowed = Math.max(1, Math.floor(Math.max(asked.length, found.length) / 3));
  // The start of a name is no slip: `db` for `db01` is worth the question.
  const begins = [...byLower.keys()].find((candidate) => asked.length >= 2 && candidate.startsWith(asked));
  if (slips <= allowed) return byLower.get(found) ?? null;
  return begins === undefined ? null : (byLower.get(begins) ?? null);
}
