import { isLost } from './postgres-driver.ts';

// sqlite.org/rescode.html: busy, locked, read-only, input or output, damaged, full, cannot open.
const SQLITE_CODES = new Set([5, 6, 8, 10, 11, 13, 14]);
// postgresql.org/docs/current/errcodes-appendix.html: no resources (53, a full disk is 53100), system error (58), internal error such
// as a damaged page (XX), read-only transaction, shutdown under way.
const POSTGRES_STATES = /^(?:53|58|XX)[0-9A-Z]{3}$|^25006$|^57P0[1-5]$/;

/** Whether the database cannot be written or read now, whatever was asked of it; a conflict or a mistake of ours is no such fault. */
export function isRecordFault(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (isLost(error)) return true;
  if ('errcode' in error && typeof error.errcode === 'number') return SQLITE_CODES.has(error.errcode & 0xff);
  if ('code' in error && typeof error.code === 'string') return POSTGRES_STATES.test(error.code);
  return error.cause !== undefined && isRecordFault(error.cause);
}
