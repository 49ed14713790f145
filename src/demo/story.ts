import { createHash } from 'node:crypto';

import type { Journal } from './journal.ts';
import type { KernelText } from './kernel-ring.ts';
import { pageTablePagesOf, PROCESS_KINDS, workerPages, type DemoProcess } from './processes.ts';
import { renderHostReport, renderReaped } from './report-text.ts';

/** When it happened, by the clock on the wall: the first and the last are of the log that was kept. */
const TIMES_OF_DAY = [
  { hour: 1, minute: 35, second: 8, usec: 422_998 },
  { hour: 14, minute: 12, second: 41, usec: 307_114 },
  { hour: 23, minute: 45, second: 33, usec: 17_900 },
];
const DAYS_MAX = 4;
/** Nothing of the story is younger, so that it is told as the past. */
const PAST_MS = 30 * 60_000;
const REBOOT_AFTER_MS = 25 * 60_000;
// What was kept of the log of 01:35:08, on an older kernel that did not know units. Its facts are told in today's form, so that
// these kills are known as those of mysql.service:
//   [18540]   111 18540  1930392  1535479 12935168        0             0 mysqld
//   Killed process 18540 (mysqld) total-vm:7721568kB, anon-rss:6141916kB, file-rss:0kB, shmem-rss:0kB
const MYSQLD_PAGES = 1_535_479;
const MYSQLD_PAGE_TABLE_PAGES = 12_935_168 / 4_096;
const REAPED_AFTER_USEC = 326_288;

export interface StoryKill {
  atUsec: number;
  /** The boot in which it was; the same kill has the same one in every run. */
  bootId: string;
  bootAtMs: number;
}

/** The story's kills before `nowMs`, oldest first: three a day over the last days, at the reader's hours. */
export function storyKills(nowMs: number): StoryKill[] {
  const now = new Date(nowMs);
  const kills: StoryKill[] = [];
  for (let day = -DAYS_MAX; day <= 0; day++) {
    for (const { hour, minute, second, usec } of TIMES_OF_DAY) {
      const at = new Date(now.getFullYear(), now.getMonth(), now.getDate() + day, hour, minute, second);
      if (at.getTime() > nowMs - PAST_MS || at.getTime() < nowMs - DAYS_MAX * 86_400_000) continue;
      const boot = bootBefore(at);
      const bootId = uuidOf(`demo-db01 ${boot.getTime()}`);
      kills.push({ atUsec: at.getTime() * 1000 + usec, bootId, bootAtMs: boot.getTime() });
    }
  }
  return kills;
}

/** After the last of them somebody restarted the machine. It did not help. */
export function rebootAfterStory(nowMs: number): number {
  const last = storyKills(nowMs).at(-1);
  return last === undefined ? nowMs - PAST_MS : Math.round(last.atUsec / 1000) + REBOOT_AFTER_MS;
}

/** Writes the story's reports into a journal, with the boots and the times that they had. */
export function writeStory(journal: Journal, nowMs: number): void {
  for (const { atUsec, bootId, bootAtMs } of storyKills(nowMs)) {
    const { victim, lines } = renderKill(atUsec);
    const begin = atUsec - bootAtMs * 1000;
    const reaped = { ...renderReaped(victim), usec: begin + REAPED_AFTER_USEC };
    for (const { usec, level, text } of [
      ...lines.map((line, index) => ({ ...line, usec: begin + index * 23 })),
      reaped,
    ])
      journal.append({ bootId, atUsec: bootAtMs * 1000 + usec, monotonicUsec: usec, from: 'kernel', level, text });
  }
}

/** What the kernel printed then, and whom it killed. */
export function renderKill(atUsec: number): { victim: DemoProcess; lines: KernelText[] } {
  const isKept = new Date(atUsec / 1000).getHours() === 1;
  const chance = createHash('sha256').update(`kill ${atUsec}`).digest();
  const mysqldPages = isKept ? MYSQLD_PAGES : MYSQLD_PAGES - (chance.readUInt16BE(0) % 31_000);
  // What is restarted now and then has later pids than what runs since the boot.
  const restarted = 10_000 + (chance.readUInt16BE(2) % 12_000);
  const processes = PROCESS_KINDS.flatMap((kind, at) =>
    Array.from({ length: kind.count }, (_, one): DemoProcess => {
      const isMysqld = kind.name === 'mysqld';
      const anonPages = isMysqld ? mysqldPages : workerPages(kind, chance[one] ?? 0);
      return {
        kind,
        pid: at === 0 ? 1 : (isMysqld || kind.uid === 33 ? restarted : 380) + at * 40 + one,
        parentPid: 1,
        startTicks: 0,
        oomScoreAdj: kind.oomScoreAdj,
        anonPages,
        filePages: kind.filePages,
        totalVmPages: kind.totalVmPages,
        pageTablePages: isMysqld && isKept ? MYSQLD_PAGE_TABLE_PAGES : pageTablePagesOf(anonPages),
      };
    }),
  );
  const victim = processes.find(({ kind }) => kind.name === 'mysqld');
  const trigger = processes.find(({ kind }) => kind.name === 'icinga2');
  if (victim === undefined || trigger === undefined) throw new Error('the story needs mysqld and icinga2');
  const inOrder = processes.toSorted((a, b) => a.pid - b.pid);
  const { dump, deaths } = renderHostReport({ trigger, victim, processes: inOrder });
  return { victim, lines: [...dump, ...deaths] };
}

/** The machine had been up for weeks: since the beginning of the quarter. */
function bootBefore(at: Date): Date {
  const before = new Date(at.getFullYear(), at.getMonth(), at.getDate() - 10);
  return new Date(before.getFullYear(), before.getMonth() - (before.getMonth() % 3), 1, 5, 2, 11);
}

function uuidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}
