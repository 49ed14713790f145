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
/** The fields that `describe` reads; an entry may have any number of others. */
const KEPT = new Set([
  'MESSAGE',
  '_TRANSPORT',
  'SYSLOG_IDENTIFIER',
  'SYSLOG_FACILITY',
  '_COMM',
  '_HOSTNAME',
  '__REALTIME_TIMESTAMP',
  '_SOURCE_MONOTONIC_TIMESTAMP',
]);

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
  let binary: BinaryField | null = null;

  function finish(): LocatedEntry[] {
    const done = toEntry(fields, messageLine);
    fields = {};
    return done;
  }

  return {
    take: (raw, line) => {
      if (binary !== null) {
        if (takeBinary(binary, raw)) {
          if (KEPT.has(binary.key)) fields[binary.key] = binary.parts.join('\n').slice(8, binary.length + 8);
          if (binary.key === 'MESSAGE') messageLine = binary.line;
          binary = null;
        }
        return [];
      }
      if (raw === '') return finish();
      const field = FIELD.exec(raw);
      if (field !== null) {
        const key = field[1] ?? '';
        if (key === 'MESSAGE') messageLine = line;
        if (KEPT.has(key)) fields[key] = raw.slice(field[0].length);
        return [];
      }
      if (!/^[A-Z_][A-Z0-9_]*$/.test(raw)) return null;
      binary = { key: raw, parts: [], size: 0, length: Infinity, line: line + 1 };
      return [];
    },
    end: finish,
  };
}

/** A field whose value has line breaks: its length in 8 bytes, then the value. The bytes of the length may be line feeds themselves. */
interface BinaryField {
  key: string;
  parts: string[];
  size: number;
  /** Not known before 8 bytes are there. */
  length: number;
  line: number;
}

/** True when the value is whole, or longer than any that matters. */
function takeBinary(field: BinaryField, raw: string): boolean {
  field.parts.push(raw);
  field.size += raw.length + (field.parts.length > 1 ? 1 : 0);
  if (field.length === Infinity && field.size >= 8) {
    const head = field.parts.join('\n');
    // 64 bits, little endian.
    field.length = 0;
    for (let at = 7; at >= 0; at -= 1) field.length = field.length * 256 + head.charCodeAt(at);
  }
  return field.size >= field.length + 8 || field.size > ENTRY_MAX;
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
        if (KEPT.has(key)) fields[key] = raw.slice(4 + field[0].length);
      } else if (key !== null && KEPT.has(key)) {
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
