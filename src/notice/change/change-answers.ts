import { aNotice, type Notice, type Part, quoted, type Text } from '../notice.ts';
import type { Change } from '../../change/change.ts';
import type { TargetChoice } from '../../change/find-target.ts';
import { ruleSubject, type Rule } from '../../change/rule.ts';
import { sayKiB } from '../../oom/units.ts';
import { lastsText, subjectText, termsText } from './change-notice.ts';
import { stateText } from './change-state-text.ts';
import { sayCount } from '../units.ts';

const SHOWN = 20;

/** To whoever proposed: it waits, and where. */
export function describeProposed(change: Change): Notice {
  return aNotice({
    tone: 'good',
    headline: [{ words: 'Proposed: ' }, ...subjectText(change)],
    sentence: [
      { words: 'The card with the proof is in ' },
      channelText(change.channel),
      {
        words: `. It needs ${sayCount(change.quorum, 'approval')}; you’ll get the result there.`,
      },
    ],
  });
}

function channelText(channel: string): Text[number] {
  return /^[CGD][A-Z0-9]{6,}$/.test(channel) ? { channelId: channel } : { words: channel };
}

/** Several match: which is meant? `command` gives the words that mean one of them. */
export function describeChoices(
  host: string,
  what: string,
  choices: readonly TargetChoice[],
  more: number,
  command: (word: string) => string,
): Notice {
  return aNotice({
    headline: [{ hostText: what }, { words: ' on ' }, { hostText: host }, { words: ' can mean several: which one?' }],
    parts: [
      {
        kind: 'rows',
        rows: choices.map((choice) => ({
          text: choiceText(choice),
          button: {
            id: 'run',
            label: choice.pid === null ? 'The whole unit' : `Pid ${choice.pid}`,
            value: command(choice.word),
          },
        })),
      },
    ],
    small:
      more > 0 ? [[{ words: `and ${sayCount(more, 'more process', 'more processes')}: name one by its pid.` }]] : [],
  });
}

function choiceText({ name, unit, count, rssKiB, pid }: TargetChoice): Text {
  if (pid === null)
    return [{ hostText: name }, { words: `: all ${sayCount(count, 'process', 'processes')}, ${sayKiB(rssKiB)}` }];
  return [
    { hostText: name },
    { words: ` (pid ${pid}), ${sayKiB(rssKiB)}` },
    ...(unit === null ? [] : [{ words: ' in ' }, { hostText: unit }]),
  ];
}

/** To whoever clicked: it counted. */
export function describeDecided(change: Change): Notice {
  const { state, quorum, approvals } = change;
  const left = quorum - approvals.length;
  const words =
    state.kind === 'proposed'
      ? `Your approval counts; ${left} more needed.`
      : state.kind === 'approved'
        ? 'Approved. Applying it now; the card will show the result.'
        : state.kind === 'declined'
          ? 'Declined. Nothing was changed.'
          : 'Restoring the earlier value; the card will show when it is done.';
  return aNotice({ tone: 'good', headline: [...subjectText(change), { words: `. ${words}` }] });
}

/** Open changes, the ones that wait for a person first. */
export function describePending(changes: readonly Change[]): Notice {
  const waiting = changes.filter((change) => change.state.kind === 'proposed');
  const others = changes.filter((change) => change.state.kind !== 'proposed');
  return aNotice({
    headline: [
      {
        words:
          changes.length === 0
            ? 'No open changes'
            : `${sayCount(waiting.length, 'change')} ${waiting.length === 1 ? 'waits' : 'wait'} for approval`,
      },
    ],
    parts: changesPart([...waiting, ...others]),
  });
}

/** Changes as rows, each with the button that it can take. */
export function changesPart(changes: readonly Change[]): Part[] {
  if (changes.length === 0) return [];
  return [
    {
      kind: 'rows',
      rows: [
        ...changes.slice(0, SHOWN).map((change) => ({
          text: [...subjectText(change), { words: '. ' }, ...stateText(change), ...lastsPart(change)],
          ...buttonFor(change),
        })),
        ...(changes.length > SHOWN ? [{ text: [{ words: `and ${changes.length - SHOWN} more.` }] }] : []),
      ],
    },
  ];
}

/** What is in effect says for how long. */
function lastsPart(change: Change): Text {
  return change.state.kind === 'applied' ? [{ words: ' Lasts ' }, ...lastsText(change), { words: '.' }] : [];
}

/** The same was proposed before, and waits: two open ones would be in each other's way. */
export function describeJoined(change: Change): Notice {
  return aNotice({
    headline: [{ words: 'Already proposed: ' }, ...subjectText(change)],
    sentence: stateText(change),
    small: [[{ words: 'Its card is in ' }, { channelId: change.channel }, { words: `. Change ${change.id}.` }]],
    buttons: [{ id: 'run', label: 'Pending changes', value: 'pending' }],
  });
}

function buttonFor({ id, state }: Change) {
  if (state.kind === 'proposed') return { button: { id: 'approve' as const, label: 'Approve', value: id } };
  return state.kind === 'applied' ? { button: { id: 'undo' as const, label: 'Undo', value: id } } : {};
}

