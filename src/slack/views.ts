import type { types } from '@slack/bolt';
import type { HostDraft, HostKeySeen } from '../app/answer/handlers.ts';
import type { Notice, Text } from '../notice/notice.ts';
import { cutToUnits, renderContent, type NoticeBlock } from './blocks.ts';
import { explainFields } from './explain-form.ts';
import { toMrkdwn } from './mrkdwn.ts';
import type { ViewRoute } from './routes.ts';

export type View = Omit<types.ModalView, 'blocks'> & { blocks: (NoticeBlock | types.InputBlock)[] };
export type HomeView = Omit<types.HomeView, 'blocks'> & { blocks: NoticeBlock[] };

const TITLE_MAX = 24;
/** `private_metadata`. */
const METADATA_MAX = 3_000;

/** Paste a report, or give a file where the app may read one. */
export function explainView(withFile = false): View {
  return form('explain', 'Explain a report', 'Explain', explainFields(withFile));
}

/** Shown while something is read; replaced by what came of it. */
export function waitingView(title: string, words: string): View {
  return {
    type: 'modal',
    title: plain(cutToUnits(title, TITLE_MAX)),
    close: plain('Close'),
    blocks: [mrkdwn([{ words }])],
  };
}

/** A notice in a window of its own. */
export function noticeView(title: string, notice: Notice): View {
  return {
    type: 'modal',
    title: plain(cutToUnits(title, TITLE_MAX)),
    close: plain('Close'),
    blocks: contentOf(notice),
  };
}

/** A new host: name, address, and the rest where it differs from the defaults. */
export function hostAddView(): View {
  return form('host-add', 'Add a host', 'Read host key', [
    textInput('name', 'Name', 'The name used in messages, for example db01', 64, false),
    textInput('address', 'Address', 'A host name or IP address that the bot can reach', 255, false),
    textInput('port', 'SSH port', 'Empty: 22', 5, true),
    textInput('user', 'SSH user', 'Empty: the configured default', 64, true),
    textInput('tags', 'Tags', 'Separated by spaces, for example: db prod', 200, true),
  ]);
}

/** The host's key to compare, before anything is stored. What is confirmed travels with the form. */
export function hostConfirmView(draft: HostDraft, key: HostKeySeen): View {
  const about: Text = [
    { hostText: draft.name },
    { words: ' at ' },
    { hostText: `${draft.address}:${draft.port}` },
    { words: ' presents this ' },
    { hostText: key.keyType },
    { words: ' key:' },
  ];
  const compare: Text = [
    { words: 'Compare it with what the host itself prints: ' },
    { hostText: 'ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub' },
    { words: '. If it differs, someone may be intercepting the connection: do not confirm.' },
  ];
  return {
    ...form('host-confirm', 'Is this the host?', 'Keys match', [
      mrkdwn(about),
      mrkdwn([{ hostText: key.fingerprint }]),
      mrkdwn(compare),
    ]),
    private_metadata: JSON.stringify({ draft, fingerprint: key.fingerprint }).slice(0, METADATA_MAX),
  };
}

/** Which host to remove. */
export function hostRemoveView(host: string | null): View {
  return form('host-remove', 'Remove a host', 'Remove', [
    textInput('name', 'Host', 'Only hosts added from Slack', 64, false, host ?? ''),
    mrkdwn([{ words: 'It will no longer be watched. Its record stays.' }]),
  ]);
}

/** App Home. */
export function homeView(notice: Notice): HomeView {
  return { type: 'home', blocks: contentOf(notice) };
}

/** A view belongs to no channel, and Slack gives its buttons no way to answer in one: there is nothing to share into. */
function contentOf(notice: Notice): NoticeBlock[] {
  const buttons = notice.buttons.filter((button) => button.id !== 'share');
  return renderContent({ ...notice, buttons }, 'view').blocks;
}

function form(route: ViewRoute, title: string, submit: string, blocks: View['blocks']): View {
  return {
    type: 'modal',
    callback_id: route,
    title: plain(title),
    submit: plain(submit),
    close: plain('Cancel'),
    blocks,
  };
}

/** One line to write in; `initial` is cut to what fits. */
export function textInput(
  id: string,
  label: string,
  hint: string,
  max: number,
  optional: boolean,
  initial = '',
): types.InputBlock {
  const filled = cutToUnits(initial, max);
  return {
    type: 'input',
    block_id: id,
    optional,
    label: plain(label),
    hint: plain(hint),
    element: {
      type: 'plain_text_input',
      action_id: 'value',
      max_length: max,
      ...(filled === '' ? {} : { initial_value: filled }),
    },
  };
}

function mrkdwn(text: Text): NoticeBlock {
  return { type: 'section', text: { type: 'mrkdwn', text: toMrkdwn(text, 2_900), verbatim: true } };
}

export function plain(text: string): types.PlainTextElement {
  return { type: 'plain_text', text, emoji: false };
}
