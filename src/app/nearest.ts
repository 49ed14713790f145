import { closest, distance } from 'fastest-levenshtein';

/** The candidate that somebody probably meant: at most one slip in three characters, or letters out of order. null: none is near. */
export function nearest(word: string, candidates: readonly string[]): string | null {
  const asked = word.toLowerCase().slice(0, 100);
  const byLower = new Map(candidates.map((candidate) => [candidate.toLowerCase(), candidate]));
  if (asked === '' || byLower.size === 0) return null;
  const swapped = [...byLower.keys()].find(
    (candidate) => sameLetters(candidate, asked) && distance(asked, candidate) <= 2,
  );
  const found = swapped ?? closest(asked, [...byLower.keys()]);
  const slips = distance(asked, found);
  const allowed = Math.max(1, Math.floor(Math.max(asked.length, found.length) / 3));
  // The start of a name is no slip: `db` for `db01` is worth the question.
  const begins = [...byLower.keys()].find((candidate) => asked.length >= 2 && candidate.startsWith(asked));
  if (swapped !== undefined || slips <= allowed) return byLower.get(found) ?? null;
  return begins === undefined ? null : (byLower.get(begins) ?? null);
}

function sameLetters(a: string, b: string): boolean {
  return a.length === b.length && Array.from(a).toSorted().join('') === Array.from(b).toSorted().join('');
}
