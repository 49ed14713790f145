import type { HostFacts } from '../app/host-link.ts';
import type { Clock } from '../app/ports.ts';
import type { ChannelEnd } from './channel.ts';
import type { Connection } from './connection.ts';
import { describeNoShell } from './no-shell.ts';
import type { KmsgWay } from './kmsg-source.ts';
import { COMMANDS, type HelperWay } from '../remote/scripts.ts';

export interface ProbedFile {
  path: string;
  readable: boolean;
  bytes: number;
}

/** What one look at a host found beside what watching needs. null: it could not be found out. */
export interface Probe extends HostFacts {
  user: string | null;
  uid: number | null;
  groups: string[];
  /** /proc's mount option; above 0 others' processes may be hidden. */
  hidepid: string;
  dmesgRestrict: boolean | null;
  /** How /dev/kmsg was read in a try. */
  kmsg: KmsgWay | null;
  /** Why it was not, in the host's words. */
  kmsgError: string | null;
  kmsgHelper: boolean;
  journal: {
    /** journalctl exists. */
    present: boolean;
    /** A kernel entry came back: without the group, journalctl prints nothing and exits 0. */
    readable: boolean;
    /** It survives a restart of the host. */
    persistent: boolean;
    outputFields: boolean;
    /** How it was read in a try: by the account's own rights, or through the reader that `setup` installs. */
    way: JournalWay;
  };
  /** Userspace killers that are running, as far as systemd says. */
  killers: string[];
  files: ProbedFile[];
  dmesg: boolean;
  /** How the helper that sets oom_score_adj can be called; null: not at all. */
  oomAdj: 'root' | 'sudo' | 'doas' | null;
  oomAdjHelper: boolean;
  procReadable: boolean;
  setup: SetupFacts;
}

/** What tells why something that was set up does not work. Words of the host are as it said them. */
export interface SetupFacts {
  /** What calling a helper gave where it could not be called: `sudo sudo: a password is required`. */
  kmsgHelperError: string | null;
  oomAdjError: string | null;
  /** `ok oom-adj=1 min=-1000 max=1000 capability=yes writable=yes file=oom_score_adj units=yes`; `refused …` of another version. */
  oomAdjSays: string | null;
  helperRights: { path: string; uid: number; mode: string }[];
  /** There is an account of its own for changes, which cannot be tried through this one. */
  writer: boolean;
  /** What oombot-host, the one command of the bot's key, can do here. null: the key may run anything. */
  dispatcher: { version: number; verbs: string[] } | null;
  /** The options by which `setup` was run there last, as words; null: not known. */
  options: string[] | null;
  /** The reader of the journal that `setup` installs; `empty`: it is called, and finds no kernel entry. */
  journalReader: 'none' | 'there' | 'empty';
  /** Configured log files that oombot-host does not read. */
  closedFiles: string[];
  /** CAP_SYS_RESOURCE is in the bounding set, so that root can have it. null: not known. */
  capSysResource: boolean | null;
  /** Mount options of /proc: `rw,nosuid,hidepid=2,gid=4`. */
  procOptions: string;
  /** oom_adj alone: kernels before 2.6.36. */
  adjFiles: { oomScoreAdj: boolean; oomAdj: boolean };
  /** Which of sudo, doas, usermod and the package tools are there. */
  tools: string[];
  /** Which of systemd-journal and adm exist. */
  hostGroups: string[];
}

/** As the account itself, or through the root-owned reader. */
export type JournalWay = 'direct' | Exclude<HelperWay, 'root'>;

export type ProbeResult = { kind: 'probed'; probe: Probe } | { kind: 'failed'; end: ChannelEnd; sentence: string };

