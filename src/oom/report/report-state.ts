import { decodeText } from '../bytes.ts';
import type { LogLine } from '../framing/frame.ts';
import type { MemcgState } from './memcg.ts';
import { emptyMemory, isMemoryEmpty, type MemoryState } from './memory.ts';
import type { KeptLines } from './report-text.ts';
import type { EvidenceLine, Killer, KillRecord, Outcome, Trigger } from '../report.ts';
import type { TaskTable } from './tasks.ts';
import type { UserspaceKill } from '../killers/userspace-kill.ts';
import type { CpuLine, KilledLine, Score, Verdict } from './verdict.ts';

/** A report while it is being put together. */
export interface ReportState {
  report: number;
  killer: Killer;
  first: LogLine;
  trigger: Trigger | null;
  headerLine: LogLine | null;
  /** `NAME cpuset=/ mems_allowed=0`, 2.6.29 to 4.20. */
  cpusetLine: LogLine | null;
  oomPolicy: string | null;
  cpu: CpuLine | null;
  memory: MemoryState;
  memcg: MemcgState | null;
  table: TaskTable | null;
  slabs: { name: string; usedKiB: number; totalKiB: number }[];
  slabsOpen: boolean;
  verdict: Verdict | null;
  verdictLine: LogLine | null;
  score: Score | null;
  scoreLine: LogLine | null;
  /** Seen in the call trace or in the lines around: which road led here. */
  roads: Set<'memcg' | 'page-fault' | 'sysrq' | 'host'>;
  noVictim: Exclude<Outcome, 'killed'> | null;
  noVictimLine: LogLine | null;
  hiddenKillLine: boolean;
  /** A Mem-Info of a failed allocation stands here too: nothing of it may be taken for the report's. */
  foreignMemory: boolean;
  group: string | null;
  deaths: DeathState[];
  evidence: EvidenceLine[];
  /** All lines from its first to its kill line; null: they are not kept, or were taken. */
  kept: KeptLines | null;
  warnings: string[];
  /** Lines in a row that meant nothing. */
  idle: number;
  /** Short lines without a stamp that stood elsewhere in it: what somebody put between, no part of a name. */
  strays: Set<string>;
  recentPids: Set<number>;
  killedBefore: NonNullable<KillRecord['killedBefore']> | null;
}

/** One victim of a report. */
export interface DeathState {
  report: ReportState;
  line: LogLine;
  killed: KilledLine | null;
  /** Where no kill line is: who named the victim. */
  namedBy: 'kill line' | 'oom-kill line' | 'score line' | 'userspace' | 'unit' | 'kubelet' | 'oomkill' | 'nobody';
  /** Only the reaper's line is there: whom it took. */
  reapedAlone: string | null;
  /** Where only the unit is known that it was of. */
  unit: string | null;
  userspace: UserspaceKill | null;
  /** A sentence quotes its kill line. */
  isTold: boolean;
  /** Another killer that told of it later. */
  alsoBy: Killer | null;
  /** The last line that told of it: killers repeat themselves. */
  toldLast: LogLine;
  outcome: Outcome;
  pid: number | null;
  name: string | null;
  reaped: boolean;
  aftermath: string[];
  evidence: EvidenceLine[];
  warnings: string[];
}

const EVIDENCE_MAX = 40;
const EVIDENCE_TEXT_MAX = 1000;

export function openReport(report: number, killer: Killer, first: LogLine): ReportState {
  return {
    report,
    killer,
    first,
    trigger: null,
    headerLine: null,
    cpusetLine: null,
    oomPolicy: null,
    cpu: null,
    memory: emptyMemory(),
    memcg: null,
    table: null,
    slabs: [],
    slabsOpen: false,
    verdict: null,
    verdictLine: null,
    score: null,
    scoreLine: null,
    roads: new Set(),
    noVictim: null,
    noVictimLine: null,
    hiddenKillLine: false,
    foreignMemory: false,
    group: null,
    deaths: [],
    evidence: [],
    kept: null,
    warnings: [],
    idle: 0,
    strays: new Set(),
    recentPids: new Set(),
    killedBefore: null,
  };
}

/** The line that chose a victim, where one is there: nearer to the kill than the beginning is. */
export function chosenAt(report: ReportState): LogLine | null {
  return report.scoreLine ?? report.verdictLine;
}

/** Keeps a line as evidence, within bounds. */
export function note(evidence: EvidenceLine[], line: LogLine): void {
  if (evidence.length < EVIDENCE_MAX)
    evidence.push({ line: line.line, text: decodeText(line.text.slice(0, EVIDENCE_TEXT_MAX)) });
}

export function openDeath(report: ReportState, line: LogLine, namedBy: DeathState['namedBy']): DeathState {
  const death: DeathState = {
    report,
    line,
    killed: null,
    namedBy,
    reapedAlone: null,
    unit: null,
    userspace: null,
    isTold: false,
    alsoBy: null,
    toldLast: line,
    outcome: 'killed',
    pid: null,
    name: null,
    reaped: false,
    aftermath: [],
    evidence: [],
    warnings: [],
  };
  report.deaths.push(death);
  return death;
}

/** More than a kill line alone: what its log lacks was cut away. */
export function hasBody({ table, verdict, score, memory, memcg }: ReportState): boolean {
  return table !== null || verdict !== null || score !== null || !isMemoryEmpty(memory) || memcg !== null;
}
