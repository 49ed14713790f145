import { describe, expect, it } from 'vitest';
import { areBlocksTooLong, checkBlocks, checkView, type Surface } from '../../src/local/block-rules.ts';
import { CHART, HOME, KILL, MODAL, TEXTS } from './gallery.ts';

function plain(length: number) {
  return { type: 'plain_text', text: 'x'.repeat(length) };
}

function mrkdwn(length: number) {
  return { type: 'mrkdwn', text: 'x'.repeat(length) };
}

function times<T>(count: number, make: (at: number) => T): T[] {
  return Array.from({ length: count }, (_, at) => make(at));
}

const LINE = { type: 'section', text: plain(1) };

function actions(element: unknown) {
  return [{ type: 'actions', elements: [element] }];
}

function button(extra: object = {}) {
  return { type: 'button', text: plain(3), ...extra };
}

function option(extra: object = {}) {
  return { text: plain(3), value: 'v', ...extra };
}

function cell(length: number) {
  return { type: 'raw_text', text: 'x'.repeat(length) };
}

function dataTable(rows: number, columns: number, extra: object = {}) {
  return [{ type: 'data_table', caption: 'c', rows: times(rows, () => times(columns, () => cell(1))), ...extra }];
}

function pie(segments: number, label = 1, title = 1) {
  const chart = { type: 'pie', segments: times(segments, () => ({ label: 'x'.repeat(label), value: 1 })) };
  return [{ type: 'data_visualization', title: 'x'.repeat(title), chart }];
}

function bar(series: number, points: number, label = 1) {
  const categories = times(points, (at) => String(at).padEnd(label, 'x'));
  const data = categories.map((name) => ({ label: name, value: -1 }));
  const chart = { type: 'bar', series: times(series, (at) => ({ name: `s${at}`, data })), axis_config: { categories } };
  return [{ type: 'data_visualization', title: 't', chart }];
}

function input(element: object) {
  return [{ type: 'input', label: plain(1), element }];
}

type Row = [name: string, surface: Surface, atLimit: unknown, above: unknown];

