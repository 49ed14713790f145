import type { KillRecord } from '../oom/report.ts';

/** A sentence for a person: the input cannot be read, or only in part. */
export class UnreadableInput extends Error {}

export interface Reading {
  /** `member` is the file's name in an archive; null: the input is a log itself. */
  found: (records: KillRecord[], member: string | null) => void;
  progress: (bytes: number) => void;
  /** Waited for between chunks, so that a slow reader of the output slows the reading. */
  drain: () => Promise<void>;
}

/** A member of a zip on disk. */
export interface ZipPlace {
  file: string;
  /** In the order in which its list has them. */
  index: number;
}

/** A file in an archive. */
export interface Member {
  name: string;
  /** Unpacked from the archive, packed as it may be itself. */
  size: number;
  content: AsyncIterable<Buffer>;
  /** Where a thread can read it by itself; null: nowhere. */
  place: ZipPlace | null;
}

/** An archive in an archive, as a sosreport of several hosts is. */
export const NESTED_MAX = 3;

const FAULTS: Record<string, string> = {
  ENOENT: 'there is no such file',
  EACCES: 'you may not read it: try as root, or as a member of the groups adm and systemd-journal',
  EPERM: 'you may not read it: try as root',
  EISDIR: 'it is a directory',
  Z_BUF_ERROR: 'the compressed data ends too early; what could be read is shown',
  Z_DATA_ERROR: 'the compressed data is damaged; what could be read is shown',
  ZSTD_error_prefix_unknown: 'the compressed data is damaged; what could be read is shown',
};

export function faultOf(error: unknown): string {
  if (error instanceof UnreadableInput) return error.message;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (FAULTS[code] !== undefined) return FAULTS[code];
  const message = error instanceof Error ? error.message : String(error);
  return message.includes('what could be read is shown') || message.includes(': ')
    ? message
    : `cannot be read (${message})`;
}
