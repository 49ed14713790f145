/** A wait, a little longer or shorter for each host: those that were connected at once are not asked at once. */
export function spread(host: string, ms: number): number {
  let sum = 0;
  for (const letter of host) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 1_000;
  return ms * (0.85 + (0.3 * sum) / 1_000);
}
