import type { types } from '@slack/bolt';
import type { ChangeRefusal, Refusal } from '../change/refusal.ts';
import { describeRefusal } from '../notice/answer/refusal-text.ts';
import type { Text } from '../notice/notice.ts';
import { cutToUnits, type NoticeBlock } from './blocks.ts';
import { toMrkdwn } from './mrkdwn.ts';
import { inputText, inputValue, type ViewPayload } from './payload.ts';
import type { View } from './views.ts';

type Filled = Readonly<Record<string, string>>;

/** Which field of the forms a refusal is about, by its block_id; those of other refusals stand above all fields. */
const FIELDS: Partial<Record<Exclude<Refusal['kind'], 'change'> | ChangeRefusal['kind'], string>> = {
  'unknown-host': 'host',
  'host-unreachable': 'host',
  'too-slow': 'host',
  'scores-unread': 'host',
  'local-workspace': 'host',
  'unknown-target': 'tag',
  'host-without-tag': 'tag',
  'no-such-process': 'what',
  'bad-name': 'what',
  init: 'what',
  'not-a-process': 'what',
  'too-many-processes': 'what',
  'bad-adj': 'adj',
  'same-value': 'adj',
  'no-default': 'adj',
  'out-of-helper-range': 'adj',
  'needs-end-date': 'for',
  'keep-needs-no-end': 'for',
  'no-report-found': 'report',
  'host-exists': 'name',
  'host-from-file': 'name',
  'host-key-unread': 'address',
};

/** What was put into the fields of a form, by block_id. */
export function filledIn(payload: ViewPayload): Filled {
  return Object.fromEntries(
    Object.keys(payload.view.state.values).map((field) => [
      field,
      inputText(payload, field) || inputValue(payload, field),
    ]),
  );
}

/**
 * A form that was refused, again: with all that was put in, and beside the field what is wrong with it. Slack shows errors of its own only
 * within three seconds, and what is wrong here is known when a host has answered.
 */
export function formAgain(form: View, filled: Filled, refusal: Refusal): View {
  const kind = refusal.kind === 'change' ? refusal.why.kind : refusal.kind;
  const trouble = troubleBlock(describeRefusal(refusal).headline);
  const blocks = form.blocks.map((block) =>
    block.type === 'input' ? refilled(block as types.InputBlock, filled) : block,
  );
  const named = FIELDS[kind];
  // Forms that name a host in a field "name" are about that one.
  const fields = named === 'host' ? ['host', 'name'] : [named];
  const at = blocks.findIndex(
    (block) => block.type === 'input' && fields.includes((block as types.InputBlock).block_id),
  );
  return { ...form, blocks: at < 0 ? [trouble, ...blocks] : blocks.toSpliced(at + 1, 0, trouble) };
}

function refilled(block: types.InputBlock, filled: Filled): types.InputBlock {
  const given = filled[block.block_id ?? ''] ?? '';
  const { element } = block;
  if (element.type === 'plain_text_input') {
    const { initial_value: _, ...bare } = element;
    const value = cutToUnits(given, element.max_length ?? 3_000);
    return { ...block, element: value === '' ? bare : { ...bare, initial_value: value } };
  }
  if (element.type !== 'static_select') return block;
  const option = element.options?.find((one) => one.value === given);
  return option === undefined ? block : { ...block, element: { ...element, initial_option: option } };
}

function troubleBlock(text: Text): NoticeBlock {
  return {
    type: 'section',
    text: { type: 'mrkdwn', text: toMrkdwn([{ words: '⚠️ ' }, ...text], 2_900), verbatim: true },
  };
}
