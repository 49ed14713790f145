import { aNotice, type Button, type Notice, type Part, quoted, type Text } from '../notice.ts';
import { survivedSignal } from '../../oom/survived-signal.ts';
import type { KillRecord } from '../../oom/report.ts';
import { scoreFacts } from '../incident/incident-facts.ts';
import { alsoPart, causeText } from '../incident/incident-notice.ts';
import { countsSharedTwice, holdersTable, memoryChart } from '../incident/pictures.ts';
import { missingText } from '../missing-text.ts';
import { domainText, freedWords, reapedOf } from '../roles.ts';
import { sayCount, sayDuration } from '../units.ts';

const RECORDS_SHOWN = 5;
/** What stands before a headline, explained in one place. */
const TONES =
  '🔴 something was killed · 🟠 look at this, or it was refused · 🟢 done, or over · no sign: for information.';

/** What pasted text says: each kill explained, as far as the text goes. `records` has at least one. */
export function describeExplanation(records: readonly KillRecord[]): Notice {
  const kills = records.filter((record) => record.pid !== null);
  const [only] = records;
  const more = records.length - RECORDS_SHOWN;
  return aNotice({
    headline:
      records.length === 1 && only ? recordText(only) : [{ words: `${sayCount(kills.length, 'kill')} in this text` }],
    sentence: records.length === 1 && only?.cause ? causeText(only.cause) : null,
    parts: records.length === 1 && only ? explainOne(only) : records.slice(0, RECORDS_SHOWN).flatMap(explainShort),
    small: [
      ...(more > 0 ? [[{ words: `${sayCount(more, 'more report')} not shown.` }]] : []),
      ...(only && records.length === 1 && missingText(only) !== null ? [[{ words: missingText(only) ?? '' }]] : []),
      ...(only && records.length === 1 ? only.warnings.slice(0, 5).map((warning): Text => [{ prose: warning }]) : []),
      [{ words: 'Only you can see this. None of it is stored.' }],
    ],
  });
}

function recordText(record: KillRecord): Text {
  const reaped = reapedOf(record);
  if (reaped)
    return [{ hostText: reaped.name }, { words: ` (pid ${reaped.pid}) was killed (confirmed by the OOM reaper)` }];
  if (record.pid === null && record.name === null && (record.outcome !== 'killed' || record.identity === null))
    return [{ words: outcomeWords(record) }];
  const name = { hostText: record.name ?? record.identity?.unit ?? record.taskMemcg ?? '(name not in the text)' };
  if (record.outcome === 'dry-run')
    return [{ words: `${record.killer} would have killed ` }, name, { words: ' (dry run: nothing was done)' }];
  if (survivedSignal(record))
    return [{ words: `${record.killer} tried to kill ` }, name, { words: ': it did not exit' }];
  return [
    name,
    {
      words: `${record.pid === null ? '' : ` (pid ${record.pid})`} was killed by ${record.killer === 'kernel' ? 'the kernel' : record.killer}`,
    },
  ];
}

function outcomeWords(record: KillRecord): string {
  switch (record.outcome) {
    case 'panic':
      return 'The kernel panicked: out of memory';
    case 'no-killable':
      return 'Out of memory, with nothing left to kill';
    case 'truncated':
      return 'The end of this report is missing, so it does not say who died';
    case 'suppressed':
      return 'The kernel suppressed some reports';
    case 'attempted':
    case 'dry-run':
    case 'killed':
      return 'A process was killed';
  }
}

function explainOne(record: KillRecord): Part[] {
  const table = holdersTable(record);
  const chart = memoryChart(record);
  const also = record.cause ? alsoPart(record.cause) : null;
  return [
    ...(also ? [also] : []),
    { kind: 'facts', facts: recordFacts(record) },
    ...(table ? [table] : []),
    ...(countsSharedTwice(record)
      ? [{ kind: 'text' as const, text: [{ words: 'Shared memory is counted once per process.' }] }]
      : []),
    ...(chart ? [chart] : []),
  ];
}

function explainShort(record: KillRecord): Part[] {
  return [
    {
      kind: 'text',
      text: [...recordText(record), ...(record.cause ? [{ words: '. ' }, ...causeText(record.cause)] : [])],
    },
    { kind: 'facts', facts: recordFacts(record) },
  ];
}

function recordFacts(record: KillRecord) {
  const freed = freedWords(record);
  const domain = domainText(record);
  return [
    ...(record.trigger?.name ? [{ label: 'Triggered by', value: [{ hostText: record.trigger.name }] }] : []),
    ...(domain ? [{ label: 'What ran out', value: domain }] : []),
    ...(freed === null ? [] : [{ label: 'Memory freed', value: [{ words: freed }] }]),
    ...scoreFacts(record),
    ...(record.timeText === null ? [] : [{ label: 'Printed time', value: [{ hostText: record.timeText }] }]),
  ];
}

/** A host or service was muted. */
export function describeMuted(
  { target, untilMs, why }: { target: string; untilMs: number; why?: string },
  forMs: number,
): Notice {
  return aNotice({
    headline: [{ hostText: target }, { words: ` is muted for ${sayDuration(forMs)}, until ` }, { atMs: untilMs }],
    sentence: [
      ...(why === undefined ? [] : [{ words: 'Because: ' }, { prose: why }, { words: '. ' }]),
      { words: 'Kills are still recorded, but not posted to the channel.' },
    ],
    buttons: [{ id: 'run', label: 'Unmute', value: `unmute ${quoted(target)}` }],
  });
}

/** The opposite. */
export function describeUnmuted(target: string): Notice {
  return aNotice({
    tone: 'good',
    headline: [{ hostText: target }, { words: ' is unmuted: posting to the channel again' }],
  });
}

/** A host was added or removed from Slack. */
export function describeHostEdited(host: string, did: 'added' | 'removed', userId: string): Notice {
  return aNotice({
    tone: 'good',
    headline: [{ hostText: host }, { words: ` was ${did} by ` }, { userId }],
    buttons: did === 'added' ? [{ id: 'run', label: 'Check host', value: `hosts check ${host}` }] : [],
  });
}

/** Everything that can be asked, as examples; the buttons run those that only read. Without a host nothing can be run. */
export function describeHelp(
  lines: readonly { command: string; does: string; runs: boolean }[],
  hasHosts: boolean,
): Notice {
  return aNotice({
    headline: [{ words: 'What you can ask' }],
    parts: [
      {
        kind: 'rows',
        rows: lines.map(({ command, does, runs }) => ({
          text: [{ hostText: `/oom ${command}` }, { words: ` ${does}` }],
          ...(runs && hasHosts ? { button: { id: 'run' as const, label: 'Run', value: command } } : {}),
        })),
      },
      ...(hasHosts ? [] : [{ kind: 'text' as const, text: [{ words: 'No hosts yet.' }] }]),
    ],
    small: [
      [{ words: 'In a thread, mention the bot with the same words. Answers are private unless you share them.' }],
      [{ words: TONES }],
    ],
  });
}

/** Asks whether the person meant the corrected command. */
export function describeTypo(word: string, corrected: string): Notice {
  const button: Button = { id: 'run', label: `/oom ${corrected}`.slice(0, 70), value: corrected.slice(0, 2_000) };
  return aNotice({
    headline: [
      { words: 'Unknown command ' },
      { hostText: word },
      { words: '. Did you mean ' },
      { hostText: `/oom ${corrected}` },
      { words: '?' },
    ],
    buttons: [button, { id: 'run', label: 'Help', value: 'help' }],
  });
}