const LIMITS: Row[] = [
  ['50 blocks in a message', 'message', times(50, () => LINE), times(51, () => LINE)],
  ['100 blocks in a modal', 'modal', times(100, () => LINE), times(101, () => LINE)],
  ['100 blocks in a home', 'home', times(100, () => LINE), times(101, () => LINE)],
  ['header 150', 'message', [{ type: 'header', text: plain(150) }], [{ type: 'header', text: plain(151) }]],
  [
    'section text 3000',
    'message',
    [{ type: 'section', text: mrkdwn(3000) }],
    [{ type: 'section', text: mrkdwn(3001) }],
  ],
  ['section text not empty', 'message', [{ type: 'section', text: mrkdwn(1) }], [{ type: 'section', text: mrkdwn(0) }]],
  [
    'section 10 fields',
    'message',
    [{ type: 'section', fields: times(10, () => mrkdwn(1)) }],
    [{ type: 'section', fields: times(11, () => mrkdwn(1)) }],
  ],
  [
    'section field 2000',
    'message',
    [{ type: 'section', fields: [mrkdwn(2000)] }],
    [{ type: 'section', fields: [mrkdwn(2001)] }],
  ],
  ['section has text or fields', 'message', [{ type: 'section', fields: [mrkdwn(1)] }], [{ type: 'section' }]],
  [
    'context 10 elements',
    'message',
    [{ type: 'context', elements: times(10, () => mrkdwn(1)) }],
    [{ type: 'context', elements: times(11, () => mrkdwn(1)) }],
  ],
  [
    'actions 25 elements',
    'message',
    [{ type: 'actions', elements: times(25, () => button()) }],
    [{ type: 'actions', elements: times(26, () => button()) }],
  ],
  ['button text 75', 'message', actions(button({ text: plain(75) })), actions(button({ text: plain(76) }))],
  [
    'button value 2000',
    'message',
    actions(button({ value: 'x'.repeat(2000) })),
    actions(button({ value: 'x'.repeat(2001) })),
  ],
  ['button text is plain', 'message', actions(button()), actions(button({ text: mrkdwn(3) }))],
  ['button style', 'message', actions(button({ style: 'danger' })), actions(button({ style: 'green' }))],
  [
    'action_id 255',
    'message',
    actions(button({ action_id: 'x'.repeat(255) })),
    actions(button({ action_id: 'x'.repeat(256) })),
  ],
  [
    'confirm has all four',
    'message',
    actions(button({ confirm: { title: plain(100), text: mrkdwn(300), confirm: plain(30), deny: plain(30) } })),
    actions(button({ confirm: { title: plain(100), text: mrkdwn(300), confirm: plain(30) } })),
  ],
  [
    'confirm button 30',
    'message',
    actions(button({ confirm: { title: plain(1), text: mrkdwn(1), confirm: plain(30), deny: plain(1) } })),
    actions(button({ confirm: { title: plain(1), text: mrkdwn(1), confirm: plain(31), deny: plain(1) } })),
  ],
  [
    'select 100 options',
    'message',
    actions({ type: 'static_select', options: times(100, () => option()) }),
    actions({ type: 'static_select', options: times(101, () => option()) }),
  ],
  [
    'select placeholder 150',
    'message',
    actions({ type: 'static_select', options: [option()], placeholder: plain(150) }),
    actions({ type: 'static_select', options: [option()], placeholder: plain(151) }),
  ],
  [
    'option text 75',
    'message',
    actions({ type: 'static_select', options: [option({ text: plain(75) })] }),
    actions({ type: 'static_select', options: [option({ text: plain(76) })] }),
  ],
  [
    'option value 150',
    'message',
    actions({ type: 'static_select', options: [option({ value: 'x'.repeat(150) })] }),
    actions({ type: 'static_select', options: [option({ value: 'x'.repeat(151) })] }),
  ],
  ['block_id 255', 'message', [{ ...LINE, block_id: 'x'.repeat(255) }], [{ ...LINE, block_id: 'x'.repeat(256) }]],
  [
    'block_id once',
    'message',
    [
      { ...LINE, block_id: 'a' },
      { ...LINE, block_id: 'b' },
    ],
    [
      { ...LINE, block_id: 'a' },
      { ...LINE, block_id: 'a' },
    ],
  ],
  [
    'action_id once in a block',
    'message',
    [{ type: 'actions', elements: [button({ action_id: 'a' }), button({ action_id: 'b' })] }],
    [{ type: 'actions', elements: [button({ action_id: 'a' }), button({ action_id: 'a' })] }],
  ],
  [
    'data_table 10,000 characters',
    'message',
    dataTable(2, 2, {
      rows: [
        [cell(1), cell(1)],
        [cell(4999), cell(4999)],
      ],
    }),
    dataTable(2, 2, {
      rows: [
        [cell(1), cell(1)],
        [cell(4999), cell(5000)],
      ],
    }),
  ],
  ['data_table cells not empty', 'message', dataTable(2, 1), dataTable(2, 1, { rows: [[cell(1)], [cell(0)]] })],
  ['no data_table in a modal', 'modal', [LINE], dataTable(2, 1)],
  ['data_table 101 rows', 'message', dataTable(101, 1), dataTable(102, 1)],
  ['data_table 2 rows', 'message', dataTable(2, 1), dataTable(1, 1)],
  ['data_table 20 columns', 'message', dataTable(2, 20), dataTable(2, 21)],
  ['data_table page_size 100', 'message', dataTable(2, 1, { page_size: 100 }), dataTable(2, 1, { page_size: 101 })],
  ['data_table caption', 'message', dataTable(2, 1), dataTable(2, 1, { caption: undefined })],
  [
    'data_table rows of one length',
    'message',
    dataTable(2, 1),
    dataTable(2, 1, { rows: [[cell(1)], [cell(1), cell(1)]] }),
  ],
  [
    'data_table header of text',
    'message',
    dataTable(2, 1),
    dataTable(2, 1, { rows: [[{ type: 'raw_number', value: 1, text: '1' }], [cell(1)]] }),
  ],
  ['chart title 50', 'message', pie(1, 1, 50), pie(1, 1, 51)],
  ['pie 12 segments', 'message', pie(12), pie(13)],
  ['pie label 20', 'message', pie(1, 20), pie(1, 21)],
  [
    'pie above 0',
    'message',
    pie(1),
    [{ type: 'data_visualization', title: 't', chart: { type: 'pie', segments: [{ label: 'a', value: 0 }] } }],
  ],
  ['bar 12 series', 'message', bar(12, 1), bar(13, 1)],
  ['bar 20 points', 'message', bar(1, 20), bar(1, 21)],
  ['bar label 20', 'message', bar(1, 2, 20), bar(1, 2, 21)],
  ['two charts a message', 'message', [...pie(1), ...pie(1)], [...pie(1), ...pie(1), ...pie(1)]],
  [
    'input label 2000',
    'modal',
    [{ type: 'input', label: plain(2000), element: { type: 'plain_text_input' } }],
    [{ type: 'input', label: plain(2001), element: { type: 'plain_text_input' } }],
  ],
  [
    'plain_text_input 3000',
    'modal',
    input({ type: 'plain_text_input', max_length: 3000 }),
    input({ type: 'plain_text_input', max_length: 3001 }),
  ],
  ['10 files', 'modal', input({ type: 'file_input', max_files: 10 }), input({ type: 'file_input', max_files: 11 })],
  ['no button in an input', 'modal', input({ type: 'static_select', options: [option()] }), input(button())],
  ['known blocks', 'message', [LINE], [{ type: 'chart' }]],
  ['known properties', 'message', [LINE], [{ ...LINE, color: 'red' }]],
  [
    'rich text elements',
    'message',
    [{ type: 'rich_text', elements: [{ type: 'rich_text_preformatted', elements: [{ type: 'text', text: 'x' }] }] }],
    [
      {
        type: 'rich_text',
        elements: [{ type: 'rich_text_preformatted', elements: [{ type: 'date', timestamp: 1, format: 'x' }] }],
      },
    ],
  ],
];

