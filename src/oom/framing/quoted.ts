import type { Landmark } from './landmarks.ts';

// Words that people put before a line of a log that they quote. A whole kill line in a sentence tells of a kill, though not when it
// was, nor where; a sentence that explains what such a line looks like tells of none.
//
//   I keep seeing "Out of memory: Killed process 812 (mysqld) total-vm:2000kB, …" in my logs

/** Somebody who searched a log typed the words that he looked for; a command is no longer than this. */
const SEARCH_MAX = 400;
const SEARCH =
  /(?:^|[\s|;&$#>])(?:z|e|f|bz|xz|zst)?grep\s[^|]*["']$|(?:^|[\s|;&$#>])(?:rg|ag|ack|awk|sed|echo|printf|logger)\s[^|]*["'/]$/;
const SIGNS = '["\'`*_(\\s]{0,6}';
const SENTENCE = new RegExp(
  `(?:^|[^\\w.-])[A-Za-z']{2,20} [A-Za-z']{2,20}[,:]?${SIGNS}$|(?:^| )[a-z]{2,20} [a-z]{2,20} [a-z]{2,20}`,
  'i',
);
const EXAMPLE = new RegExp(
  `\\b(?:such as|like|e\\.g\\.|i\\.e\\.|(?:for|an) example|example|sample|pattern|message is|would (?:be|say|print)|followed by|replaced by)[,:]?(?:\\s|<[a-z]{1,10}>)*${SIGNS}$`,
  'i',
);
const WORDS_MAX = 200;

/** Words of a command that searches for what stands behind them. */
export function isSearch(front: string): boolean {
  return SEARCH.test(front.slice(-SEARCH_MAX));
}

/** Words of a sentence, which goes on with what stands behind them. */
export function isSentence(front: string): boolean {
  return SENTENCE.test(front.slice(-WORDS_MAX));
}

/** The sentence says what such a line looks like. */
export function isExample(front: string): boolean {
  return EXAMPLE.test(front.slice(-WORDS_MAX));
}

/** A name between the quotation marks of a sentence or a heading. */
export function isMention(front: string, text: string, landmark: Landmark): boolean {
  return /["'`]$/.test(front) && !isWhole(text, landmark);
}

/** Says more than who was killed: what ran out, or how large the victim was. */
export function isWhole(text: string, { start, end }: Landmark): boolean {
  return end >= 0 || /^(?:Out of |Memory cgroup |No available )/.test(text.slice(start, start + 20));
}
