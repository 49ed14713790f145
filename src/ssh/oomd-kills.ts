import type { OomdKills } from '../app/host-link.ts';
import type { Clock } from '../app/ports.ts';
import type { Connection } from './connection.ts';
import { COMMANDS } from '../remote/scripts.ts';

const ROW = /^unit (\d{1,10}) ([A-Za-z0-9:_.@\\-]{1,255})$/;

/** What systemd counted of systemd-oomd's kills. `unknown`: this host cannot say; null: no answer now, or no systemd-oomd runs. */
export async function readOomdKills(connection: Connection, clock: Clock): Promise<OomdKills | 'unknown' | null> {
  const { stdout, end } = await connection.exec(COMMANDS['oomd-kills'], { timeoutMs: 20_000, maxBytes: 256 * 1024 });
  if (end.kind !== 'exit') return null;
  return parseOomdKills(stdout.toString('latin1'), clock.nowMs());
}

export function parseOomdKills(text: string, readAtMs: number): OomdKills | 'unknown' | null {
  const sum = /^#oomd-kills 1 (\d{1,15}|off|unknown)$/m.exec(text)?.[1];
  // An oombot-host of an older version refuses the name.
  if (sum === undefined) return /^#oombot-host \d+ refused/m.test(text) ? 'unknown' : null;
  if (sum === 'unknown') return 'unknown';
  if (sum === 'off') return null;
  const units = text.split('\n').flatMap((line) => {
    const [, kills, unit] = ROW.exec(line) ?? [];
    return unit === undefined ? [] : [{ unit, kills: Number(kills) }];
  });
  return { sum: Number(sum), units, readAtMs };
}
