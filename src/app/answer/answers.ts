import { describeHelp } from '../../notice/answer/answer-notice.ts';
import type { AnswersWorld } from './answers-world.ts';
import { openApprovers } from '../change/approvers.ts';
import { openAuditAnswer } from './audit-answer.ts';
import { openChangeAnswers } from './change-answers.ts';
import { explainText } from './explain.ts';
import type { Handlers } from './handlers.ts';
import { openHistoryAnswer } from './history-answer.ts';
import { openHostEditing } from './host-editing.ts';
import { openHostsAnswers } from './hosts-answer.ts';
import { openIncidentAnswers } from './incident-answers.ts';
import { openMemoryAnswer } from './memory-answer.ts';
import { openMuteAnswers } from './mute-answers.ts';
import { openReportAnswer } from './report-answer.ts';
import { openPeople } from '../people.ts';
import { openNoChanges } from './no-changes.ts';
import { openRights } from './rights.ts';
import { openRuleAnswers } from './rule-answers.ts';
import { openShowAnswers } from './show-answers.ts';
import { openScoresAnswer } from './scores-answer.ts';
import { helpLines } from './registry.ts';
import { openWhyAnswer } from './why-answer.ts';
import { openTargets } from './targets.ts';

/** Everything that can be asked of the bot, from a chat or a terminal. Nothing here needs a chat to be there. */
export function openAnswers(world: AnswersWorld): Handlers {
  const { store, fleet, scans, clock } = world;
  const targets = openTargets(fleet, store);
  const people = openPeople({ ...world, accountPolicy: world.changes?.approvals });
  const rights = openRights(world, people);

  /** Hosts that have something to show come first: the examples should work. */
  async function answerHelp(): ReturnType<Handlers['answerHelp']> {
    const lastAtMs = new Map((await store.hostKills(clock.nowMs())).map((host) => [host.host, host.lastAtMs]));
    const hosts = fleet
      .hosts()
      .map((host) => host.name)
      .toSorted((a, b) => (lastAtMs.get(b) ?? 0) - (lastAtMs.get(a) ?? 0));
    const [host = 'db01'] = hosts;
    const [tag] = targets.tags();
    const lines = helpLines({ host, group: tag ?? host, tag: tag ?? 'db' });
    return { kind: 'notice', notice: describeHelp(lines, hosts.length > 0) };
  }

  async function meantTarget(word: string): Promise<string> {
    const target = await targets.any(word);
    if (target.kind !== 'refused') return target.name;
    return 'nearest' in target.refusal ? (target.refusal.nearest ?? word) : word;
  }

  function openChanges() {
    if (world.changes === undefined) return openNoChanges();
    const changeWorld = { ...world, ...world.changes, channelOf: world.channelOf ?? (() => '') };
    const approvers = openApprovers(changeWorld);
    const answers = openChangeAnswers(changeWorld, targets, approvers);
    return { ...answers, ...openRuleAnswers(changeWorld, targets, approvers, answers.protect) };
  }

  return {
    ...openChanges(),
    ...openIncidentAnswers(world, targets, scans),
    ...openHostsAnswers(world, targets, rights),
    ...openShowAnswers(world, people),
    ...openMuteAnswers(world, targets, people),
    ...openHostEditing(world, rights),
    answerAudit: openAuditAnswer(world, targets),
    answerHistory: openHistoryAnswer(world, targets),
    answerMemory: openMemoryAnswer(world, targets),
    answerReport: openReportAnswer(world, targets),
    answerScores: openScoresAnswer(world, targets, scans),
    answerWhy: openWhyAnswer(world, targets, scans),
    answerHelp,
    meantTarget,
    explain: ({ text }) => Promise.resolve(explainText(text)),
  };
}
