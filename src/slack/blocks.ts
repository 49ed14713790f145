import type { types } from '@slack/bolt';
import { cutText } from '../notice/host-text.ts';
import type { Button, Notice, Part, Text, Tone } from '../notice/notice.ts';
import { plainText } from '../notice/render-text.ts';
import { toMrkdwn } from './mrkdwn.ts';
import {
  chartBlock,
  chartLines,
  preformattedBlock,
  tableBlock,
  tableLines,
  type ChartBlock,
  type TableBlock,
} from './native-blocks.ts';

/** Where blocks go: tables and charts exist in messages only, and not in every workspace yet (`plain`). */
export type Surface = 'message' | 'plain' | 'view';
export type NoticeBlock = types.KnownBlock | ChartBlock | TableBlock;

export interface SlackContent {
  /** Notification, screen readers and fallback: it carries the facts by itself. */
  text: string;
  blocks: NoticeBlock[];
}

const TEXT_MAX = 3_500; // chat.update answers msg_too_long above 4,000
const HEADER_MAX = 150;
const SECTION_MAX = 2_900; // 3,000
const FIELD_MAX = 1_900; // 2,000
const FIELDS_MAX = 10;
const BUTTONS_MAX = 25;
const CHARTS_MAX = 2;
const BLOCKS_MAX = { message: 48, plain: 48, view: 95 } as const; // 50 and 100
// Slack answers msg_blocks_too_long near 13,200 characters over all blocks.
const ALL_BLOCKS_MAX = 12_000;
const ROWS_TRIED = [100, 60, 40, 30, 20, 12, 8, 5] as const;

const SIGN: Record<Tone, string> = { bad: '🔴 ', warn: '🟠 ', good: '🟢 ', plain: '' };

/** A notice as Slack shows it: within every limit, with nothing from a host interpreted. */
export function renderContent(notice: Notice, surface: Surface): SlackContent {
  const text = renderFallback(notice);
  // Fewer rows of each table are better than no table; each says how many it shows.
  for (const rowsMax of ROWS_TRIED) {
    const blocks = renderBlocks(notice, surface, rowsMax);
    if (blocks.length <= BLOCKS_MAX[surface] && sizeOf(blocks) <= ALL_BLOCKS_MAX) return { text, blocks };
  }
  return { text, blocks: fit(renderBlocks(notice, surface, ROWS_TRIED.at(-1) ?? 0), surface) };
}

function renderBlocks(notice: Notice, surface: Surface, rowsMax: number): NoticeBlock[] {
  const state = { actions: 0, charts: 0, rowsMax };
  return [
    ...headlineBlocks(notice),
    ...(notice.sentence ? [section(notice.sentence)] : []),
    ...notice.parts.flatMap((part) => partBlocks(part, surface, state)),
    ...smallBlocks(notice.small),
    ...buttonBlocks(notice.buttons),
  ];
}

/** A headline that fits is a header; a short notice of one sentence reads better as a sentence. */
function headlineBlocks(notice: Notice): NoticeBlock[] {
  const line = `${SIGN[notice.tone]}${plainText(notice.headline)}`;
  const isSentence = notice.sentence === null && notice.parts.length === 0;
  // A header shows neither a reader's own time nor a person's name.
  const isPlain = notice.headline.every((piece) => !('atMs' in piece || 'userId' in piece || 'channelId' in piece));
  if (isSentence || !isPlain || Array.from(line).length > HEADER_MAX - 10)
    return [section([{ words: SIGN[notice.tone] }, ...notice.headline])];
  return [{ type: 'header', text: { type: 'plain_text', text: cutToUnits(line, HEADER_MAX), emoji: false } }];
}

function partBlocks(
  part: Part,
  surface: Surface,
  state: { actions: number; charts: number; rowsMax: number },
): NoticeBlock[] {
  switch (part.kind) {
    case 'text':
      return [section(part.text)];
    case 'facts':
      return factBlocks(part.facts);
    case 'table': {
      const table = surface === 'message' ? tableBlock(part, state.rowsMax) : null;
      if (table) return [table];
      return part.rows.length === 0 ? [] : [section([{ strong: part.caption }]), preformattedBlock(tableLines(part))];
    }
    case 'chart': {
      state.charts += 1;
      const chart = surface === 'message' && state.charts <= CHARTS_MAX ? chartBlock(part) : null;
      if (chart) return [chart];
      return part.points.length === 0 ? [] : [section([{ strong: part.title }]), preformattedBlock(chartLines(part))];
    }
    case 'rows':
      return part.rows.map((row): types.SectionBlock => {
        if (!row.button) return section(row.text);
        state.actions += 1;
        return { ...section(row.text), accessory: button(row.button, 100 + state.actions) };
      });
    case 'command':
      return [
        section(part.label),
        preformattedBlock([part.command]),
        ...(part.undo === null ? [] : [section([{ words: 'Undo:' }]), preformattedBlock([part.undo])]),
      ];
    case 'lines':
      return part.lines.length === 0 ? [] : [section([{ strong: part.caption }]), preformattedBlock(part.lines)];
  }
}

