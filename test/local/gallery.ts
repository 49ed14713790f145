// One message of every kind, for looking at the page and for tests that walk through it.

function text(value: string) {
  return { type: 'mrkdwn' as const, text: value };
}

function plain(value: string) {
  return { type: 'plain_text' as const, text: value };
}

function row(name: string, count: number, rss: number, swap: number) {
  return [
    { type: 'raw_text', text: name },
    { type: 'raw_number', value: count, text: String(count) },
    { type: 'raw_number', value: rss, text: `${rss} MiB` },
    { type: 'raw_number', value: swap, text: `${swap} MiB` },
  ];
}

export const KILL = [
  { type: 'header', text: plain('mysqld was killed on demo-db01') },
  {
    type: 'section',
    text: text(
      'The host ran out of memory: *mysqld* held 5.1 of 7.8 GiB. `icinga2` only asked at the bad moment. _Certain._\nSecond kill in 8 h. <!date^1767225600^{date_short_pretty} {time_secs}|2026-01-01 00:00:00 UTC>',
    ),
  },
  {
    type: 'section',
    fields: [
      text('*Victim*\n`mysqld` (pid 1021, score 667)'),
      text('*Trigger*\n`icinga2` (pid 4711, order 0)'),
      text('*Domain*\nthe whole host'),
      text('*Freed*\n5.1 GiB'),
    ],
  },
  {
    type: 'data_table',
    caption: 'Top memory holders',
    rows: [
      ['Service', 'Processes', 'RSS', 'Swap'].map((name) => ({ type: 'raw_text', text: name })),
      row('mysqld', 1, 5213, 812),
      row('icinga2', 3, 702, 64),
      row('apache2', 24, 655, 120),
      row('php-fpm8.2', 12, 340, 31),
      row('rsyslogd', 1, 24, 2),
      row('sshd', 4, 19, 0),
    ],
  },
  {
    type: 'data_visualization',
    title: 'Where the memory was',
    chart: {
      type: 'pie',
      segments: [
        { label: 'mysqld', value: 5213 },
        { label: 'icinga2', value: 702 },
        { label: 'apache2', value: 655 },
        { label: 'php-fpm8.2', value: 340 },
        { label: 'page cache', value: 210 },
        { label: 'everything else', value: 880 },
      ],
    },
  },
  {
    type: 'container',
    title: plain('What to do'),
    subtitle: plain('one line, and its undo'),
    is_collapsible: true,
    child_blocks: [
      {
        type: 'section',
        text: text(
          'Lower `innodb_buffer_pool_size` to 3 GiB.\n```\nSET GLOBAL innodb_buffer_pool_size = 3221225472;\n```',
        ),
      },
      { type: 'context', elements: [text('Undo: set it back to 5368709120.')] },
    ],
  },
  {
    type: 'actions',
    block_id: 'kill',
    elements: [
      { type: 'button', action_id: 'protect', text: plain('Protect …'), style: 'primary', value: 'demo-db01' },
      { type: 'button', action_id: 'scores', text: plain('Scores now') },
      {
        type: 'button',
        action_id: 'mute',
        text: plain('Mute'),
        style: 'danger',
        confirm: {
          title: plain('Mute demo-db01?'),
          text: text('The channel stays silent for *1 h*.'),
          confirm: plain('Mute'),
          deny: plain('Keep'),
        },
      },
      {
        type: 'overflow',
        action_id: 'more',
        options: [
          { text: plain('Full report'), value: 'report' },
          { text: plain('History'), value: 'history' },
        ],
      },
    ],
  },
  { type: 'context', elements: [text('Kernel 6.1.0-50-amd64 · report 12 of demo-db01')] },
];

const CATEGORIES = ['00h', '04h', '08h', '12h', '16h', '20h'];

export const CHARTS = ['line', 'bar', 'area'].map((type) => ({
  type: 'data_visualization',
  title: `Memory at each past kill (${type})`,
  chart: {
    type,
    series: ['mysqld', 'apache2'].map((name, index) => ({
      name,
      data: CATEGORIES.map((label, at) => ({ label, value: (4000 + at * 300) / (index * 4 + 1) })),
    })),
    axis_config: { categories: CATEGORIES, x_label: 'Time of day', y_label: 'MiB' },
  },
}));

