import { groupDirectory, look, setSysctl, type Case, type Recipe, type RecipeMaker } from './recipe.ts';
import { ramKiB } from '../roles.ts';
import { shellPath } from '../host-text.ts';
import { forLimit, seeHolder } from './recipes-service.ts';

/** The kernel's own default of vm.min_free_kbytes lies between these, in KiB. */
const MIN_FREE = { least: 128, most: 262_144 };
const SWAP_FILE = '/swapfile';
const SWAP_FILE_MIB = 4_096;

/** What to do about a host: its settings, its kernel, its memory beside processes. */
export const HOST_RECIPES: Readonly<Record<string, RecipeMaker>> = {
  host: (given) => seeHolder(given),
  sysrq: () => look('See which of these keys are allowed there (1: all):', 'cat /proc/sys/kernel/sysrq'),
  panic: () => look('See whether this host is meant to panic when memory runs out:', 'sysctl vm.panic_on_oom'),
  'systemd-oomd': () => look('systemd-oomd decided. See what it watches, and its limits:', 'oomctl'),
  'no-killable': () =>
    look('Find out what is kept safe from the killer:', 'grep -lx -- -1000 /proc/[0-9]*/oom_score_adj'),
  'allocating-task': () =>
    setSysctl(
      'The kernel kills whoever asks for memory. Let it choose by size instead:',
      'vm.oom_kill_allocating_task',
      0,
      1,
    ),
  'kernel-slab': () =>
    look(
      'The kernel itself holds the memory, so that killing processes does not help. See which cache:',
      'slabtop -o -s c | head -20',
    ),
  'slab-cache': ({ incident }) => {
    const now = incident.hostFacts?.vm['vfs_cache_pressure'];
    return now === 100
      ? look('See which cache it is:', 'slabtop -o -s c | head -20')
      : setSysctl(
          'Let the kernel give back its inode and dentry cache as by default:',
          'vm.vfs_cache_pressure',
          100,
          now,
        );
  },
  shmem: (given) =>
    given.record.domain === 'memcg'
      ? seeGroup(given, 'shmem|file|anon', 'Files in /dev/shm and other tmpfs count here: bound or remove them.')
      : seeTmpfs(given),
  'group-shmem': (given) =>
    seeGroup(given, 'shmem|file|anon', 'Files in /dev/shm and other tmpfs count here: bound or remove them.'),
  'huge-pages': ({ incident }) => {
    const { hugeTotal, hugeFree, hugeReserved } = incident.hostFacts?.memory ?? {};
    if (hugeTotal == null || hugeFree == null)
      return look('See how many huge pages are in use:', 'grep Huge /proc/meminfo');
    const needed = Math.max(0, hugeTotal - hugeFree + (hugeReserved ?? 0));
    const words = `Only ${needed} of ${hugeTotal} huge pages are used or promised. Give the others back, also in /etc/sysctl.d:`;
    return setSysctl(words, 'vm.nr_hugepages', needed, hugeTotal);
  },
  'page-tables': () =>
    look(
      'See whose they are; huge pages or fewer connections make them small:',
      'grep VmPTE /proc/[0-9]*/status | sort -k2 -n | tail -n 20',
    ),
  mlocked: () => look('See who locks memory:', 'grep VmLck /proc/[0-9]*/status | sort -k2 -n | tail -n 20'),
  'kernel-stacks': () => look('See who has so many threads:', 'ps -eo nlwp,pid,comm --sort=-nlwp | head -20'),
  unaccounted: () =>
    look(
      'See whether a balloon driver, zram, ZFS or per-CPU memory holds it:',
      "grep -E 'Percpu|VmallocUsed|SecPageTables' /proc/meminfo; grep -E 'balloon|zram|zfs' /proc/modules; cat /sys/block/zram*/mm_stat",
    ),
  'dirty-pages': () =>
    look(
      'See how much waits, and whether the storage keeps up:',
      "grep -E '^(Dirty|Writeback):' /proc/meminfo; cat /proc/pressure/io",
    ),
  'min-free': (given) => {
    const ram = ramKiB(given.record);
    const now = given.incident.hostFacts?.vm['min_free_kbytes'];
    if (ram === null) return null;
    const usual = Math.min(MIN_FREE.most, Math.max(MIN_FREE.least, Math.floor(Math.sqrt(ram * 16))));
    const words = `Set back what the kernel keeps free for itself to its usual value for this RAM, also in /etc/sysctl.d:`;
    return setSysctl(words, 'vm.min_free_kbytes', usual, now);
  },
  fragmentation: () => ({
    kind: 'change',
    words: 'Let the kernel put free memory together once (it may stall for a moment). There is nothing to undo.',
    command: 'sysctl -w vm.compact_memory=1',
    undo: null,
    before: null,
  }),
  'low-zone': () =>
    look('A 32-bit kernel or device needs low memory. See which:', 'uname -m; sysctl vm.lowmem_reserve_ratio'),
  cpuset: () => seeNodes(),
  mempolicy: () => seeNodes(),
  'group-cache': (given) =>
    seeGroup(given, 'file|file_dirty|file_writeback|anon', 'See how much of it still waits for the storage:'),
  'group-kernel': (given) =>
    seeGroup(given, 'slab|slab_reclaimable|sock|percpu|kernel_stack|pagetables', 'See which part of the kernel it is:'),
  'bad-memory': () => look('See what the hardware reports:', "dmesg | grep -iE 'EDAC|mce|hardware error' | tail -n 20"),
  'one-node': ({ incident }) => {
    const now = incident.hostFacts?.vm['zone_reclaim_mode'];
    return now ? setSysctl('Let processes use the memory of other nodes:', 'vm.zone_reclaim_mode', 0, now) : seeNodes();
  },
  'overcommit-always': () =>
    setSysctl('Unless Redis runs there, let the kernel refuse what cannot be:', 'vm.overcommit_memory', 0, 1),
  'same-clock-time': () =>
    look('See what starts at that time:', 'systemctl list-timers --all; cat /etc/crontab /etc/cron.d/*'),
  'after-change': () => look('See what was changed:', 'tail -n 20 /var/log/dpkg.log || rpm -qa --last | head -20'),
  'no-swap': () => ({
    kind: 'change',
    words:
      'With swap a host slows down before it kills, which is a warning. Not for Kubernetes nodes, nor on btrfs without care; a line in /etc/fstab makes it last.',
    command: `fallocate -l ${SWAP_FILE_MIB}M ${SWAP_FILE} && chmod 600 ${SWAP_FILE} && mkswap ${SWAP_FILE} && swapon ${SWAP_FILE}`,
    undo: `swapoff ${SWAP_FILE} && rm ${SWAP_FILE}`,
    before: null,
  }),
};

function seeNodes(): Recipe {
  return look(
    'See how memory is spread over the nodes:',
    "grep -E 'MemTotal|MemFree' /sys/devices/system/node/node*/meminfo",
  );
}

/** The fullest tmpfs by its path, if the look found one. */
function seeTmpfs({ incident }: Case): Recipe {
  const fullest = incident.hostFacts?.tmpfs.toSorted((a, b) => b.usedKiB - a.usedKiB)[0];
  const path = shellPath(fullest?.path ?? null);
  if (fullest !== undefined && fullest.usedKiB > 0 && path !== null)
    return look(
      'See what lies in the fullest tmpfs; only removing it gives the memory back:',
      `du -xak ${path} | sort -rn | head -20`,
    );
  return look('See who holds it: files in a tmpfs, or shared memory segments:', 'df -k -t tmpfs; ipcs -m -p');
}

function seeGroup(given: Case, keys: string, words: string): Recipe | null {
  const group = groupDirectory(given);
  return group === null ? forLimit(given) : look(words, `grep -E '^(${keys}) ' ${group.path}/memory.stat`);
}
