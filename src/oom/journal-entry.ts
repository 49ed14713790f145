import { describe, parseJson, textOf, type Entry } from './json-entry.ts';

// journalctl -o export:                          journalctl -o verbose:
//   __CURSOR=s=184d…                               Sun 2026-11-22 20:12:57.702843 UTC [s=184d…;i=5ef;…]
//   _TRANSPORT=kernel                                  _TRANSPORT=kernel
//   MESSAGE                                            MESSAGE=Memory cgroup out of memory: Killed process 1009 (a
//   <8 bytes: length><the text, line breaks too>               b) total-vm:17464kB, …
//   (an empty line ends the entry)                 (the next entry begins at the margin)
// Fields come in any order, so an entry is known when it has ended.
// journalctl -o json-pretty: one object over many lines, `{` and `}` at the margin, `\t"MESSAGE" : "…"` between.

export interface LocatedEntry extends Entry {
  line: number;
}

export interface JournalReader {
  /** Takes one physical line; gives the entries that it completed, or null for a line that is not of this form. */
  take: (raw: string, line: number) => LocatedEntry[] | null;
  end: () => LocatedEntry[];
}

const EXPORT_START = /^__(?:CURSOR|REALTIME_TIMESTAMP|MONOTONIC_TIMESTAMP)=/;
const VERBOSE_START =
  /^(?:[A-Z][a-z]{2} )?(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?(?: [A-Z0-9+:-]{1,8})?) \[s=[0-9a-f]+;/;
const FIELD = /^([A-Z_][A-Z0-9_]*)=/;
const ENTRY_MAX = 1_048_576;

/** A reader when the line begins journalctl's export, verbose or json-pretty form, else null. */
export function openJournalReader(raw: string): JournalReader | null {
  const first = raw.charCodeAt(0);
  if (first === 95) return EXPORT_START.test(raw) ? openExport() : null;
  if (first === 123) return raw === '{' ? openPretty() : null;
  const mayBegin =
    (first === 50 && raw.charCodeAt(10) === 32) || (raw.charCodeAt(3) === 32 && raw.charCodeAt(8) === 45);
  return mayBegin && VERBOSE_START.test(raw) ? openVerbose() : null;
}

function openExport(): JournalReader {
  let fields: Record<string, unknown> = {};
  let messageLine = 0;
  let binary: { key: string; data: string; line: number } | null = null;

  function finish(): LocatedEntry[] {
    const done = toEntry(fields, messageLine);
    fields = {};
    return done;
  }

  return {
    take: (raw, line) => {
      if (binary !== null) {
        binary.data = binary.data === '' ? raw : `${binary.data}\n${raw}`;
        const length = binaryLength(binary.data);
        if (length !== null && (binary.data.length >= length + 8 || binary.data.length > ENTRY_MAX)) {
          fields[binary.key] = binary.data.slice(8, length + 8);
          if (binary.key === 'MESSAGE') messageLine = binary.line;
          binary = null;
        }
        return [];
      }
      if (raw === '') return finish();
      const field = FIELD.exec(raw);
      if (field !== null) {
        if (field[1] === 'MESSAGE') messageLine = line;
        fields[field[1] ?? ''] = raw.slice(field[0].length);
        return [];
      }
      if (!/^[A-Z_][A-Z0-9_]*$/.test(raw)) return null;
      binary = { key: raw, data: '', line: line + 1 };
      return [];
    },
    end: finish,
  };
}

/** 64-bit little endian; null while fewer than 8 bytes are there, or when no text can be that long. */
function binaryLength(data: string): number | null {
  if (data.length < 8) return null;
  let length = 0;
  for (let at = 7; at >= 0; at -= 1) length = length * 256 + data.charCodeAt(at);
  return Math.min(length, ENTRY_MAX);
}

function openVerbose(): JournalReader {
  let fields: Record<string, unknown> = {};
  let timeText: string | null = null;
  let messageLine = 0;
  let key: string | null = null;
  let size = 0;

  function finish(): LocatedEntry[] {
    const done = toEntry(fields, messageLine).map((entry) => ({ ...entry, timeText }));
    fields = {};
    key = null;
    size = 0;
    return done;
  }

  return {
    take: (raw, line) => {
      const start = VERBOSE_START.exec(raw);
      if (start !== null) {
        const done = finish();
        timeText = start[1] ?? null;
        return done;
      }
      if (!raw.startsWith('    ')) return null;
      size += raw.length;
      if (size > ENTRY_MAX) return [];
      const field = raw.charCodeAt(4) !== 32 ? FIELD.exec(raw.slice(4)) : null;
      if (field !== null) {
        key = field[1] ?? '';
        if (key === 'MESSAGE') messageLine = line;
        fields[key] = raw.slice(4 + field[0].length);
      } else if (key !== null) {
        // The lines behind the first stand under the first character of the value.
        fields[key] = `${String(fields[key])}\n${raw.slice(Math.min(4 + key.length + 1, raw.search(/\S|$/)))}`;
      }
      return [];
    },
    end: finish,
  };
}

const PRETTY_FIELD = /^\s+"[A-Z_][A-Z0-9_]*" : /;

function openPretty(): JournalReader {
  let object: string[] = [];
  let size = 0;
  let messageLine = 0;

  return {
    take: (raw, line) => {
      if (raw === '{') {
        object = [raw];
        size = 0;
        return [];
      }
      if (object.length === 1 && !PRETTY_FIELD.test(raw)) return null;
      if (raw === '}') {
        const fields = parseJson([...object, raw].join('\n'));
        object = [];
        return typeof fields === 'object' && fields !== null
          ? toEntry(fields as Record<string, unknown>, messageLine)
          : [];
      }
      if (!/^\s/.test(raw)) return null;
      if (raw.includes('"MESSAGE" :')) messageLine = line;
      size += raw.length;
      if (size <= ENTRY_MAX) object.push(raw);
      return [];
    },
    end: () => [],
  };
}

function toEntry(fields: Record<string, unknown>, line: number): LocatedEntry[] {
  const text = textOf(fields['MESSAGE']);
  return text === null ? [] : [{ ...describe(fields), text, line }];
}
