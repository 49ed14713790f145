// @ts-check

/** @typedef {Record<string, any>} Json */
/** @typedef {{ text: string, insert: string, description: string }} Hint */

const HINTS_MAX = 12;

/**
 * What could follow a slash: the commands, and the ways to use the one that is typed, from its usage hint (`last <host> | help`).
 * @param {string} typed @param {Json[]} commands @returns {Hint[]}
 */
export function hintsFor(typed, commands) {
  if (!typed.startsWith('/') || typed.includes('\n')) return [];
  const [name = '', ...words] = typed.split(/\s+/);
  if (words.length === 0) {
    return commands
      .filter((one) => one['command'].startsWith(name))
      .map((one) => ({ text: one['command'], insert: `${one['command']} `, description: one['description'] ?? '' }))
      .slice(0, HINTS_MAX);
  }
  const command = commands.find((one) => one['command'] === name);
  const usages = (command?.['usageHint'] ?? '').split(/\s\|\s/).filter((/** @type {string} */ one) => one !== '');
  return usages
    .map((/** @type {string} */ one) => one.trim().split(/\s+(?![^<[]*[>\]])/))
    .filter((/** @type {string[]} */ usage) => fits(usage, words))
    .map((/** @type {string[]} */ usage) => ({
      text: `${name} ${usage.join(' ')}`,
      insert: completed(name, usage, words),
      description: '',
    }))
    .slice(0, HINTS_MAX);
}

/** A word in angle or square brackets stands for anything. @param {string} word */
function isPlaceholder(word) {
  return /^[<[]/.test(word);
}

/** @param {string[]} usage @param {string[]} words */
function fits(usage, words) {
  return words.every((word, at) => {
    const wanted = usage[at];
    if (wanted === undefined) return word === '' || isPlaceholder(usage.at(-1) ?? '');
    if (isPlaceholder(wanted)) return true;
    return at === words.length - 1 ? wanted.startsWith(word) : wanted === word;
  });
}

/** What was typed, with the fixed words that follow. @param {string} name @param {string[]} usage @param {string[]} words */
function completed(name, usage, words) {
  const done = words.slice(0, -1);
  const rest = usage.slice(done.length);
  const open = rest.findIndex(isPlaceholder);
  const fixed = open < 0 ? rest : rest.slice(0, open);
  const last = fixed.length === 0 ? [words.at(-1) ?? ''] : fixed;
  const text = [name, ...done, ...last].join(' ');
  return open < 0 || fixed.length === 0 ? text : `${text} `;
}
