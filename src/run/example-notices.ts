import { openLogParser } from '../oom/report/log-parser.ts';
import type { KillRecord } from '../oom/report.ts';
import { withCause } from '../cause/cause.ts';
import { groupKills } from '../incident/grouping.ts';
import type { Incident, Kill } from '../incident/incident.ts';
import {
  describeExplanation,
  describeHelp,
  describeHostEdited,
  describeMuted,
  describeTypo,
  describeUnmuted,
} from '../notice/answer/answer-notice.ts';
import { describeAudit } from '../notice/answer/audit-notice.ts';
import {
  describeBackAgain,
  describeCheck,
  describeHome,
  describeHosts,
  describeUnreachable,
} from '../notice/answer/fleet-notice.ts';
import { describeHistory } from '../notice/answer/history-notice.ts';
import { describeMemory } from '../notice/answer/memory-notice.ts';
import {
  describeDrill,
  describeDrillBegun,
  describeDrillFailure,
  describeDrills,
} from '../notice/answer/drill-notice.ts';
import { describeRecordBack, describeRecordFault } from '../notice/answer/record-notice.ts';
import { describeRefusal } from '../notice/answer/refusal-text.ts';
import { describeWeek } from '../notice/answer/report-notice.ts';
import { describeNoSize, describeSizes } from '../notice/answer/size-notice.ts';
import { describeTest, describeTestOutcomes } from '../notice/answer/test-notice.ts';
import { describeWhy } from '../notice/answer/why-notice.ts';
import { describeAnew } from '../notice/incident/anew-notice.ts';
import { describeBefore } from '../notice/incident/before-notice.ts';
import { describeIncident } from '../notice/incident/incident-notice.ts';
import { sizingOf } from '../notice/incident/incident-size.ts';
import { describeLaterKills, describeMoreOfSeveral } from '../notice/incident/later-kills.ts';
import { describePast } from '../notice/incident/past-notice.ts';
import { describeAcked, describeShown } from '../notice/incident/show-notice.ts';
import { describeSummary, describeSummaryLines } from '../notice/incident/storm-notice.ts';
import { describeReport, describeSentFile } from '../notice/incident/full-report.ts';
import { describeEvidence, describeLaterKill, describeReturn } from '../notice/incident/thread-notice.ts';
import { describeWarning, describeWarningOver } from '../notice/incident/warning-notice.ts';
import type { Notice } from '../notice/notice.ts';
import { describeScores } from '../notice/scores-notice.ts';
import { helpLines } from '../app/answer/registry.ts';
import { describeNews } from '../app/tell/describe-news.ts';
import { renderKill } from '../demo/story.ts';
import type { Example } from '../slack/layouts.ts';
import { exampleChanges } from './example-changes.ts';
import {
  EXAMPLE,
  exampleDanger,
  exampleDrill,
  exampleGrowth,
  exampleHistory,
  exampleHost,
  exampleMoments,
  exampleRanking,
  exampleReport,
} from './example-facts.ts';

