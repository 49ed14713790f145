import type { Change, ProofRow } from '../change/change.ts';
import { MEND, type Rule } from '../change/rule.ts';
import {
  describeChoices,
  describeDecided,
  describeDrift,
  describeJoined,
  describeNotWidened,
  describePending,
  describeProposed,
  describeRuleEdited,
  describeRules,
  describeShownDrift,
} from '../notice/change/change-answers.ts';
import { describeChange, describeChangeOutcome } from '../notice/change/change-notice.ts';
import type { Notice } from '../notice/notice.ts';
import type { Example } from '../slack/layouts.ts';
import { EXAMPLE } from './example-facts.ts';

const { host: HOST, service: UNIT, userId: USER } = EXAMPLE;
const HOUR_MS = 60 * 60_000;
const PID = 4_000;

/** One of everything that is said of changes and rules, about a process that does not exist. */
export function exampleChanges(nowMs: number): Example[] {
  const proposed = aChange(nowMs);
  const applied: Change = {
    ...proposed,
    keep: true,
    processes: proposed.processes.map((one) => ({ ...one, state: 'written' })),
    dropIn: { unit: UNIT, from: null, to: -500, state: 'written' },
    approvals: [{ by: USER, atMs: nowMs }],
    state: { kind: 'applied', atMs: nowMs, untilMs: nowMs + HOUR_MS, undoFailed: null, tryAgainAtMs: 0 },
  };
  const failed: Change = { ...proposed, state: { kind: 'failed', atMs: nowMs, why: { kind: 'process-gone' } } };
  const rule = aRule(nowMs);
  const choice = { name: 'mysqld', unit: UNIT, count: 1, rssKiB: 6_000_000, pid: PID, word: String(PID) };
  const given: [string, Notice | null][] = [
    ['a change, proposed', describeChange(proposed)],
    ['a change, applied', describeChange(applied)],
    ['a change, failed', describeChange(failed)],
    ['what came of a change', describeChangeOutcome(applied)],
    ['proposed', describeProposed(proposed)],
    ['proposed already', describeJoined(proposed)],
    ['which process', describeChoices(HOST, 'mysqld', [choice], 3, (word) => `protect ${HOST} ${word}`)],
    ['decided', describeDecided(applied)],
    ['pending', describePending([proposed])],
    ['rules', describeRules(HOST, [rule], [applied])],
    ['a rule was edited', describeRuleEdited(rule)],
    ['a value drifted', describeShownDrift(rule, HOST, [{ pid: PID, adj: 0 }])],
    ['a value was put right', describeDrift(rule, HOST, [PID], null)],
    ['a rule for another host', describeNotWidened(rule, HOST, [{ words: 'No such process is running there.' }])],
  ];
  return given.flatMap(([name, notice]) => (notice === null ? [] : [{ name, notice }]));
}

function aChange(nowMs: number): Change {
  const row: ProofRow = {
    pid: PID,
    name: 'mysqld',
    rssKiB: 6_000_000,
    swapKiB: 0,
    oomScoreAdj: 0,
    points: 1_500_000,
    isTarget: true,
  };
  return {
    id: 'example',
    revision: 1,
    host: HOST,
    bootId: '0f7e6c1a-52b4-4e0c-9a3d-1b2c3d4e5f60',
    subject: 'mysqld',
    unit: UNIT,
    processes: [{ pid: PID, startTicks: 1, name: 'mysqld', uid: 111, from: 0, to: -500, state: 'untouched' }],
    dropIn: { unit: UNIT, from: null, to: -500, state: 'untouched' },
    to: -500,
    forMs: HOUR_MS,
    why: 'the database must stay',
    keep: false,
    proposedBy: USER,
    proposedAtMs: nowMs,
    channel: '#oom',
    incidentId: null,
    expiresAtMs: nowMs + HOUR_MS,
    quorum: 1,
    approvals: [],
    proof: {
      scope: { kind: 'host' },
      atMs: nowMs,
      before: [row],
      after: [{ ...row, pid: PID + 1, name: 'java', isTarget: false }],
      notes: [{ kind: 'big-and-deep', rssShare: 0.5 }],
    },
    undoes: null,
    state: { kind: 'proposed' },
  };
}

function aRule(nowMs: number): Rule {
  return {
    ...MEND,
    id: 'example',
    revision: 1,
    hosts: [HOST],
    name: 'mysqld',
    unit: UNIT,
    uids: [111],
    adj: -500,
    widened: [],
    state: 'active',
    madeBy: USER,
    madeAtMs: nowMs,
    changeId: 'example',
    channel: '#oom',
  };
}
