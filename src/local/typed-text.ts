import type { Directory } from './directory.ts';

/** `&`, `<` and `>` as entities: the only escapes that Slack's text knows. */
export function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** A message as somebody typed it → as Slack stores it: escaped, with mentions and links in angle brackets. */
export function typedText(text: string, directory: Directory): string {
  return withMentions(escapeText(text), directory, (id) => `<@${id}>`).replace(
    /(^|\s)(https?:\/\/[^\s|]+)/g,
    (_, before: string, url: string) => `${before}<${url}>`,
  );
}

/** A command's words as Slack sends them with `should_escape`. */
export function escapedCommandText(text: string, directory: Directory): string {
  return withMentions(escapeText(text), directory, (id, name) => `<@${id}|${name}>`);
}

function withMentions(text: string, directory: Directory, mention: (id: string, name: string) => string): string {
  return text
    .replace(/(^|[\s(])@([\w.-]+)/g, (all, before: string, name: string) => {
      const person = directory.person(name);
      return person === null ? all : `${before}${mention(person.id, person.name)}`;
    })
    .replace(/(^|[\s(])#([\w-]+)/g, (all, before: string, name: string) => {
      const channel = directory.channel(name);
      return channel === null || channel.kind === 'im' ? all : `${before}<#${channel.id}|${channel.name}>`;
    });
}
