import { randomBytes } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';

const TOKEN = /^[A-Za-z0-9_-]{32}$/;

/** What opens the page: whoever has it may act as any person of the workspace. */
export function newPageToken(): string {
  return randomBytes(24).toString('base64url');
}

/**
 * The token that `file` keeps, so that an address stays good over restarts. One that others could have read or put there is
 * replaced. Throws what the file system says.
 */
export function keepPageToken(file: string): string {
  const kept = readOwn(file);
  if (kept !== null) return kept;
  const token = newPageToken();
  rmSync(file, { force: true });
  // `wx`: not through a link that somebody was quicker to put there.
  writeFileSync(file, `${token}\n`, { mode: 0o600, flag: 'wx' });
  return token;
}

/** null: there is none, or it is not ours alone. */
function readOwn(file: string): string | null {
  let opened: number;
  try {
    opened = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return null;
  }
  try {
    const { mode, uid } = fstatSync(opened);
    const isOurs =
      (mode & constants.S_IFMT) === constants.S_IFREG && (mode & 0o077) === 0 && uid === process.getuid?.();
    const text = isOurs ? readFileSync(opened, 'utf8').trim() : '';
    return TOKEN.test(text) ? text : null;
  } finally {
    closeSync(opened);
  }
}

/** A cookie of a request by its name; null: it has none. */
export function cookieOf({ headers }: IncomingMessage, name: string): string | null {
  const pairs = (headers.cookie ?? '').split(';').map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1) ?? null;
}
