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
        { words: `. It waits for ${sayCount(change.quorum - change.approvals.length, 'approval')}, until ` },
        { atMs: change.expiresAtMs },
        { words: '.' },
      ];
    case 'approved':
      return [{ words: 'Approved by ' }, ...approversText(change), { words: '; it is applied now.' }];
    case 'applying':
      return [{ words: 'Approved by ' }, ...approversText(change), { words: '; the host is asked.' }];
    case 'applied':
      return [
        { words: 'Applied and read back ' },
        { atMs: state.atMs },
        { words: ', approved by ' },
        ...approversText(change),
        ...(state.untilMs === null || state.undoFailed !== null
          ? []
          : [{ words: '. It ends by itself ' }, { atMs: state.untilMs }]),
        { words: '.' },
        ...(state.undoFailed === null
          ? []
          : [
              { words: ' It could not be undone: ' },
              ...changeRefusalText(state.undoFailed),
              { words: ' It is tried again.' },
            ]),
      ];
    case 'refused':
      return [{ words: 'Not changed. ' }, ...changeRefusalText(state.why)];
    case 'failed':
      return [{ words: 'It failed. ' }, ...changeRefusalText(state.why), ...partlyText(change)];
    case 'unknown':
      return [
        {
          words: `Unknown: the ${state.during === 'apply' ? 'change' : 'way back'} was sent and could not be read back. Look at `,
        },
        { hostText: change.host },
        { words: '; I look again and tell what is true.' },
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
      return [{ words: 'The value before is put back.' }];
    case 'undone':
      if (change.processes.length > 0 && change.processes.every((one) => one.state === 'gone'))
        return [
          { words: 'Over: its ' },
          { words: change.processes.length === 1 ? 'process has' : 'processes have' },
          { words: ' ended ' },
          { atMs: state.atMs },
          { words: '.' },
        ];
      return [
        { words: 'Undone ' },
        { atMs: state.atMs },
        { words: ', ' },
        ...(state.askedBy === 'oombot'
          ? [{ words: 'its time was over' }]
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
    { words: ' These have the new value all the same and could not be put back: ' },
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
      : [{ words: ` ${sayCount(left, 'process', 'processes')} had another value by then, which stays.` }]),
    ...(gone === 0 ? [] : [{ words: ` ${sayCount(gone, 'process', 'processes')} had ended.` }]),
  ];
}
