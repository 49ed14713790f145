import { describe, expect, it } from 'vitest';
import { decodeText } from '../../src/oom/bytes.ts';
import { FRAMINGS, frameAll, type Framing } from '../support/framings.ts';
import { HOSTILE_NAMES } from '../support/hostile-names.ts';
import { parseLines } from '../support/corpus.ts';

/** What Debian 12's kernel 6.1 writes of a kill in a memory group; names as byte strings. */
function memcgReport(trigger: string, victim: string): string[] {
  return [
    `${trigger} invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=5`,
    `CPU: 1 PID: 4711 Comm: ${trigger} Not tainted 6.1.0-50-amd64 #1  Debian 6.1.176-1`,
    'Hardware name: QEMU Standard PC (Q35 + ICH9, 2009), BIOS 1.16.2-debian-1.16.2-1 04/01/2014',
    'Call Trace:',
    ' <TASK>',
    ' dump_stack_lvl+0x44/0x5c',
    ' mem_cgroup_out_of_memory+0x134/0x150',
    ' </TASK>',
    'memory: usage 16384kB, limit 16384kB, failcnt 45',
    'swap: usage 0kB, limit 0kB, failcnt 0',
    'Memory cgroup stats for /a/b:',
    'anon 16777216',
    'Tasks state (memory values in pages):',
    '[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name',
    '[    400]     0   400     1204      512    40960        0             0 sh',
    `[    486]  1000   486     4366     4061    65536        0             0 ${victim}`,
    `oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/a,task_memcg=/a/b,task=${victim},pid=486,uid=1000`,
    `Memory cgroup out of memory: Killed process 486 (${victim}) total-vm:17464kB, anon-rss:16244kB, file-rss:4kB, shmem-rss:0kB, UID:1000 pgtables:64kB oom_score_adj:0`,
    `oom_reaper: reaped process 486 (${victim}), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB`,
  ];
}

describe.each(FRAMINGS)('$name', (framing) => {
  it('shows a whole report', () => {
    const [record, ...others] = parseLines(frameAll(framing, memcgReport('a sh', 'tomcat: worker')));

    expect(others).toEqual([]);
    expect(record).toMatchObject({
      killer: 'kernel',
      outcome: 'killed',
      domain: 'memcg',
      constraint: 'CONSTRAINT_MEMCG',
      pid: 486,
      name: 'tomcat: worker',
      uid: 1000,
      oomScoreAdj: 0,
      totalVmKiB: 17464,
      anonRssKiB: 16244,
      fileRssKiB: 4,
      shmemRssKiB: 0,
      pageTablesKiB: 64,
      trigger: { name: 'a sh', pid: 4711, gfpMask: '0xcc0', gfpFlags: 'GFP_KERNEL', order: 0, oomScoreAdj: 5 },
      oomMemcg: '/a',
      taskMemcg: '/a/b',
      memcgUsageKiB: 16384,
      memcgLimitKiB: 16384,
      tasksInDump: 2,
      topTasks: [
        { name: 'tomcat: worker', pid: 486, rssPages: 4061 },
        { name: 'sh', pid: 400, rssPages: 512 },
      ],
      reaped: true,
      kernelRelease: '6.1.0-50-amd64',
      predictedVictim: { pid: 486, agrees: true },
    });
    expect(record?.memcg?.statsKiB).toEqual({ anon: 16384 });
  });

  it('keeps two reports apart', () => {
    const first = memcgReport('sh', 'one');
    const second = memcgReport('sh', 'two').map((text) => text.replaceAll('486', '487'));

    const records = parseLines([...frameAll(framing, first), ...frameAll(framing, second, 117.5)]);

    expect(records.map((record) => [record.pid, record.name, record.reaped])).toEqual([
      [486, 'one', true],
      [487, 'two', true],
    ]);
  });

  const names = hostileComms(framing);
  it.each(names)('keeps the name %j of trigger and victim', (name) => {
    const records = parseLines(frameAll(framing, memcgReport(name, name)));

    expect(records.map((record) => [record.pid, record.name])).toEqual([[486, decodeText(name)]]);
    expect(records[0]?.trigger).toMatchObject({ name: decodeText(name), pid: 4711 });
    expect(records[0]?.topTasks?.[0]?.name).toBe(decodeText(name));
  });
});

/** The hostile names as the kernel would have them: 15 bytes, cut anywhere, without NUL. */
function hostileComms(framing: Framing): string[] {
  const comms = HOSTILE_NAMES.map((name) =>
    Buffer.from(name.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))))
      .toString('latin1')
      .replaceAll('\0', '')
      .slice(0, 15),
  );
  return [...new Set(comms)].filter(
    (comm) =>
      !(framing.losesControls === true && /[\x00-\x09\x0b-\x1f\x7f]/.test(comm)) &&
      !(framing.losesBreaks === true && comm.includes('\n')) &&
      !(
        framing.losesBytes === true &&
        !Buffer.from(Buffer.from(comm, 'latin1').toString()).equals(Buffer.from(comm, 'latin1'))
      ) &&
      !(framing.losesQuotes === true && /^(?:>|\xef\xbb\xbf)/.test(comm)),
  );
}
