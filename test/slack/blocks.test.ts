import type { Refusal } from '../../src/change/refusal.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { groupKills } from '../../src/incident/grouping.ts';
import type { Incident, Kill } from '../../src/incident/incident.ts';
import {
  describeExplanation,
  describeHelp,
  describeMuted,
  describeTypo,
} from '../../src/notice/answer/answer-notice.ts';
import {
  describeCheck,
  describeHome,
  describeHosts,
  describeUnreachable,
  type HostRow,
} from '../../src/notice/answer/fleet-notice.ts';
import { describeHistory } from '../../src/notice/answer/history-notice.ts';
import { describeIncident } from '../../src/notice/incident/incident-notice.ts';
import { aNotice, type Notice, type Text } from '../../src/notice/notice.ts';
import type { Moment } from '../../src/incident/growth.ts';
import { describeBefore } from '../../src/notice/incident/before-notice.ts';
import { describeWarning, describeWarningOver } from '../../src/notice/incident/warning-notice.ts';
import { describeWeek } from '../../src/notice/answer/report-notice.ts';
import { describeRefusal } from '../../src/notice/answer/refusal-text.ts';
import { describeScores, type ScoreRow } from '../../src/notice/scores-notice.ts';
import { describeSummary } from '../../src/notice/incident/storm-notice.ts';
import { describeReport } from '../../src/notice/incident/full-report.ts';
import { describeEvidence, describeLaterKill } from '../../src/notice/incident/thread-notice.ts';
import { renderContent } from '../../src/slack/blocks.ts';
import { escapeEntities, toMrkdwn } from '../../src/slack/mrkdwn.ts';
import {
  homeView,
  hostAddView,
  hostConfirmView,
  hostRemoveView,
  explainView,
  noticeView,
  waitingView,
} from '../../src/slack/views.ts';
import { anIncident } from '../support/an-incident.ts';
import { anyKill } from '../support/an-arbitrary-kill.ts';
import { HOSTILE_NAMES } from '../support/hostile-names.ts';
import { refuseMessage, refuseView } from '../support/slack-limits.ts';

const NOW = Date.UTC(2026, 7, 30, 1, 36);

function faultsOf(notice: Notice): string[] {
  return [
    ...refuseMessage(renderContent(notice, 'message')),
    ...refuseMessage(renderContent(notice, 'plain')),
    ...refuseView(noticeView('oombot', notice)),
    ...refuseView(homeView(notice)),
  ];
}

function incidentsOf(kills: Kill[]): Incident[] {
  let next = 0;
  return groupKills([], kills, NOW, () => `i${(next += 1)}`).incidents;
}

function aScore(name: string, at: number): ScoreRow {
  return {
    pid: at,
    name,
    unit: name,
    container: null,
    named: null,
    rssKiB: 5_000 * at,
    swapKiB: at,
    score: 700 - at,
    oomScoreAdj: -at,
    points: at === 3 ? null : 90_000 - at,
  };
}

function aHost(name: string): HostRow {
  return {
    name,
    address: name,
    tags: [name, 'db'],
    state: { kind: 'unreachable', sinceMs: NOW, reason: name },
    lastKillAtMs: NOW,
    killsLast7d: 3,
    problems: [name, name],
    mutedUntilMs: NOW,
    fromSlack: true,
    from: null,
  };
}

const GROWTH = { fromKiB: 9_000, toKiB: 900_000, fromMs: NOW - 600_000, toMs: NOW, isNew: true };
const DANGER = {
  kind: 'running-out' as const,
  restKiB: 90_000,
  totalKiB: 900_000,
  leftMs: 900_000,
  fallKiBPerMinute: 6_000,
  sinceMs: NOW - 600_000,
  pressureFullAvg10: 31.2,
};

function momentsOf(service: string): Moment[] {
  return Array.from({ length: 60 }, (_, at) => ({
    atMs: NOW - (60 - at) * 20_000,
    totalKiB: 900_000,
    availableKiB: 90_000 - at,
    totalSwapKiB: 9,
    freeSwapKiB: 4,
    pressureFullAvg10: 12,
    services: [{ service, sizeKiB: 9_000 * at }],
  }));
}

