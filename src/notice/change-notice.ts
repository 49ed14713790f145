import type { Change, ChangedProcess, ProcessState, Proof, ProofRow } from '../change/change.ts';
import { sayKiB } from '../oom/units.ts';
import { isWarning, proofNoteText } from './change-notes.ts';
import { changeRefusalText } from './change-refusal-text.ts';
import { aNotice, joinTexts, type Button, type Fact, type Notice, type Part, type Text, type Tone } from './notice.ts';
import { sayCount, sayDuration } from './units.ts';

const PROCESSES_SHOWN = 5;

/** A change's card, as it should read now: what, proof, warnings, how it lasts, who said yes, and the buttons that still count. */
export function describeChange(change: Change): Notice {
  const { proof } = change;
  return aNotice({
    tone: toneOf(change),
    headline: headlineOf(change),
    sentence: stateText(change),
    parts: [
      { kind: 'facts', facts: factsOf(change) },
      ...proof.notes.filter(isWarning).map(noteText('⚠ ')),
      ...proofParts(proof),
      ...proof.notes.filter((note) => !isWarning(note)).map(noteText('')),
      ...dropInParts(change),
    ],
    small: smallPrint(change),
    buttons: buttonsOf(change),
  });
}

/** What came of it, told under the card to whoever asked. null: nothing to tell yet. */
export function describeChangeOutcome(change: Change): Notice | null {
  const { state } = change;
  if (state.kind === 'proposed' || state.kind === 'approved' || state.kind === 'applying' || state.kind === 'undoing')
    return null;
  return aNotice({
    tone: toneOf(change),
    headline: [
      { userId: change.proposedBy },
      { words: ': ' },
      ...subjectText(change),
      { words: '. ' },
      ...stateText(change),
    ],
  });
}

/** `mysqld` on `db01`: 0 → -500. */
export function subjectText(change: Change): Text {
  return [
    { hostText: change.subject },
    { words: ' on ' },
    { hostText: change.host },
    { words: `: ${valuesText(change)}` },
  ];
}

function headlineOf(change: Change): Text {
  const verb = change.undoes !== null ? 'Take back' : isLowering(change) ? 'Protect' : 'Change';
  return [{ words: `${verb} ` }, ...subjectText(change)];
}

function isLowering({ processes }: Change): boolean {
  return processes.some((one) => one.to < one.from);
}

function valuesText({ processes, to }: Change): string {
  const from = [...new Set(processes.map((one) => one.from))];
  const values = [...new Set(processes.map((one) => one.to))];
  return `adj ${rangeOf(from)} → ${values.length === 0 ? to : rangeOf(values)}`;
}

function rangeOf(values: readonly number[]): string {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return low === high ? `${low}` : `${low}…${high}`;
}

function toneOf({ state }: Change): Tone {
  switch (state.kind) {
    case 'applied':
      return state.undoFailed === null ? 'good' : 'warn';
    case 'failed':
    case 'unknown':
      return 'bad';
    case 'refused':
      return 'warn';
    default:
      return 'plain';
  }
}

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