function section(text: Text): types.SectionBlock {
  const mrkdwn = toMrkdwn(text, SECTION_MAX);
  // `verbatim`: addresses and names are not turned into links.
  return { type: 'section', text: { type: 'mrkdwn', text: mrkdwn.trim() === '' ? '–' : mrkdwn, verbatim: true } };
}

function factBlocks(facts: Extract<Part, { kind: 'facts' }>['facts']): types.SectionBlock[] {
  const blocks: types.SectionBlock[] = [];
  for (let at = 0; at < facts.length; at += FIELDS_MAX) {
    const fields = facts.slice(at, at + FIELDS_MAX).map((fact) => ({
      type: 'mrkdwn' as const,
      text: toMrkdwn([{ strong: fact.label }, { words: '\n' }, ...fact.value], FIELD_MAX),
      verbatim: true,
    }));
    blocks.push({ type: 'section', fields });
  }
  return blocks;
}

function smallBlocks(small: Notice['small']): NoticeBlock[] {
  if (small.length === 0) return [];
  const elements = small
    .slice(0, 10)
    .map((text) => ({ type: 'mrkdwn' as const, text: toMrkdwn(text, 1_000) || '–', verbatim: true }));
  return [{ type: 'context', elements }];
}

function buttonBlocks(buttons: readonly Button[]): types.ActionsBlock[] {
  if (buttons.length === 0) return [];
  return [{ type: 'actions', elements: buttons.slice(0, BUTTONS_MAX).map(button) }];
}

/** `action_id` must be unique within its block, so the place is added; routes look only at what is before the dot. */
function button(given: Button, place: number): types.Button {
  return {
    type: 'button',
    action_id: `${given.id}.${place}`,
    text: { type: 'plain_text', text: cutToUnits(given.label, 75) || '–', emoji: false },
    value: cutToUnits(given.value, 2_000),
    ...(given.style ? { style: given.style } : {}),
    ...(given.confirm
      ? {
          confirm: {
            title: { type: 'plain_text', text: cutToUnits(given.confirm.title, 100) },
            text: { type: 'plain_text', text: cutToUnits(given.confirm.question, 300) },
            confirm: { type: 'plain_text', text: cutToUnits(given.confirm.yes, 30) },
            deny: { type: 'plain_text', text: cutToUnits(given.confirm.no, 30) },
          },
        }
      : {}),
  };
}

/** Cuts to `max` UTF-16 units, as Slack counts, without tearing a pair. */
export function cutToUnits(text: string, max: number): string {
  let cut = cutText(text.toWellFormed(), max);
  while (cut.length > max) cut = `${Array.from(cut).slice(0, -2).join('')}…`;
  return cut;
}

/** Leaves out the largest pictures, tables and quotes until the whole is small enough; buttons and facts stay. */
function fit(blocks: NoticeBlock[], surface: Surface): NoticeBlock[] {
  const kept = [...blocks];
  let left = false;
  while (kept.length > BLOCKS_MAX[surface] || sizeOf(kept) > ALL_BLOCKS_MAX) {
    const optional = kept.map((block, at) => ({ at, size: isOptional(block) ? JSON.stringify(block).length : 0 }));
    const largest = optional.toSorted((a, b) => b.size - a.size)[0];
    const at = largest && largest.size > 0 ? largest.at : kept.findLastIndex((block) => block.type === 'section');
    if (at < 0) break;
    kept.splice(at, 1);
    left = true;
  }
  return left
    ? [
        ...kept,
        { type: 'context', elements: [{ type: 'mrkdwn', text: 'Shortened to fit: the largest parts are left out.' }] },
      ]
    : kept;
}

function isOptional(block: NoticeBlock): block is TableBlock | ChartBlock | types.RichTextBlock {
  return block.type === 'data_table' || block.type === 'data_visualization' || block.type === 'rich_text';
}

function sizeOf(blocks: NoticeBlock[]): number {
  return JSON.stringify(blocks).length;
}

/** The facts as mrkdwn text: what a phone's lock screen and a screen reader show. */
function renderFallback(notice: Notice): string {
  const lines: Text[] = [
    [{ words: SIGN[notice.tone] }, ...notice.headline],
    ...(notice.sentence ? [notice.sentence] : []),
    ...notice.parts.flatMap(fallbackLines),
  ];
  let out = '';
  for (const line of lines) {
    const room = TEXT_MAX - out.length - 1;
    if (room < 60) return `${out}\n…`;
    out += `${out === '' ? '' : '\n'}${toMrkdwn(line, Math.min(room, 800))}`;
  }
  return out.trim() === '' ? '–' : out;
}

function fallbackLines(part: Part): Text[] {
  switch (part.kind) {
    case 'text':
      return [part.text];
    case 'facts':
      return part.facts.map((fact) => [{ words: `${fact.label}: ` }, ...fact.value]);
    case 'table':
      return part.rows
        .slice(0, 5)
        .map((row): Text => row.flatMap((cell, at): Text => [...(at === 0 ? [] : [{ words: ' ' }]), ...cell.text]));
    case 'rows':
      return part.rows.map((row) => row.text);
    case 'command':
      return [[...part.label, { words: ' ' }, { hostText: part.command }]];
    case 'chart':
    case 'lines':
      return [];
  }
}
