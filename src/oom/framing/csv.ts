import { asJournal, isHostName, isHostOfSource, NO_CONTEXT } from './json-context.ts';
import { findLandmark } from './landmarks.ts';
import type { Filter } from './filter.ts';
import { knownProgram } from './programs.ts';

// Tables of logs (RFC 4180, and with tabs or semicolons): a value in quotes may hold the delimiter, line breaks and doubled quotes.
// Which column holds the message is found by its name, or by what stands in it.

const TEXT_NAMES =
  /^(?:_raw|@?message|msg|log|line|text|body|textpayload|jsonpayload\.message|rawdata|syslogmessage|event|content|raw|description|logmessage)$/i;
const PROGRAM_NAMES =
  /^(?:program(?:name)?|process(?:name)?|app(?:name)?|syslog_identifier|ident(?:ifier)?|service|unit|tag)$/i;
const TIME_NAMES = /^(?:_?time|@?timestamp|date|timegenerated(?: \[utc\])?|ts|datetime)$/i;
const DELIMITERS = [',', '\t', ';'] as const;
const ROW_MAX = 16_777_216;
const ROWS_LOOKED_AT = 400;

interface Columns {
  delimiter: string;
  message: number;
  host: number;
  time: number;
  program: number;
  hasHeader: boolean;
}

/** How the table in a text is made, or null: it is none. */
export function findColumns(head: string): Columns | null {
  for (const delimiter of DELIMITERS) {
    if (!head.includes(delimiter)) continue;
    const rows: string[][] = [];
    const quotes: boolean[][] = [];
    const reader = openRows(delimiter, (row, quoted) => {
      rows.push(row);
      quotes.push(quoted);
    });
    reader.push(head);
    const width = rows[0]?.length ?? 0;
    if (rows.length < 2 || width < 2) continue;
    const header = rows[0] ?? [];
    const named = header.findIndex((name) => TEXT_NAMES.test(name.trim()));
    const body = rows.slice(0, ROWS_LOOKED_AT);
    // Where rows are of different width the text only looks like a table.
    if (body.filter((row) => row.length === width).length < body.length * 0.8) continue;
    const counts = header.map((_, at) => body.filter((row) => findLandmark(row[at] ?? '') !== null).length);
    const most = counts.indexOf(Math.max(...counts));
    // The kernel's own commas are in quotes, where it is a table.
    const isQuoted = body.every((row, at) => quotes[at]?.[most] === true || findLandmark(row[most] ?? '') === null);
    const message = named >= 0 ? named : (counts[most] ?? 0) > 0 && isQuoted ? most : -1;
    if (message < 0) continue;
    return {
      delimiter,
      message: named >= 0 && (counts[named] ?? 0) === 0 && (counts[most] ?? 0) > 0 ? most : message,
      host: findHostColumn(header, rows.slice(1)),
      time: header.findIndex((name) => TIME_NAMES.test(name.trim())),
      program: header.findIndex((name) => PROGRAM_NAMES.test(name.trim())),
      hasHeader: named >= 0,
    };
  }
  return null;
}

function findHostColumn(header: readonly string[], body: readonly string[][]): number {
  const names = header.map((name) => name.trim().toLowerCase());
  const named = names.findIndex(isHostName);
  const source = names.indexOf('source');
  return named < 0 && source >= 0 && body.every((row) => isHostOfSource(row[source] ?? '')) ? source : named;
}

/** Gives the messages of a table, each with its host and time. */
export function openCsv(columns: Columns): Filter {
  let out = '';
  let isFirst = true;
  let hostAbove = '';
  const { message, host, time, program, hasHeader } = columns;
  const rows = openRows(columns.delimiter, (row) => {
    const isHeader = isFirst && hasHeader;
    isFirst = false;
    if (isHeader) {
      out += '\n';
      return;
    }
    // A row that breaks off is of the host of the row above.
    hostAbove = row[host] ?? (host < 0 ? '' : hostAbove);
    const context = asJournal({
      ...NO_CONTEXT,
      host: hostAbove,
      time: row[time] ?? '',
      program: knownProgram(row[program] ?? '') ?? '',
    });
    for (const text of (row[message] ?? '').split(/\r?\n/)) out += `${JSON.stringify({ message: text, ...context })}\n`;
  });

  function take(): string {
    const taken = out;
    out = '';
    return taken;
  }

  return {
    push: (bytes) => {
      rows.push(bytes);
      return take();
    },
    end: () => {
      rows.end();
      return take();
    },
  };
}

interface Rows {
  push: (bytes: string) => void;
  end: () => void;
}

function openRows(delimiter: string, found: (row: string[], quoted: boolean[]) => void): Rows {
  let row: string[] = [];
  let quoted: boolean[] = [];
  let value = '';
  let size = 0;
  let state: 'start' | 'plain' | 'quoted' | 'quote' = 'start';
  let isQuoted = false;

  function endValue(): void {
    row.push(value);
    quoted.push(isQuoted);
    isQuoted = false;
    value = '';
    state = 'start';
  }

  function endRow(): void {
    if (state === 'start' && row.length === 0) return;
    endValue();
    found(row, quoted);
    row = [];
    quoted = [];
    size = 0;
  }

  function take(character: string): void {
    if (state === 'quoted') {
      if (character === '"') state = 'quote';
      else value += character;
    } else if (character === '"' && state === 'quote') {
      value += '"';
      state = 'quoted';
    } else if (character === '"' && state === 'start') {
      state = 'quoted';
      isQuoted = true;
    } else if (character === delimiter) endValue();
    else if (character === '\n') {
      if (value.endsWith('\r')) value = value.slice(0, -1);
      endRow();
    } else {
      value += character;
      // Text behind the closing quote: no value in quotes.
      isQuoted = false;
      state = 'plain';
    }
  }

  return {
    push: (bytes) => {
      for (const character of bytes) {
        take(character);
        // A quote that nothing closes.
        if ((size += 1) > ROW_MAX) endRow();
      }
    },
    end: endRow,
  };
}