describe('block rules', () => {
  it.each(LIMITS)('%s: accepted at the limit, refused above', (_, surface, atLimit, above) => {
    expect(checkBlocks(atLimit, surface)).toEqual([]);
    expect(checkBlocks(above, surface)).not.toEqual([]);
  });

  it.each([
    [
      'text too long',
      [{ type: 'header', text: plain(151) }],
      '[ERROR] must be less than 151 characters [json-pointer:/blocks/0/text/text]',
    ],
    [
      'text empty',
      [{ type: 'header', text: plain(0) }],
      '[ERROR] must be more than 0 characters [json-pointer:/blocks/0/text/text]',
    ],
    ['field missing', [LINE, { type: 'header' }], '[ERROR] missing required field: text [json-pointer:/blocks/1]'],
    ['unknown block', [{ type: 'nope' }], '[ERROR] unsupported type [json-pointer:/blocks/0/type]'],
    [
      'unknown property',
      [{ ...LINE, a: 1 }],
      "[ERROR] additional property 'a' is not allowed [json-pointer:/blocks/0]",
    ],
  ])('names the field as Slack does: %s', (_, blocks, message) => {
    expect(checkBlocks(blocks, 'message')).toEqual([message]);
  });

  it('counts all shown characters of a message, and no ids', () => {
    const blocks = times(4, () => ({ type: 'section', block_id: 'x'.repeat(255), text: mrkdwn(3000) }));

    expect(areBlocksTooLong([...blocks, { type: 'section', text: mrkdwn(1200 - 4 * 6) }])).toBe(false);
    expect(areBlocksTooLong([...blocks, { type: 'section', text: mrkdwn(1201) }])).toBe(true);
  });

  it('accepts the gallery', () => {
    expect([KILL, [CHART], TEXTS].flatMap((blocks) => checkBlocks(blocks, 'message'))).toEqual([]);
    expect([...checkView(MODAL, 'modal'), ...checkView(HOME, 'home')]).toEqual([]);
  });
});

describe('view rules', () => {
  const modal = { type: 'modal', title: plain(24), blocks: [LINE] };

  it.each([
    ['title 24', { title: plain(24) }, { title: plain(25) }],
    ['submit 24', { submit: plain(24) }, { submit: plain(25) }],
    ['close 24', { close: plain(24) }, { close: plain(25) }],
    ['private_metadata 3000', { private_metadata: 'x'.repeat(3000) }, { private_metadata: 'x'.repeat(3001) }],
    ['callback_id 255', { callback_id: 'x'.repeat(255) }, { callback_id: 'x'.repeat(256) }],
    [
      'submit with inputs',
      { submit: plain(1), blocks: input({ type: 'plain_text_input' }) },
      { blocks: input({ type: 'plain_text_input' }) },
    ],
    [
      '250 kB',
      { blocks: times(80, () => ({ type: 'section', text: mrkdwn(3000) })) },
      { blocks: times(90, () => ({ type: 'section', text: mrkdwn(3000) })) },
    ],
  ])('%s: accepted at the limit, refused above', (_, atLimit, above) => {
    expect(checkView({ ...modal, ...atLimit }, 'modal')).toEqual([]);
    expect(checkView({ ...modal, ...above }, 'modal')).not.toEqual([]);
  });

  it('takes no title in a home, and no home as a modal', () => {
    expect(checkView({ type: 'home', title: plain(1), blocks: [] }, 'home')).toEqual([
      "[ERROR] additional property 'title' is not allowed [json-pointer:/view]",
    ]);
    expect(checkView({ type: 'home', blocks: [] }, 'modal')).toEqual([
      '[ERROR] must be of type modal [json-pointer:/view/type]',
    ]);
  });

  it('points into the view', () => {
    expect(checkView({ ...modal, blocks: [{ type: 'header', text: plain(151) }] }, 'modal')).toEqual([
      '[ERROR] must be less than 151 characters [json-pointer:/view/blocks/0/text/text]',
    ]);
  });
});
