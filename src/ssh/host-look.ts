import type { FactsRequest, SettingsRequest, UnitState } from '../app/host-link.ts';
import { decodeText } from '../oom/bytes.ts';
import { COMMANDS } from '../remote/scripts.ts';
import type { Connection } from './connection.ts';

const UNIT_NAME = /^[A-Za-z0-9:_.@\\][A-Za-z0-9:_.@\\-]{0,254}$/;
const GROUP_PATH = /^\/[^\0\n\r]{1,1000}$/;
/** A host that has just run out of memory may be slow; what it had said by then counts. */
const FACTS_MS = 2_000;
/** systemd and the journal may be slower still. */
const WHY_MS = 20_000;
const UNIT_MS = 10_000;
const SETTINGS_MS = 5_000;

/** What the script says of a host; `cause/read-host-facts.ts` reads it. null: no answer. */
export async function lookAtHost(connection: Connection, { unit, group }: FactsRequest): Promise<string | null> {
  const { stdout } = await connection.exec(COMMANDS.look, {
    stdin: `${lineOf(unit, UNIT_NAME)}${lineOf(group, GROUP_PATH)}`,
    timeoutMs: FACTS_MS,
    maxBytes: 64 * 1024,
  });
  return stdout.length === 0 ? null : decodeText(stdout.toString('latin1'));
}

/** What the host still knows of something that is gone (`cause/death-facts.ts` reads it); null: no answer. */
export async function lookWhy(connection: Connection, unit: string | null): Promise<string | null> {
  const { stdout, end } = await connection.exec(COMMANDS.why, {
    stdin: lineOf(unit, UNIT_NAME),
    timeoutMs: WHY_MS,
    maxBytes: 256 * 1024,
  });
  return end.kind === 'exit' && stdout.length > 0 ? decodeText(stdout.toString('latin1')) : null;
}

/** How programs are set (`size/read-settings.ts` reads it); null: no answer. What a dispatcher refuses is an answer. */
export async function readSettings(connection: Connection, ask: readonly SettingsRequest[]): Promise<string | null> {
  const { stdout } = await connection.exec(COMMANDS.settings, {
    stdin: ask.map(({ program, pid, files }) => `${program} ${pid} ${files}\n`).join(''),
    timeoutMs: SETTINGS_MS,
    maxBytes: 64 * 1024,
  });
  return stdout.length === 0 ? null : decodeText(stdout.toString('latin1'));
}

/** What systemd says of a unit. null: no systemd, no answer, or a name that is none. */
export async function readUnitState(connection: Connection, unit: string): Promise<UnitState | null> {
  if (!UNIT_NAME.test(unit)) return null;
  const { stdout, end } = await connection.exec(COMMANDS.unit, {
    stdin: lineOf(unit, UNIT_NAME),
    timeoutMs: UNIT_MS,
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

/** A line of standard input; empty for what is not of that form, so that a hostile name asks nothing. */
function lineOf(text: string | null, form: RegExp): string {
  return `${text !== null && form.test(text) ? text : ''}\n`;
}

function valueOf(text: string, key: string): string | null {
  return new RegExp(`^${key}=(.*)$`, 'm').exec(text)?.[1] ?? null;
}
