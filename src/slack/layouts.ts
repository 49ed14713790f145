import type { Notice } from '../notice/notice.ts';
import { renderContent, type NoticeBlock } from './blocks.ts';
import { formAgain } from './form-again.ts';
import { protectView } from './protect-view.ts';
import {
  explainView,
  homeView,
  hostAddView,
  hostConfirmView,
  hostRemoveView,
  noticeView,
  waitingView,
} from './views.ts';

/** A notice to look at, by what it is. */
export interface Example {
  name: string;
  notice: Notice;
}

/** One form of what is sent to Slack. `plain`: what a message becomes where Slack does not take its blocks. */
export type Layout = { name: string } & (
  { kind: 'message' | 'plain'; notice: Notice; text: string; blocks: NoticeBlock[] } | { kind: 'view'; view: object }
);

/** Every different layout of these notices, in messages and in windows, and of the forms. Those alike but for their texts are one. */
export function layoutsOf(examples: readonly Example[]): Layout[] {
  const draft = { name: 'example-db01', address: '192.0.2.7', port: 22, user: null, tags: ['db'] };
  const key = { keyType: 'ssh-ed25519', fingerprint: `SHA256:${'A'.repeat(43)}` };
  const forms: [string, object][] = [
    ['explain, pasted', explainView(false)],
    ['explain, with a file', explainView(true)],
    ['protect', protectView({ host: 'example-db01', what: 'mysqld', incidentId: 'example' })],
    [
      'protect, refused',
      formAgain(
        protectView({ host: 'example-db01', what: 'mysqld', incidentId: 'example' }),
        {
          host: 'example-db01',
          what: 'mysqd',
          lasts: 'keep',
          tag: 'db',
          matching: '--port=3307',
          why: 'it pays the bills',
        },
        { kind: 'change', why: { kind: 'no-such-process', host: 'example-db01', what: 'mysqd', nearest: 'mysqld' } },
      ),
    ],
    ['add a host', hostAddView()],
    ['confirm a host', hostConfirmView(draft, key)],
    ['remove a host', hostRemoveView('example-db01')],
    ['waiting', waitingView('oombot', 'One moment…')],
  ];
  return different([
    ...examples.map(({ name, notice }) => message('message', name, notice)),
    ...examples.map(({ name, notice }) => message('plain', name, notice)),
    ...examples.map(({ name, notice }): Layout => ({
      kind: 'view',
      name,
      view: name === 'App Home' ? homeView(notice) : noticeView('oombot', notice),
    })),
    ...forms.map(([name, view]): Layout => ({ kind: 'view', name: `form: ${name}`, view })),
  ]);
}

function message(kind: 'message' | 'plain', name: string, notice: Notice): Layout {
  return { kind, name, notice, ...renderContent(notice, kind) };
}

function different(layouts: readonly Layout[]): Layout[] {
  const seen = new Map<string, Layout>();
  for (const layout of layouts) {
    const shape = layout.kind === 'view' ? `view ${shapeOf(layout.view)}` : `message ${shapeOf(layout.blocks)}`;
    if (!seen.has(shape)) seen.set(shape, layout);
  }
  return [...seen.values()];
}

/** What a payload is made of: its texts and numbers are left out, and what repeats itself in a list counts once. */
function shapeOf(value: unknown, key = ''): string {
  if (Array.isArray(value)) return `[${[...new Set(value.map((one) => shapeOf(one)))].toSorted().join()}]`;
  if (typeof value !== 'object' || value === null) return key === 'type' ? String(value) : typeof value;
  const entries = Object.entries(value).map(([name, one]) => `${name}:${shapeOf(one, name)}`);
  return `{${entries.toSorted().join()}}`;
}
