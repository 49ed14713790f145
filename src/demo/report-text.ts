import { readFileSync } from 'node:fs';

import { chooseFormula, computePoints, computeScore, rankTasks, type BadnessTask } from '../oom/badness/badness.ts';
import type { KernelText } from './kernel-ring.ts';
import { KERNEL_RELEASE } from './machine.ts';
import { rssPagesOf, type DemoProcess } from './processes.ts';

const FORMULA = chooseFormula(KERNEL_RELEASE);
/** Of zone DMA32: what is not free of its 3063628 KiB, less a little. The rest is in Normal. */
const DMA32_ANON_KIB = 2_981_204;
/** What else the kernel charges to a group beside page tables, in pages. */
const GROUP_KERNEL_PAGES = 21;
const PAGE_KIB = 4;

/** A recorded report's lines, `{…}` still in them. What it was recorded from stands in the head of the file. */
function readReport(name: string): KernelText[] {
  const text = readFileSync(new URL(`./reports/${name}.txt`, import.meta.url), 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const at = line.indexOf(';');
      return at < 0
        ? { level: 6, text: line }
        : { level: Number(line.slice(0, at)), text: line.slice(at + 1).replaceAll('\\x0a', '\n') };
    });
}

const REPORTS = {
  'host-6.1': readReport('host-6.1'),
  'memcg-6.1': readReport('memcg-6.1'),
};

export function scoreOf(process: DemoProcess, totalPages: number): number {
  return computeScore(computePoints(taskOf(process), totalPages, FORMULA), totalPages, FORMULA);
}

/** Whom this kernel chooses among these; null: nobody can be chosen. */
export function chooseVictim(processes: readonly DemoProcess[], totalPages: number): DemoProcess | null {
  const first = rankTasks(
    processes.map((process) => ({ ...taskOf(process), process })),
    totalPages,
    FORMULA,
  )[0];
  return first === undefined || first.score === 0 ? null : first.task.process;
}

function taskOf(process: DemoProcess): BadnessTask {
  const { pid, pageTablePages, oomScoreAdj, kind } = process;
  return { pid, rssPages: rssPagesOf(process), swapPages: 0, pageTablePages, oomScoreAdj, privileged: kind.uid === 0 };
}

/** `dump`: what the rate limit may leave out. `deaths`: what is always printed. */
export interface ReportText {
  dump: KernelText[];
  deaths: KernelText[];
}

/** What the kernel prints when a host ran out of memory. */
export function renderHostReport(scene: {
  trigger: DemoProcess;
  victim: DemoProcess;
  processes: readonly DemoProcess[];
}): ReportText {
  const tasks = scene.processes.filter(({ pid }) => pid !== 1);
  const anonKiB = sum(scene.processes, (process) => process.anonPages) * PAGE_KIB;
  const fileKiB = sum(scene.processes, (process) => process.filePages) * PAGE_KIB;
  const pageTableKiB = sum(scene.processes, (process) => process.pageTablePages) * PAGE_KIB;
  const report = fillIn(REPORTS['host-6.1'], tableOf(tasks), {
    ...triggerOf(scene.trigger),
    anonKiB,
    anonPages: anonKiB / PAGE_KIB,
    // Shared libraries are mapped by many and are there once; most were thrown out by now.
    fileKiB: Math.round(fileKiB / 40) * PAGE_KIB,
    filePages: Math.round(fileKiB / 40),
    pageTableKiB,
    pageTablePages: pageTableKiB / PAGE_KIB,
    dma32AnonKiB: DMA32_ANON_KIB,
    normalAnonKiB: anonKiB - DMA32_ANON_KIB,
  });
  const named = verdict(scene.victim, { constraint: 'CONSTRAINT_NONE', domain: 'global_oom' });
  return { dump: [...report, named], deaths: [killed('Out of memory', scene.victim)] };
}

