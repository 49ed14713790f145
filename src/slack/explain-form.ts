import type { types } from '@slack/bolt';
import { inputFiles, inputText, type ViewPayload } from './payload.ts';

/** The most that a text input takes. */
const PASTE_MAX = 3_000;
const FILES_MAX = 3;
/** Where files cannot be read a whole report needs more than one field. */
const REPORT_FIELDS = ['report', 'report-2', 'report-3', 'report-4'] as const;
export const FILE_FIELD = 'file';

/** The fields of the form that takes a report: one and a file, or several where the app may not read files. */
export function explainFields(withFile: boolean): types.InputBlock[] {
  if (!withFile) return REPORT_FIELDS.map((field, at) => textField(field, at, at > 0));
  return [
    textField('report', 0, true),
    {
      type: 'input',
      block_id: FILE_FIELD,
      optional: true,
      label: plain('Or a log file'),
      hint: plain('The whole report counts, however long it is.'),
      element: { type: 'file_input', action_id: 'value', max_files: FILES_MAX } as never,
    },
  ];
}

/** What is wrong with a paste, by field: a field that is full has probably lost the end of it. */
export function explainMistakes(payload: ViewPayload): Record<string, string> {
  if (inputFiles(payload, FILE_FIELD).length > 0) return {};
  const hasFile = payload.view.state.values[FILE_FIELD] !== undefined;
  const texts = REPORT_FIELDS.map((field) => inputText(payload, field));
  if (texts.every((text) => text.trim() === ''))
    return { report: hasFile ? 'Paste kernel log lines here, or add a file below.' : 'Paste kernel log lines here.' };
  const full = texts.findIndex((text, at) => text.length >= PASTE_MAX && (texts[at + 1] ?? '').trim() === '');
  if (full < 0) return {};
  const isLast = hasFile || full === REPORT_FIELDS.length - 1;
  const instead = hasFile
    ? 'Add it as a file below.'
    : isLast
      ? 'Run oombot parse on the log in a terminal.'
      : 'Put what comes next into the field below.';
  return {
    [REPORT_FIELDS[full] ?? 'report']:
      `This field is full (${PASTE_MAX} characters), so the end of your paste may be missing. ${instead}`,
  };
}

/** What was typed; nothing of a full field beside a file, which holds the whole. */
export function pastedText(payload: ViewPayload): string {
  const hasFiles = inputFiles(payload, FILE_FIELD).length > 0;
  return REPORT_FIELDS.map((field) => inputText(payload, field))
    .filter((text) => !(hasFiles && text.length >= PASTE_MAX))
    .join('\n')
    .trim();
}

function textField(id: string, at: number, optional: boolean): types.InputBlock {
  return {
    type: 'input',
    block_id: id,
    optional,
    label: plain(at === 0 ? 'Kernel log lines' : 'More lines'),
    hint: plain(
      at === 0
        ? 'From “invoked oom-killer” to “Killed process”. Only you see the answer.'
        : `If the field above is full (${PASTE_MAX} characters)`,
    ),
    element: { type: 'plain_text_input', action_id: 'value', multiline: true, max_length: PASTE_MAX },
  };
}

function plain(text: string): types.PlainTextElement {
  return { type: 'plain_text', text, emoji: false };
}
