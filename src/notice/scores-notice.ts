import type { Candidate } from '../incident/incident.ts';
import { containerLabel, type ContainerName } from '../oom/proc/container-name.ts';
import { sayKiB } from '../oom/units.ts';
import { titleOf } from '../cause/cause-facts.ts';
import { programOf } from '../size/size.ts';
import { aNotice, joinTexts, quoted, type Cell, type Notice, type Text } from './notice.ts';
import { wasText } from './roles.ts';
import { sayCount, sayNumber } from './units.ts';

/** One process of a live ranking, first to die first. */
export interface ScoreRow extends Candidate {
  unit: string | null;
  container: string | null;
  /** What its engine calls the container or pod; null: not known. */
  named: ContainerName | null;
  /** `/proc/PID/oom_score`; its scale differs between kernels, so it is shown but never compared between hosts. */
  score: number | null;
  /** The kernel's badness in pages; null: cannot be chosen (adj -1000, kernel thread, init). */
  points: number | null;
}

export interface Ranking {
  host: string;
  atMs: number;
  rows: ScoreRow[];
  processCount: number;
  availableKiB: number | null;
  totalKiB: number | null;
  freeSwapKiB: number | null;
  totalSwapKiB: number | null;
  /** Sentences about what could not be read (hidepid, a process that ended). */
  warnings: string[];
}

/** Who dies next, live: the first line says it, the table ranks. */
export function describeScores(ranking: Ranking): Notice {
  const { rows, host } = ranking;
  const first = rows.find((row) => row.points !== null);
  const swap = rows.some((row) => (row.swapKiB ?? 0) > 0);
  const places = rows.some((row) => row.unit !== null || row.container !== null || row.named !== null);
  return aNotice({
    headline: first
      ? [{ words: 'Next to die on ' }, { hostText: host }, { words: ': ' }, ...candidateText(first)]
      : [{ words: 'No process on ' }, { hostText: host }, { words: ' can be killed' }],
    tone: first ? 'plain' : 'bad',
    sentence: memoryText(ranking),
    parts: [
      {
        kind: 'table',
        caption: `In kill order, ${rows.length} of ${sayCount(ranking.processCount, 'process', 'processes')}`,
        columns: [
          { title: 'Process', align: 'left' },
          { title: 'Pid', align: 'right' },
          ...(places ? [{ title: 'Unit or container', align: 'left' as const }] : []),
          { title: 'Memory', align: 'right' },
          ...(swap ? [{ title: 'Swap', align: 'right' as const }] : []),
          { title: 'Adj', align: 'right' },
          { title: 'Score', align: 'right' },
        ],
        rows: rows.map((row) => scoreCells(row, places, swap)),
      },
      ...ranking.warnings.map((warning) => ({ kind: 'text' as const, text: [{ prose: warning }] })),
    ],
    small: [
      [
        { words: 'Read ' },
        { atMs: ranking.atMs },
        { words: '. Ranked by the kernel’s own rule: memory, swap, page tables and adj.' },
      ],
    ],
    buttons: [
      { id: 'scores', label: 'Read again', value: host },
      ...(rows.some(isSized) ? [{ id: 'run' as const, label: 'What fits', value: `size ${quoted(host)}` }] : []),
    ],
  });
}

/** Whether settings of it are known. */
function isSized({ name, unit }: ScoreRow): boolean {
  return programOf({ name: titleOf(name), unit, commandLine: null }) !== null;
}

function scoreCells(row: ScoreRow, places: boolean, swap: boolean): Cell[] {
  return [
    { text: [{ hostText: row.name }] },
    { text: [{ words: String(row.pid) }], sortBy: row.pid },
    ...(places ? [{ text: placeText(row) }] : []),
    { text: [{ words: sayKiB(row.rssKiB) }], sortBy: row.rssKiB },
    ...(swap ? [{ text: [{ words: row.swapKiB === null ? '' : sayKiB(row.swapKiB) }], sortBy: row.swapKiB ?? 0 }] : []),
    { text: [{ words: String(row.oomScoreAdj) }], sortBy: row.oomScoreAdj },
    row.points === null
      ? { text: [{ words: 'safe' }], sortBy: -1 }
      : { text: [{ words: row.score === null ? '' : sayNumber(row.score) }], sortBy: row.score ?? 0 },
  ];
}

function placeText(row: ScoreRow): Text {
  if (row.named !== null) return namedText(row, row.named);
  const place = row.unit ?? row.container?.slice(0, 12) ?? null;
  return place === null ? [] : [{ hostText: place }];
}

function namedText({ unit, container }: ScoreRow, named: ContainerName): Text {
  const id = container ?? named.id;
  // A container engine's own unit is the container, with a longer name.
  const within = unit === null || unit.includes(id) ? [] : [{ hostText: unit }, { words: ' in ' }];
  return [
    ...within,
    { hostText: containerLabel(named) },
    ...wasText(named),
    { words: ' ' },
    { hostText: id.slice(0, 12) },
  ];
}

/** `mysqld` (pid 512, 5.9 GiB, adj -500). */
export function candidateText(row: Candidate): Text {
  const adj = row.oomScoreAdj === 0 ? '' : `, adj ${row.oomScoreAdj}`;
  return [{ hostText: row.name }, { words: ` (pid ${row.pid}, ${sayKiB(row.rssKiB + (row.swapKiB ?? 0))}${adj})` }];
}

/** Who dies first, second and so on, as one line. null: none of them. */
export function nextText(candidates: readonly Candidate[]): Text | null {
  return candidates.length === 0 ? null : joinTexts(candidates.map(candidateText), ', then ');
}

function memoryText(ranking: Ranking): Text | null {
  const { availableKiB, totalKiB, freeSwapKiB, totalSwapKiB } = ranking;
  if (availableKiB === null || totalKiB === null) return null;
  const swap =
    totalSwapKiB === null || freeSwapKiB === null
      ? ''
      : totalSwapKiB === 0
        ? ', no swap'
        : `, ${sayKiB(freeSwapKiB)} of ${sayKiB(totalSwapKiB)} swap free`;
  return [{ words: `${sayKiB(availableKiB)} of ${sayKiB(totalKiB)} RAM available${swap}.` }];
}