const { host: HOST, service: SERVICE, userId: USER } = EXAMPLE;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** One of everything that oombot can say, about a host that does not exist. `nowMs`: when it is said. */
export function exampleNotices(nowMs: number): Example[] {
  const kills = [2, 1, 0].map((hours) => aKill(nowMs - hours * HOUR_MS - MINUTE_MS));
  const [kill] = kills.slice(-1);
  const incident = anIncident(kills, nowMs);
  if (kill === undefined || incident === null) throw new Error('the example has no kill');
  const sizing = sizingOf(incident);
  const host = exampleHost(nowMs);
  const drill = exampleDrill(nowMs);
  const growth = exampleGrowth(nowMs);
  const ask = { what: SERVICE, sinceMs: nowMs - HOUR_MS, untilMs: nowMs };
  const asked = { host: HOST, ask, facts: null, incident, bootAtMs: nowMs - DAY_MS, inspect: null };
  const proof = { sinceMs: ask.sinceMs, untilMs: nowMs, counter: 3, kills: 0, groupOomKills: 0 };
  const given: [string, Notice | null][] = [
    ['a kill', describeIncident(incident, { nowMs, protect: true, seenBefore: null })],
    ['a kill as an answer', describeIncident(incident, { nowMs, protect: true, asAnswer: true, seenBefore: null })],
    ['what the log says', describeEvidence(kill)],
    ['a later kill', describeLaterKill(kill)],
    ['several later kills', describeLaterKills(incident, 3)],
    ['later kills of a summary', describeMoreOfSeveral([{ incident, count: 2 }])],
    ['back again', describeReturn({ ...incident, back: { kind: 'restarted', afterMs: 4_000, pid: 4_242 } })],
    ['the full report', describeReport(incident, kills.toReversed())],
    ['the lines of a full report as a file', describeSentFile('db01-mysqld-18540.log', 'thread')],
    ['an incident with its kills', describeShown(incident, kills.toReversed(), { page: 1, pages: 1, first: 0 })],
    [
      'an incident with many kills',
      describeShown(
        { ...incident, killCount: 40 },
        Array.from({ length: 20 }, () => kill),
        { page: 1, pages: 2, first: 0 },
      ),
    ],
    ['on it', describeAcked(incident, null)],
    ['announced anew', describeAnew(incident, { kind: 'again' })],
    [
      'a storm',
      describeSummary([
        { incident, anew: null },
        { incident: { ...incident, id: 'example-2' }, anew: { kind: 'loop' } },
      ]),
    ],
    ['a storm’s thread', describeSummaryLines([incident])],
    [
      'before it was watched',
      describePast(HOST, [
        { service: SERVICE, atMs: nowMs - DAY_MS },
        { service: SERVICE, atMs: nowMs },
      ]),
    ],
    [
      'the minutes before',
      describeBefore(incident, exampleMoments(incident.firstAtMs), exampleGrowth(incident.firstAtMs)),
    ],
    ['early warning', describeWarning(HOST, exampleDanger(nowMs), growth, nowMs - 10 * MINUTE_MS)],
    [
      'early warning, over',
      describeWarningOver(HOST, 'passed', {
        startedAtMs: nowMs - HOUR_MS,
        endedAtMs: nowMs,
        restKiB: 4_000_000,
        totalKiB: 12_582_440,
      }),
    ],
    [
      'memory',
      describeMemory({
        host: HOST,
        sinceMs: nowMs - HOUR_MS,
        untilMs: nowMs,
        moments: exampleMoments(nowMs),
        kills: [{ atMs: nowMs - MINUTE_MS, service: SERVICE }],
      }),
    ],
    [
      'what fits',
      sizing === null ? null : describeSizes({ host: HOST, atMs: nowMs, sizings: [sizing], more: 0, kill: null }),
    ],
    ['what fits: nothing known', describeNoSize(HOST, SERVICE)],
    ['was it the OOM killer: yes', describeWhy({ ...asked, verdict: { kind: 'yes', kill, by: 'unit', count: 1 } })],
    [
      'was it the OOM killer: no',
      describeWhy({ ...asked, verdict: { kind: 'no', proof, others: [], isKnown: false } }),
    ],
    [
      'was it the OOM killer: cannot tell',
      describeWhy({ ...asked, verdict: { kind: 'unknown', missing: [{ kind: 'no-counter' }], others: [kill] } }),
    ],
    ['history', describeHistory(exampleHistory(nowMs))],
    ['the week', describeWeek(exampleReport(nowMs))],
    ['scores', describeScores(exampleRanking(nowMs))],
    ['hosts', describeHosts([host], true)],
    ['App Home', describeHome([host], [{ text: [{ hostText: SERVICE }], incidentHost: HOST }], true)],
    ['hosts check', describeCheck([host])],
    ['a host is unreachable', describeUnreachable(HOST, nowMs - HOUR_MS, 'connection refused')],
    ['a host is back', describeBackAgain(HOST, HOUR_MS, 1, { rebooted: false, logOutlastsReboot: true })],
    ['a host was added', describeHostEdited(HOST, 'added', USER)],
    ['several notes at once', describeNews(describeUnmuted(HOST), [describeUnmuted(SERVICE)])],
    ['muted', describeMuted({ target: HOST, untilMs: nowMs + HOUR_MS, why: 'a restore runs' }, HOUR_MS)],
    ['unmuted', describeUnmuted(HOST)],
    ['a test', describeTest(USER, nowMs)],
    [
      'what became of tests',
      describeTestOutcomes(
        [
          { name: '#oom', kind: 'channel', outcome: { kind: 'sent' } },
          { name: 'pager', kind: 'webhook', outcome: { kind: 'refused', reason: 'HTTP 403' } },
        ],
        1,
      ),
    ],
    ['a drill', describeDrill(drill)],
    ['a drill has begun', describeDrillBegun(drill, false)],
    [
      'a drill that failed',
      describeDrillFailure({
        ...drill,
        state: 'failed',
        end: { step: 'see', reason: 'No line came within 30 s.' },
        seenAtMs: null,
        recordedAtMs: null,
        toldAtMs: null,
      }),
    ],
    ['drills of a channel', describeDrills('#oom', [drill], '7 d')],
    ['the database fails', describeRecordFault({ sinceMs: nowMs - HOUR_MS, sentence: 'database or disk is full' }, 2)],
    [
      'the database works again',
      describeRecordBack({ sinceMs: nowMs - HOUR_MS, sentence: 'database or disk is full' }, nowMs),
    ],
    [
      'audit',
      describeAudit(
        HOST,
        [{ atMs: nowMs, actor: USER, action: 'mute', host: HOST, details: { target: HOST, untilMs: nowMs + HOUR_MS } }],
        true,
      ),
    ],
    ['explanation', describeExplanation([kill.record])],
    ['explanation of several', describeExplanation(kills.map((one) => one.record))],
    ['help', describeHelp(helpLines({ host: HOST, group: 'db', tag: 'db', process: 'mysqld' }), true)],
    ['did you mean', describeTypo('lsat', `last ${HOST}`)],
    ['a refusal', describeRefusal({ kind: 'unknown-host', host: 'example-db1', nearest: HOST, known: [HOST] })],
    ['a refusal with a way out', describeRefusal({ kind: 'unknown-word', word: 'lsat', nearest: 'last' })],
  ];
  const told = given.flatMap(([name, notice]) => (notice === null ? [] : [{ name, notice }]));
  return [...told, ...exampleChanges(nowMs)];
}