function approversText({ approvals }: Change): Text {
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

function factsOf(change: Change): Fact[] {
  const { proof, processes } = change;
  return [
    { label: processes.length === 1 ? 'Process' : 'Processes', value: processesText(change) },
    ...(change.unit === null ? [] : [{ label: 'Unit', value: [{ hostText: change.unit }] }]),
    { label: 'Lasts', value: lastsText(change) },
    ...(proof.before[0] === undefined ? [] : [{ label: 'Dies next now', value: rowText(proof.before[0]) }]),
    ...(proof.after[0] === undefined ? [] : [{ label: 'Dies next after', value: rowText(proof.after[0]) }]),
    ...(change.approvals.length === 0 && change.quorum === 1
      ? []
      : [
          {
            label: 'Approved',
            value: [
              { words: `${change.approvals.length} of ${change.quorum}` },
              ...(change.approvals.length === 0 ? [] : [{ words: ': ' }, ...approversText(change)]),
            ],
          },
        ]),
  ];
}

function processesText({ processes }: Change): Text {
  const shown = processes
    .slice(0, PROCESSES_SHOWN)
    .map((one): Text => [
      { hostText: one.name },
      { words: ` (pid ${one.pid}, uid ${one.uid}${stateWords(one.state)})` },
    ]);
  const more = processes.length - shown.length;
  return [...joinTexts(shown), ...(more > 0 ? [{ words: ` and ${more} more` }] : [])];
}

function stateWords(state: ProcessState): string {
  switch (state) {
    case 'untouched':
    case 'written':
    case 'restored':
      return '';
    case 'gone':
      return ', ended';
    case 'refused':
      return ', not changed';
    case 'unknown':
      return ', not read back';
    case 'left':
      return ', has another value';
  }
}

function lastsText({ dropIn, forMs, keep }: Change): Text {
  const until = forMs === null ? '' : `for ${sayDuration(forMs)}, `;
  if (dropIn !== null)
    return [{ words: `${until}in the unit, also when it is started again${keep ? '; kept as a rule' : ''}` }];
  if (keep) return [{ words: 'kept as a rule: put right again when it is started anew' }];
  return [{ words: `${until}at most until the process ends` }];
}

function rowText(row: ProofRow): Text {
  const memory = sayKiB(row.rssKiB + row.swapKiB);
  if (row.points === null) return [{ words: 'nothing that may be killed' }];
  return [{ hostText: row.name }, { words: ` (pid ${row.pid}, ${memory}, adj ${row.oomScoreAdj})` }];
}

function proofParts({ before, after, scope }: Proof): Part[] {
  const rows = Math.max(before.length, after.length);
  if (rows === 0) return [];
  return [
    {
      kind: 'table',
      caption: scope.kind === 'host' ? 'Who dies next on the host' : `Who dies next in ${scope.path}`,
      columns: [
        { title: '', align: 'right' },
        { title: 'Now', align: 'left' },
        { title: 'After the change', align: 'left' },
      ],
      rows: Array.from({ length: rows }, (_, at) => [
        { text: [{ words: String(at + 1) }], sortBy: at + 1 },
        { text: cellText(before[at]) },
        { text: after.length === 0 ? [{ words: 'not computable' }] : cellText(after[at]) },
      ]),
    },
  ];
}

function cellText(row: ProofRow | undefined): Text {
  if (row === undefined) return [{ words: ' ' }];
  const sign = row.isTarget ? '▸ ' : '';
  const about = row.points === null ? 'safe' : sayKiB(row.rssKiB + row.swapKiB);
  return [{ words: sign }, { hostText: row.name }, { words: ` ${row.pid}, ${about}, adj ${row.oomScoreAdj}` }];
}

function noteText(sign: string): (note: Proof['notes'][number]) => Part {
  return (note) => ({ kind: 'text', text: [...(sign === '' ? [] : [{ words: sign }]), ...proofNoteText(note)] });
}

function dropInParts({ dropIn, proof }: Change): Part[] {
  const byHand = proof.notes.find((note) => note.kind === 'drop-in-by-hand');
  if (byHand?.kind === 'drop-in-by-hand')
    return [{ kind: 'lines', caption: byHand.path, lines: byHand.text.split('\n') }];
  if (dropIn === null) return [];
  const path = `/etc/systemd/system/${dropIn.unit}.d/50-oombot.conf`;
  return dropIn.to === null
    ? [{ kind: 'lines', caption: 'Removed', lines: [path] }]
    : [{ kind: 'lines', caption: path, lines: ['[Service]', `OOMScoreAdjust=${dropIn.to}`] }];
}

function smallPrint({ id, bootId, proof, processes, host, state }: Change): Text[] {
  const [one] = processes;
  const undo: Text =
    one === undefined || state.kind !== 'applied'
      ? []
      : [
          { words: 'By hand: ' },
          { hostText: `echo ${one.from} > /proc/${one.pid}/oom_score_adj` },
          { words: ' as root on ' },
          { hostText: host },
          { words: '. ' },
        ];
  return [
    [
      ...undo,
      { words: `Change ${id}. Proof read ` },
      { atMs: proof.atMs },
      { words: ', boot ' },
      { hostText: bootId.slice(0, 8) },
      { words: '.' },
    ],
  ];
}

function buttonsOf({ id, state }: Change): Button[] {
  if (state.kind === 'proposed')
    return [
      { id: 'approve', label: 'Approve', value: id, style: 'primary' },
      { id: 'decline', label: 'Decline', value: id, style: 'danger' },
    ];
  return state.kind === 'applied' ? [{ id: 'undo', label: 'Undo', value: id }] : [];
}