/** Standing protections, of a host or of all. */
export function describeRules(host: string | null, rules: readonly Rule[], active: readonly Change[]): Notice {
  const where: Text = host === null ? [] : [{ words: ' on ' }, { hostText: host }];
  return aNotice({
    headline:
      rules.length === 0
        ? [{ words: 'No standing protection' }, ...where]
        : [{ words: sayCount(rules.length, 'standing protection') }, ...where],
    sentence:
      rules.length === 0
        ? [
            { words: 'Add ' },
            { hostText: 'keep' },
            { words: ' to ' },
            { hostText: '/oom protect' },
            { words: ' to have one.' },
          ]
        : null,
    parts: [
      ...rulesPart(rules),
      ...(active.length === 0 ? [] : [{ kind: 'text' as const, text: [{ strong: 'In effect' }] }]),
      ...changesPart(active),
    ],
    small:
      rules.length === 0 ? [] : [[{ words: 'A rule covers only its approved hosts and never spreads on its own.' }]],
  });
}

/** Rules as rows, each with what can be done to it. */
export function rulesPart(rules: readonly Rule[]): Part[] {
  if (rules.length === 0) return [];
  return [
    {
      kind: 'rows',
      rows: rules.slice(0, SHOWN).map((rule) => ({
        text: ruleText(rule),
        button: {
          id: 'run' as const,
          label: rule.state === 'paused' ? 'Resume' : 'Pause',
          value: `rules ${rule.state === 'paused' ? 'resume' : 'pause'} ${rule.id}`,
        },
      })),
    },
  ];
}

/** A rule in one line: what, where, how, and the words that end it. */
export function ruleText(rule: Rule): Text {
  return [
    { hostText: ruleSubject(rule) },
    { words: ' on ' },
    { hostText: rule.hosts.join(', ') },
    {
      words: ` stays at ${rule.adj}${rule.onDrift === 'show' ? ' (reported, not corrected)' : ''}${rule.state === 'paused' ? ' (paused)' : ''}`,
    },
    ...termsText(rule),
    { words: '. By ' },
    { userId: rule.madeBy },
    { words: ' since ' },
    { atMs: rule.madeAtMs },
    { words: '. End it: ' },
    { hostText: `/oom rules end ${rule.id}` },
  ];
}

/** A rule was paused, resumed or ended. */
export function describeRuleEdited(rule: Rule): Notice {
  const did = rule.state === 'active' ? 'is active again' : rule.state === 'paused' ? 'is paused' : 'has ended';
  return aNotice({
    tone: 'good',
    headline: [{ words: 'The rule for ' }, { hostText: ruleSubject(rule) }, { words: ` ${did}` }],
    sentence:
      rule.state === 'ended'
        ? [{ words: 'Values already set stay until their processes end; undo the change to restore them.' }]
        : null,
  });
}

/** Told in the channel when a value is not as its rule requires, and the rule says to tell it only. */
export function describeShownDrift(rule: Rule, host: string, seen: readonly { pid: number; adj: number }[]): Notice {
  const each = seen.slice(0, SHOWN).map(({ pid, adj }) => `pid ${pid} is at ${adj}`);
  const more = seen.length > SHOWN ? ` and ${seen.length - SHOWN} more` : '';
  const subject = ruleSubject(rule);
  return aNotice({
    tone: 'warn',
    headline: [
      { hostText: subject },
      { words: ' on ' },
      { hostText: host },
      { words: ` is not at ${rule.adj}, as its rule requires` },
    ],
    sentence: [{ words: `${each.join(', ')}${more}. The rule only reports, so nothing was changed.` }],
    buttons: [
      { id: 'run', label: 'Propose it again', value: `protect ${host} ${quoted(subject)} ${rule.adj}` },
      { id: 'run', label: 'Rules', value: `rules ${host}` },
    ],
  });
}

/** Told in the channel when a rule could not be proposed for another host of its tag. */
export function describeNotWidened(rule: Rule, host: string, why: Text): Notice {
  return aNotice({
    tone: 'warn',
    headline: [
      { words: 'The rule for ' },
      { hostText: ruleSubject(rule) },
      { words: ' could not be proposed for ' },
      { hostText: host },
    ],
    sentence: why,
    buttons: [{ id: 'run', label: 'Rules', value: 'rules' }],
  });
}

/** Told in the channel when a value was not as its rule requires. `mended`: it is again. */
export function describeDrift(rule: Rule, host: string, pids: readonly number[], failed: Text | null): Notice {
  return aNotice({
    tone: failed === null ? 'good' : 'warn',
    headline: [
      { hostText: ruleSubject(rule) },
      { words: ' on ' },
      { hostText: host },
      {
        words:
          failed === null
            ? ` is at ${rule.adj} again (pid ${pids.join(', ')})`
            : ` is not at ${rule.adj}, as its rule requires`,
      },
    ],
    sentence: failed,
    buttons: [{ id: 'run', label: 'Rules', value: `rules ${host}` }],
  });
}
