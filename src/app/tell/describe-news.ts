import { aNotice, joinTexts, type Notice } from '../../notice/notice.ts';
import { sayCount } from '../../notice/units.ts';

const SHOWN_MAX = 30;

/** What waited together as one message, newest last; with a single one, that one. `isThread`: it is about one incident, not about hosts. */
export function describeNews(first: Notice, others: readonly Notice[], isThread = false): Notice {
  if (others.length === 0) return first;
  const all = [first, ...others];
  const more = all.length - SHOWN_MAX;
  return aNotice({
    tone: all.some(({ tone }) => tone === 'bad' || tone === 'warn') ? 'warn' : first.tone,
    headline: [{ words: sayCount(all.length, 'note') }],
    parts: [
      {
        kind: 'rows',
        rows: [
          ...all
            .slice(0, SHOWN_MAX)
            .map(({ headline, sentence }) => ({ text: joinTexts([headline, sentence ?? []], '. ') })),
          ...(more > 0 ? [{ text: [{ words: `and ${sayCount(more, 'more note')}` }] }] : []),
        ],
      },
    ],
    buttons: isThread ? [] : [{ id: 'run', label: 'Show hosts', value: 'hosts' }],
  });
}

/** Only in the message that announces: when it is edited, nobody is named any more. */
export function notifying(notice: Notice, ids: readonly string[]): Notice {
  if (ids.length === 0) return notice;
  const text = ids.flatMap((id, at) => [...(at === 0 ? [] : [{ words: ' ' }]), { notify: id }]);
  return { ...notice, parts: [{ kind: 'text', text }, ...notice.parts] };
}

/** With a sentence about the message itself, in small print. */
export function withNote(notice: Notice, words: string): Notice {
  return { ...notice, small: [[{ words }], ...notice.small] };
}
