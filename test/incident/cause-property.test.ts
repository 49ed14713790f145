import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgeRecord } from '../../src/cause/cause.ts';
import { judgeIncident } from '../../src/incident/judge-incident.ts';
import { groupKills } from '../../src/incident/grouping.ts';
import { parseHostLook } from '../../src/cause/read-host-facts.ts';
import { anyKill } from '../support/an-arbitrary-kill.ts';
import { someHostFacts } from '../support/host-facts.ts';

describe('judging whatever comes', () => {
  it('never throws, and tells no number that is none', () => {
    fc.assert(
      fc.property(fc.array(anyKill, { minLength: 1, maxLength: 5 }), (kills) => {
        for (const incident of groupKills([], kills, 0, (kill) => kill.key).incidents) {
          const seen = { ...incident, hostFacts: someHostFacts({ limitKiB: 0, unit: 'x.service', unitAdj: 3 }) };
          const [kill] = seen.kills;
          for (const cause of [judgeIncident(seen), kill === undefined ? null : judgeRecord(kill.record)])
            for (const one of [cause, ...(cause?.also ?? [])].filter((found) => found !== null))
              expect(Object.values(one.numbers).every(Number.isFinite)).toBe(true);
        }
      }),
    );
  });

  it('reads any answer of a host without throwing', () => {
    const line = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc
        .tuple(
          fc.constantFrom('mem', 'vm', 'swap', 'tmpfs', 'group', 'event', 'stat', 'unit', 'package', 'psi full', 'up'),
          fc.string(),
        )
        .map((words) => words.join(' ')),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 30 }), (lines) => {
        const facts = parseHostLook(['#look 1', ...lines].join('\n'), { unit: 'x.service', group: '/x' }, 0);
        expect(Object.values(facts?.vm ?? {}).every(Number.isFinite)).toBe(true);
      }),
    );
  });
});
