// Slack's limits as its documentation and its refusals state them, written apart from the renderer so that they cannot share a mistake.

type Json = Record<string, unknown>;

const MODAL_OR_HOME_BLOCKS = 100;
const MESSAGE_BLOCKS = 50;

/** What Slack would refuse about a message; empty: nothing. */
export function refuseMessage(message: { text: string; blocks: unknown[] }): string[] {
  const blocks = message.blocks as Json[];
  const faults = [
    ...must(message.text.length > 0, 'no_text'),
    ...must(message.text.length <= 4_000, `msg_too_long: ${message.text.length}`),
    ...must(blocks.length > 0 && blocks.length <= MESSAGE_BLOCKS, `${blocks.length} blocks`),
    ...must(JSON.stringify(blocks).length <= 13_200, 'msg_blocks_too_long'),
    ...must(blocks.filter((block) => block['type'] === 'data_visualization').length <= 2, 'more than two charts'),
    ...must(blocks.filter((block) => block['type'] === 'table').length <= 1, 'more than one table'),
    ...blocks.flatMap((block, at) => refuseBlock(block).map((fault) => `/blocks/${at}: ${fault}`)),
    ...broken(message.text).map((fault) => `text: ${fault}`),
  ];
  return faults;
}

/** The same for a modal or App Home, which know no tables and charts. */
export function refuseView(view: unknown): string[] {
  const { blocks, type, title, submit, close, private_metadata: metadata, callback_id: callback } = view as Json;
  const list = blocks as Json[];
  const native = list.filter((block) =>
    ['table', 'data_table', 'data_visualization', 'container'].includes(String(block['type'])),
  );
  return [
    ...must(list.length > 0 && list.length <= MODAL_OR_HOME_BLOCKS, `${list.length} blocks`),
    ...must(JSON.stringify(view).length < 250_000, 'view too large'),
    ...must(native.length === 0, 'blocks for messages only'),
    ...(type === 'modal'
      ? refusePlain(title, 24)
      : must(title === undefined && submit === undefined, 'home views have no title')),
    ...(submit === undefined ? [] : refusePlain(submit, 24)),
    ...(close === undefined ? [] : refusePlain(close, 24)),
    ...must(lengthOf(metadata) <= 3_000, 'private_metadata'),
    ...must(lengthOf(callback) <= 255, 'callback_id'),
    ...must(!list.some((block) => block['type'] === 'input') || submit !== undefined, 'inputs need submit'),
    ...list.flatMap((block, at) => refuseBlock(block).map((fault) => `/blocks/${at}: ${fault}`)),
  ];
}

function refuseBlock(block: Json): string[] {
  switch (block['type']) {
    case 'header':
      return refusePlain(block['text'], 150);
    case 'section':
      return refuseSection(block);
    case 'context': {
      const elements = block['elements'] as Json[];
      return [
        ...must(elements.length >= 1 && elements.length <= 10, 'context elements'),
        ...elements.flatMap((one) => refuseText(one, 3_000)),
      ];
    }
    case 'actions': {
      const elements = block['elements'] as Json[];
      const ids = elements.map((one) => String(one['action_id']));
      return [
        ...must(elements.length >= 1 && elements.length <= 25, 'actions elements'),
        ...must(new Set(ids).size === ids.length, 'action_id twice'),
        ...must(elements.filter((one) => one['style'] === 'primary').length <= 1, 'two primary buttons'),
        ...elements.flatMap(refuseButton),
      ];
    }
    case 'rich_text':
      return refuseRich(block);
    case 'data_table':
      return refuseDataTable(block);
    case 'data_visualization':
      return refuseChart(block);
    case 'input': {
      const element = block['element'] as Json;
      return [
        ...refusePlain(block['label'], 2_000),
        ...(block['hint'] === undefined ? [] : refusePlain(block['hint'], 2_000)),
        ...must(['plain_text_input', 'static_select', 'file_input'].includes(String(element['type'])), 'input element'),
        ...must(Number(element['max_length'] ?? 0) <= 3_000, 'max_length'),
        ...must(lengthOf(element['initial_value']) <= Number(element['max_length'] ?? 3_000), 'initial_value'),
      ];
    }
    default:
      return [`unknown block ${String(block['type'])}`];
  }
}

function refuseSection(block: Json): string[] {
  const { text, fields, accessory } = block as { text?: Json; fields?: Json[]; accessory?: Json };
  return [
    ...must(text !== undefined || fields !== undefined, 'empty section'),
    ...(text ? refuseText(text, 3_000) : []),
    ...(fields ? must(fields.length >= 1 && fields.length <= 10, 'fields') : []),
    ...(fields ?? []).flatMap((field) => refuseText(field, 2_000)),
    ...(accessory ? refuseButton(accessory) : []),
  ];
}

function refuseButton(button: Json): string[] {
  const confirm = button['confirm'] as Json | undefined;
  return [
    ...must(button['type'] === 'button', 'no button'),
    ...refusePlain(button['text'], 75),
    ...must(lengthOf(button['value']) <= 2_000, 'button value'),
    ...must(/^.{1,255}$/.test(String(button['action_id'])), 'action_id'),
    ...must([undefined, 'primary', 'danger'].includes(button['style'] as string | undefined), 'button style'),
    ...(confirm
      ? [
          ...refusePlain(confirm['title'], 100),
          ...refusePlain(confirm['text'], 300),
          ...refusePlain(confirm['confirm'], 30),
          ...refusePlain(confirm['deny'], 30),
        ]
      : []),
  ];
}

