/** From 0 to 1, the same for the same host. */
export function phaseOf(host: string): number {
  let sum = 0;
  for (const letter of host) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 1_000;
  return sum / 1_000;
}

/** A wait, a little longer or shorter for each host: those that were connected at once are not asked at once. */
export function spread(host: string, ms: number): number {
  return ms * (0.85 + 0.3 * phaseOf(host));
}
