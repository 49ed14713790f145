import type { UnitState } from '../app/host-link.ts';
import type { Connection } from './connection.ts';
import { COMMANDS } from '../remote/scripts.ts';

const UNIT_NAME = /^[A-Za-z0-9:_.@\\][A-Za-z0-9:_.@\\-]{0,254}$/;
const TIMEOUT_MS = 10_000;

/** What systemd says of a unit. null: no systemd, no answer, or a name that is none. */
export async function readUnitState(connection: Connection, unit: string): Promise<UnitState | null> {
  if (!UNIT_NAME.test(unit)) return null;
  const { stdout, end } = await connection.exec(COMMANDS.unit, {
    stdin: `${unit}\n`,
    timeoutMs: TIMEOUT_MS,
    maxBytes: 64 * 1024,
  });
  const text = stdout.toString('latin1');
  if (end.kind !== 'exit' || !/^#unit 1$/m.test(text)) return null;
  const activeState = valueOf(text, 'ActiveState');
  if (activeState === null) return null;
  const enteredUs = Number(valueOf(text, 'ActiveEnterTimestampMonotonic') ?? 0);
  return {
    isActive: activeState === 'active' || activeState === 'reloading',
    mainPid: Number(valueOf(text, 'MainPID') ?? 0) || null,
    restarts: Number(valueOf(text, 'NRestarts') ?? 0),
    activeSinceBootMs: enteredUs > 0 ? enteredUs / 1_000 : null,
  };
}

function valueOf(text: string, key: string): string | null {
  return new RegExp(`^${key}=(.*)$`, 'm').exec(text)?.[1] ?? null;
}
