import { asJournal, asObject, contextOf, NO_CONTEXT, type JsonContext } from './json-context.ts';
import { mayBeginReport } from './landmarks.ts';
import { parseJson, textOf, toBytes } from './json-entry.ts';
import type { Filter } from './filter.ts';

// JSON of any shape: an array, pretty-printed, nested, many messages in one value. It is cut into its outermost objects, each of which
// is searched for messages with what stands beside and above them (host, time), and given on as one line of JSON a message.

const TEXT_KEYS = new Set(
  'message msg log text line @message _raw textpayload body raw event content syslogmessage rawdata renderedmessage value'.split(
    ' ',
  ),
);
const PART_MAX = 67_108_864;
const DEPTH_MAX = 60;

/** Gives each message of a JSON text as a line of its own. */
export function openJsonDocument(): Filter {
  let part = '';
  let lineOfPart = 1;
  let line = 1;
  let given = 1;
  /** What is inside of a part that goes on: how deep, and in a string or not. */
  let depth = 0;
  let inText = false;
  let escaped = false;
  /** The outermost array is not kept: its elements are the parts. */
  let outerArrays = 0;
  /** Keys whose value was seen to be a report's line. */
  const learned = new Set<string>();

  function emit(message: string, context: JsonContext): string {
    let out = '';
    for (const text of message.split(/\r?\n/)) {
      if (text === '') continue;
      const fields = { message: text, ...asJournal(context) };
      while (given < lineOfPart) {
        out += '\n';
        given += 1;
      }
      out += `${JSON.stringify(fields)}\n`;
      given += 1;
    }
    return out;
  }

  function walk(value: unknown, path: string, above: JsonContext, level: number): string {
    if (level > DEPTH_MAX || typeof value !== 'object' || value === null) return '';
    if (Array.isArray(value)) return walkArray(value, path, above, level);
    const fields = value as Record<string, unknown>;
    const context = contextOf(fields, above);
    let out = '';
    const key = messageKey(fields, path);
    const message = key === null ? null : textOf(fields[key]);
    if (message !== null) {
      const inner = /^\s*[{[]/.test(message) ? parseJson(message) : null;
      const nested = inner === null ? '' : walk(inner, `${path}.${key}`, context, level + 1);
      out += nested === '' ? emit(message, context) : nested;
    }
    for (const [name, child] of Object.entries(fields))
      if (name !== key && typeof child === 'object' && !isToldBy(message, child))
        out += walk(child, `${path}.${name}`, context, level + 1);
    return out;
  }

  function walkArray(items: unknown[], path: string, above: JsonContext, level: number): string {
    const pairs = asObject(items);
    if (pairs !== null) return walk(pairs, path, above, level);
    let out = '';
    const texts = items.filter((item) => typeof item === 'string');
    if (texts.length > 0) {
      const at = items.findIndex((item) => typeof item === 'string' && hasReport(item));
      const isPair = items.length === 2 && typeof items[1] === 'string' && isStamp(items[0]);
      if (isPair) {
        // Loki: [nanoseconds, line].
        learned.add(`${path}[]`);
        out += emit(toBytes(String(items[1])), { ...above, time: String(items[0]) });
      } else if (at >= 0 || learned.has(`${path}[]`)) {
        learned.add(`${path}[]`);
        for (const item of items) if (typeof item === 'string') out += emit(toBytes(item), above);
      }
    }
    for (const item of items) out += walk(item, `${path}[]`, above, level + 1);
    return out;
  }

  /** By content first, then by what was learned, then by the usual names. */
  function messageKey(fields: Record<string, unknown>, path: string): string | null {
    const keys = Object.keys(fields);
    const byContent = keys.find((key) => {
      const text = textOf(fields[key]);
      return text !== null && hasReport(text);
    });
    if (byContent !== undefined) {
      const whole = wholeOf(fields, byContent);
      learned.add(`${path}.${whole}`);
      return whole;
    }
    const known = keys.find((key) => learned.has(`${path}.${key}`) && textOf(fields[key]) !== null);
    if (known !== undefined) return wholeOf(fields, known);
    return keys.find((key) => TEXT_KEYS.has(key.toLowerCase()) && textOf(fields[key]) !== null) ?? null;
  }

  function read(text: string): string {
    const value = parseJson(text);
    if (value !== null) return walk(value, '', NO_CONTEXT, 0);
    return salvage(text, emit);
  }

  /** Goes on in the text; gives what became whole. */
  function take(bytes: string): string {
    let out = '';
    let from = 0;
    for (let at = 0; at < bytes.length; at += 1) {
      const code = bytes.charCodeAt(at);
      if (code === 10) line += 1;
      if (inText) {
        if (escaped) escaped = false;
        else if (code === 92) escaped = true;
        else if (code === 34) {
          inText = false;
          if (depth > 0) continue;
          // A text in the outermost array.
          out += read(`[${part}${bytes.slice(from, at + 1)}]`);
          part = '';
        }
        continue;
      }
      if (code === 34) {
        inText = depth > 0 || outerArrays > 0;
        if (depth > 0 || !inText) continue;
        from = at;
        part = '';
        lineOfPart = line;
      } else if (code === 91 && depth === 0) {
        outerArrays += 1;
      } else if (code === 123 || code === 91) {
        if (depth === 0) {
          from = at;
          part = '';
          lineOfPart = line;
        }
        depth += 1;
      } else if ((code === 125 || code === 93) && depth > 0) {
        depth -= 1;
        if (depth > 0) continue;
        out += read(part + bytes.slice(from, at + 1));
        part = '';
        from = at + 1;
      } else if (code === 93 && outerArrays > 0) outerArrays -= 1;
    }
    if (depth > 0 || inText) part += bytes.slice(from);
    if (part.length > PART_MAX) {
      out += salvage(part, emit);
      part = '';
    }
    return out;
  }

  return { push: take, end: () => (part === '' ? '' : salvage(part, emit)) };
}

/** A text that breaks off: the values that are whole. */
function salvage(text: string, emit: (message: string, context: JsonContext) => string): string {
  let out = '';
  for (const found of text.matchAll(/"(?:[^"\\]|\\.)*"(?!\s*:)/gs)) {
    const value = parseJson(found[0]);
    if (typeof value === 'string' && hasReport(value)) out += emit(toBytes(value), NO_CONTEXT);
  }
  return out;
}

/** The key whose value goes on where that of another breaks off: `short_message` and `full_message`. */
function wholeOf(fields: Record<string, unknown>, key: string): string {
  const text = textOf(fields[key]) ?? '';
  return Object.keys(fields).find((other) => isLonger(textOf(fields[other]), text)) ?? key;
}

function isLonger(text: string | null, start: string): boolean {
  return text !== null && text.length > start.length && text.startsWith(start.replace(/\.{3}$/, ''));
}

/** The same lines once more: Ansible's `stdout` and `stdout_lines`. */
function isToldBy(message: string | null, child: unknown): boolean {
  if (message === null || !Array.isArray(child) || !message.includes('\n')) return false;
  return child.every((line) => typeof line === 'string') && toBytes(child.join('\n')).trimEnd() === message.trimEnd();
}

function hasReport(text: string): boolean {
  return mayBeginReport(text);
}

function isStamp(value: unknown): boolean {
  return (
    (typeof value === 'string' && /^\d{1,19}(?:\.\d+)?$|^\d{4}-\d\d-\d\dT/.test(value)) || typeof value === 'number'
  );
}
