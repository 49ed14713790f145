import type { AnswersWorld } from './answers-world.ts';
import { openApprovers } from '../change/approvers.ts';
import { openAuditAnswer } from './audit-answer.ts';
import { openChangeAnswers } from './change-answers.ts';
import { openDrillAnswer } from './drill-answer.ts';
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
import { openHelpAnswer } from './help-answer.ts';
import { openSizeAnswer } from './size-answer.ts';
import { openTestAnswer } from './test-answer.ts';
import { openWhyAnswer } from './why-answer.ts';
import { openTargets } from './targets.ts';

/** Everything that can be asked of the bot, from a chat or a terminal. Nothing here needs a chat to be there. */
export function openAnswers(world: AnswersWorld): Handlers {
  const { store, fleet, scans } = world;
  const targets = openTargets(fleet, store);
  const people = openPeople({ ...world, accountPolicy: world.changes?.approvals });
  const rights = openRights(world, people);

  async function meantTarget(word: string): Promise<string> {
    const target = await targets.any(word);
    if (target.kind !== 'refused') return target.name;
    return 'nearest' in target.refusal ? (target.refusal.nearest ?? word) : word;
  }

  function openChanges() {
    if (world.changes === undefined) return { answers: openNoChanges(), mayPropose: () => Promise.resolve(false) };
    const changeWorld = { ...world, ...world.changes, channelOf: world.channelOf ?? (() => '') };
    const approvers = openApprovers(changeWorld);
    const answers = openChangeAnswers(changeWorld, targets, approvers);
    return {
      answers: { ...answers, ...openRuleAnswers(changeWorld, targets, approvers, answers.protect) },
      mayPropose: async (userId: string) => (await approvers.refuseProposal(userId, null)) === null,
    };
  }

  const changes = openChanges();
  return {
    ...changes.answers,
    ...openIncidentAnswers(world, targets, scans),
    ...openHostsAnswers(world, targets, rights),
    ...openShowAnswers(world, people),
    ...openTestAnswer(world, people),
    drill: openDrillAnswer(world, targets, people, rights),
    ...openMuteAnswers(world, targets, people),
    ...openHostEditing(world, rights),
    answerAudit: openAuditAnswer(world, targets),
    answerHistory: openHistoryAnswer(world, targets),
    answerMemory: openMemoryAnswer(world, targets),
    answerReport: openReportAnswer(world, targets),
    answerScores: openScoresAnswer(world, targets, scans),
    answerSize: openSizeAnswer(world, targets, scans),
    answerWhy: openWhyAnswer(world, targets, scans),
    answerHelp: openHelpAnswer(world, targets, rights, changes.mayPropose),
    meantTarget,
    explain: ({ text }) => Promise.resolve(explainText(text)),
  };
}
