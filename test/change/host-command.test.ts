import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { processRequest, readHelperAnswer, readMeans, tryRequest, unitRequest } from '../../src/change/host-command.ts';
import { asLegacy } from '../../src/change/legacy.ts';
import { BOOT_ID } from '../support/scripted-host.ts';
import { HOSTILE_NAMES } from '../support/hostile-names.ts';

const WANT = { bootId: BOOT_ID, pid: 512, startTicks: 4711, from: 0, to: -500 };

describe('the request line', () => {
  it('names the process by boot, pid and start, with the value that was seen', () => {
    expect(processRequest(WANT)).toBe(`v1 ${BOOT_ID} 512 4711 0 -500\n`);
    expect(processRequest({ ...WANT, from: -0 })).toBe(`v1 ${BOOT_ID} 512 4711 0 -500\n`);
    expect(unitRequest({ bootId: BOOT_ID, unit: 'mysql.service', from: null, to: -500 })).toBe(
      `v1 unit ${BOOT_ID} mysql.service - -500\n`,
    );
    expect(unitRequest({ bootId: BOOT_ID, unit: 'mysql.service', from: -500, to: null })).toBe(
      `v1 unit ${BOOT_ID} mysql.service -500 -\n`,
    );
  });

  it.each([
    { pid: 1 },
    { pid: 1.5 },
    { pid: Number.NaN },
    { pid: 10_000_000 },
    { startTicks: -1 },
    { from: -1001 },
    { to: 1001 },
    { to: 0.5 },
    { bootId: 'x' },
    { bootId: `${BOOT_ID}\n` },
    { bootId: `$(id)` },
  ])('is not made of %o', (wrong) => {
    expect(processRequest({ ...WANT, ...wrong })).toBeNull();
  });

  it('carries a reference for the log of the host, and asks first', () => {
    const ref = 'c0ffee00'.repeat(8);

    expect(processRequest({ ...WANT, ref })).toBe(`v1 ${BOOT_ID} 512 4711 0 -500 ${ref}\n`);
    expect(processRequest({ ...WANT, ref: 'x; id' })).toBe(`v1 ${BOOT_ID} 512 4711 0 -500\n`);
    expect(unitRequest({ bootId: BOOT_ID, unit: 'a.service', from: null, to: 1, ref })).toBe(
      `v1 unit ${BOOT_ID} a.service - 1 ${ref}\n`,
    );
    expect(tryRequest(processRequest(WANT) ?? '')).toBe(`v1 try ${BOOT_ID} 512 4711 0 -500\n`);
    expect(readHelperAnswer('ok try\n', { pid: 512 })).toEqual({ kind: 'would' });
  });

  it('carries no unit that is more than a name', () => {
    const wrong = [
      '../x.service',
      'a b.service',
      'a\nb.service',
      '-x.service',
      '$(id).service',
      'a;b.service',
      'x',
      '..service',
    ];
    for (const unit of [...wrong, ...HOSTILE_NAMES.map(String)])
      expect(unitRequest({ bootId: BOOT_ID, unit, from: null, to: 0 }), unit).toBeNull();
  });

  it('is one line of safe characters whatever it is made of', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.double(), fc.double(), (bootId, unit, pid, adj) => {
        const lines = [
          processRequest({ bootId, pid, startTicks: pid, from: adj, to: adj }),
          processRequest({ ...WANT, pid, to: adj }),
          unitRequest({ bootId: BOOT_ID, unit, from: null, to: adj }),
        ];
        for (const line of lines) if (line !== null) expect(line).toMatch(/^v1 [A-Za-z0-9:_.@\\ -]+\n$/);
      }),
    );
  });
});

