import type { ChangeRefusal } from '../../change/refusal.ts';
import type { Text } from '../notice.ts';

const SAY = {
  'self-approval': () => [{ words: 'You proposed this change: somebody else must approve it.' }],
  'not-an-approver': () => [{ words: 'You are not among those who may decide on changes. Ask one of the approvers.' }],
  'approvers-unknown': () => [
    { words: 'I could not find out who is in the approvers’ user group, so nobody may decide now. Try again.' },
  ],
  'approved-already': () => [{ words: 'You approved this already; it needs somebody else as well.' }],
  'decided-already': (r) => [
    { words: r.how === 'open' ? 'This change can still be decided' : `This was decided already: it is ${r.how}` },
    ...(r.by === null ? [] : [{ words: ', by ' }, { userId: r.by }]),
    { words: '. The card shows what is true now.' },
  ],
  'too-late': () => [{ words: 'This proposal has expired. Propose it again for a proof of the present state.' }],
  'not-yours': () => [{ words: 'Only who proposed this change, or somebody who may approve, can undo it.' }],
  'nothing-to-undo': (r) => [{ words: `There is nothing to undo: this change is ${r.how}.` }],
  'no-such-change': () => [{ words: 'This change is no longer on record.' }],
  'too-many-open': (r) => [
    { words: `There are ${r.max} open changes on this host already. Decide or withdraw some first: ` },
    { hostText: '/oom pending' },
    { words: '.' },
  ],
  'no-such-process': (r) => [
    { words: 'On ' },
    { hostText: r.host },
    { words: ' runs no process, pid or unit called ' },
    { hostText: r.what },
    ...(r.nearest === null ? [] : [{ words: '. Did you mean ' }, { hostText: r.nearest }, { words: '?' }]),
    ...(r.nearest === null ? [{ words: '.' }] : []),
  ],
  'bad-name': (r) => [
    { hostText: r.what },
    { words: ' is no name of a process or unit: at most 100 characters, on one line.' },
  ],
  'bad-adj': (r) => [{ hostText: r.given }, { words: ' is no value: whole numbers from -1000 to 1000.' }],
  'same-value': (r) => [{ words: `It has the value ${r.adj} already: nothing to change.` }],
  'no-default': (r) => [
    {
      words:
        r.needed === null
          ? `I have no value to suggest: it is at ${r.adj}, and no smaller step changes who dies next. Name one if you want it all the same.`
          : `Only ${r.needed} or below would change who dies next; so low a value must be asked for by number. Better limit what takes the memory first.`,
    },
  ],
  init: () => [{ words: 'The first process of a system is never chosen: there is nothing to protect.' }],
  'too-many-processes': (r) => [
    { words: `These are ${r.count} processes; one change takes at most ${r.max}. Name a process by its pid.` },
  ],
  'needs-end-date': () => [
    { words: 'This value is risky there, so it needs an end: add for example ' },
    { hostText: 'for 2h' },
    { words: '. It will also need two approvals.' },
  ],
  'nothing-killable': () => [
    {
      words:
        'No process would be left that the kernel may kill: it would panic when memory runs out, or the group would hang. I do not propose that.',
    },
  ],
  'out-of-helper-range': (r) => [
    { words: `The helper on that host sets values from ${r.min} to ${r.max}, not ${r.adj}. Its range is in ` },
    { hostText: '/usr/local/sbin/oom-adj' },
    { words: '.' },
  ],
  'not-protected': (r) => [{ hostText: r.what }, { words: ' is not protected: its value is not below 0.' }],
  'keep-needs-no-end': () => [
    {
      words: 'A standing rule has no end date: leave out either “keep” or the time, and end the rule when it is over.',
    },
  ],
  'host-without-tag': (r) => [
    { hostText: r.host },
    { words: ' does not have the tag ' },
    { hostText: r.tag },
    { words: ': a rule on a tag begins on a host that has it.' },
  ],
  'host-away': (r) => [
    { words: 'The host cannot be reached: ' },
    { prose: r.sentence.replace(/\.$/, '') },
    { words: '.' },
  ],
  'no-helper': (r) => [
    { words: 'The bot may not change values there: ' },
    { prose: r.sentence },
    { words: ' ' },
    { hostText: 'oombot setup' },
    { words: ' prints what would allow it.' },
  ],
  'helper-version': () => [
    { words: 'The helper there is of another version: install the one that ' },
    { hostText: 'oombot setup' },
    { words: ' prints.' },
  ],
  rebooted: () => [
    { words: 'The host was started anew since: the process that was meant is gone. Nothing was changed.' },
  ],
  'process-gone': () => [{ words: 'The process has ended since. Nothing was changed.' }],
  'process-replaced': () => [
    { words: 'Another process has that number now: the one that was meant is gone. Nothing was changed.' },
  ],
  'value-changed': (r) => [
    { words: `Somebody changed the value meanwhile: it is ${r.now} now. Nothing was changed; propose again.` },
  ],
  'kept-process': () => [
    { words: 'The host’s helper keeps this process from being made likelier to die than it was found.' },
  ],
  'not-a-process': () => [
    { words: 'That is a thread, a kernel thread or the first process: its value is not changed.' },
  ],
  'no-capability': () => [
    {
      words:
        'Root lacks CAP_SYS_RESOURCE there (a container, or some virtual machines): a value can be raised and brought back, but not set below where the process started.',
    },
  ],
  'read-only': () => [{ words: '/proc cannot be written there: it is mounted read-only.' }],
  'not-written': () => [{ words: 'The host refused to write the value.' }],
  'bad-request': (r) => [
    { words: 'The host’s helper did not take the request: ' },
    { hostText: r.reason },
    { words: '.' },
  ],
  'no-systemd': () => [{ words: 'There is no systemd on that host: a value cannot be made to last in a unit.' }],
  'no-unit': () => [{ words: 'The host’s helper does not know that unit.' }],
  interrupted: () => [
    {
      words:
        'The bot was interrupted, and the host does not have the new value. Propose it again if it is still wanted.',
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
