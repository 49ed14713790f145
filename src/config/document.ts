import { readFileSync } from 'node:fs';

import { isMap, isNode, isPair, isScalar, LineCounter, parseDocument, type Document } from 'yaml';
import type { z } from 'zod';

/** The message holds one sentence a line, each naming file, line, key, value and what was expected. */
export class ConfigError extends Error {
  override name = 'ConfigError';
}

export interface FileDocument {
  value: unknown;
  /** `oombot.yaml:12: ` of the value at this path, or of the nearest thing around it. */
  where: (at: readonly PropertyKey[]) => string;
}

/** Reads a YAML file, keeping where each value stands. Throws ConfigError. */
export function readDocument(file: string): FileDocument {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(
      `${file} cannot be read: ${fileFault(error)}. Name the file that is meant with --config or OOMBOT_CONFIG.`,
      {
        cause: error,
      },
    );
  }
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false });
  const [fault] = document.errors;
  if (fault)
    throw new ConfigError(`${file}:${counter.linePos(fault.pos[0]).line}: this is not YAML: ${fault.message}.`, {
      cause: fault,
    });
  try {
    return {
      value: document.toJS() ?? {},
      where: (at) => {
        const offset = offsetOf(document, at);
        return offset === null ? `${file}: ` : `${file}:${counter.linePos(offset).line}: `;
      },
    };
  } catch (error) {
    throw new ConfigError(`${file}: this is not usable YAML: ${messageOf(error)}.`, { cause: error });
  }
}

function offsetOf(document: Document, at: readonly PropertyKey[]): number | null {
  for (let length = at.length; length > 0; length--) {
    const around: unknown = length === 1 ? document.contents : document.getIn(at.slice(0, length - 1), true);
    if (isMap(around)) {
      const pair = around.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === at[length - 1]);
      if (pair && isNode(pair.key) && pair.key.range) return pair.key.range[0];
    }
    const node: unknown = document.getIn(at.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return null;
}

/** One sentence for each thing that is wrong. */
export function describeIssue(issue: z.core.$ZodIssue, document: FileDocument | null): string[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) =>
      `${whereIn(document, [...issue.path, key])}${keyText([...issue.path, key])} is not a known key: ${issue.message}.`.replace(
        '?.',
        '?',
      ),
    );
  }
  const value = issue.path.reduce<unknown>(
    (holder, key) =>
      typeof holder === 'object' && holder !== null ? (holder as Record<PropertyKey, unknown>)[key] : undefined,
    document?.value,
  );
  const key = issue.path.length === 0 ? 'The file' : keyText(issue.path);
  const is = value === undefined ? 'is missing' : `is ${(JSON.stringify(value) ?? 'no plain value').slice(0, 200)}`;
  return [`${whereIn(document, issue.path)}${key} ${is}, ${issue.message}.`];
}

function keyText(at: readonly PropertyKey[]): string {
  return at
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : `${index > 0 ? '.' : ''}${String(part)}`))
    .join('');
}

function whereIn(document: FileDocument | null, at: readonly PropertyKey[]): string {
  return document?.where(at) ?? '';
}

/** Why a file could not be read, in words that go on after a colon. */
export function fileFault(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  if (code === 'ENOENT') return 'it does not exist';
  if (code === 'EACCES' || code === 'EPERM') return 'this user may not read it';
  if (code === 'EISDIR') return 'it is a folder';
  return messageOf(error);
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