/** What the kernel prints when a group reached its limit. `others` die with the victim where memory.oom.group is set. */
export function renderGroupReport(scene: {
  memcg: string;
  limitPages: number;
  trigger: DemoProcess;
  victim: DemoProcess;
  others: readonly DemoProcess[];
  processes: readonly DemoProcess[];
}): ReportText {
  const { memcg, victim, others } = scene;
  const anonBytes = sum(scene.processes, (process) => process.anonPages) * PAGE_KIB * 1024;
  const pageTableBytes = sum(scene.processes, (process) => process.pageTablePages) * PAGE_KIB * 1024;
  const report = fillIn(REPORTS['memcg-6.1'], tableOf(scene.processes), {
    ...triggerOf(scene.trigger),
    memcg,
    limitKiB: scene.limitPages * PAGE_KIB,
    anonBytes,
    inactiveAnonBytes: anonBytes - 4_096,
    pageTableBytes,
    kernelBytes: pageTableBytes + GROUP_KERNEL_PAGES * PAGE_KIB * 1024,
  });
  const dump = [...report, verdict(victim, { constraint: 'CONSTRAINT_MEMCG', domain: `oom_memcg=${memcg}` })];
  const death = killed('Memory cgroup out of memory', victim);
  if (others.length === 0) return { dump, deaths: [death] };
  const set = { level: 6, text: `Tasks in ${memcg} are going to be killed due to memory.oom.group set` };
  // The chosen one once more: the kernel goes through the whole group.
  return { dump, deaths: [death, set, death, ...others.map((one) => killed('Memory cgroup out of memory', one))] };
}

/** What one process of a full group may hold, beside the others and what the kernel charges. */
export function roomIn(limitPages: number, others: readonly DemoProcess[]): number {
  const taken = sum(others, (process) => process.anonPages + process.pageTablePages) + GROUP_KERNEL_PAGES;
  return Math.floor(((limitPages - taken - 14) * 512) / 513);
}

export function renderReaped({ pid, kind }: DemoProcess): KernelText {
  return {
    level: 6,
    text: `oom_reaper: reaped process ${pid} (${kind.name}), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB`,
  };
}

function fillIn(
  report: readonly KernelText[],
  table: KernelText[],
  values: Record<string, string | number>,
): KernelText[] {
  return report.flatMap((line) =>
    line.text === '{tasks}'
      ? table
      : { ...line, text: line.text.replaceAll(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole)) },
  );
}

function triggerOf({ pid, kind, oomScoreAdj }: DemoProcess): Record<string, string | number> {
  return { trigger: kind.name, triggerPid: pid, triggerAdj: oomScoreAdj };
}

// [  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name
// [    365]   100   365   293211    36510   618496        0             0 mariadbd
function tableOf(processes: readonly DemoProcess[]): KernelText[] {
  const head = '[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name';
  const rows = processes.map((process) => {
    const { pid, kind, totalVmPages, pageTablePages, oomScoreAdj } = process;
    const numbers = [
      `[${pad(pid, 7)}]`,
      pad(kind.uid, 5),
      pad(pid, 5),
      pad(totalVmPages, 8),
      pad(rssPagesOf(process), 8),
      pad(pageTablePages * PAGE_KIB * 1024, 8),
      pad(0, 8),
    ];
    return `${numbers.join(' ')}         ${pad(oomScoreAdj, 5)} ${kind.name}`;
  });
  return [head, ...rows].map((text) => ({ level: 6, text }));
}

function verdict({ pid, kind }: DemoProcess, why: { constraint: string; domain: string }): KernelText {
  const text = `oom-kill:constraint=${why.constraint},nodemask=(null),cpuset=/,mems_allowed=0,${why.domain},task_memcg=${kind.cgroup},task=${kind.name},pid=${pid},uid=${kind.uid}`;
  return { level: 6, text };
}

function killed(why: string, victim: DemoProcess): KernelText {
  const { pid, kind, pageTablePages, oomScoreAdj } = victim;
  const text = `${why}: Killed process ${pid} (${kind.name}) ${sizes(victim)}, UID:${kind.uid} pgtables:${pageTablePages * PAGE_KIB}kB oom_score_adj:${oomScoreAdj}`;
  return { level: 3, text };
}

function sizes({ totalVmPages, anonPages, filePages }: DemoProcess): string {
  return `total-vm:${totalVmPages * PAGE_KIB}kB, anon-rss:${anonPages * PAGE_KIB}kB, file-rss:${filePages * PAGE_KIB}kB, shmem-rss:0kB`;
}

function sum(processes: readonly DemoProcess[], of: (process: DemoProcess) => number): number {
  return processes.reduce((sofar, process) => sofar + of(process), 0);
}

function pad(value: number, width: number): string {
  return String(value).padStart(width);
}
