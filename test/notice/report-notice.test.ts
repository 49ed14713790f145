import { describe, expect, it } from 'vitest';
import { RULES } from '../../src/cause/cause.ts';
import { plainText } from '../../src/notice/render-text.ts';
import { causeAction, causeWords } from '../../src/notice/answer/report-causes.ts';
import { describeWeek, type ReportRow } from '../../src/notice/answer/report-notice.ts';

const LEADING = [...new Set(RULES.filter((rule) => rule.place !== 'aside').map((rule) => rule.code))];
/** What ran out, and no more: the last kill is all there is to see. */
const NO_ACTION = new Set(['host', 'not-shown']);

function actionLine(given: Partial<ReportRow>): string {
  const row: ReportRow = {
    host: 'db01',
    service: 'mysql.service',
    kills: 3,
    killsBefore: null,
    recurrence: { kills: 3, times: 3, firstAtMs: 0, lastAtMs: 9, typicalGapMs: null, clockMinutes: [], isDaily: false },
    leak: null,
    cause: null,
    ...given,
  };
  const report = { target: 'all hosts', asked: null, sinceMs: 0, untilMs: 604_800_000, kills: 3, killsBefore: 0 };
  const notice = describeWeek({ ...report, hostCount: 1, rows: [row], causes: [], withoutSwap: [], oddAdj: [] });
  const lines = notice.parts.flatMap((part) => (part.kind === 'rows' ? part.rows : []));
  expect(lines).toHaveLength(1);
  return plainText(lines[0]?.text ?? []);
}

describe('the one action a line of the report', () => {
  it.each(LEADING.filter((code) => !NO_ACTION.has(code)))('knows what to do about %s', (cause) => {
    const line = actionLine({ cause });

    expect(line).toMatch(/^mysql\.service on db01, 3 kills: .{20,160}[.]$/);
    expect(line).not.toContain('UNIT');
    expect(line).not.toContain('see what its last kill says');
  });

  it.each([...NO_ACTION, 'some-future-code'])('sends people to the last kill for %s', (cause) => {
    expect(actionLine({ cause })).toBe('mysql.service on db01, 3 kills: see the advice on its last kill.');
  });

  it('names the unit where there is one, and no command where there is none or no shell would take it', () => {
    const limit = { cause: 'limit-too-small' };

    expect(actionLine(limit)).toContain('systemctl show -p MemoryMax -p MemoryPeak mysql.service.');
    for (const service of ['redis', 'a$(reboot).service', 'kubepods/pod1'])
      expect(actionLine({ ...limit, service })).toBe(
        `${service} on db01, 3 kills: raise its limit above its steady need.`,
      );
  });

  it('has no words or actions for codes that no rule has', () => {
    expect(causeAction('memcg', 'mysql.service')).toBeNull();
    for (const code of LEADING) expect(causeWords(code)).toMatch(/^[a-z][^.]{2,40}$/i);
    expect(causeWords('page-cache')).toBe('page cache');
  });
});