const SIZES = Array.from({ length: 40 }, (_, at) => ({ atMs: NOW + at, sizeKiB: 9_000 }));
const LEAK = {
  slopeKiBPerHour: 300_000,
  r2: 0.97,
  nextAtMs: NOW,
  lives: 4,
  typicalLifeMs: 90_000_000,
  typicalSizeKiB: 6_000_000,
};

describe('whatever a host writes, Slack takes the message', () => {
  it('for the messages of any kills', () => {
    fc.assert(
      fc.property(
        fc.array(anyKill, { minLength: 1, maxLength: 30 }),
        fc.constantFrom(...HOSTILE_NAMES),
        (kills, name) => {
          const unique = [...new Map(kills.map((kill) => [kill.key, kill])).values()];
          const incidents = incidentsOf(unique);
          const next = { candidates: [aScore(name, 1), aScore(name, 2)], atMs: NOW };
          const notices = [
            ...incidents.map((incident) =>
              describeIncident({ ...incident, next }, { nowMs: NOW, protect: true, seenBefore: null }),
            ),
            ...incidents.map((incident) => describeReport(incident, incident.kills)),
            ...incidents.map((incident) => describeReport(incident, incident.kills, { at: 0, text: name, page: 2 })),
            ...unique.map(describeEvidence),
            ...unique.map(describeLaterKill),
            describeSummary(incidents.map((incident) => ({ incident, anew: null }))),
            describeExplanation(unique.map((kill) => kill.record)),
          ];

          for (const notice of notices) expect(faultsOf(notice)).toEqual([]);
        },
      ),
      { numRuns: 40 },
    );
  }, 60_000);

  it.each(HOSTILE_NAMES.map((name) => [JSON.stringify(name).slice(0, 40), name]))(
    'for lists and answers that hold %s',
    (_, name) => {
      const rows = Array.from({ length: 60 }, (_row, at) => aScore(name, at));
      const hosts = Array.from({ length: 120 }, () => aHost(name));
      const recurrence = {
        kills: 3,
        times: 3,
        firstAtMs: NOW,
        lastAtMs: NOW,
        typicalGapMs: 5_000,
        clockMinutes: [95, 852],
        isDaily: true,
      };
      const notices = [
        describeScores({
          host: name,
          atMs: NOW,
          rows,
          processCount: 60,
          availableKiB: 1,
          totalKiB: 2,
          freeSwapKiB: 1,
          totalSwapKiB: 2,
          warnings: [name],
        }),
        describeHosts(hosts, true),
        describeHome(hosts, [{ text: [{ hostText: name }], incidentHost: name }], true),
        describeCheck(hosts),
        describeUnreachable(name, NOW, name),
        describeHistory({
          target: name,
          sinceMs: NOW - 86_400_000,
          untilMs: NOW,
          killsBefore: 7,
          rows: Array.from({ length: 40 }, (_row, at) => ({
            host: `${name}${at % 3}`,
            service: name,
            label: name,
            kills: at,
            recurrence,
            past: at < 3 ? { sizes: SIZES, leak: LEAK, isFaster: true } : null,
          })),
          days: Array.from({ length: 30 }, (_day, at) => ({ dayMs: at * 86_400_000, kills: at })),
          complete: false,
        }),
        describeBefore({ host: name, firstAtMs: NOW }, momentsOf(name), { ...GROWTH, service: name }),
        describeBefore({ host: name, firstAtMs: NOW }, momentsOf(name), null),
        describeWarning(name, DANGER, { ...GROWTH, service: name }, NOW),
        describeWarning(name, { ...DANGER, kind: 'stalling', leftMs: null }, null, NOW),
        describeWarningOver(name, 'killed', { startedAtMs: NOW, endedAtMs: NOW + 9, restKiB: 1, totalKiB: 2 }),
        describeWeek({
          target: name,
          asked: name,
          sinceMs: NOW - 86_400_000,
          untilMs: NOW,
          kills: 99,
          killsBefore: 3,
          hostCount: 40,
          rows: Array.from({ length: 9 }, (_row, at) => ({
            host: `${name}${at}`,
            service: name,
            kills: 9 - at,
            killsBefore: at,
            recurrence,
            leak: at === 0 ? LEAK : null,
            cause: at === 1 ? 'memcg-limit' : 'host',
          })),
          causes: [{ code: 'memcg-limit', incidents: 4 }],
          withoutSwap: Array.from({ length: 20 }, (_host, at) => `${name}${at}`),
          oddAdj: (['hog', 'immortal'] as const).map((kind) => ({
            kind,
            host: name,
            service: name,
            name,
            pid: 4_000,
            oomScoreAdj: -1_000,
            sizeKiB: 9_000,
            count: 2,
          })),
        }),
        describeHelp([{ command: `last ${name}`, does: name, runs: true }], true),
        describeTypo(name, name),
        describeMuted({ target: name, untilMs: NOW, why: name }, 3_600_000),
      ];

      for (const notice of notices) expect(faultsOf(notice)).toEqual([]);
    },
  );

  it('for every refusal', () => {
    const texts = HOSTILE_NAMES.slice(0, 20);
    for (const name of texts) {
      const refusals: Refusal[] = [
        { kind: 'unknown-host', host: name, nearest: name, known: texts },
        { kind: 'host-unreachable', host: name, sinceMs: NOW, reason: name },
        { kind: 'unknown-word', word: name, nearest: name },
        { kind: 'host-key-changed', host: name, confirmed: name, found: name },
        { kind: 'bad-value', name: 'time', given: name, expected: 'x' },
        { kind: 'fault', reference: 'abc' },
      ];

      for (const refusal of refusals) expect(faultsOf(describeRefusal(refusal))).toEqual([]);
    }
  });

  it('for the forms', () => {
    const draft = {
      name: 'x'.repeat(64),
      address: 'y'.repeat(255),
      port: 22,
      user: null,
      tags: Array.from({ length: 20 }, () => 'z'.repeat(10)),
    };
    const views = [
      explainView(),
      hostAddView(),
      hostRemoveView('<!channel>'.repeat(20)),
      hostConfirmView(draft, { keyType: 'ssh-ed25519', fingerprint: `SHA256:${'A'.repeat(43)}` }),
      waitingView('a title that is longer than what a window may have', 'words'),
    ];

    for (const view of views) expect(refuseView(view)).toEqual([]);
  });
});

