import type { ProtectAsk, ProtectForm } from '../app/answer/handlers.ts';
import { isAdj } from '../change/host-command.ts';
import { MEND } from '../change/rule.ts';
import { inputValue, type ViewPayload } from './payload.ts';
import { plain, textInput, type View } from './views.ts';
import { readDuration } from '../app/duration.ts';

/** What becomes of the value when the process ends or somebody changes it: nothing, a rule that sets it again, one that shows it. */
const LASTS = [
  { value: 'keep', text: 'Keep it: a rule sets it again' },
  { value: 'show', text: 'Keep it: a rule shows when it changed' },
];

/** The form for a protection, filled with what a kill's card knows. */
export function protectView({ host, what, incidentId }: ProtectForm['filled']): View {
  return {
    type: 'modal' as const,
    callback_id: 'protect',
    title: plain('Propose a protection'),
    submit: plain('Propose'),
    close: plain('Cancel'),
    private_metadata: incidentId.slice(0, 200),
    blocks: [
      textInput('host', 'Host', 'The name used in messages', 100, false, host),
      textInput(
        'what',
        'Process, PID or unit',
        'A unit covers all its processes, and can outlast a restart',
        100,
        false,
        what,
      ),
      textInput('adj', 'Value', 'Empty: the smallest change that decides who is killed next. -1000 … 1000', 5, true),
      textInput('for', 'For how long', 'For example 2h or 7d. Empty: until the process ends', 20, true),
      {
        type: 'input' as const,
        block_id: 'lasts',
        optional: true,
        label: plain('Afterwards'),
        element: {
          type: 'static_select' as const,
          action_id: 'value',
          placeholder: plain('Let it end with the process'),
          options: LASTS.map(({ value, text }) => ({ value, text: plain(text) })),
        },
      },
      textInput('tag', 'Also on hosts with the tag', 'Each gets a proposal of its own. Only for a rule', 50, true),
      textInput(
        'matching',
        'Only processes whose command line has',
        'A part of it, for example --port=3307. Only for a rule',
        100,
        true,
      ),
      textInput('why', 'Because', 'The approver sees this', 300, true),
    ],
  };
}

/** What was put in, or what is wrong with it by field. */
export function readProtectForm(view: ViewPayload): { ask: ProtectAsk } | { mistakes: Record<string, string> } {
  const [adjText, forText, why] = [inputValue(view, 'adj'), inputValue(view, 'for'), inputValue(view, 'why')];
  const [lasts, tag, matching] = [inputValue(view, 'lasts'), inputValue(view, 'tag'), inputValue(view, 'matching')];
  const adj = adjText === '' ? null : Number(adjText.replace(/[‐‑‒–—―−]/g, '-'));
  const forMs = forText === '' ? null : readDuration(forText.replace(/^for\s+/i, ''));
  const keep = lasts !== '';
  const mistakes = {
    ...(adj !== null && !isAdj(adj) ? { adj: 'A whole number from -1000 to 1000.' } : {}),
    ...(forText !== '' && forMs === null ? { for: 'For example 30m, 2h or 7d.' } : {}),
    ...(keep && forMs !== null ? { for: 'A rule has no end. Leave this empty, or let it end with the process.' } : {}),
    ...(!keep && (tag !== '' || matching !== '')
      ? { lasts: 'A tag or a part of the command line needs a rule: choose one that keeps it.' }
      : {}),
  };
  if (Object.keys(mistakes).length > 0) return { mistakes };
  const incidentId = view.view.private_metadata;
  const terms = {
    ...MEND,
    ...(lasts === 'show' ? { onDrift: 'show' as const } : {}),
    ...(tag === '' ? {} : { tag }),
    ...(matching === '' ? {} : { commandLine: matching }),
  };
  return {
    ask: {
      host: inputValue(view, 'host'),
      what: inputValue(view, 'what'),
      adj,
      forMs,
      why: why === '' ? null : why,
      keep,
      ...(keep ? { terms } : {}),
      incidentId: incidentId === '' ? null : incidentId,
    },
  };
}
