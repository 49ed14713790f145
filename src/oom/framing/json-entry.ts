import { encodeText } from '../bytes.ts';
import { contextOf, NO_CONTEXT } from './json-context.ts';

/** One log entry of a structured source, its text as a byte string. */
export interface Entry {
  text: string;
  timeText: string | null;
  realtimeUs: number | null;
  kernelUs: number | null;
  /** null: the kernel, or nobody is named. */
  program: string | null;
  host: string;
}

// One field a line: `dmesg --json`, `kubectl get events -o json`.
const ONE_FIELD = /^\s*"(?:msg|message|MESSAGE)": ?("(?:[^"\\]|\\.)*"),?\s*$/;
const DMESG_SECONDS = /^\s*"time": +(\d+\.\d+),?\s*$/;
// The journal, container runtimes, and what log collectors call the same: Loki, CloudWatch, Splunk, Google Cloud.
const TEXT_KEYS = ['MESSAGE', 'message', 'msg', 'log', 'text', 'line', '@message', '_raw', 'textPayload'] as const;
/** Objects in which the collectors put an entry. */
const INNER_KEYS = ['jsonPayload', '_source'] as const;

/**
 * One line of JSON: a journal entry, a container runtime's or log shipper's wrapper, or one field of a pretty-printed object.
 * null: no JSON that holds a text. The kernel time of `dmesg --json` stands on the line before its text: see `readDmesgSeconds`.
 */
export function readJsonLine(raw: string): Entry | null {
  const field = ONE_FIELD.exec(raw);
  if (field !== null) {
    const text = parseJson(field[1] ?? '');
    return typeof text === 'string' ? { ...NOTHING, text: toBytes(text) } : null;
  }
  if (raw.charCodeAt(0) !== 123) return null;
  const entry = parseJson(raw);
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return null;
  const fields = entry as Record<string, unknown>;
  return readFields(fields) ?? readInner(fields);
}

function readFields(fields: Record<string, unknown>): Entry | null {
  for (const key of TEXT_KEYS) {
    const text = textOf(fields[key]);
    if (text !== null) return { ...describe(fields), text };
  }
  return null;
}

function readInner(fields: Record<string, unknown>): Entry | null {
  for (const key of INNER_KEYS) {
    const inner = fields[key];
    if (typeof inner === 'object' && inner !== null && !Array.isArray(inner))
      return readFields(inner as Record<string, unknown>);
  }
  return null;
}

/** Microseconds of the kernel's clock in a `"time": 189.268` line of `dmesg --json`, else null. */
export function readDmesgSeconds(raw: string): number | null {
  const seconds = raw.includes('"time":') ? DMESG_SECONDS.exec(raw) : null;
  return seconds === null ? null : Math.round(Number(seconds[1]) * 1e6);
}

/** Facts of a journal entry from its fields, whatever form they came in. */
export function describe(fields: Record<string, unknown>): Omit<Entry, 'text'> {
  const transport = fields['_TRANSPORT'];
  const identifier = fields['SYSLOG_IDENTIFIER'] ?? fields['_COMM'];
  const facility = fields['SYSLOG_FACILITY'];
  const isKernel =
    transport === 'kernel'
      ? facility === undefined || facility === '0' || facility === 0
      : transport === undefined && (identifier === undefined || identifier === 'kernel');
  const realtime = fields['__REALTIME_TIMESTAMP'];
  const hostname = fields['_HOSTNAME'];
  const isJournal = typeof realtime === 'string' || transport !== undefined || typeof hostname === 'string';
  const context = isJournal ? NO_CONTEXT : contextOf(fields, NO_CONTEXT);
  const other = fields['timestamp'] ?? fields['time'];
  return {
    timeText:
      typeof realtime === 'string'
        ? realtime
        : typeof other === 'string'
          ? other
          : context.time === ''
            ? null
            : context.time,
    realtimeUs: typeof realtime === 'string' ? toNumber(realtime) : null,
    kernelUs: isKernel ? toNumber(fields['_SOURCE_MONOTONIC_TIMESTAMP']) : null,
    program: isKernel
      ? context.program === '' || context.program === 'kernel'
        ? null
        : context.program
      : typeof identifier === 'string'
        ? identifier
        : 'userspace',
    host: typeof hostname === 'string' ? hostname : context.host,
  };
}

const NOTHING: Omit<Entry, 'text'> = { timeText: null, realtimeUs: null, kernelUs: null, program: null, host: '' };

/** MESSAGE is a string, or the bytes as numbers where they are not UTF-8 (journal-export-formats). */
export function textOf(value: unknown): string | null {
  if (typeof value === 'string') return toBytes(value).replace(/\r?\n$/, '');
  if (!Array.isArray(value) || value.length > 65_536) return null;
  let text = '';
  for (const byte of value) {
    if (typeof byte !== 'number' || byte < 0 || byte > 255) return null;
    text += String.fromCharCode(byte);
  }
  return text;
}

/** The input is bytes, one character each; only `\uXXXX` escapes give characters above. */
export function toBytes(text: string): string {
  return /[^\x00-\xff]/.test(text) ? text.replace(/[^\x00-\xff]+/g, encodeText) : text;
}

function toNumber(value: unknown): number | null {
  return typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : null;
}

export function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null; // torn or no JSON at all: read as plain text
  }
}
