import type { ChangeRefusal } from '../../change/refusal.ts';
import { strangerWords } from '../stranger-text.ts';
import type { Text } from '../notice.ts';

const SAY = {
  'self-approval': () => [{ words: 'You proposed this change, so somebody else must approve it.' }],
  'not-an-approver': () => [{ words: 'You are not an approver. Ask one of the approvers.' }],
  'approvers-unknown': () => [
    { words: 'I could not look up the approvers’ user group, so nobody can decide right now. Try again.' },
  ],
  'groups-not-permitted': () => [
    {
      words:
        'You are not named as an approver, and the Slack app may not read who is in the approvers’ user group (scope usergroups:read). Grant it, or name people (U…) under approvals.approvers.',
    },
  ],
  'no-approvers': () => [
    {
      words:
        'Changes are off: the configuration names no approvers. Set approvals.approvers in oombot.yaml to a list of users and user groups, or to the word anyone.',
    },
  ],
  'local-workspace': (r) => [
    { hostText: r.host },
    {
      words:
        ' is a real host: read-only in the local workspace, where nobody checks that two people decide. Set local.changes to true in oombot.yaml to change values there from here.',
    },
  ],
  stranger: (r) => [{ words: strangerWords(r.why, 'A change is proposed and decided') }],
  'approved-already': () => [{ words: 'You already approved this; it also needs somebody else.' }],
  'decided-already': (r) => [
    { words: r.how === 'open' ? 'This change is still open' : `Already decided: it is ${r.how}` },
    ...(r.by === null ? [] : [{ words: ', by ' }, { userId: r.by }]),
    { words: '. The card shows the current state.' },
  ],
  'too-late': () => [{ words: 'This proposal has expired. Propose it again to check the current state.' }],
  'not-yours': () => [{ words: 'Only the person who proposed this change, or an approver, can undo it.' }],
  'nothing-to-undo': (r) => [{ words: `There is nothing to undo: this change is ${r.how}.` }],
  'no-such-change': () => [{ words: 'This change is no longer on record.' }],
  'too-many-open': (r) => [
    { words: `This host already has ${r.max} open changes. Decide or withdraw some first: ` },
    { hostText: '/oom pending' },
    { words: '.' },
  ],
  'no-such-process': (r) => [
    { words: 'No process, PID or unit called ' },
    { hostText: r.what },
    { words: ' is running on ' },
    { hostText: r.host },
    ...(r.nearest === null
      ? [{ words: '.' }]
      : [{ words: '. Did you mean ' }, { hostText: r.nearest }, { words: '?' }]),
  ],
  'bad-name': (r) => [
    { hostText: r.what },
    { words: ' is not a process or unit name: at most 100 characters on one line.' },
  ],
  'bad-adj': (r) => [
    { hostText: r.given },
    { words: ' is not a valid value. Expected a whole number from -1000 to 1000.' },
  ],
  'same-value': (r) => [{ words: `It is already at ${r.adj}: nothing to change.` }],
  'no-default': (r) => [
    {
      words:
        r.needed === null
          ? `Nothing to suggest: it is already at ${r.adj}, and no smaller step changes who is killed next. Give a value to override.`
          : `Only ${r.needed} or lower would change who is killed next. To use a value that low, give it explicitly. It is better to limit what takes the memory first.`,
    },
  ],
  init: () => [{ words: 'PID 1 is never killed: there is nothing to protect.' }],
  'too-many-processes': (r) => [
    { words: `That matches ${r.count} processes; one change covers ${r.max} at most. Give a PID.` },
  ],
  'needs-end-date': () => [
    { words: 'This value is risky, so set a time limit, for example ' },
    { hostText: 'for 2h' },
    { words: '. It also needs two approvals.' },
  ],
  'nothing-killable': () => [
    {
      words:
        'That would leave nothing the kernel can kill: it would panic when memory runs out, or the cgroup would hang. Not proposed.',
    },
  ],
  'out-of-helper-range': (r) => [
    { words: `The helper on that host allows ${r.min} to ${r.max}, not ${r.adj}. Its range is set in ` },
    { hostText: '/usr/local/sbin/oom-adj' },
    { words: '.' },
  ],
  'not-protected': (r) => [{ hostText: r.what }, { words: ' is not protected: its value is 0 or higher.' }],
  'keep-needs-no-end': () => [
    {
      words:
        'A rule has no end date: leave out either “keep” or the time, and end the rule when you no longer need it.',
    },
  ],
  'host-without-tag': (r) => [
    { hostText: r.host },
    { words: ' does not have the tag ' },
    { hostText: r.tag },
    { words: ': start a tag rule on a host that has the tag.' },
  ],
  'host-away': (r) => [
    { words: 'The host is unreachable: ' },
    { prose: r.sentence.replace(/\.$/, '') },
    { words: '.' },
  ],
  'no-helper': (r) => [
    { words: 'The bot can’t change values there: ' },
    { prose: r.sentence },
    { words: ' ' },
    { hostText: 'oombot setup' },
    { words: ' prints what to install.' },
  ],
  'helper-version': () => [
    { words: 'The helper there has a different version: install the one that ' },
    { hostText: 'oombot setup' },
    { words: ' prints.' },
  ],
  rebooted: () => [{ words: 'The host has rebooted since: that process is gone.' }],
  'process-gone': () => [{ words: 'The process has exited since.' }],
  'process-replaced': () => [{ words: 'A different process has that PID now: the one you meant is gone.' }],
  'value-changed': (r) => [
    { words: `Somebody changed the value in the meantime: it is ${r.now} now. Propose it again.` },
  ],
  'kept-process': () => [
    {
      words:
        'The host’s helper never makes this process more likely to be killed: it belongs to root, the way in or a container engine.',
    },
  ],
  'no-raise': (r) => [
    { words: 'The host’s helper only lowers values and puts back what it lowered. ' },
    ...(r.line === null
      ? [
          { words: 'To raise others, set the host up with ' },
          { hostText: 'oombot setup --allow-raise' },
          { words: '.' },
        ]
      : [{ words: 'To put this one back, run as root on the host: ' }, { hostText: r.line }, { words: '.' }]),
  ],
  'no-host-log': () => [
    {
      words:
        'The host’s helper changes nothing that it cannot log, and the host has no system log (/dev/log). Start syslog or journald there.',
    },
  ],
  'not-a-process': () => [{ words: 'That is a thread, a kernel thread or PID 1: its value is not changed.' }],
  'no-capability': () => [
    {
      words:
        'Root lacks CAP_SYS_RESOURCE there (a container or some virtual machines): a value can be raised and restored, but not set below where the process started.',
    },
  ],
  'read-only': () => [{ words: '/proc is mounted read-only there.' }],
  'not-written': () => [{ words: 'The host refused to write the value.' }],
  'bad-request': (r) => [{ words: 'The host’s helper rejected the request: ' }, { hostText: r.reason }, { words: '.' }],
  'no-systemd': () => [{ words: 'That host has no systemd, so a value can’t be set in a unit.' }],
  'no-unit': () => [{ words: 'The host’s helper does not know that unit.' }],
  interrupted: () => [
    {
      words:
        'The bot was interrupted, and the host does not have the new value. Propose it again if you still want it.',
    },
  ],
} satisfies { [K in ChangeRefusal['kind']]: (refusal: Extract<ChangeRefusal, { kind: K }>) => Text };

/** Every reason, for tests: each has a sentence. */
export const CHANGE_REFUSAL_KINDS = Object.keys(SAY) as ChangeRefusal['kind'][];

/** Why a change is not made or not decided, as one sentence. */
export function changeRefusalText(refusal: ChangeRefusal): Text {
  const say = SAY[refusal.kind] as (refusal: ChangeRefusal) => Text;
  return say(refusal);
}
