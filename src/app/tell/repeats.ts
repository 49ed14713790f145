import type { Notice } from '../../notice/notice.ts';
import { withNote } from './describe-news.ts';

const MARKS_MAX = 1_000;

/** Messages that are sent although they may stand there already: the chat gave no answer, and cannot be searched for them. */
export interface Repeats {
  /** By what the message carries unseen, see `Attempt`. */
  note: (marks: readonly string[]) => void;
  /** As it is shown: what may be there twice says so. */
  shown: (notice: Notice, marks: readonly string[]) => Notice;
}

/** None yet. The oldest of many is forgotten. */
export function openRepeats(): Repeats {
  const noted = new Set<string>();

  function note(marks: readonly string[]): void {
    for (const mark of marks) noted.add(mark);
    for (const mark of noted) {
      if (noted.size <= MARKS_MAX) break;
      noted.delete(mark);
    }
  }

  function shown(notice: Notice, marks: readonly string[]): Notice {
    if (!marks.some((mark) => noted.has(mark))) return notice;
    const words =
      'May be posted twice: Slack’s answer to the first try was lost, and I could not look whether it arrived.';
    return withNote(notice, words);
  }

  return { note, shown };
}
