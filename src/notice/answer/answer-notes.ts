import { quoted } from '../notice.ts';
import type { Part, Text } from '../notice.ts';
import { sayDuration } from '../units.ts';

/** Why a card does not say who is next. */
export type NextUnknown =
  | { kind: 'away'; sentence: string }
  | { kind: 'late'; waitedMs: number }
  | { kind: 'unreadable'; sentence: string }
  | { kind: 'not-watched' };

/** Small print of an incident's card when the host could not be asked who is next. */
export function nextUnknownText(why: NextUnknown): Text {
  const lead = { words: 'Who is next is unknown: ' };
  switch (why.kind) {
    case 'away':
      return [{ words: 'From the record. Who is next is unknown: ' }, { prose: why.sentence }];
    case 'late':
      return [lead, { words: `the host did not answer within ${sayDuration(why.waitedMs)}.` }];
    case 'unreadable':
      return [lead, { prose: why.sentence }];
    case 'not-watched':
      return [{ words: 'From the record: this host is no longer watched.' }];
  }
}

/** Small print of a card that somebody showed to a channel. */
export function sharedText(userId: string, atMs: number): Text {
  return [{ words: 'Shared by ' }, { userId }, { words: ', as known ' }, { atMs }, { words: '.' }];
}

/** Small print of a history of a host that cannot be reached. */
export function notReachedText(sentence: string): Text {
  return [{ words: 'The host is unreachable, so newer kills may be missing: ' }, { prose: sentence }];
}

/** Small print of an explanation of a text that was too long. */
export function cutTextNote(readChars: number): Text {
  return [
    {
      words: `The text was longer than ${readChars / 1_000_000} MB; the rest was not read. Run oombot parse on it in a terminal.`,
    },
  ];
}

const MUTES_SHOWN = 10;

/** What is silent now, each with a way to end that. null: nothing is. */
export function mutesPart(
  mutes: readonly { target: string; untilMs: number; by: string; why?: string; tag?: string }[],
): Part | null {
  if (mutes.length === 0) return null;
  // A tag is muted on each of its hosts, and told once.
  const once = mutes.filter(({ tag }, at) => tag === undefined || mutes.findIndex((other) => other.tag === tag) === at);
  const more = once.length - MUTES_SHOWN;
  return {
    kind: 'rows',
    rows: [
      ...once.slice(0, MUTES_SHOWN).map((mute) => ({
        text: [
          { hostText: mute.tag ?? mute.target },
          { words: `${mute.tag === undefined ? '' : ' (tag)'} is muted until ` },
          { atMs: mute.untilMs },
          { words: ' by ' },
          { userId: mute.by },
          ...(mute.why === undefined ? [] : [{ words: ', because: ' }, { prose: mute.why }]),
        ],
        button: { id: 'run' as const, label: 'Unmute', value: `unmute ${quoted(mute.tag ?? mute.target)}` },
      })),
      ...(more > 0 ? [{ text: [{ words: `and ${more} more.` }] }] : []),
    ],
  };
}

/** One line for a kill, as App Home lists the last ones. */
export function lastKillText(victim: Text, host: string, atMs: number, shortage: Text): Text {
  return [...victim, { words: ' on ' }, { hostText: host }, { words: ', ' }, { atMs }, { words: ': ' }, ...shortage];
}
