import type { GroupKills } from '../app/host-link.ts';
import { decodeText } from '../oom/bytes.ts';
import type { Connection } from './connection.ts';
import { COMMANDS } from '../remote/scripts.ts';

/** A kernel path may be 4,096 bytes long; groups of services and containers are far from it. The top group is no place. */
const ROW = /^\.(\/[^\0]{1,1000})\/memory\.(events\.local|events|oom_control):oom_kill (\d{1,15})$/;

/** The memory groups in which the kernel counted kills of its own; null: no answer, or not one about the whole host. */
export async function readGroupKills(connection: Connection): Promise<GroupKills[] | null> {
  const { stdout, end } = await connection.exec(COMMANDS.groups, { timeoutMs: 20_000, maxBytes: 256 * 1024 });
  return end.kind === 'exit' ? parseGroupKills(stdout.toString('latin1')) : null;
}

export function parseGroupKills(text: string): GroupKills[] | null {
  const lines = text.split('\n');
  const begin = lines.indexOf('#groups 1');
  const end = lines.lastIndexOf('#end');
  if (begin < 0 || end < begin) return null;
  const rows = lines.slice(begin + 1, end).flatMap((line) => {
    const [, path, file, kills] = ROW.exec(line) ?? [];
    return path === undefined ? [] : [{ path, isSum: file === 'events', kills: Number(kills) }];
  });
  // Of what may be a sum only the deepest is sure to be a group's own.
  const own = rows.filter(({ path, isSum }) => !isSum || !rows.some((row) => row.path.startsWith(`${path}/`)));
  return own.map(({ path, kills }) => ({ path: decodeText(path), kills }));
}
