import { describe, expect, it } from 'vitest';
import { backOffMs, planStep, refusedBackOffMs, type ChannelView } from '../../src/app/tell/send-plan.ts';

const NOW = 1_000_000;

function aView(given: Partial<ChannelView>): ChannelView {
  return {
    sentAtMs: [],
    announce: [],
    cards: [],
    behind: [],
    threads: [],
    hasNews: false,
    storm: null,
    editFreeAtMs: 0,
    ...given,
  };
}

describe('what to send next', () => {
  it('waits for nothing when there is nothing', () => {
    expect(planStep(aView({}), NOW)).toEqual({ kind: 'wait', untilMs: Infinity });
  });

  it('posts a new incident at once', () => {
    expect(planStep(aView({ announce: ['a'] }), NOW)).toEqual({ kind: 'announce', key: 'a' });
  });

  it('posts more new incidents than it may one by one as one message', () => {
    const keys = ['a', 'b', 'c', 'd'];

    expect(planStep(aView({ announce: keys }), NOW)).toEqual({ kind: 'summary', keys });
    expect(planStep(aView({ announce: keys.slice(0, 2), sentAtMs: [NOW - 5_000, NOW - 1_000] }), NOW)).toEqual({
      kind: 'summary',
      keys: ['a', 'b'],
    });
  });

  it('gathers in a storm, ever longer, and well within half a minute', () => {
    const storm = { newestAtMs: NOW - 1_000, summaryAtMs: NOW - 1_000, summaries: 1 };

    expect(planStep(aView({ announce: ['e'], storm }), NOW)).toEqual({ kind: 'wait', untilMs: NOW + 4_000 });
    expect(planStep(aView({ announce: ['e', 'f'], storm }), NOW + 4_000)).toMatchObject({ kind: 'summary' });
    expect(planStep(aView({ announce: ['e'], storm: { ...storm, summaries: 9 } }), NOW)).toEqual({
      kind: 'wait',
      untilMs: NOW + 11_000,
    });
  });

  it('posts singly and at once again when nothing new has come for 30 s', () => {
    const storm = { newestAtMs: NOW - 30_000, summaryAtMs: NOW - 1_000, summaries: 4 };

    expect(planStep(aView({ announce: ['e'], storm }), NOW)).toEqual({ kind: 'announce', key: 'e' });
  });

  it('leaves to the next summary what one message cannot carry', () => {
    const keys = Array.from({ length: 400 }, (_, at) => `${at}`);

    expect(planStep(aView({ announce: keys }), NOW)).toEqual({ kind: 'summary', keys: keys.slice(0, 150) });
  });

  it('waits for room, never more than three in ten seconds', () => {
    const sentAtMs = [NOW - 6_000, NOW - 5_000, NOW - 4_000];

    expect(planStep(aView({ announce: ['d'], sentAtMs }), NOW)).toEqual({ kind: 'wait', untilMs: NOW + 4_001 });
  });

  it('edits a message no more than once in three seconds, and no faster than Slack allows all together', () => {
    const behind = [{ key: 'a', touchedAtMs: NOW - 2_000, wasEdited: true }];

    expect(planStep(aView({ behind }), NOW)).toEqual({ kind: 'wait', untilMs: NOW + 1_000 });
    expect(planStep(aView({ behind }), NOW + 1_000)).toEqual({ kind: 'edit', key: 'a' });
    expect(planStep(aView({ behind, editFreeAtMs: NOW + 1_500 }), NOW + 1_000)).toEqual({
      kind: 'wait',
      untilMs: NOW + 1_500,
    });
  });

  it('completes a fresh message after one second', () => {
    expect(planStep(aView({ behind: [{ key: 'a', touchedAtMs: NOW - 1_000, wasEdited: false }] }), NOW)).toEqual({
      kind: 'edit',
      key: 'a',
    });
  });

  it('keeps the last place for a new incident: cards, news and threads wait', () => {
    const threads = [{ ts: '1.1', atMs: NOW }];
    const two = [NOW - 7_000, NOW - 1_000];

    expect(planStep(aView({ threads, sentAtMs: [NOW - 1_000] }), NOW)).toEqual({ kind: 'thread', ts: '1.1' });
    for (const view of [{ threads }, { hasNews: true }, { cards: ['c'] }])
      expect(planStep(aView({ ...view, sentAtMs: two }), NOW)).toEqual({ kind: 'wait', untilMs: NOW + 3_001 });
  });

  it('shows a card before it tells news, and both before threads', () => {
    const view = aView({ cards: ['c'], hasNews: true, threads: [{ ts: '1.1', atMs: 0 }] });

    expect(planStep(view, NOW)).toEqual({ kind: 'card', key: 'c' });
    expect(planStep({ ...view, cards: [] }, NOW)).toEqual({ kind: 'news' });
  });
});

describe('rests', () => {
  it('grow and are bounded', () => {
    expect([1, 2, 3, 6, 100].map(backOffMs)).toEqual([1_000, 2_000, 4_000, 30_000, 30_000]);
    expect([1, 2, 8, 100].map(refusedBackOffMs)).toEqual([15_000, 30_000, 900_000, 900_000]);
  });
});
