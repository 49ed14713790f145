// Controls, line and paragraph separators, and what turns or hides text: zero-width characters, bidi marks and overrides,
// variation tags, the byte order mark. A name could forge a second line or a reversed one with them.
const HIDDEN = /\p{Cc}|\p{Cf}|\p{Zl}|\p{Zp}|\p{Default_Ignorable_Code_Point}/gu;

/**
 * Host text as people may see it on one line: hidden characters as `\u{…}` (`\n` and `\t` as such), halves of surrogate pairs
 * as U+FFFD, cut to `max` code points with an ellipsis. Never empty: an empty name reads `(empty)`.
 */
export function showHostText(text: string, max = 200): string {
  const shown = cutText(text, max * 2)
    .toWellFormed()
    .replace(HIDDEN, spellOut);
  return shown.trim() === '' ? '(empty)' : cutText(shown, max);
}

/** The same for a block of lines: line breaks and tabs stay. */
export function showHostLine(line: string, max = 1_000): string {
  return cutText(
    cutText(line, max * 2)
      .toWellFormed()
      .replace(HIDDEN, (hidden) => (hidden === '\t' ? '  ' : spellOut(hidden))),
    max,
  );
}

/** Cuts by code points, so that no character is torn; the last one becomes an ellipsis. */
export function cutText(text: string, max: number): string {
  if (text.length <= max) return text;
  const points = Array.from(text.slice(0, max * 2 + 2));
  return points.length <= max ? text : `${points.slice(0, Math.max(0, max - 1)).join('')}…`;
}

function spellOut(hidden: string): string {
  if (hidden === '\n') return '\\n';
  if (hidden === '\t') return '\\t';
  if (hidden === '\r') return '\\r';
  return `\\u{${(hidden.codePointAt(0) ?? 0).toString(16)}}`;
}

// What may be pasted into a root shell unquoted. A unit may hold more (systemd escapes it as \x2d), then no command is offered.
const SHELL_SAFE = /^[A-Za-z0-9][A-Za-z0-9:_.@-]{0,254}$/;

/** The word if a shell takes it as it is, else null: a command that holds anything else is not offered for pasting. */
export function shellWord(text: string | null): string | null {
  return text !== null && SHELL_SAFE.test(text) ? text : null;
}

/** A cgroup path that a shell takes as it is, else null. */
export function shellPath(path: string | null): string | null {
  if (path === null || path.length > 512 || !/^(?:\/[A-Za-z0-9:_.@-]+)+$/.test(path)) return null;
  return path.split('/').includes('..') ? null : path;
}