/** What Slack would read as markup: the text without its code spans, in which nothing is read. */
function skeleton(text: string): string {
  return text.replace(/`[^`]*`/g, '`');
}

function saidOf(host: string): Text {
  return [{ words: 'a ' }, { hostText: host }, { words: ', then ' }, { hostText: host }];
}

function labelsOf(protect: boolean): string[] {
  return describeIncident(anIncident(), { nowMs: NOW, protect }).buttons.map((button) => button.label);
}

describe('host text is never interpreted', () => {
  it.each(HOSTILE_NAMES.map((name) => [JSON.stringify(name).slice(0, 40), name]))(
    '%s changes nothing around it',
    (_, name) => {
      expect(skeleton(toMrkdwn(saidOf(name), 3_000))).toBe(skeleton(toMrkdwn(saidOf('x'), 3_000)));
    },
  );

  it.each(HOSTILE_NAMES.map((name) => [JSON.stringify(name).slice(0, 40), name]))(
    '%s in a sentence has no life of its own',
    (_, name) => {
      const text = toMrkdwn([{ prose: name }], 3_000);

      expect(text).not.toMatch(/[*~`<>]|:\/\/|(?:^|\s)_|_(?:\s|$)|:[a-z0-9_+-]+:|@[a-z]|[\n\r\u202e\u200b]/i);
      expect(text).not.toMatch(/&(?!amp;|lt;|gt;)/);
    },
  );

  it('cuts before it escapes, whatever the length', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...HOSTILE_NAMES), { maxLength: 8 }),
        fc.integer({ min: 4, max: 400 }),
        (names, max) => {
          const text = toMrkdwn(
            names.flatMap((name) => [{ words: 'x & ' }, { hostText: name }, { strong: name }, { prose: name }]),
            max,
          );

          expect(text.length).toBeLessThanOrEqual(max + 1);
          expect(text).not.toMatch(/&(?!amp;|lt;|gt;)/);
          expect(text.isWellFormed()).toBe(true);
          expect((text.match(/`/g) ?? []).length % 2).toBe(0);
        },
      ),
    );
  });

  it('shows times in the reader’s zone, and odd clocks as text', () => {
    expect(toMrkdwn([{ atMs: 1_700_000_000_000 }], 500)).toBe(
      '<!date^1700000000^{date_short_pretty} {time_secs}|2023-11-14 22:13:20 UTC>',
    );
    expect(toMrkdwn([{ atMs: -5 }], 500)).toBe('1969-12-31 23:59:59 UTC');
    expect(toMrkdwn([{ atMs: Number.NaN }], 500)).toBe('at an unknown time');
  });

  it('mentions only what looks like an id', () => {
    expect(toMrkdwn([{ userId: 'U024BE7LH' }, { words: ' ' }, { userId: 'x><!channel>' }], 500)).toBe(
      '<@U024BE7LH> x&gt;&lt;!channel&gt;',
    );
  });

  it('escapes the three characters, and only these', () => {
    expect(escapeEntities('a & b < c > "d" \'e\'')).toBe('a &amp; b &lt; c &gt; "d" \'e\'');
  });
});

