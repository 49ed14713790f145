import { describe, expect, it } from 'vitest';
import { backOffMs, planStep, refusedBackOffMs, type ChannelView } from '../../src/app/tell/delivery-plan.ts';

const NOW = 1_000_000;

function aView(given: Partial<ChannelView>): ChannelView {
  return {
    pausedUntilMs: 0,
    sentAtMs: [],
    newIds: [],
    behind: [],
    newestSingle: null,
    storm: null,
    replyAtMs: [],
    editFreeAtMs: 0,
    ...given,
  };
}

describe('what to send next', () => {
  it('waits for nothing when there is nothing', () => {
    expect(planStep(aView({}), NOW)).toEqual({ kind: 'wait', untilMs: Infinity });
  });

  it('posts a new incident at once', () => {
    expect(planStep(aView({ newIds: ['a'] }), NOW)).toEqual({ kind: 'post', id: 'a' });
  });

  it('posts many new incidents as one message', () => {
    const ids = ['a', 'b', 'c', 'd'];

    expect(planStep(aView({ newIds: ids }), NOW)).toEqual({ kind: 'storm', ids });
    expect(planStep(aView({ newIds: ids.slice(0, 2), sentAtMs: [NOW - 5_000, NOW - 1_000] }), NOW)).toEqual({
      kind: 'storm',
      ids: ['a', 'b'],
    });
  });

  it('lets new incidents join the storm that is there, three seconds after its last change', () => {
    const storm = { ts: '1.1', members: 4, joinedAtMs: NOW - 3_000, touchedAtMs: NOW - 3_000 };

    expect(planStep(aView({ newIds: ['e'], storm }), NOW)).toEqual({ kind: 'join', ts: '1.1', ids: ['e'] });
    expect(planStep(aView({ newIds: ['e'], storm: { ...storm, touchedAtMs: NOW - 1_000 } }), NOW)).toEqual({
      kind: 'wait',
      untilMs: NOW + 2_000,
    });
  });

  it('posts singly again when the storm has been quiet', () => {
    const storm = { ts: '1.1', members: 4, joinedAtMs: NOW - 31_000, touchedAtMs: NOW - 3_000 };

    expect(planStep(aView({ newIds: ['e'], storm }), NOW)).toEqual({ kind: 'post', id: 'e' });
  });

  it('begins a new message when a storm is full', () => {
    const storm = { ts: '1.1', members: 200, joinedAtMs: NOW - 3_000, touchedAtMs: NOW - 3_000 };

    expect(planStep(aView({ newIds: ['e'], storm }), NOW)).toEqual({ kind: 'post', id: 'e' });
  });

  it('turns the newest message into a storm’s when the allowance is used up', () => {
    const sentAtMs = [NOW - 6_000, NOW - 5_000, NOW - 4_000];
    const newestSingle = { ts: '1.3', touchedAtMs: NOW - 4_000, wasEdited: false, atMs: NOW - 4_000 };

    expect(planStep(aView({ newIds: ['d'], sentAtMs, newestSingle }), NOW)).toEqual({
      kind: 'join',
      ts: '1.3',
      ids: ['d'],
    });
    expect(planStep(aView({ newIds: ['d'], sentAtMs }), NOW)).toEqual({ kind: 'wait', untilMs: NOW + 4_000 });
  });

  it('edits a message no more than once in three seconds, and no faster than Slack allows all together', () => {
    const behind = [{ ts: '1.1', touchedAtMs: NOW - 2_000, wasEdited: true }];

    expect(planStep(aView({ behind }), NOW)).toEqual({ kind: 'wait', untilMs: NOW + 1_000 });
    expect(planStep(aView({ behind }), NOW + 1_000)).toEqual({ kind: 'edit', ts: '1.1' });
    expect(planStep(aView({ behind, editFreeAtMs: NOW + 1_500 }), NOW + 1_000)).toEqual({
      kind: 'wait',
      untilMs: NOW + 1_500,
    });
  });

  it('completes a fresh message after one second', () => {
    expect(planStep(aView({ behind: [{ ts: '1.1', touchedAtMs: NOW - 1_000, wasEdited: false }] }), NOW)).toEqual({
      kind: 'edit',
      ts: '1.1',
    });
  });

  it('keeps the last place for a new incident: replies wait', () => {
    const replyAtMs = [NOW];

    expect(planStep(aView({ replyAtMs, sentAtMs: [NOW - 1_000] }), NOW)).toEqual({ kind: 'reply', index: 0 });
    expect(planStep(aView({ replyAtMs, sentAtMs: [NOW - 7_000, NOW - 1_000] }), NOW)).toEqual({
      kind: 'wait',
      untilMs: NOW + 3_000,
    });
  });

  it('does nothing while the channel rests', () => {
    expect(planStep(aView({ newIds: ['a'], pausedUntilMs: NOW + 30_000 }), NOW)).toEqual({
      kind: 'wait',
      untilMs: NOW + 30_000,
    });
  });
});

describe('rests', () => {
  it('grow and are bounded', () => {
    expect([1, 2, 3, 6, 100].map(backOffMs)).toEqual([1_000, 2_000, 4_000, 30_000, 30_000]);
    expect([1, 2, 8, 100].map(refusedBackOffMs)).toEqual([15_000, 30_000, 900_000, 900_000]);
  });
});