function refuseRich(block: Json): string[] {
  const sections = block['elements'] as Json[];
  return sections.flatMap((section) => {
    const elements = section['elements'] as Json[];
    return [
      ...must(['rich_text_section', 'rich_text_preformatted'].includes(String(section['type'])), 'rich text part'),
      ...must(elements.length > 0, 'empty rich text'),
      ...elements.flatMap((one) => {
        if (one['type'] === 'date')
          return must(Number.isInteger(one['timestamp']) && Number(one['timestamp']) >= 0, 'date');
        const text = String(one['text']);
        return [
          ...must(one['type'] === 'text', `rich text element ${String(one['type'])}`),
          ...must(text.length > 0 && text.length <= 4_000, 'rich text length'),
          ...torn(text),
        ];
      }),
    ];
  });
}

function refuseDataTable(block: Json): string[] {
  const rows = block['rows'] as Json[][];
  const cells = rows.flat();
  const size = cells.reduce((sum, cell) => sum + (lengthOf(cell['text']) || JSON.stringify(cell).length), 0);
  return [
    ...must(String(block['caption']).length > 0, 'caption'),
    ...must(rows.length >= 2 && rows.length <= 101, `${rows.length} rows`),
    ...must(
      rows.every((row) => row.length === rows[0]?.length && row.length >= 1 && row.length <= 20),
      'row lengths',
    ),
    ...must(
      (rows[0] ?? []).every((cell) => cell['type'] === 'raw_text'),
      'header cells',
    ),
    ...must(size <= 10_000, `table of ${size} characters`),
    ...must(Number(block['page_size']) >= 1 && Number(block['page_size']) <= 100, 'page_size'),
    ...cells.flatMap((cell) => {
      if (cell['type'] === 'rich_text') return refuseRich(cell);
      const number = cell['type'] !== 'raw_number' || Number.isFinite(cell['value']);
      return [
        ...must(number, 'raw_number'),
        ...must(String(cell['text']).length > 0, 'empty cell'),
        ...torn(String(cell['text'])),
      ];
    }),
  ];
}

function refuseChart(block: Json): string[] {
  const chart = block['chart'] as Json;
  const title = must(String(block['title']).length >= 1 && String(block['title']).length <= 50, 'chart title');
  if (chart['type'] === 'pie') {
    const segments = chart['segments'] as { label: string; value: number }[];
    return [
      ...title,
      ...must(segments.length >= 1 && segments.length <= 12, 'segments'),
      ...segments.flatMap((one) => [
        ...refuseLabel(one.label),
        ...must(Number.isFinite(one.value) && one.value > 0, 'segment value'),
      ]),
    ];
  }
  const series = chart['series'] as { name: string; data: { label: string; value: number }[] }[];
  const axis = chart['axis_config'] as { categories: string[]; y_label?: string };
  return [
    ...title,
    ...must(chart['type'] === 'bar', 'chart type'),
    ...must(series.length >= 1 && series.length <= 12, 'series'),
    ...must(axis.categories.length >= 1 && axis.categories.length <= 20, 'categories'),
    ...must(new Set(axis.categories).size === axis.categories.length, 'categories unique'),
    ...axis.categories.flatMap(refuseLabel),
    ...must((axis.y_label ?? '').length <= 50, 'y_label'),
    ...series.flatMap((one) => [
      ...refuseLabel(one.name),
      ...must(
        one.data.map((point) => point.label).join('\n') === axis.categories.join('\n'),
        'one point for each category',
      ),
      ...must(
        one.data.every((point) => Number.isFinite(point.value)),
        'point value',
      ),
    ]),
  ];
}

function refuseLabel(label: string): string[] {
  return [...must(label.length >= 1 && label.length <= 20, `label "${label}"`), ...torn(label)];
}

function refusePlain(given: unknown, max: number): string[] {
  const { type, text } = (given ?? {}) as { type?: string; text?: string };
  return [
    ...must(type === 'plain_text', 'plain_text'),
    ...must(text !== undefined && text.trim().length > 0 && text.length <= max, `plain_text of ${text?.length}`),
    ...torn(text ?? ''),
  ];
}

function refuseText(given: Json, max: number): string[] {
  if (given['type'] === 'plain_text') return refusePlain(given, max);
  const text = String(given['text']);
  return [
    ...must(
      (given['type'] === 'mrkdwn' && given['verbatim'] === true) ||
        given['text'] === 'Shortened to fit: the largest parts are left out.',
      'text object',
    ),
    ...must(text.length > 0 && text.length <= max, `mrkdwn of ${text.length}`),
    ...broken(text),
  ];
}

/** What mrkdwn must not hold: torn characters or entities, and markup other than a person, a channel or a date. */
function broken(text: string): string[] {
  const rest = text.replace(/<!date\^\d+\^[^<>|]+\|[^<>|]+>|<@[UW][A-Z0-9]+>|<#[CGD][A-Z0-9]+>/g, '');
  return [
    ...torn(text),
    ...must(!/[<>]/.test(rest), `markup in ${JSON.stringify(text.slice(0, 200))}`),
    ...must(!/&(?!amp;|lt;|gt;)/.test(rest), 'broken entity'),
    ...must((rest.match(/`/g) ?? []).length % 2 === 0, 'open code span'),
  ];
}

function torn(text: string): string[] {
  return must(text.isWellFormed(), 'half a character');
}

function lengthOf(text: unknown): number {
  return typeof text === 'string' ? text.length : 0;
}

function must(holds: boolean, fault: string): string[] {
  return holds ? [] : [fault];
}
