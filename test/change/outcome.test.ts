import { describe, expect, it } from 'vitest';
import type { ProcessState } from '../../src/change/change.ts';
import { concludeApply, concludeUndo, settleBySight } from '../../src/change/outcome.ts';
import { aChange, aProcess } from '../support/a-change.ts';

const NOW = 1_000_000;
const TWO = [aProcess(), aProcess({ pid: 513 })];
const DROP_IN = { unit: 'mysql.service', from: null, to: -500, state: 'untouched' as const };

describe('what an attempt to apply came to', () => {
  it.each<[ProcessState[], string]>([
    [['written', 'written'], 'applied'],
    [['written', 'gone'], 'applied'],
    [['gone', 'gone'], 'refused'],
    [['written', 'unknown'], 'unknown'],
    [['unknown', 'refused'], 'unknown'],
    [['restored', 'refused'], 'failed'],
    [['written', 'refused'], 'failed'],
    [['untouched', 'refused'], 'failed'],
  ])('%j is %s', (processes, kind) => {
    const why = kind === 'failed' ? ({ kind: 'no-capability' } as const) : null;

    expect(concludeApply(aChange({ processes: TWO }), { processes, dropIn: null, why }, NOW).state.kind).toBe(kind);
  });

  it('is refused, not failed, when the check on the host said no', () => {
    const told = { processes: ['refused' as const], dropIn: null, why: { kind: 'process-replaced' } as const };

    expect(concludeApply(aChange(), told, NOW).state).toEqual({ kind: 'refused', atMs: NOW, why: told.why });
  });

  it('counts the time from when it is true', () => {
    const told = { processes: ['written' as const], dropIn: null, why: null };

    expect(concludeApply(aChange({ forMs: 5_000 }), told, NOW).state).toMatchObject({ untilMs: NOW + 5_000 });
  });

  it('needs its drop-in as well', () => {
    const change = aChange({ dropIn: DROP_IN });

    expect(concludeApply(change, { processes: ['written'], dropIn: 'written', why: null }, NOW).state.kind).toBe(
      'applied',
    );
    expect(concludeApply(change, { processes: ['written'], dropIn: 'unknown', why: null }, NOW).state.kind).toBe(
      'unknown',
    );
    const refused = {
      processes: ['restored' as const],
      dropIn: 'refused' as const,
      why: { kind: 'no-systemd' as const },
    };
    expect(concludeApply(change, refused, NOW).state.kind).toBe('failed');
  });
});

describe('what an attempt to undo came to', () => {
  it.each<[ProcessState[], string]>([
    [['restored', 'restored'], 'undone'],
    [['restored', 'gone'], 'undone'],
    [['left', 'gone'], 'undone'],
    [['restored', 'unknown'], 'unknown'],
    [['restored', 'refused'], 'applied'],
    [['written', 'restored'], 'applied'],
  ])('%j is %s', (processes, kind) => {
    const done = concludeUndo(aChange({ processes: TWO }), { processes, dropIn: null, why: null }, NOW, 'UBEN');

    expect(done.state.kind).toBe(kind);
    if (kind === 'applied') expect(done.state).toMatchObject({ undoFailed: { kind: 'not-written' } });
    expect(done.processes.some((one) => one.state === 'refused')).toBe(false);
  });
});

describe('what a look at the host says of a lost answer', () => {
  it.each<[number | null, 'apply' | 'undo', ProcessState]>([
    [-500, 'apply', 'written'],
    [0, 'apply', 'refused'],
    [-17, 'apply', 'left'],
    [null, 'apply', 'gone'],
    [0, 'undo', 'restored'],
    [-500, 'undo', 'written'],
    [-17, 'undo', 'left'],
    [null, 'undo', 'gone'],
  ])('%s seen during %s: %s', (seen, during, state) => {
    expect(settleBySight([aProcess()], [seen], during)).toEqual([state]);
  });
});
