import type { ProofNote, Vendor } from '../../change/change.ts';
import { sayKiB } from '../../oom/units.ts';
import type { Text } from '../notice.ts';
import { sayCount, sayDuration, sayShare } from '../units.ts';

const VENDOR: Record<Vendor, Text> = {
  postgresql: [
    { words: 'PostgreSQL: protect the postmaster only, and start it with ' },
    { hostText: 'PG_OOM_ADJUST_FILE=/proc/self/oom_score_adj' },
    { words: ' so that its backends stay killable; without it they inherit the protection.' },
  ],
  redis: [
    { words: 'Redis sets this itself: ' },
    { hostText: 'oom-score-adj yes' },
    { words: ' lets its background child die first. Set ' },
    { hostText: 'maxmemory' },
    { words: ' as well.' },
  ],
  mysql: [
    { words: 'MySQL: most of it is ' },
    { hostText: 'innodb_buffer_pool_size' },
    { words: '; make it fit, then protect. MySQL has no OOM-score setting.' },
  ],
  mariadb: [
    { words: 'MariaDB’s own unit contains ' },
    { hostText: 'OOMScoreAdjust=-600' },
    { words: ', commented out. Size ' },
    { hostText: 'innodb_buffer_pool_size' },
    { words: ' first.' },
  ],
  sshd: [
    {
      words: 'The sshd listener sets itself to -1000 and restores the old value for logins: nothing to change here.',
    },
  ],
  pod: [
    {
      words:
        'It runs in a Kubernetes pod: the kubelet sets the value from the pod’s QoS class, and a manual one is lost at the next restart. Set requests and limits instead.',
    },
  ],
  container: [
    { words: 'It runs in a container: the value is lost when the container restarts. To make it last: ' },
    { hostText: 'docker run --oom-score-adj' },
    { words: '.' },
  ],
  elasticsearch: [
    { words: 'Elasticsearch: keep the heap to half of RAM at most, and turn swap off or set ' },
    { hostText: 'bootstrap.memory_lock: true' },
    { words: '.' },
  ],
  mongodb: [
    { words: 'MongoDB uses half of RAM for its cache unless ' },
    { hostText: 'cacheSizeGB' },
    { words: ' says less.' },
  ],
  oracle: [{ words: 'Oracle: use huge pages sized to the SGA; see support note 452000.1.' }],
};

const SAY = {
  'not-next': () => [{ words: 'It is not next to be killed: the change makes no difference to the next kill.' }],
  'still-next': () => [{ words: 'It would still be killed next: this value is not low enough to change that.' }],
  'alone-in-group': () => [
    {
      words:
        'It is alone in its memory cgroup: when that is full, nothing else there can be killed, so protection is useless or harmful. Raise the limit, or fix what fills it.',
    },
  ],
  'in-group': (n) => [
    { words: 'It runs in memory cgroup ' },
    { hostText: n.group },
    {
      words: ` with a limit${n.limitKiB === null ? '' : ` of ${sayKiB(n.limitKiB)}`}: when that is full, one of its own processes is killed, however much the host has free. The order below is inside that cgroup; protection only moves the kill to a neighbour there.`,
    },
  ],
  'never-killed': () => [
    {
      words:
        'At -1000 it is never killed: if it leaks, everything else is killed one by one, and then the kernel panics.',
    },
  ],
  'big-and-deep': (n) => [
    {
      words: `It holds ${sayShare(n.rssShare, 1)} of RAM: protecting a process this large leaves little else to kill.`,
    },
  ],
  'growing-and-deep': (n) => [
    {
      words: `It is growing: ${sayKiB(n.grewKiB)} more in ${sayDuration(n.inMs)}. A leak that can’t be killed takes the host down.`,
    },
  ],
  'forking-and-deep': (n) => [{ words: `It starts child processes (${n.children} now), which inherit the value.` }],
  'much-protected': (n) => [
    { words: `Together, protected processes would hold ${sayShare(n.share, 1)} of RAM and swap.` },
  ],
  'little-left': () => [
    { words: 'No unprotected process would be left with 5 % of RAM or more: a kill would free almost nothing.' },
  ],
  'children-inherit': (n) => [
    {
      words: `${sayCount(n.children, 'running child', 'running children')} ${n.children === 1 ? 'keeps its' : 'keep their'} present value; new ones inherit the new one.`,
    },
  ],
  'more-likely': () => [{ words: 'This makes it more likely to be killed.' }],
  legacy: (n) => [
    {
      words: `This kernel only has oom_adj (-17 to 15): ${n.wanted} becomes ${n.oomAdj}, the nearest value.`,
    },
  ],
  'no-capability': () => [
    {
      words: 'Root lacks CAP_SYS_RESOURCE on that host: a value can’t go below where the process started.',
    },
  ],
  'drop-in-by-hand': (n) => [
    { words: 'It lasts until ' },
    { hostText: n.unit },
    { words: ' restarts: the helper there does not write units. To make it last, put the lines below into ' },
    { hostText: n.path },
    { words: ' and run ' },
    { hostText: 'systemctl daemon-reload' },
    { words: '.' },
  ],
  'other-killer': (n) => [
    { hostText: n.killer },
    {
      words:
        n.killer === 'systemd-oomd'
          ? ' runs there: it kills whole cgroups by pressure, whatever their score. This change does not protect from it; ManagedOOMPreference=avoid does.'
          : ' runs there with its own rules: a value above -1000 does not stop it; its --avoid option does.',
    },
  ],
  'hidden-processes': () => [
    { words: 'Other users’ processes are hidden from the bot there, so the real order may differ.' },
  ],
  vendor: (n) => VENDOR[n.vendor],
} satisfies { [K in ProofNote['kind']]: (note: Extract<ProofNote, { kind: K }>) => Text };

/** What must be known before saying yes, as one sentence or two. */
export function proofNoteText(note: ProofNote): Text {
  const say = SAY[note.kind] as (note: ProofNote) => Text;
  return say(note);
}

/** Whether it is a warning rather than advice. */
export function isWarning({ kind }: ProofNote): boolean {
  return !['vendor', 'other-killer', 'children-inherit', 'drop-in-by-hand', 'legacy', 'hidden-processes'].includes(
    kind,
  );
}
