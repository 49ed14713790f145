import type { Incident, Kill } from '../../incident/incident.ts';
import { laterLines, tasksIn } from '../../oom/report/report-text.ts';
import type { TaskRow } from '../../oom/report.ts';
import { residentKiB } from '../../oom/resident.ts';
import { sayKiB } from '../../oom/units.ts';
import { showHostLine, showHostText } from '../host-text.ts';
import { aNotice, type Button, type Cell, type Notice, type Part, type Text } from '../notice.ts';
import { victimText } from '../roles.ts';
import { sayCount, sayNumber, sayUtc } from '../units.ts';
import { describeEvidence } from './thread-notice.ts';

/** What of the report is asked for. */
export interface ReportAsk {
  /** Which of the kills, from 0, newest first. */
  at: number;
  /** The report as the kernel printed it; null: it was not kept. */
  text: string | null;
  /** 1, 2 … : first the tasks, then the lines. */
  page: number;
}

// A message holds 12,000 characters of blocks (slack/blocks.ts); both leave room for the headline, the small print and the buttons.
const TABLE_CHARS = 7_000;
const ROW_CHARS = 290;
const BLOCK_CHARS = 2_600;
const BLOCKS_PER_PAGE = 3;
const LINE_CHARS = 500;
const LINE_MAX = 4_000;
const KILLS_LISTED = 10;

/** Everything that is known about one kill of an incident, a page at a time: the answer to "Full report". */
export function describeReport(
  incident: Incident,
  kills: readonly Kill[],
  { at, text, page }: ReportAsk = { at: 0, text: null, page: 1 },
): Notice {
  const place = Math.min(Math.max(0, at), kills.length - 1);
  const kill = kills[place];
  if (!kill) return aNotice({ headline: [{ words: 'The kills of this incident are no longer on record.' }] });
  const { tables, raw } = pagesOf(kill, text);
  const first = Math.max(1, tables.length);
  const pages = first + raw.length;
  const shown = Math.min(Math.max(1, page), pages);
  const table = tables[shown - 1];
  const evidence = describeEvidence(kill);
  return aNotice({
    headline: [{ words: 'Full report: ' }, ...victimText(kill), { words: ' on ' }, { hostText: kill.host }],
    sentence: [
      { words: 'Killed ' },
      { atMs: kill.atMs },
      { words: kills.length > 1 ? `, kill ${place + 1} of ${kills.length}, newest first.` : '.' },
      ...(pages > 1 ? [{ words: ` Page ${shown} of ${pages}.` }] : []),
      ...notKeptText(kill, text),
    ],
    parts: [
      ...(shown === 1 ? overview(kill, kills) : []),
      ...(shown === 1 && text === null ? evidence.parts : []),
      ...(table === undefined ? [] : [table]),
      ...(raw[shown - first - 1] ?? []),
    ],
    small: [
      ...(shown === 1 ? [...evidence.small, ...arithmeticText(kill)] : []),
      [{ words: `Incident ${incident.id}.` }],
    ],
    buttons: buttonsOf(incident, { place, kills: kills.length, shown, pages, first: raw.length > 0 ? first : null }),
  });
}

function pagesOf(kill: Kill, text: string | null): { lines: string[]; tables: Part[]; raw: Part[][] } {
  const kept = text === null ? [] : text.split('\n');
  const lines = [...kept, ...laterLines(kept, text === null ? [] : kill.record.evidence)];
  return { lines, tables: tablePages(tasksIn(kept), kill), raw: rawPages(lines) };
}

/** All lines, for a page that shows some of them; null: that page shows none. */
export function fileOfReport(kill: Kill, { text, page }: Omit<ReportAsk, 'at'>): { name: string; text: string } | null {
  const { lines, tables, raw } = pagesOf(kill, text);
  return raw.length === 0 || page <= Math.max(1, tables.length)
    ? null
    : { name: fileName(kill), text: fileText(lines) };
}

/** Of a whole report; what is longer than a megabyte is cut, and says so. */
const FILE_CHARS = 1_000_000;

