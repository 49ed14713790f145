import type { Change, ChangedProcess } from '../../change/change.ts';
import { changeRefusalText } from './change-refusal-text.ts';
import { joinTexts, type Text } from '../notice.ts';
import { sayCount } from '../units.ts';

/** Where it stands, as one or two sentences. */
export function stateText(change: Change): Text {
  const { state } = change;
  switch (state.kind) {
    case 'proposed':
      return [
        { words: 'Proposed by ' },
        { userId: change.proposedBy },
        ...(change.why === null ? [] : [{ words: ', because: ' }, { prose: change.why }]),
        {
          words: `. Needs ${sayCount(change.quorum - change.approvals.length, change.approvals.length === 0 ? 'approval' : 'more approval')} by `,
        },
        { atMs: change.expiresAtMs },
        { words: '.' },
      ];
    case 'approved':
      return [{ words: 'Approved by ' }, ...approversText(change), { words: '; applying now.' }];
    case 'applying':
      return [{ words: 'Approved by ' }, ...approversText(change), { words: '; applying on the host.' }];
    case 'applied':
      return [
        { words: 'Applied and verified ' },
        { atMs: state.atMs },
        { words: ', approved by ' },
        ...approversText(change),
        ...(state.untilMs === null || state.undoFailed !== null
          ? []
          : [{ words: '. Ends automatically ' }, { atMs: state.untilMs }]),
        { words: '.' },
        ...(state.undoFailed === null
          ? []
          : [{ words: ' Undo failed: ' }, ...changeRefusalText(state.undoFailed), { words: ' Retrying.' }]),
      ];
    case 'refused':
      return [{ words: 'Not changed. ' }, ...changeRefusalText(state.why)];
    case 'failed':
      return [{ words: 'Failed. ' }, ...changeRefusalText(state.why), ...partlyText(change)];
    case 'unknown':
      return [
        {
          words: `Unknown: the ${state.during === 'apply' ? 'change' : 'undo'} was sent but could not be verified. Check `,
        },
        { hostText: change.host },
        { words: '; I will check again and report the result.' },
      ];
    case 'declined':
      return [
        { words: state.by === change.proposedBy ? 'Withdrawn by ' : 'Declined by ' },
        { userId: state.by },
        { words: '. Nothing was changed.' },
      ];
    case 'expired':
      return [{ words: 'Expired: nobody decided in time. Nothing was changed.' }];
    case 'undoing':
      return [{ words: 'Restoring the earlier value.' }];
    case 'undone':
      if (change.processes.length > 0 && change.processes.every((one) => one.state === 'gone'))
        return [
          { words: 'Ended ' },
          { atMs: state.atMs },
          { words: `: the ${change.processes.length === 1 ? 'process' : 'processes'} exited.` },
        ];
      return [
        { words: 'Undone ' },
        { atMs: state.atMs },
        { words: ', ' },
        ...(state.askedBy === 'oombot'
          ? [{ words: 'time limit reached' }]
          : [{ words: 'by ' }, { userId: state.askedBy }]),
        { words: '.' },
        ...leftText(change.processes),
      ];
  }
}

/** Who said yes. */
export function approversText({ approvals }: Change): Text {
  return joinTexts(
    approvals.map((one) => [{ userId: one.by }]),
    ', ',
    ' and ',
  );
}

function partlyText({ processes }: Change): Text {
  const written = processes.filter((one) => one.state === 'written');
  if (written.length === 0) return [{ words: ' No value was changed.' }];
  return [
    { words: ' These still have the new value and could not be restored: ' },
    ...joinTexts(written.map((one) => [{ words: `pid ${one.pid}` }])),
    { words: '.' },
  ];
}

function leftText(processes: readonly ChangedProcess[]): Text {
  const left = processes.filter((one) => one.state === 'left').length;
  const gone = processes.filter((one) => one.state === 'gone').length;
  return [
    ...(left === 0
      ? []
      : [{ words: ` ${sayCount(left, 'process', 'processes')} had a different value by then and kept it.` }]),
    ...(gone === 0 ? [] : [{ words: ` ${sayCount(gone, 'process', 'processes')} had exited.` }]),
  ];
}
