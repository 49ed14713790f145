import { openLogReader } from './log-reader.ts';
import { assignIncidents } from './assign-incidents.ts';

// A report of ours (Debian 12, memory cgroup), shortened.
const REPORT = String.raw`4,485,79849060,-;tomcat invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0
4,486,79849413,-;CPU: 0 PID: 465 Comm: tomcat Not tainted 6.1.0-50-amd64 #1  Debian 6.1.176-1
4,488,79850340,-;Call Trace:
4,493,79852066,-; out_of_memory+0x1fd/0x4c0
6,512,79853846,-;memory: usage 40960kB, limit 40960kB, failcnt 69
6,513,79853901,-;memory+swap: usage 40960kB, limit 9007199254740988kB, failcnt 0
6,514,79853936,-;kmem: usage 136kB, limit 9007199254740988kB, failcnt 0
6,515,79853960,-;Memory cgroup stats for /system.slice/tomcat9.service:
6,516,79855159,-;anon 41803776\x0afile 0\x0akernel 139264\x0akernel_stack 0\x0apagetables 110592\x0ashmem 0\x0afile_mapped 0
6,517,79855218,-;Tasks state (memory values in pages):
6,518,79855236,-;[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name
6,519,79855445,-;[    465]  1001   465    10510    10326   122880        0             0 tomcat
6,520,79862749,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/system.slice/tomcat9.service,task_memcg=/system.slice/tomcat9.service,task=tomcat,pid=465,uid=1001
3,521,79864574,-;Memory cgroup out of memory: Killed process 465 (tomcat) total-vm:42040kB, anon-rss:40596kB, file-rss:708kB, shmem-rss:0kB, UID:1001 pgtables:120kB oom_score_adj:0`;

/**
 * Reads reports and places their kills, for nobody: JavaScript is compiled where it first runs, and the first kill of a bot that
 * has waited for weeks is the one that somebody waits for. Gives how many kills it read.
 */
export function warmUp(): number {
  // V8 makes machine code of a regular expression when it runs for the second time.
  return readOne() + readOne();
}

function readOne(): number {
  const host = '';
  const facts = {
    kernel: null,
    os: null,
    bootId: null,
    bootAtMs: 0,
    bootErrorMs: 0,
    probedAtMs: 0,
    clockOffsetMs: 0,
    oomKills: null,
  };
  const reader = openLogReader({ host, facts, nowMs: () => 0, who: () => null, named: () => null });
  const { kills } = reader.take({
    source: 'kmsg',
    lines: REPORT.split('\n'),
    arrivedAtMs: 0,
    bootId: null,
    live: true,
    lookup: null,
    positionAfter: () => null,
  });
  assignIncidents(
    { host, nowOpen: [], fresh: kills, amended: [] },
    { nowMs: 0, newId: () => '', isHistory: () => false, mutes: [], channelOf: () => '' },
  );
  return kills.length;
}
