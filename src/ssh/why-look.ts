import type { WhyRequest } from '../app/host-link.ts';
import { decodeText } from '../oom/bytes.ts';
import { COMMANDS } from '../remote/scripts.ts';
import type { Connection } from './connection.ts';

const UNIT_NAME = /^[A-Za-z0-9:_.@\\][A-Za-z0-9:_.@\\-]{0,254}$/;
/** systemd and the journal may be slow on a host that has just run out of memory. */
const TIMEOUT_MS = 20_000;

/** What the host still knows of something that is gone (`cause/death-facts.ts` reads it); null: no answer. */
export async function lookWhy(connection: Connection, { unit, fromSeconds }: WhyRequest): Promise<string | null> {
  const { stdout, end } = await connection.exec(COMMANDS.why, {
    stdin: `${unit !== null && UNIT_NAME.test(unit) ? unit : ''}\n${Math.max(0, Math.trunc(fromSeconds))}\n`,
    timeoutMs: TIMEOUT_MS,
    maxBytes: 256 * 1024,
  });
  return end.kind === 'exit' && stdout.length > 0 ? decodeText(stdout.toString('latin1')) : null;
}
