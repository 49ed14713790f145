import { cutText, showHostText } from '../notice/host-text.ts';
import type { Piece, Text } from '../notice/notice.ts';
import { sayUtc } from '../notice/units.ts';

/**
 * A text as Slack's mrkdwn of at most `max` characters, counted after escaping as Slack counts. What does not fit ends in an
 * ellipsis; a piece is cut before it is escaped, so no entity, mention or code span is ever torn.
 */
export function toMrkdwn(text: Text, max: number): string {
  let out = '';
  for (const piece of text) {
    const room = max - out.length;
    const whole = renderPiece(piece, Number.MAX_SAFE_INTEGER);
    if (whole.length <= room) {
      out += whole;
      continue;
    }
    // A character becomes at most 5 (`&amp;`); two more are for a code span's fence.
    for (let points = room; points > 1; points = Math.floor(points * 0.8)) {
      const cut = renderPiece(piece, points);
      if (cut.length <= room) return out + cut;
    }
    return room > 0 ? `${out}…` : out;
  }
  return out;
}

function renderPiece(piece: Piece, points: number): string {
  if ('words' in piece) return plain(cutText(piece.words, points));
  if ('strong' in piece) return strong(plain(cutText(piece.strong, points)));
  if ('prose' in piece) return plain(showHostText(piece.prose, Math.min(points, 1_500)));
  if ('hostText' in piece) return codeSpan(showHostText(piece.hostText, Math.min(points, 300)));
  if ('userId' in piece)
    return /^[UW][A-Z0-9]{2,20}$/.test(piece.userId) ? `<@${piece.userId}>` : plain(showHostText(piece.userId, points));
  if ('notify' in piece) return mention(piece.notify);
  if ('channelId' in piece)
    return /^[CGD][A-Z0-9]{2,20}$/.test(piece.channelId)
      ? `<#${piece.channelId}>`
      : plain(showHostText(piece.channelId, points));
  return dateMark(piece.atMs);
}

/** Of a person or a user group; nothing else is ever mentioned. */
function mention(id: string): string {
  if (/^[UW][A-Z0-9]{2,20}$/.test(id)) return `<@${id}>`;
  return /^S[A-Z0-9]{2,20}$/.test(id) ? `<!subteam^${id}>` : plain(id);
}

// https://docs.slack.dev/messaging/formatting-message-text: escape these three and only these.
const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** Escapes the three characters that Slack reads as markup. */
export function escapeEntities(text: string): string {
  return text.replace(/[&<>]/g, (character) => ENTITIES[character] ?? character);
}

// Formatting characters, emoji codes and bare addresses cannot be escaped in mrkdwn. Each is replaced by a character that looks alike.
const LOOK_ALIKES: readonly (readonly [RegExp, string])[] = [
  [/\*/g, '∗'],
  [/~/g, '∼'],
  [/`/g, 'ˋ'],
  [/(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, 'ˍ'],
  [/:(?=[a-z0-9_+'-]+:)/gi, '∶'],
  [/:(?=\/\/)/g, '∶'],
  [/@(?=[a-z])/gi, '＠'],
  [/^>/, '›'],
];

// `*bold *` is not bold to Slack: blanks stay outside.
function strong(text: string): string {
  const inner = text.trim();
  return inner === '' ? text : text.replace(inner, () => `*${inner}*`);
}

/** Text without a life of its own: no format, emoji, link, mention or quote. */
function plain(text: string): string {
  return escapeEntities(
    LOOK_ALIKES.reduce((sofar, [pattern, alike]) => sofar.replace(pattern, alike), text.toWellFormed()),
  );
}

// Nothing is parsed inside a code span but its end. Blanks at an edge would keep Slack from seeing the span.
function codeSpan(text: string): string {
  const shown = text.replaceAll('`', 'ˋ').replace(/^ +| +$/g, (blanks) => '␣'.repeat(blanks.length));
  return `\`${escapeEntities(shown)}\``;
}

/** A time in the reader's own zone; where Slack cannot know it, UTC. */
function dateMark(atMs: number): string {
  if (!isSlackTime(atMs)) return sayUtc(atMs);
  return `<!date^${Math.floor(atMs / 1_000)}^{date_short_pretty} {time_secs}|${sayUtc(atMs)}>`;
}

/** Slack takes seconds from 1970 on; a host's clock may say anything. */
export function isSlackTime(atMs: number): boolean {
  return Number.isFinite(atMs) && atMs >= 0 && atMs < 4_102_444_800_000;
}
