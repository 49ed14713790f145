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
    { words: '; make it fit, then protect. It has no setting of its own for this.' },
  ],
  mariadb: [
    { words: 'MariaDB’s own unit carries ' },
    { hostText: 'OOMScoreAdjust=-600' },
    { words: ', commented out. Size ' },
    { hostText: 'innodb_buffer_pool_size' },
    { words: ' first.' },
  ],
  sshd: [
    {
      words:
        'The sshd listener sets itself to -1000 and gives logins the old value back: there is nothing to change on it.',
    },
  ],
  pod: [
    {
      words:
        'It lives in a Kubernetes pod: the kubelet owns the value by the pod’s QoS class, and a hand-set one is lost at the next restart. Set requests and limits instead.',
    },
  ],
  container: [
    { words: 'It lives in a container: the value is lost when that is started again. Lasting: ' },
    { hostText: 'docker run --oom-score-adj' },
    { words: '.' },
  ],
  elasticsearch: [
    { words: 'Elasticsearch: heap at most half of the RAM, and swap off or ' },
    { hostText: 'bootstrap.memory_lock: true' },
    { words: '.' },
  ],
  mongodb: [
    { words: 'MongoDB takes half of the RAM for its cache unless ' },
    { hostText: 'cacheSizeGB' },
    { words: ' says less.' },
  ],
  oracle: [{ words: 'Oracle: use huge pages sized to the SGA; see support note 452000.1.' }],
};

const SAY = {
  'not-next': () => [{ words: 'It would not die next now: the change makes no difference to the next kill.' }],
  'still-next': () => [{ words: 'It would still die next: this value is not low enough to change the outcome.' }],
  'alone-in-group': () => [
    {
      words:
        'It is alone in its memory group: when that is full nothing else can die there, so protection is useless or harmful. Raise the limit, or mend what fills it.',
    },
  ],
  'in-group': (n) => [
    { words: 'It lives in memory group ' },
    { hostText: n.group },
    {
      words: ` with a limit${n.limitKiB === null ? '' : ` of ${sayKiB(n.limitKiB)}`}: when that is full, one of its own processes dies, whatever the host has free. The order below is inside that group; protection only shifts the kill to a neighbour there.`,
    },
  ],
  'never-killed': () => [
    { words: 'At -1000 it is never killed: if it leaks, everything else is, one by one, and then the kernel panics.' },
  ],
  'big-and-deep': (n) => [
    {
      words: `It holds ${sayShare(n.rssShare, 1)} of the RAM: so big a process so deeply protected leaves little to kill.`,
    },
  ],
  'growing-and-deep': (n) => [
    {
      words: `It is growing: ${sayKiB(n.grewKiB)} more in ${sayDuration(n.inMs)}. A leak that cannot be killed takes the host.`,
    },
  ],
  'forking-and-deep': (n) => [
    { words: `It starts others (${sayCount(n.children, 'child', 'children')} now), which inherit the value.` },
  ],
  'much-protected': (n) => [
    { words: `Protected processes would together hold ${sayShare(n.share, 1)} of RAM and swap.` },
  ],
  'little-left': () => [
    { words: 'No unprotected process with 5 % of the RAM or more would remain: a kill would free next to nothing.' },
  ],
  'children-inherit': (n) => [
    {
      words: `${sayCount(n.children, 'child', 'children')} of it ${n.children === 1 ? 'runs' : 'run'} already and ${n.children === 1 ? 'keeps its' : 'keep their'} value; those that it starts from now on inherit the new one.`,
    },
  ],
  'more-likely': () => [{ words: 'This makes it likelier to die than it is now.' }],
  legacy: (n) => [
    {
      words: `This kernel knows only oom_adj (-17 to 15): ${n.wanted} becomes ${n.oomAdj} there, the nearest that it has.`,
    },
  ],
  'no-capability': () => [
    {
      words:
        'Root lacks CAP_SYS_RESOURCE on that host: the value can be brought down only to where the process started.',
    },
  ],
  'drop-in-by-hand': (n) => [
    { words: 'It lasts until ' },
    { hostText: n.unit },
    { words: ' is started again: the helper there does not write units. To make it last, put the lines below into ' },
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
          ? ' runs there: it kills whole groups by pressure, whatever their score. This does not protect from it; ManagedOOMPreference=avoid does.'
          : ' runs there and has rules of its own: a value above -1000 does not hold it off; its --avoid option does.',
    },
  ],
  'hidden-processes': () => [
    { words: 'Processes of other users are hidden from the bot there, so the real order may be another.' },
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
