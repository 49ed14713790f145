import type { Parsed } from '../app/answer/command.ts';
import { splitWords } from '../app/answer/command-words.ts';
import { readCommand } from '../app/answer/registry.ts';

const TEXT_MAX = 4_000;

/**
 * Reads what somebody typed after `/oom` or after the bot's name: Slack's entities and links undone, curly quotes and long dashes
 * taken as plain ones, `"several words"` as one. An empty text asks for help.
 */
export function parseCommand(text: string): Parsed {
  return readCommand(splitWords(plainTyping(text.slice(0, TEXT_MAX))));
}

/** Text as it was meant: mentions and links by their labels, entities undone, typographic signs as plain ones. */
export function plainTyping(text: string): string {
  return (
    text
      // `should_escape` sends <#C024BE7LR|general>, <@U012|ann>, and Slack makes <http://db01.example.net|db01.example.net> of a host's name.
      .replace(/<([#@!])([A-Z0-9^]+)(?:\|([^<>]*))?>/gi, (_, sign: string, id: string, label?: string) =>
        label ? (sign === '#' ? `#${label}` : label) : id,
      )
      .replace(
        /<(?:https?:\/\/|mailto:)([^<>|]*)(?:\|([^<>]*))?>/gi,
        (_, url: string, label?: string) => label ?? url.replace(/\/$/, ''),
      )
      // &amp; last: `&amp;lt;` was typed as `&lt;`.
      .replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>')
      .replaceAll('&amp;', '&')
      .replace(/[“”„‟«»″]/g, '"')
      .replace(/[‘’‚‛′]/g, "'")
      .replace(/[‐‑‒–—―−]/g, '-')
      .replace(/[\u00a0\u2000-\u200b\u202f\u3000\ufeff\s]+/g, ' ')
      .trim()
  );
}

/** A report that stands behind the command itself; null: there is none. */
export function pastedBehind(text: string): string | null {
  const rest = /^\s{0,100}explain\s+(?=\S)/i.exec(text);
  return rest === null ? null : pastedText(text.slice(rest[0].length));
}

/** Text as it was pasted, without the fence of a code block. */
export function pastedText(text: string): string {
  const lines = text.split('\n').map((line) => plainTyping(line.replaceAll('```', '')));
  return lines.join('\n');
}