describe('the helper’s answer', () => {
  it.each([
    ['ok pid=512 old=0 new=-500 oom_score=468', { kind: 'written', old: 0, now: -500 }],
    ['ok pid=512 old=0 new=-470 oom_score=- oom_adj=-8', { kind: 'written', old: 0, now: -470 }],
    ['sudo: unable to resolve host\nok pid=512 old=0 new=-500 oom_score=4', { kind: 'written', old: 0, now: -500 }],
    ['ok pid=513 old=0 new=-500 oom_score=468', { kind: 'unreadable' }],
    ['ok pid=512 old=0 new=-500', { kind: 'unreadable' }],
    ['', { kind: 'unreadable' }],
    ['refused', { kind: 'unreadable' }],
    ['refused boot', { kind: 'refused', why: { kind: 'rebooted' } }],
    ['refused gone', { kind: 'refused', why: { kind: 'process-gone' } }],
    ['refused reused', { kind: 'refused', why: { kind: 'process-replaced' } }],
    ['refused changed:-17', { kind: 'refused', why: { kind: 'value-changed', now: '-17' } }],
    ['refused protected', { kind: 'refused', why: { kind: 'kept-process' } }],
    ['refused kthread', { kind: 'refused', why: { kind: 'not-a-process' } }],
    ['refused capability', { kind: 'refused', why: { kind: 'no-capability' } }],
    ['refused read-only', { kind: 'refused', why: { kind: 'read-only' } }],
    ['refused verify:3', { kind: 'refused', why: { kind: 'not-written' } }],
    ['refused range', { kind: 'refused', why: { kind: 'bad-request', reason: 'range' } }],
    ['refused $(id)', { kind: 'unreadable' }],
  ])('%j', (text, answer) => {
    expect(readHelperAnswer(text, { pid: 512 })).toEqual(answer);
  });

  it('about a unit counts for that unit only', () => {
    expect(readHelperAnswer('ok unit=mysql.service old=- new=-500', { unit: 'mysql.service' })).toEqual({
      kind: 'unit-written',
      old: null,
      now: -500,
    });
    expect(readHelperAnswer('ok unit=x.service old=- new=-500', { unit: 'mysql.service' }).kind).toBe('unreadable');
    expect(readHelperAnswer('ok unit=512 old=- new=-500', { pid: 512 }).kind).toBe('unreadable');
    expect(readHelperAnswer('refused changed:-', { unit: 'mysql.service' })).toEqual({
      kind: 'refused',
      why: { kind: 'value-changed', now: '-' },
    });
  });

  it('to a greeting says what can be done', () => {
    const hello = 'ok oom-adj=1 min=-900 max=1000 capability=yes writable=yes file=oom_score_adj';

    expect(readMeans(hello)).toEqual({
      min: -900,
      max: 1000,
      capability: true,
      legacy: false,
      units: false,
      // What an older one does not say: it raises whatever is asked, and cannot be asked before.
      raises: true,
      logs: true,
      tries: false,
      refs: false,
      names: false,
      drills: false,
    });
    expect(readMeans(`${hello} units=yes raise=no log=no try=yes ref=yes names=yes drill=yes`)).toMatchObject({
      units: true,
      raises: false,
      logs: false,
      tries: true,
      refs: true,
      names: true,
      drills: true,
    });
    expect(readMeans(`${hello} units=yes`)?.units).toBe(true);
    expect(readMeans(hello.replace('oom_score_adj', 'oom_adj'))?.legacy).toBe(true);
    expect(readMeans(hello.replace('oom-adj=1', 'oom-adj=2'))).toBeNull();
    expect(readMeans('refused version')).toBeNull();
    expect(readMeans('')).toBeNull();
  });
});

describe('the old scale', () => {
  it.each([
    [-1000, -17, -1000],
    [-999, -16, -941],
    [-500, -8, -470],
    [0, 0, 0],
    [100, 2, 117],
    [999, 14, 823],
    [1000, 15, 1000],
  ])('%d becomes %d, which is %d', (wanted, oomAdj, effective) => {
    expect(asLegacy(wanted)).toEqual({ oomAdj, effective });
  });
});
