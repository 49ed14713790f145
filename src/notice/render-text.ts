import { showHostLine, showHostText } from './host-text.ts';
import type { Cell, Notice, Part, Text } from './notice.ts';
import { sayNumber, sayUtc } from './units.ts';

/** How one surface shows the pieces that plain text cannot: people, channels, times. */
export interface PlainNames {
  time: (atMs: number) => string;
  user: (userId: string) => string;
  channel: (channelId: string) => string;
}

const BARE: PlainNames = { time: sayUtc, user: (id) => id, channel: (id) => `#${id}` };

/** A notice as plain text for a terminal: no control characters from hosts, times in UTC, tables with aligned columns. */
export function renderText(notice: Notice, names: PlainNames = BARE): string {
  const blocks = [
    plainText(notice.headline, names),
    ...(notice.sentence ? [plainText(notice.sentence, names)] : []),
    ...notice.parts.map((part) => plainPart(part, names)),
    ...notice.small.map((text) => plainText(text, names)),
  ];
  return blocks.filter((block) => block !== '').join('\n\n');
}

/** One text on one line. */
export function plainText(text: Text, names: PlainNames = BARE): string {
  return text
    .map((piece) => {
      if ('words' in piece) return piece.words;
      if ('strong' in piece) return piece.strong;
      if ('hostText' in piece) return showHostText(piece.hostText);
      if ('prose' in piece) return showHostText(piece.prose, 1_500);
      if ('atMs' in piece) return names.time(piece.atMs);
      if ('userId' in piece) return names.user(piece.userId);
      if ('notify' in piece) return names.user(piece.notify);
      return names.channel(piece.channelId);
    })
    .join('');
}

/** One part as lines of plain text. */
export function plainPart(part: Part, names: PlainNames = BARE): string {
  switch (part.kind) {
    case 'text':
      return plainText(part.text, names);
    case 'facts':
      return alignRows(part.facts.map((fact) => [`${fact.label}:`, plainText(fact.value, names)]));
    case 'table':
      return `${part.caption}\n${plainTable(part, names)}`;
    case 'chart':
      return `${part.title}\n${alignRows(part.points.map((point) => [point.label, `${sayNumber(point.value)} ${part.unit}`]))}`;
    case 'rows':
      return part.rows.map((row) => plainText(row.text, names)).join('\n');
    case 'command':
      return [
        plainText(part.label, names),
        `  ${showHostLine(part.command)}`,
        ...(part.undo === null ? [] : [`Undo:`, `  ${showHostLine(part.undo)}`]),
      ].join('\n');
    case 'lines':
      return [part.caption, ...part.lines.map((line) => `  ${showHostLine(line)}`)].join('\n');
  }
}

/** The head and rows of a table as aligned lines, numbers to the right. */
export function plainTable(table: Extract<Part, { kind: 'table' }>, names: PlainNames = BARE): string {
  return alignRows(
    [
      table.columns.map((column) => column.title),
      ...table.rows.map((row) => row.map((cell: Cell) => plainText(cell.text, names))),
    ],
    table.columns.map((column) => column.align === 'right'),
  );
}

function alignRows(rows: string[][], right: boolean[] = []): string {
  const widths = rows.reduce<number[]>((sofar, row) => {
    row.forEach((cell, at) => (sofar[at] = Math.max(sofar[at] ?? 0, widthOf(cell))));
    return sofar;
  }, []);
  return rows
    .map((row) =>
      row
        .map((cell, at) => {
          const gap = ' '.repeat(Math.max(0, (widths[at] ?? 0) - widthOf(cell)));
          return right[at] ? gap + cell : at === row.length - 1 ? cell : cell + gap;
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function widthOf(cell: string): number {
  return Array.from(cell).length;
}
