import type { Change, Proof, ProofRow } from '../../change/change.ts';
import { sayKiB } from '../../oom/units.ts';
import { proofNoteText } from './change-notes.ts';
import type { Part, Text } from '../notice.ts';

/** One process of an order of who dies. */
export function rowText(row: ProofRow): Text {
  const memory = sayKiB(row.rssKiB + row.swapKiB);
  if (row.points === null) return [{ words: 'nothing that can be killed' }];
  return [{ hostText: row.name }, { words: ` (pid ${row.pid}, ${memory}, adj ${row.oomScoreAdj})` }];
}

/** Who dies next, now and after the change, side by side. */
export function proofParts({ before, after, scope }: Proof): Part[] {
  const rows = Math.max(before.length, after.length);
  if (rows === 0) return [];
  return [
    {
      kind: 'table',
      caption:
        scope.kind === 'host' ? 'Who would be killed next on the host' : `Who would be killed next in ${scope.path}`,
      columns: [
        { title: '', align: 'right' },
        { title: 'Now', align: 'left' },
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
export function dropInParts({ dropIn, proof }: Change): Part[] {
  const byHand = proof.notes.find((note) => note.kind === 'drop-in-by-hand');
  if (byHand?.kind === 'drop-in-by-hand')
    return [{ kind: 'lines', caption: byHand.path, lines: byHand.text.split('\n') }];
  if (dropIn === null) return [];
  const path = `/etc/systemd/system/${dropIn.unit}.d/50-oombot.conf`;
  return dropIn.to === null
    ? [{ kind: 'lines', caption: 'Removed', lines: [path] }]
    : [{ kind: 'lines', caption: path, lines: ['[Service]', `OOMScoreAdjust=${dropIn.to}`] }];
}
