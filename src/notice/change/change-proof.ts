import type { Change, Proof, ProofRow } from '../../change/change.ts';
import { sayKiB } from '../../oom/units.ts';
import { proofNoteText } from './change-notes.ts';
import { shellPath } from '../host-text.ts';
import type { Part, Text } from '../notice.ts';

/** One process of an order of who dies. */
export function rowText(row: ProofRow): Text {
  const memory = sayKiB(row.rssKiB + row.swapKiB);
  if (row.points === null) return [{ words: 'nothing that can be killed' }];
  return [{ hostText: row.name }, { words: ` (pid ${row.pid}, ${memory}, adj ${row.oomScoreAdj})` }];
}

/** Who dies next, now and after the change, side by side. */
export function proofParts({ before, after, scope }: Proof, ahead: boolean): Part[] {
  const rows = Math.max(before.length, after.length);
  if (rows === 0) return [];
  return [
    {
      kind: 'table',
      caption:
        scope.kind === 'host' ? 'Who would be killed next on the host' : `Who would be killed next in ${scope.path}`,
      columns: [
        { title: '', align: 'right' },
        { title: ahead ? 'Now' : 'Before the change', align: 'left' },
        { title: 'After the change', align: 'left' },
      ],
      rows: Array.from({ length: rows }, (_, at) => [
        { text: [{ words: String(at + 1) }], sortBy: at + 1 },
        { text: cellText(before[at]) },
        { text: after.length === 0 ? [{ words: 'cannot be computed' }] : cellText(after[at]) },
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

/** Notes as parts; `sign` stands before each. */
export function noteText(sign: string): (note: Proof['notes'][number]) => Part {
  return (note) => ({ kind: 'text', text: [...(sign === '' ? [] : [{ words: sign }]), ...proofNoteText(note)] });
}

/** The drop-in as text: what is written, or what somebody could write. */
export function dropInParts({ dropIn, proof }: Change, ahead: boolean): Part[] {
  const byHand = proof.notes.find((note) => note.kind === 'drop-in-by-hand');
  if (byHand?.kind === 'drop-in-by-hand')
    return [{ kind: 'lines', caption: byHand.path, lines: byHand.text.split('\n') }];
  if (dropIn === null) return [];
  const path = dropInPath(dropIn.unit);
  return dropIn.to === null
    ? [{ kind: 'lines', caption: ahead ? 'To be removed' : 'Removed', lines: [path] }]
    : [{ kind: 'lines', caption: path, lines: ['[Service]', `OOMScoreAdjust=${dropIn.to}`] }];
}

function dropInPath(unit: string): string {
  return `/etc/systemd/system/${unit}.d/50-oombot.conf`;
}

/** Whether what the proof calls now still is. */
export function isAhead({ state }: Change): boolean {
  return ['proposed', 'approved', 'applying'].includes(state.kind);
}

const UNDO_LINES_MAX = 5;

/** What takes exactly this change back by hand, as root: the drop-in first, then each process that has the value. */
export function undoLines({ dropIn, processes }: Change): string[] {
  const path = dropIn === null ? '' : dropInPath(dropIn.unit);
  const ofUnit =
    dropIn === null || shellPath(path) === null
      ? []
      : dropIn.from === null
        ? [`rm ${path} && systemctl daemon-reload;`]
        : [`printf '[Service]\\nOOMScoreAdjust=${dropIn.from}\\n' > ${path} && systemctl daemon-reload;`];
  const written = processes.filter(({ state }) => state === 'written' || state === 'untouched');
  const lines = written.slice(0, UNDO_LINES_MAX).map(({ pid, from }) => `echo ${from} > /proc/${pid}/oom_score_adj;`);
  const more = written.length - lines.length;
  return [...ofUnit, ...lines, ...(more > 0 ? [`# and ${more} more processes`] : [])];
}
