/** One thing to do about a service that keeps dying of one cause. */
export interface CauseAction {
  /** Stands after `mysql.service on db01, 4 kills: `, without a full stop. */
  words: string;
  /** What looks closer; null: nothing. In the table, UNIT stands for the service's unit. */
  command: string | null;
}

const LIMITS = 'systemctl show -p MemoryMax -p MemoryPeak UNIT';
const NODES = "grep -E 'MemTotal|MemFree' /sys/devices/system/node/node*/meminfo";

/** Codes of the rules that do not explain themselves. */
const CAUSE_WORDS: Readonly<Record<string, string>> = {
  host: 'host full',
  hog: 'one large process',
  'memcg-limit': 'limit reached',
  'victim-not-cause': 'others held the memory',
  'adj-victim': 'made victim by its adj',
  'protected-hog': 'the largest is protected',
  'several-services': 'two services together',
  'not-shown': 'the report does not show it',
  sysrq: 'by hand (SysRq)',
  panic: 'the kernel panicked',
  'no-killable': 'nobody may be killed',
  'allocating-task': 'whoever asked (sysctl)',
  'oom-group': 'whole group killed at once',
  shmem: 'shared memory or tmpfs',
  mlocked: 'locked memory',
  'slab-cache': 'inode and dentry cache',
  'kernel-slab': 'the kernel’s own memory',
  'group-kernel': 'kernel memory of a group',
  'huge-pages': 'idle huge pages',
  'kernel-stacks': 'too many threads',
  'dirty-pages': 'slow storage',
  unaccounted: 'memory in no list',
  'min-free': 'min_free_kbytes too high',
  'low-zone': 'low memory full',
  cpuset: 'nodes of a cpuset full',
  mempolicy: 'nodes of a policy full',
  leak: 'leaks',
  'bpf-policy': 'a BPF program',
  'no-longer-needed': 'a second kill, no longer needed',
};

const CAUSE_ACTIONS: Readonly<Record<string, CauseAction>> = {
  'limit-too-small': { words: 'raise its limit above its steady need', command: LIMITS },
  'memcg-limit': { words: 'compare its limit with its peak', command: LIMITS },
  leak: { words: 'it grows in each life: profile it, and restart it on a schedule until then', command: null },
  'kill-loop': {
    words: 'it is restarted and killed again: stop it, or give it what it needs, before it starts',
    command: null,
  },
  hog: { words: 'one process takes it all: lower its own memory settings, or set a MemoryHigh', command: null },
  'worker-pool': { words: 'lower the number of its workers or connections to what fits', command: null },
  'several-services': { words: 'two services do not fit together: move one, or bound both', command: null },
  'victim-not-cause': {
    words: 'it is not the cause: bound those that held more, its last kill names them',
    command: null,
  },
  'adj-victim': {
    words: 'its oom_score_adj offers it as a victim: find where that comes from',
    command: 'systemctl show -p OOMScoreAdjust UNIT',
  },
  'protected-hog': {
    words: 'a protected process is larger, and others die for it: bring its oom_score_adj nearer to 0',
    command: null,
  },
  'oom-group': { words: 'all of it dies at once, as memory.oom.group or OOMPolicy=kill says', command: LIMITS },
  'page-cache': {
    words: 'its limit is filled by page cache: leave room for it, or write in smaller steps',
    command: null,
  },
  'dirty-pages': { words: 'the storage is too slow for what is written', command: 'cat /proc/pressure/io' },
  shmem: { words: 'bound or empty what fills shared memory', command: 'df -k -t tmpfs; ipcs -m -p' },
  mlocked: { words: 'bound what may be locked (LimitMEMLOCK=)', command: 'grep VmLck /proc/[0-9]*/status' },
  'page-tables': { words: 'fewer connections, or huge pages, make its page tables small', command: null },
  'kernel-stacks': {
    words: 'it has too many threads',
    command: 'ps -eo nlwp,pid,comm --sort=-nlwp | head -20',
  },
  'kernel-slab': { words: 'the kernel holds it, killing does not help', command: 'slabtop -o -s c | head -20' },
  'slab-cache': { words: 'inodes and dentries are not given back', command: 'sysctl vm.vfs_cache_pressure' },
  'group-kernel': { words: 'kernel memory fills its limit, look at its files, sockets and threads', command: null },
  'huge-pages': { words: 'give idle huge pages back', command: 'grep Huge /proc/meminfo' },
  unaccounted: { words: 'look for a balloon, zram or ZFS', command: 'cat /proc/meminfo /proc/modules' },
  'min-free': { words: 'set back what the kernel keeps free', command: 'sysctl vm.min_free_kbytes' },
  fragmentation: { words: 'no block of the size asked for', command: 'cat /proc/buddyinfo' },
  'low-zone': { words: 'only low memory was full', command: 'uname -m; sysctl vm.lowmem_reserve_ratio' },
  cpuset: { words: 'give its cpuset more memory nodes', command: NODES },
  mempolicy: { words: 'let its NUMA policy use more nodes', command: NODES },
  sysrq: { words: 'someone killed it by hand: find out who', command: 'sysctl kernel.sysrq' },
  panic: { words: 'the host went down: decide whether it is meant to', command: 'sysctl vm.panic_on_oom' },
  'no-killable': { words: 'give some processes a value above -1000 again', command: null },
  'allocating-task': {
    words: 'let the kernel choose by size with a value of 0',
    command: 'sysctl vm.oom_kill_allocating_task',
  },
  'systemd-oomd': { words: 'systemd-oomd decided, not the kernel', command: 'oomctl' },
  earlyoom: { words: 'earlyoom decided, not the kernel', command: 'systemctl cat earlyoom' },
  nohang: { words: 'nohang decided, not the kernel', command: 'systemctl cat nohang' },
  oomd: { words: 'oomd decided, not the kernel', command: 'systemctl cat oomd' },
  lmkd: { words: 'Android’s lmkd decided, not the kernel', command: 'getprop | grep ro.lmk' },
  lowmemorykiller: {
    words: 'Android’s lowmemorykiller decided, not the OOM killer',
    command: 'cat /sys/module/lowmemorykiller/parameters/minfree',
  },
  talos: { words: 'Talos’ OOM controller decided, not the kernel', command: 'talosctl get oomactions' },
  'bpf-policy': { words: 'a BPF program decided, not the kernel’s own rules', command: 'bpftool struct_ops list' },
  'no-longer-needed': { words: 'the kill before it had already freed enough', command: null },
};

/** A code of the rules as words: `page-cache`, `page cache`. */
export function causeWords(code: string): string {
  return CAUSE_WORDS[code] ?? code.replaceAll('-', ' ');
}

/** What to do about a service that dies of this; without a unit that a shell takes, no command that needs one. null: see its last kill. */
export function causeAction(code: string, unit: string | null): CauseAction | null {
  const action = CAUSE_ACTIONS[code];
  if (action === undefined) return null;
  const { words, command } = action;
  if (command === null || !command.includes('UNIT')) return action;
  return { words, command: unit === null ? null : command.replace('UNIT', unit) };
}