describe('the form of a message', () => {
  it('shows a reader’s own time and a person’s name in the first line, which a header cannot', () => {
    const parts = [{ kind: 'text' as const, text: [{ words: 'more' }] }];
    const told = aNotice({
      headline: [{ words: 'Decided by ' }, { userId: 'U0123' }, { words: ' ' }, { atMs: NOW }],
      parts,
    });
    const plain = aNotice({ headline: [{ words: 'Nothing to decide' }], parts });

    const [first] = renderContent(told, 'message').blocks;

    expect(JSON.stringify(first)).toContain('<@U0123> <!date^');
    expect([first?.type, renderContent(plain, 'message').blocks[0]?.type]).toEqual(['section', 'header']);
  });

  it('has a header, native table and chart, facts, buttons, and a text that carries the facts', () => {
    const { text, blocks } = renderContent(
      describeIncident(anIncident(), { nowMs: NOW, protect: false, seenBefore: null }),
      'message',
    );

    expect(blocks.map((block) => block.type)).toEqual([
      'header',
      'section',
      'section',
      'section',
      'data_table',
      'section',
      'section',
      'rich_text',
      'section',
      'rich_text',
      'section',
      'data_visualization',
      'context',
      'actions',
    ]);
    expect(text).toContain('`mysqld` of `mysql.service` was killed on `db01`: the host ran out of memory');
    expect(text).toContain('Triggered by: `icinga2`');
  });

  it('shows no tables or charts where Slack has none', () => {
    const notice = describeIncident(anIncident(), { nowMs: NOW, protect: false });

    const types = new Set(renderContent(notice, 'plain').blocks.map((block) => block.type));

    expect([...types].toSorted()).toEqual(['actions', 'context', 'header', 'rich_text', 'section']);
  });

  it('shows the protect button only where changes can be proposed', () => {
    expect(labelsOf(false)).toEqual(['On it', 'Scores now', 'Full report', 'Mute 1 h']);
    expect(labelsOf(true)).toEqual(['On it', 'Protect…', 'Scores now', 'Full report', 'Mute 1 h']);
  });

  it('leaves out pictures before facts when a message is too large', () => {
    const lines = Array.from({ length: 6 }, (_, at) => ({
      kind: 'lines' as const,
      caption: `part ${at}`,
      lines: Array.from({ length: 40 }, () => '"'.repeat(70)),
    }));
    const notice = aNotice({
      headline: [{ words: 'large' }],
      parts: [{ kind: 'facts', facts: [{ label: 'Victim', value: [{ words: 'stays' }] }] }, ...lines],
    });

    const { blocks } = renderContent(notice, 'message');

    expect(JSON.stringify(blocks)).toContain('stays');
    expect(JSON.stringify(blocks)).toContain('Shortened to fit');
    expect(refuseMessage(renderContent(notice, 'message'))).toEqual([]);
  });
});