/** Looks at a host once: who we are there and what can be read. One round trip, some 40 short processes on the host. */
export async function probeHost(
  connection: Connection,
  options: { logFiles: string[] | null; clock: Clock; signal?: AbortSignal },
): Promise<ProbeResult> {
  const askedAtMs = options.clock.nowMs();
  const result = await connection.exec(COMMANDS.probe, {
    stdin: (options.logFiles ?? []).map((file) => `${file}\n`).join(''),
    timeoutMs: 60_000,
    maxBytes: 256 * 1024,
    ...(options.signal ? { signal: options.signal } : {}),
  });
  if (result.end.kind !== 'exit')
    return {
      kind: 'failed',
      end: result.end,
      sentence: `probing ${connection.target.name} failed: ${wordsOf(result.end)}`,
    };
  const facts = parseFacts(result.stdout.toString('utf8'));
  if (facts === null) return { kind: 'failed', end: result.end, sentence: describeNoShell(connection.target, result) };
  return { kind: 'probed', probe: describeProbe(facts, askedAtMs, options.clock.nowMs()) };
}

const MARK = '#oombot probe 1';
const END = '#oombot end';

/** `key value` lines between marks: what the login shell says around them does not matter. */
function parseFacts(text: string): Map<string, string[]> | null {
  const lines = text.split('\n');
  const begin = lines.indexOf(MARK);
  const end = lines.lastIndexOf(END);
  if (begin < 0 || end < begin) return null;
  const facts = new Map<string, string[]>();
  for (const line of lines.slice(begin + 1, end)) {
    const space = line.indexOf(' ');
    if (space <= 0) continue;
    const key = line.slice(0, space);
    facts.set(key, [...(facts.get(key) ?? []), line.slice(space + 1)]);
  }
  return facts;
}

function describeProbe(facts: Map<string, string[]>, askedAtMs: number, answeredAtMs: number): Probe {
  function one(key: string): string | null {
    const value = facts.get(key)?.[0] ?? '';
    return value === '' ? null : value;
  }
  function number(key: string): number | null {
    const value = one(key);
    return value !== null && /^\d{1,15}(\.\d+)?$/.test(value) ? Number(value) : null;
  }
  function yes(key: string): boolean {
    return one(key) === 'yes';
  }

  // The clock is read first thing in the script: the answer to it lies within the round trip.
  const halfMs = (answeredAtMs - askedAtMs) / 2;
  const uptimeMs = (number('uptime') ?? 0) * 1000;
  const way = one('kmsg');
  const adj = one('oom-adj');
  const reads = one('journal-reader');
  const reader = reads === 'sudo' || reads === 'doas' ? reads : null;
  return {
    user: one('user'),
    uid: number('uid'),
    groups: one('groups')?.split(' ') ?? [],
    kernel: one('kernel'),
    os: one('os'),
    bootId: /^[0-9a-f-]{36}$/.test(one('boot') ?? '') ? one('boot') : null,
    bootAtMs: Math.round(askedAtMs + halfMs - uptimeMs),
    bootErrorMs: Math.ceil(halfMs + 10),
    clockOffsetMs: Math.round(askedAtMs + halfMs - ((number('epoch') ?? 0) * 1000 + 500)),
    oomKills: number('oom-kill'),
    probedAtMs: Math.round(askedAtMs + halfMs),
    hidepid: one('hidepid') ?? '0',
    dmesgRestrict: number('dmesg-restrict') === null ? null : number('dmesg-restrict') !== 0,
    kmsg: way === 'direct' || way === 'sudo' || way === 'doas' ? way : null,
    kmsgError: one('kmsg-error'),
    kmsgHelper: yes('kmsg-helper'),
    journal: {
      present: yes('journal'),
      readable: yes('journal-readable') || reader !== null,
      persistent: yes('journal-persistent'),
      outputFields: yes('journal-fields'),
      way: yes('journal-readable') ? 'direct' : (reader ?? 'direct'),
    },
    killers: facts.get('killer') ?? [],
    files: (facts.get('file') ?? []).flatMap((line) => {
      const found = /^(yes|no) (\d+) (\/.*)$/.exec(line);
      return found ? [{ readable: found[1] === 'yes', bytes: Number(found[2]), path: found[3] ?? '' }] : [];
    }),
    dmesg: yes('dmesg'),
    oomAdj: adj === 'root' || adj === 'sudo' || adj === 'doas' ? adj : null,
    oomAdjHelper: yes('oom-adj-helper'),
    procReadable: yes('proc'),
    setup: {
      kmsgHelperError: one('kmsg-helper-error'),
      oomAdjError: one('oom-adj-error'),
      oomAdjSays: one('oom-adj-says'),
      helperRights: (facts.get('helper-rights') ?? []).flatMap((line) => {
        const found = /^(\d{1,10}) ([0-7]{3,4}) (\/.*)$/.exec(line);
        return found ? [{ uid: Number(found[1]), mode: found[2] ?? '', path: found[3] ?? '' }] : [];
      }),
      writer: yes('writer'),
      dispatcher: dispatcherOf(one('dispatcher')),
      options: optionsOf(facts.get('setup-options')?.[0]),
      journalReader: yes('journal-reader-empty') ? 'empty' : yes('journal-reader-helper') ? 'there' : 'none',
      closedFiles: facts.get('file-closed') ?? [],
      capSysResource: hasCapSysResource(one('cap-bnd')),
      procOptions: one('proc-options') ?? '',
      adjFiles: { oomScoreAdj: yes('oom-score-adj'), oomAdj: yes('oom-adj-file') },
      tools: facts.get('tool') ?? [],
      hostGroups: facts.get('has-group') ?? [],
    },
  };
}

