import { describe, expect, it } from 'vitest';
import type { ChangeRefusal } from '../../src/change/refusal.ts';
import { CHANGE_REFUSAL_KINDS } from '../../src/notice/change/change-refusal-text.ts';
import { describeRefusal } from '../../src/notice/answer/refusal-text.ts';
import { renderText } from '../../src/notice/render-text.ts';

const ALL: ChangeRefusal[] = [
  { kind: 'self-approval' },
  { kind: 'not-an-approver' },
  { kind: 'approvers-unknown' },
  { kind: 'groups-not-permitted' },
  { kind: 'no-approvers' },
  { kind: 'local-workspace', host: 'db01' },
  { kind: 'stranger', why: 'guest' },
  { kind: 'approved-already' },
  { kind: 'decided-already', how: 'declined', by: 'UBEN' },
  { kind: 'too-late' },
  { kind: 'not-yours' },
  { kind: 'nothing-to-undo', how: 'declined' },
  { kind: 'no-such-change' },
  { kind: 'too-many-open', max: 20 },
  { kind: 'no-such-process', host: 'db01', what: 'mysqlx', nearest: 'mysqld' },
  { kind: 'bad-name', what: '$(id)' },
  { kind: 'bad-adj', given: '5000' },
  { kind: 'same-value', adj: -500 },
  { kind: 'no-default', adj: 0, needed: -950 },
  { kind: 'init' },
  { kind: 'too-many-processes', count: 200, max: 64 },
  { kind: 'needs-end-date' },
  { kind: 'nothing-killable' },
  { kind: 'out-of-helper-range', adj: -1000, min: -900, max: 1000 },
  { kind: 'not-protected', what: 'mysqld' },
  { kind: 'keep-needs-no-end' },
  { kind: 'host-without-tag', host: 'db01', tag: 'prod' },
  { kind: 'host-away', sentence: 'connection refused' },
  { kind: 'no-helper', sentence: 'the helper is not there.' },
  { kind: 'helper-version' },
  { kind: 'rebooted' },
  { kind: 'process-gone' },
  { kind: 'process-replaced' },
  { kind: 'value-changed', now: '-17' },
  { kind: 'kept-process' },
  { kind: 'no-raise', line: 'echo 0 > /proc/512/oom_score_adj' },
  { kind: 'no-host-log' },
  { kind: 'not-a-process' },
  { kind: 'no-capability' },
  { kind: 'read-only' },
  { kind: 'not-written' },
  { kind: 'bad-request', reason: 'fields' },
  { kind: 'no-systemd' },
  { kind: 'no-unit' },
  { kind: 'interrupted' },
];

describe('every reason why a change is not made', () => {
  it('is in this list', () => {
    expect(ALL.map((one) => one.kind).toSorted()).toEqual(CHANGE_REFUSAL_KINDS.toSorted());
  });

  it.each(ALL)('has a sentence of its own: $kind', (why) => {
    const said = renderText(describeRefusal({ kind: 'change', why }));

    expect(said).toMatch(/^.{20,}[.?]$/s);
    expect(said).not.toMatch(/undefined|null|\[object/);
  });
});
