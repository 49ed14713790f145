import type { Kill } from '../incident/incident.ts';
import type { KillRecord } from '../oom/report.ts';
import { shellWord } from './host-text.ts';
import type { Part, Text } from './notice.ts';
import { freedKiB } from './roles.ts';
import { sayKiB } from './units.ts';

interface Advice {
  words: string;
  command: string;
  undo: string | null;
}

/** A limit should be this much above the peak that is known to be needed. */
const LIMIT_MARGIN = 1.25;
/** A brake that throttles is set this far below the size at which the process died. */
const BRAKE = 0.8;

// By cause: one thing to do, with the exact command. Commands that only look have no undo.
const BY_CAUSE: Record<string, (kill: Kill) => Advice | null> = {
  S5: () => ({
    words: 'The kernel kills whoever asks for memory. Let it choose by size instead:',
    command: 'sysctl -w vm.oom_kill_allocating_task=0',
    undo: 'sysctl -w vm.oom_kill_allocating_task=1',
  }),
  S6: () =>
    look(
      'Too much is protected, or memory is not in processes. Look for what is safe from the killer:',
      'grep -lx -- -1000 /proc/[0-9]*/oom_score_adj',
    ),
  S7: () =>
    look('This host is set to panic when memory runs out. See whether that is wanted:', 'sysctl vm.panic_on_oom'),
  S10: () => look('systemd-oomd decided. See what it watches, and its limits:', 'oomctl'),
  M1: (kill) => brake(kill),
  M2: (kill) =>
    look('Too many processes of one kind. Lower its pool limit; first see how many there are:', countCommand(kill)),
  M3: (kill) =>
    look('The victim was not the cause. See the largest holder before you protect anything:', countCommand(kill)),
  M4: () =>
    look(
      'The kernel itself holds the memory, so killing processes does not help. See which cache:',
      'slabtop -o -s c | head -20',
    ),
  M5: () =>
    look(
      'The kernel itself holds the memory, so killing processes does not help. See which cache:',
      'slabtop -o -s c | head -20',
    ),
  M6: () =>
    look(
      'The file-name caches are not given back. The default is 100; lower keeps them longer:',
      'sysctl vm.vfs_cache_pressure',
    ),
  M7: () =>
    look(
      'Files in memory (tmpfs) or shared memory hold it; killing processes does not free them. See which:',
      'df -h -t tmpfs; ipcs -m -p',
    ),
  M8: () =>
    look(
      'A pool of huge pages lies unused and cannot be used for anything else. See its size, then lower vm.nr_hugepages:',
      'grep Huge /proc/meminfo; sysctl vm.nr_hugepages',
    ),
  M9: () =>
    look(
      'Page tables are large: big shared memory, mapped by many processes. See which:',
      'grep VmPTE /proc/[0-9]*/status | sort -k2 -n | tail',
    ),
  M10: () =>
    look(
      'Much memory is locked and cannot be swapped. See by whom:',
      'grep VmLck /proc/[0-9]*/status | sort -k2 -n | tail',
    ),
  M11: () => look('Too many threads or processes. See whose:', 'ps -eo nlwp,pid,comm --sort=-nlwp | head'),
  M12: () =>
    look(
      'Memory is in something that the report does not list. Look at the usual places:',
      'zramctl; lsmod | grep -i balloon; grep -E "Percpu|VmallocUsed" /proc/meminfo',
    ),
  M13: () =>
    look(
      'Writing to storage is slower than the programs. See whether it stalls:',
      'grep -E "Dirty|Writeback" /proc/meminfo; cat /proc/pressure/io',
    ),
  M14: () =>
    look(
      'Some memory is broken or missing. See what the hardware says:',
      'grep HardwareCorrupted /proc/meminfo; dmesg | grep -iE "EDAC|mce"',
    ),
  N1: () => look('Memory is in too small pieces. See the free blocks by size:', 'cat /proc/buddyinfo'),
  N3: () => look('One memory node was full while another had room. See how memory is spread:', 'numastat -m'),
};

/** One thing to do, with the exact command and its undo. null when nothing certain enough can be said. */
export function adviceFor(kill: Kill): Part | null {
  const { record } = kill;
  if (record.trigger?.order === -1) return null;
  const byCause = record.cause ? (BY_CAUSE[record.cause.code]?.(kill) ?? null) : null;
  const advice = byCause ?? (record.domain === 'memcg' ? raiseLimit(kill) : null);
  if (!advice) return null;
  const label: Text = [{ strong: 'Do: ' }, { words: advice.words }];
  return { kind: 'command', label, command: advice.command, undo: advice.undo };
}

// set-property without --runtime lasts over restarts; "infinity" takes the brake away again.
function brake(kill: Kill): Advice | null {
  const unit = shellWord(kill.record.identity?.unit ?? null);
  const size = freedKiB(kill.record);
  if (unit === null || size === null || !unit.endsWith('.service')) return null;
  const mib = Math.max(1, Math.floor((size * BRAKE) / 1_024));
  return {
    words: `Cap it, so that it slows down instead of taking the host with it (it had ${sayKiB(size)}):`,
    command: `systemctl set-property ${unit} MemoryHigh=${mib}M`,
    undo: `systemctl set-property ${unit} MemoryHigh=infinity`,
  };
}

function raiseLimit(kill: Kill): Advice | null {
  const { record } = kill;
  const limit = record.memcgLimitKiB;
  const unit = shellWord(record.identity?.unit ?? null);
  if (unit !== null && limit !== null && limitIsOf(record, unit)) {
    const mib = Math.ceil((limit * LIMIT_MARGIN) / 1_024);
    return {
      words:
        'If its memory was flat before, the limit is too low; raise it. If it kept growing, find the leak instead.',
      command: `systemctl set-property ${unit} MemoryMax=${mib}M`,
      undo: `systemctl set-property ${unit} MemoryMax=${limit}K`,
    };
  }
  if (record.identity?.pod) {
    return look(
      'Compare what the pod needs with its limits.memory, and change its spec:',
      'kubectl top pod --containers --all-namespaces',
    );
  }
  const container = shellWord(record.identity?.container ?? null);
  if (container !== null && record.identity?.runtime === 'docker') {
    return look('See what the container needs before you raise its limit:', `docker stats --no-stream ${container}`);
  }
  return unit === null
    ? null
    : look('See the limits around it:', `systemctl show -p MemoryMax,MemoryHigh,MemoryCurrent,Slice ${unit}`);
}

function limitIsOf(record: KillRecord, unit: string): boolean {
  return record.oomMemcg !== null && record.oomMemcg.endsWith(`/${unit}`);
}

function countCommand(kill: Kill): string {
  const largest = shellWord(kill.record.holders[0]?.name ?? null);
  return largest === null
    ? 'ps -eo rss,pid,args --sort=-rss | head -20'
    : `ps -o rss,pid,args --sort=-rss -C ${largest} | head -20`;
}

function look(words: string, command: string): Advice {
  return { words, command, undo: null };
}
