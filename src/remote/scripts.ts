import { MEMORY_SAMPLE } from '../oom/proc/memory-sample-script.ts';
import { PROC_SCAN, PROC_SCAN_LIGHT } from '../oom/proc/proc-scan-script.ts';
import { remoteCommand } from './command.ts';
import { FILE_SCRIPT } from './file-script.ts';
import { DMESG_SCRIPT, JOURNAL_SCRIPT, KMSG_SCRIPT } from './log-scripts.ts';
import { LOOK_SCRIPT } from './look-script.ts';
import { PROBE_SCRIPT } from './probe-script.ts';
import { SETTINGS_SCRIPT } from './settings-script.ts';
import { WHY_SCRIPT } from './why-script.ts';
import { COUNTERS_SCRIPT, GROUPS_SCRIPT, LIMIT_SCRIPT, OOMD_KILLS_SCRIPT, UNIT_SCRIPT } from './state-scripts.ts';

/** How a root-owned helper is called. */
export type HelperWay = 'root' | 'sudo' | 'doas';
export type Helper = 'oom-kmsg' | 'oom-journal' | 'oom-adj';

/** Everything that the bot ever asks of a host, by name. `setup` puts the same texts into oombot-host. */
export const SCRIPTS = {
  probe: PROBE_SCRIPT,
  counters: COUNTERS_SCRIPT,
  scan: PROC_SCAN,
  'scan-light': PROC_SCAN_LIGHT,
  sample: MEMORY_SAMPLE,
  unit: UNIT_SCRIPT,
  look: LOOK_SCRIPT,
  groups: GROUPS_SCRIPT,
  limit: LIMIT_SCRIPT,
  'oomd-kills': OOMD_KILLS_SCRIPT,
  why: WHY_SCRIPT,
  settings: SETTINGS_SCRIPT,
  kmsg: KMSG_SCRIPT,
  journal: JOURNAL_SCRIPT,
  dmesg: DMESG_SCRIPT,
  file: FILE_SCRIPT,
} as const;
export type ScriptName = keyof typeof SCRIPTS;

/** Names under which oombot-host runs a helper through sudo or doas. */
export const HELPER_VERBS = { 'oom-kmsg': 'kmsg-helper', 'oom-journal': 'journal-helper', 'oom-adj': 'adj' } as const;

/** All names that this version asks for: what a host's oombot-host lacks of them, it is too old for. */
export const VERBS: readonly string[] = [...Object.keys(SCRIPTS), ...Object.values(HELPER_VERBS)];

// These come over standard input, so that an account with another login shell runs them too.
const OVER_INPUT: readonly string[] = ['scan', 'scan-light', 'sample'];

export const COMMANDS = Object.fromEntries(
  Object.entries(SCRIPTS).map(([name, script]) => [
    name,
    remoteCommand(name, OVER_INPUT.includes(name) ? 'exec sh -s' : script),
  ]),
) as Record<ScriptName, string>;

/** `$PATH` may lack the sbin folders, sudo and doas look for themselves. */
export function helperCommand(helper: Helper, way: HelperWay): string {
  const through = way === 'root' ? '' : `${way} -n `;
  return remoteCommand(HELPER_VERBS[helper], `exec ${through}/usr/local/sbin/${helper}`);
}