/** Words that `setup` takes: they come to stand in a line for a person to run. */
function optionsOf(said: string | undefined): string[] | null {
  return said === undefined || !/^[\w .:*?!/,[\]@%+=-]{0,2000}$/.test(said) ? null : said.split(' ').filter(Boolean);
}

/** `1 probe counters scan …` */
function dispatcherOf(said: string | null): SetupFacts['dispatcher'] {
  const [version = '', ...verbs] = (said ?? '').split(' ');
  return /^\d{1,4}$/.test(version) ? { version: Number(version), verbs } : null;
}

/** Bit 24 of a capability set as /proc/PID/status prints it, in hexadecimal. */
function hasCapSysResource(set: string | null): boolean | null {
  if (set === null || !/^[0-9a-f]{7,16}$/.test(set)) return null;
  return (Number.parseInt(set.at(-7) ?? '0', 16) & 1) === 1;
}

function wordsOf(end: ChannelEnd): string {
  if (end.kind === 'refused' || end.kind === 'fault') return end.sentence;
  if (end.kind === 'exit') return `exit code ${end.code}`;
  if (end.kind === 'signal') return `killed by ${end.signal}`;
  return {
    lost: 'the connection was lost',
    timeout: 'no answer in time',
    'too-much': 'too long an answer',
    aborted: 'given up',
  }[end.kind];
}

export interface Counters {
  bootId: string;
  /** Kills since boot. null: this kernel does not count (before 4.13). */
  oomKills: number | null;
  /** systemd runs a userspace killer. */
  hasKillers: boolean;
  readAtMs: number;
}

/** The kernel's own count of its kills, to compare with those that were read, and who kills beside it. null: no answer. One shell on the host. */
export async function readCounters(connection: Connection, clock: Clock): Promise<Counters | null> {
  const { stdout, end } = await connection.exec(COMMANDS.counters, { timeoutMs: 20_000, maxBytes: 64 * 1024 });
  const found =
    end.kind === 'exit' ? /^#counters 1 ([0-9a-f-]{36}) (\d+|-) (yes|no)$/m.exec(stdout.toString('latin1')) : null;
  if (!found) return null;
  const [, bootId = '', oomKills, killers] = found;
  return {
    bootId,
    oomKills: oomKills === '-' ? null : Number(oomKills),
    hasKillers: killers === 'yes',
    readAtMs: clock.nowMs(),
  };
}
