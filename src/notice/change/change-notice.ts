import type { Change, ProcessState, RuleTerms } from '../../change/change.ts';
import { isWarning } from './change-notes.ts';
import { dropInParts, isAhead, noteText, proofParts, rowText, undoLines } from './change-proof.ts';
import { approversText, stateText } from './change-state-text.ts';
import { aNotice, joinTexts, type Button, type Fact, type Notice, type Text, type Tone } from '../notice.ts';
import { containerLabel } from '../../oom/proc/container-name.ts';
import { wasText } from '../roles.ts';
import { sayDuration } from '../units.ts';

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
      ...proofParts(proof, isAhead(change)),
      ...proof.notes.filter((note) => !isWarning(note)).map(noteText('')),
      ...dropInParts(change, isAhead(change)),
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
  const verb = change.undoes !== null ? 'Undo' : isLowering(change) ? 'Protect' : 'Change';
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

function factsOf(change: Change): Fact[] {
  const { proof, processes } = change;
  return [
    { label: processes.length === 1 ? 'Process' : 'Processes', value: processesText(change) },
    ...placeFacts(change),
    ...(change.state.kind === 'proposed' ? [] : [{ label: 'Proposed', value: proposedText(change) }]),
    { label: 'Lasts', value: lastsText(change) },
    ...(proof.before[0] === undefined
      ? []
      : [{ label: isAhead(change) ? 'Next to be killed' : 'Next before the change', value: rowText(proof.before[0]) }]),
    ...(proof.after[0] === undefined ? [] : [{ label: 'Next after the change', value: rowText(proof.after[0]) }]),
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

/** Who wanted it and why: a card tells that for as long as it stands. */
function proposedText({ proposedBy, proposedAtMs, why }: Change): Text {
  return [
    { userId: proposedBy },
    { words: ', ' },
    { atMs: proposedAtMs },
    ...(why === null ? [] : [{ words: ', because: ' }, { prose: why }]),
  ];
}

/** A container engine's own unit is the container, with a longer name. */
function placeFacts({ unit, container }: Change): Fact[] {
  const named = container ?? null;
  return [
    ...(named === null
      ? []
      : [
          {
            label: named.kind === 'pod' ? 'Pod' : 'Container',
            value: [
              { hostText: containerLabel(named) },
              ...wasText(named),
              { words: ', ' },
              { hostText: named.id.slice(0, 12) },
            ],
          },
        ]),
    ...(unit === null || (named !== null && unit.includes(named.id))
      ? []
      : [{ label: 'Unit', value: [{ hostText: unit }] }]),
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
      return ', not verified';
    case 'left':
      return ', has a different value';
  }
}

/** How long it lasts, and how. */
export function lastsText(change: Change): Text {
  const { dropIn, forMs, keep, terms } = change;
  const until = forMs === null ? '' : `for ${sayDuration(forMs)}, `;
  if (dropIn !== null)
    return [
      { words: `${until}in the unit, across restarts${keep ? '; kept as a rule' : ''}` },
      ...termsText(terms ?? null),
    ];
  if (keep) {
    const how = terms?.onDrift === 'show' ? 'a different value is reported here' : 're-applied after a restart';
    return [{ words: `kept as a rule: ${how}` }, ...termsText(terms ?? null)];
  }
  return [{ words: `${until}until the process ends at the latest` }];
}

/** Where else, and which of the processes. */
export function termsText(terms: Pick<RuleTerms, 'tag' | 'commandLine'> | null): Text {
  if (terms === null) return [];
  const { tag, commandLine } = terms;
  return [
    ...(commandLine === null
      ? []
      : [{ words: '; only with ' }, { hostText: commandLine }, { words: ' in the command line' }]),
    ...(tag === null
      ? []
      : [{ words: '; other hosts with the tag ' }, { hostText: tag }, { words: ' are proposed one by one' }]),
  ];
}

function smallPrint(change: Change): Text[] {
  const { id, bootId, proof, host, state } = change;
  const undo = state.kind === 'applied' ? undoLines(change) : [];
  return [
    ...(undo.length === 0
      ? []
      : [
          [
            { words: 'Undo by hand, as root on ' },
            { hostText: host },
            { words: ': ' },
            ...joinTexts(
              undo.map((line): Text => [{ hostText: line }]),
              ' ',
            ),
          ],
        ]),
    [
      { words: `Change ${id}. Checked at ` },
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