function aKill(atMs: number): Kill {
  const { lines } = renderKill(atMs * 1_000);
  const parser = openLogParser({ lastWordOnly: true });
  const texts = lines.flatMap(({ text }, at) =>
    text.split('\n').map((line) => `[${(7_189_052 + at / 1e5).toFixed(6)}] ${line}`),
  );
  const events = [...texts.flatMap((line, at) => parser.line(line, at + 1)), ...parser.end()];
  const record = events
    .flatMap((event): KillRecord[] => (event.kind === 'closed' ? [event.record] : []))
    .find((one) => one.pid !== null);
  if (record === undefined) throw new Error('the example has no report');
  const key = `example:${atMs}:${record.pid}`;
  return {
    key,
    host: HOST,
    bootId: null,
    atMs,
    atErrorMs: 0,
    seenAtMs: atMs,
    source: 'kmsg',
    verified: true,
    record: withCause(record),
    who: null,
  };
}

function anIncident(kills: readonly Kill[], nowMs: number): Incident | null {
  const [first] = groupKills([], kills.slice(-1), nowMs, () => 'example').incidents;
  if (first === undefined) return null;
  const candidates = [{ pid: 4_242, name: 'java', rssKiB: 1_606_000, swapKiB: 0, oomScoreAdj: 0 }];
  return {
    ...first,
    victims: [{ service: first.service, count: kills.length }],
    kills: [...kills],
    killCount: kills.length,
    firstAtMs: kills[0]?.atMs ?? first.firstAtMs,
    next: { candidates, atMs: nowMs },
  };
}