function fileText(lines: readonly string[]): string {
  const text = lines.map((line) => showHostLine(line, LINE_MAX)).join('\n');
  return text.length <= FILE_CHARS ? `${text}\n` : `${text.slice(0, FILE_CHARS)}\n[cut here]\n`;
}

/** `db01-mysqld-18540-2026-08-30T01-35-08Z.log` */
function fileName({ host, atMs, record }: Kill): string {
  const at = `${new Date(atMs).toISOString().slice(0, 19).replaceAll(':', '-')}Z`;
  const words = [host, record.name, record.pid].filter((one) => one !== null);
  return `${words
    .join('-')
    .replace(/[^\w.-]+/g, '_')
    .slice(0, 100)}-${at}.log`;
}

/** The lines went out as a file. */
export function describeSentFile(name: string, where: 'thread' | 'direct'): Notice {
  return aNotice({
    headline: [{ words: 'The lines of the log: ' }, { hostText: name }],
    sentence: [{ words: where === 'thread' ? 'In the thread of the incident.' : 'In a direct message to you.' }],
  });
}

/** The lines could not go out as a file: the page has them. */
export function withoutFile(notice: Notice, reason: string): Notice {
  const why: Text = [
    { words: 'The lines could not be sent as a file (' },
    { hostText: reason },
    { words: '), so they are shown here, a page at a time.' },
  ];
  return { ...notice, small: [...notice.small, why] };
}

function overview(kill: Kill, kills: readonly Kill[]): Part[] {
  const { slabs, aftermath } = kill.record;
  const more = kills.length - KILLS_LISTED;
  return [
    ...(kills.length > 1
      ? [
          {
            kind: 'lines' as const,
            caption: `${sayCount(kills.length, 'kill')} of this incident on record`,
            lines: [
              ...kills.slice(0, KILLS_LISTED).map(killLine),
              ...(more > 0 ? [`and ${sayNumber(more)} more: /oom show has all`] : []),
            ],
          },
        ]
      : []),
    ...(slabs.length > 0
      ? [
          {
            kind: 'lines' as const,
            caption: 'Largest kernel caches',
            lines: slabs.slice(0, 5).map((slab) => `${slab.name}  ${sayKiB(slab.usedKiB)} of ${sayKiB(slab.totalKiB)}`),
          },
        ]
      : []),
    ...(aftermath.length > 0
      ? [{ kind: 'lines' as const, caption: 'After the kill', lines: aftermath.slice(0, 10) }]
      : []),
  ];
}

function killLine(kill: Kill): string {
  const size = residentKiB(kill.record);
  return `${sayUtc(kill.atMs)}  ${kill.record.name ?? '?'}  pid ${kill.record.pid ?? '?'}${size === null ? '' : `  ${sayKiB(size)}`}`;
}

/** Why the lines are not all there. */
function notKeptText({ source, record }: Kill, text: string | null): Text {
  if (text !== null || source === 'counter' || record.killer !== 'kernel') return [];
  if (record.trigger === null && record.tasksInDump === null)
    return [{ words: ' The log has this kill without a report.' }];
  return [{ words: ' Its report was not kept: an older version recorded it, or too many came at once.' }];
}

function arithmeticText({ record: { predictedVictim } }: Kill): Text[] {
  return predictedVictim?.agrees === true
    ? [[{ words: 'The kernel’s arithmetic, repeated on its task table, gives the same victim.' }]]
    : [];
}

function tablePages(tasks: readonly TaskRow[], kill: Kill): Part[] {
  const sorted = tasks.toSorted((a, b) => b.rssPages - a.rssPages || a.pid - b.pid);
  const pages = inPages(sorted, TABLE_CHARS, ({ name }) => ROW_CHARS + 2 * showHostText(name).length);
  let before = 0;
  return pages.map((rows): Part => {
    const caption = `Tasks ${sayNumber(before + 1)} to ${sayNumber(before + rows.length)} of ${sayNumber(tasks.length)}, most memory first`;
    before += rows.length;
    return {
      kind: 'table',
      caption,
      columns: [
        { title: 'Process', align: 'left' },
        { title: 'PID', align: 'right' },
        { title: 'UID', align: 'right' },
        { title: 'Resident', align: 'right' },
        { title: 'Swap', align: 'right' },
        { title: 'Page tables', align: 'right' },
        { title: 'adj', align: 'right' },
      ],
      rows: rows.map((row) => taskCells(row, kill)),
    };
  });
}

