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
    type: 'section',
    text: text('Lower `innodb_buffer_pool_size` to 3 GiB:'),
  },
  {
    type: 'rich_text',
    elements: [
      {
        type: 'rich_text_preformatted',
        elements: [{ type: 'text', text: 'SET GLOBAL innodb_buffer_pool_size = 3221225472;' }],
      },
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
    ],
  },
  { type: 'context', elements: [text('Kernel 6.1.0-50-amd64 · report 12 of demo-db01')] },
];

const CATEGORIES = ['00h', '04h', '08h', '12h', '16h', '20h'];

export const CHART = {
  type: 'data_visualization',
  title: 'Memory at each past kill',
  chart: {
    type: 'bar',
    series: ['mysqld', 'apache2'].map((name, index) => ({
      name,
      data: CATEGORIES.map((label, at) => ({ label, value: (4000 + at * 300) / (index * 4 + 1) })),
    })),
    axis_config: { categories: CATEGORIES, y_label: 'MiB' },
  },
};

export const TEXTS = [
  {
    type: 'rich_text',
    elements: [
      {
        type: 'rich_text_section',
        elements: [
          { type: 'text', text: 'The log said ' },
          { type: 'date', timestamp: 1767225600, format: '{date_short_pretty} {time}', fallback: '2026-01-01' },
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
    ],
  },
  {
    type: 'section',
    text: text('*not bold* <b>&amp; `code`'),
    accessory: { type: 'button', action_id: 'look', text: plain('Look') },
  },
];

export const MODAL = {
  type: 'modal' as const,
  callback_id: 'protect',
  title: plain('Protect mysqld'),
  submit: plain('Propose'),
  close: plain('Not now'),
  blocks: [
    { type: 'section', text: text('*icinga2* would die next. It is how you would hear of the next problem.') },
    {
      type: 'input',
      block_id: 'adj',
      label: plain('oom_score_adj'),
      hint: plain('From -1000 (never) to 1000 (first).'),
      element: { type: 'plain_text_input', action_id: 'adj', max_length: 5, initial_value: '-500' },
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
    { type: 'section', text: text('🟢 *demo-db01* is connected · last kill 4 min ago') },
    { type: 'actions', elements: [{ type: 'button', action_id: 'check', text: plain('Check hosts') }] },
  ],
};
