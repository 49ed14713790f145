/**
 * One stretch of text. Words are ours. Everything that a host or a person wrote is `hostText` (shown apart, as code) or `prose`
 * (a sentence that may quote it); each surface must show both without interpreting them.
 */
export type Piece =
  | { words: string }
  | { strong: string }
  | { hostText: string }
  | { prose: string }
  | { atMs: number }
  | { userId: string }
  /** A person or user group whom the message notifies. */
  | { notify: string }
  | { channelId: string };

export type Text = readonly Piece[];

/** What a click asks for. The value beside it says about what. */
export type ButtonId =
  | 'scores'
  | 'report'
  | 'mute'
  | 'ack'
  | 'protect'
  | 'approve'
  | 'decline'
  | 'undo'
  | 'share'
  | 'run'
  | 'hosts-add'
  | 'hosts-remove';

export interface Button {
  id: ButtonId;
  label: string;
  /** At most 2,000 characters: an incident's id, a host's name, or a command for `run`. */
  value: string;
  style?: 'primary' | 'danger';
  /** Asked before the click counts. */
  confirm?: { title: string; question: string; yes: string; no: string };
}

export interface Fact {
  label: string;
  value: Text;
}

export interface Column {
  title: string;
  /** Numbers are shown to the right. */
  align: 'left' | 'right';
}

/** A cell shows `text`; `sortBy` lets a surface sort by the number behind it. */
export interface Cell {
  text: Text;
  sortBy?: number;
}

export interface ChartPoint {
  label: string;
  /** Above 0. */
  value: number;
}

export type Part =
  | { kind: 'text'; text: Text }
  | { kind: 'facts'; facts: Fact[] }
  | { kind: 'table'; caption: string; columns: Column[]; rows: Cell[][] }
  | { kind: 'chart'; shape: 'pie' | 'bar'; title: string; unit: string; points: ChartPoint[] }
  | { kind: 'rows'; rows: { text: Text; button?: Button }[] }
  | { kind: 'command'; label: Text; command: string; undo: string | null }
  | { kind: 'lines'; caption: string; lines: string[] };

/** How bad it is: surfaces choose a colour or a sign. */
export type Tone = 'bad' | 'warn' | 'good' | 'plain';

/** Something a person reads, free of Slack: one headline, one sentence, then the parts in the order of their use. */
export interface Notice {
  tone: Tone;
  headline: Text;
  sentence: Text | null;
  parts: Part[];
  /** Small print: source, time, what is uncertain. */
  small: Text[];
  buttons: Button[];
}

/** Makes a notice of what is given; the rest is empty. */
export function aNotice(given: Partial<Notice> & { headline: Text }): Notice {
  return { tone: 'plain', sentence: null, parts: [], small: [], buttons: [], ...given };
}

/** Joins texts with words between them: `a`, `b` and `c`. Empty texts are left out. */
export function joinTexts(texts: readonly Text[], between = ', ', last = between): Text {
  const there = texts.filter((text) => text.length > 0);
  return there.flatMap((text, at) => {
    if (at === 0) return [...text];
    return [{ words: at === there.length - 1 ? last : between }, ...text];
  });
}

/** A target as it can be typed after a command. */
export function quoted(target: string): string {
  return /^[\w.@:-]+$/.test(target) ? target : `"${target.replaceAll('"', '')}"`;
}