export const TEXTS = [
  {
    type: 'rich_text',
    elements: [
      {
        type: 'rich_text_section',
        elements: [
          { type: 'text', text: 'The log said', style: { bold: true } },
          { type: 'text', text: ' on ' },
          { type: 'channel', channel_id: 'CLOCAL001' },
          { type: 'text', text: ', asked by ' },
          { type: 'user', user_id: 'ULOCALBEN' },
        ],
      },
      {
        type: 'rich_text_preformatted',
        elements: [
          {
            type: 'text',
            text: 'Out of memory: Killed process 1021 (<!channel>) total-vm:7340032kB, anon-rss:5338112kB',
          },
        ],
      },
      {
        type: 'rich_text_list',
        style: 'bullet',
        elements: [{ type: 'rich_text_section', elements: [{ type: 'text', text: 'the first' }] }],
      },
    ],
  },
  {
    type: 'markdown',
    text: '## Standard Markdown\n\nWith **bold**, `code`, [a link](https://example.net) and <b>no HTML</b>.\n\n- one\n- two',
  },
  {
    type: 'table',
    rows: [
      [
        { type: 'raw_text', text: 'Process' },
        { type: 'raw_text', text: 'Score' },
      ],
      [
        { type: 'raw_text', text: 'mysqld' },
        { type: 'raw_text', text: '667' },
      ],
      [
        { type: 'raw_text', text: '*not bold* <b>&amp;' },
        { type: 'raw_text', text: '12' },
      ],
    ],
    column_settings: [{ is_wrapped: true }, { align: 'right' }],
  },
  { type: 'card', title: text('*A card*'), subtitle: text('small'), body: text('Its body is short.') },
  {
    type: 'plan',
    title: 'Change on three hosts',
    tasks: [
      { type: 'task_card', task_id: '1', title: 'db01', status: 'complete' },
      { type: 'task_card', task_id: '2', title: 'db02', status: 'in_progress' },
      { type: 'task_card', task_id: '3', title: 'db03', status: 'error' },
    ],
  },
];

export const MODAL = {
  type: 'modal' as const,
  callback_id: 'protect',
  title: plain('Protect mysqld'),
  submit: plain('Propose'),
  close: plain('Not now'),
  blocks: [
    {
      type: 'alert',
      level: 'warning',
      text: text('*icinga2* would die next. It is how you would hear of the next problem.'),
    },
    {
      type: 'input',
      block_id: 'adj',
      label: plain('oom_score_adj'),
      hint: plain('From -1000 (never) to 1000 (first).'),
      element: {
        type: 'number_input',
        action_id: 'adj',
        is_decimal_allowed: false,
        min_value: '-999',
        max_value: '1000',
        initial_value: '-500',
      },
    },
    {
      type: 'input',
      block_id: 'how',
      label: plain('How it lasts'),
      element: {
        type: 'radio_buttons',
        action_id: 'how',
        options: [
          { text: plain('Until the process ends'), value: 'process' },
          { text: plain('In the unit'), value: 'unit', description: plain('as a drop-in') },
        ],
      },
    },
    {
      type: 'input',
      block_id: 'until',
      optional: true,
      label: plain('Until when'),
      element: {
        type: 'static_select',
        action_id: 'until',
        options: ['1 h', '4 h', '1 day'].map((one) => ({ text: plain(one), value: one })),
      },
    },
    {
      type: 'input',
      block_id: 'why',
      label: plain('Why'),
      element: { type: 'plain_text_input', action_id: 'why', multiline: true, min_length: 5 },
    },
  ],
};

export const HOME = {
  type: 'home' as const,
  blocks: [
    { type: 'header', text: plain('Your fleet') },
    { type: 'section', text: text(':large_green_circle: *demo-db01* is connected · last kill 4 min ago') },
    { type: 'actions', elements: [{ type: 'button', action_id: 'check', text: plain('Check hosts') }] },
  ],
};
