import type { FactsRequest } from '../app/host-link.ts';
import { decodeText } from '../oom/bytes.ts';
import type { Connection } from './connection.ts';
import { COMMANDS } from '../remote/scripts.ts';

const UNIT_NAME = /^[A-Za-z0-9:_.@\\][A-Za-z0-9:_.@\\-]{0,254}$/;
const GROUP_PATH = /^\/[^\0\n\r]{1,1000}$/;
/** A host that has just run out of memory may be slow; what it had said by then counts. */
const TIMEOUT_MS = 2_000;

/** What the script says of a host; `cause/read-host-facts.ts` reads it. null: no answer. */
export async function lookAtHost(connection: Connection, { unit, group }: FactsRequest): Promise<string | null> {
  const { stdout } = await connection.exec(COMMANDS.look, {
    stdin: `${unit !== null && UNIT_NAME.test(unit) ? unit : ''}\n${group !== null && GROUP_PATH.test(group) ? group : ''}\n`,
    timeoutMs: TIMEOUT_MS,
    maxBytes: 64 * 1024,
  });
  return stdout.length === 0 ? null : decodeText(stdout.toString('latin1'));
}
