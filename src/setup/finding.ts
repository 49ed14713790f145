// What the check of a host looks at, and what it can find. The facts come from a login and a look at the host; the types here
// name what is used of them.

import type { LoginTrouble } from '../app/host-link.ts';

/** How the host is reached and its log read, from the configuration. */
export interface CheckedHost {
  name: string;
  address: string;
  port: number;
  user: string;
  /** null: the agent's keys, then OpenSSH's default files. */
  identityFile: string | null;
  knownHosts: readonly string[];
  fingerprints: readonly string[];
  jump: { address: string; port: number; user: string } | null;
  transport: 'ssh2' | 'openssh';
  /** The files to read the kernel log from, and nothing else. null: by detection. */
  logFiles: readonly string[] | null;
}

/** What a look at the host found, in the host's words: nothing in it is to be trusted as text. */
export interface HostFacts {
  uid: number | null;
  groups: readonly string[];
  oomKills: number | null;
  hidepid: string;
  dmesgRestrict: boolean | null;
  kmsg: string | null;
  kmsgError: string | null;
  kmsgHelper: boolean;
  journal: { present: boolean; readable: boolean; persistent: boolean };
  killers: readonly string[];
  files: readonly { path: string; readable: boolean }[];
  dmesg: boolean;
  oomAdj: string | null;
  oomAdjHelper: boolean;
  procReadable: boolean;
  setup: {
    kmsgHelperError: string | null;
    oomAdjError: string | null;
    oomAdjSays: string | null;
    helperRights: readonly { path: string; uid: number; mode: string }[];
    writer: boolean;
    dispatcher: { version: number; verbs: readonly string[] } | null;
    options: readonly string[] | null;
    journalReader: 'none' | 'there' | 'empty';
    closedFiles: readonly string[];
    capSysResource: boolean | null;
    procOptions: string;
    adjFiles: { oomScoreAdj: boolean; oomAdj: boolean };
    tools: readonly string[];
    hostGroups: readonly string[];
  };
}

/** Either the login failed, or the host was looked at. */
export type CheckFacts =
  { host: CheckedHost; login: LoginTrouble; probe: null } | { host: CheckedHost; login: null; probe: HostFacts };

/** `unsafe`: who may write to the helper is root. `note`: nothing is off, but good to know. */
export type Severity = 'cannot-watch' | 'watches-worse' | 'cannot-change' | 'unsafe' | 'note';

export interface Finding {
  code: FindingCode;
  about: 'login' | 'log' | 'scores' | 'changes';
  severity: Severity;
  /** What is off. */
  what: string;
  /** What it costs. */
  cost: string;
  /** One line for a shell, as root on the host or as the bot's user where the bot runs, or one of oombot.yaml. null: no line can. */
  fix: { where: 'host' | 'bot' | 'configuration'; line: string } | null;
}

export type FindingCode =
  | LoginTrouble['reason']
  | 'no-kmsg'
  | 'no-group'
  | 'no-journal-reader'
  | 'no-kernel-entries'
  | 'no-journald'
  | 'volatile-journal'
  | 'unreadable-file'
  | 'no-counters'
  | 'userspace-killers'
  | 'hidepid'
  | 'legacy-oom-adj'
  | 'no-oom-adj'
  | 'no-helper'
  | 'helper-refused'
  | 'requiretty'
  | 'stale-helper'
  | 'old-helper'
  | 'wide-setup'
  | 'old-dispatcher'
  | 'no-host-log'
  | 'unsafe-helper'
  | 'read-only-proc'
  | 'no-capability';

/** False if any finding keeps the host from being watched. */
export function canWatch(findings: readonly Finding[]): boolean {
  return findings.every((finding) => finding.severity !== 'cannot-watch');
}
