import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { openLogParser } from '../../src/oom/report/log-parser.ts';
import type { KillRecord } from '../../src/oom/report.ts';

/** What the index says of one log; see test/corpus/README.md. Numbers that nobody knows are null or missing. */
export interface CorpusEntry {
  file: string;
  form?: string;
  expect: Record<string, unknown>[];
  userspace_kills?: Record<string, unknown>[];
  no_victim_events?: number;
}

const OWN = path.join(import.meta.dirname, '../corpus/own');
const PUBLIC = path.join(import.meta.dirname, '../../../shared/corpus');

export interface Corpus {
  directory: string;
  entries: CorpusEntry[];
}

export function ownCorpus(): Corpus {
  return readCorpus(OWN);
}

/** Public logs, which are not ours to copy: read in place, null where they are not at hand. */
export function publicCorpus(): Corpus | null {
  if (existsSync(path.join(PUBLIC, 'index.json'))) return readCorpus(PUBLIC);
  console.warn(`The public corpus is not at ${PUBLIC}: its tests are skipped`);
  return null;
}

function readCorpus(directory: string): Corpus {
  const index = JSON.parse(readFileSync(path.join(directory, 'index.json'), 'utf8')) as Partial<CorpusEntry>[];
  return { directory, entries: index.filter((entry): entry is CorpusEntry => entry.file !== undefined) };
}

export function readLogFile(corpus: Corpus, file: string): Buffer {
  const bytes = readFileSync(path.join(corpus.directory, file));
  return file.endsWith('.gz') ? gunzipSync(bytes) : bytes;
}

/** Each line as the parser takes it. */
export function toLines(log: Buffer | string): string[] {
  const lines = (typeof log === 'string' ? log : log.toString('latin1')).split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/** The last word on every kill of a log, in its order. */
export function parseLines(lines: readonly string[]): KillRecord[] {
  const parser = openLogParser({ lastWordOnly: true });
  const events = lines.flatMap((line, at) => parser.line(line, at + 1));
  return inOrder([...events, ...parser.end()].map((event) => event.record));
}

export function inOrder(records: KillRecord[]): KillRecord[] {
  return records.sort((a, b) => a.line - b.line || a.report - b.report);
}