function taskCells(row: TaskRow, { record }: Kill): Cell[] {
  const pageKiB = record.pageSizeKiB ?? 4;
  const rssKiB = row.rssPages * pageKiB;
  const pageTables =
    row.pageTablesBytes === null
      ? row.pageTablePages === null
        ? null
        : row.pageTablePages * pageKiB
      : row.pageTablesBytes / 1_024;
  return [
    { text: [{ hostText: row.name }, ...(row.pid === record.pid ? [{ words: ' (killed)' }] : [])] },
    { text: [{ words: String(row.pid) }] },
    { text: [{ words: String(row.uid) }] },
    { text: [{ words: sayKiB(rssKiB) }], sortBy: rssKiB },
    { text: [{ words: row.swapPages === null ? '–' : sayKiB(row.swapPages * pageKiB) }] },
    { text: [{ words: pageTables === null ? '–' : sayKiB(pageTables) }] },
    { text: [{ words: String(row.oomScoreAdj ?? row.oomAdj ?? '–') }] },
  ];
}

function rawPages(lines: readonly string[]): Part[][] {
  const cut = lines.flatMap((line) => inPieces(showHostLine(line, LINE_MAX)));
  const blocks = inPages(cut, BLOCK_CHARS, (line) => JSON.stringify(line).length);
  let before = 0;
  const parts = blocks.map((block): Part => {
    const caption = `Lines ${sayNumber(before + 1)} to ${sayNumber(before + block.length)} of ${sayNumber(cut.length)}`;
    before += block.length;
    return { kind: 'lines', caption, lines: block };
  });
  return Array.from({ length: Math.ceil(parts.length / BLOCKS_PER_PAGE) }, (_, at) =>
    parts.slice(at * BLOCKS_PER_PAGE, (at + 1) * BLOCKS_PER_PAGE),
  );
}

/** A longer line than a block shows goes on in the next. */
function inPieces(line: string): string[] {
  const points = Array.from(line);
  if (points.length <= LINE_CHARS) return [line];
  return Array.from({ length: Math.ceil(points.length / LINE_CHARS) }, (_, at) =>
    points.slice(at * LINE_CHARS, (at + 1) * LINE_CHARS).join(''),
  );
}

/** In order, each page within so many characters, or with a single member. */
function inPages<T>(all: readonly T[], chars: number, sizeOf: (one: T) => number): T[][] {
  const pages: T[][] = [];
  let room = 0;
  for (const one of all) {
    const size = sizeOf(one);
    room -= size;
    if (room < 0 || pages.length === 0) {
      pages.push([]);
      room = chars - size;
    }
    pages.at(-1)?.push(one);
  }
  return pages;
}

/** `first`: how many pages stand before the lines; null: there are no lines. */
function buttonsOf(
  { id }: Incident,
  {
    place,
    kills,
    shown,
    pages,
    first,
  }: { place: number; kills: number; shown: number; pages: number; first: number | null },
): Button[] {
  function to(label: string, kill: number, page: number): Button {
    return { id: 'report', label, value: `${id} ${kill} ${page}` };
  }
  const kill = place + 1;
  return [
    ...(shown < pages ? [to('Next page', kill, shown + 1)] : []),
    ...(shown > 1 ? [to('Previous page', kill, shown - 1)] : []),
    ...(first !== null && shown < first ? [to('Lines of the log', kill, first + 1)] : []),
    ...(first !== null && shown > first ? [to('First page', kill, 1)] : []),
    ...(kill < kills ? [to('Older kill', kill + 1, 1)] : []),
    ...(kill > 1 ? [to('Newer kill', kill - 1, 1)] : []),
  ];
}
