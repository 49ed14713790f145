import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { withIds } from './block-ids.ts';
import { checkView } from './block-rules.ts';
import type { Changes } from './changes.ts';
import { APP_ID, BOT, TEAM } from './directory.ts';
import type { ContentRefusal } from './message-content.ts';
import type { Block } from './message.ts';

const STACK_MAX = 3;

const Sent = z.object({
  type: z.enum(['modal', 'home']),
  callback_id: z.string().default(''),
  external_id: z.string().default(''),
  private_metadata: z.string().default(''),
  title: z.unknown().optional(),
  submit: z.unknown().optional(),
  close: z.unknown().optional(),
  clear_on_close: z.boolean().default(false),
  notify_on_close: z.boolean().default(false),
  blocks: z.unknown(),
});

/** A modal or an App Home as one person has it before them. */
export interface View extends Omit<z.infer<typeof Sent>, 'blocks'> {
  id: string;
  person: string;
  hash: string;
  blocks: Block[];
  rootId: string;
  previousId: string | null;
}

export interface Views {
  open: (person: string, view: unknown) => View | ContentRefusal;
  push: (person: string, view: unknown) => View | ContentRefusal;
  /** Replaces what the view shows. `hash`: refuse when somebody was faster. */
  update: (
    key: { viewId?: string | undefined; externalId?: string | undefined },
    view: unknown,
    hash?: string,
  ) => View | ContentRefusal;
  publish: (person: string, view: unknown, hash?: string) => View | ContentRefusal;
  /** The person's open modals, the topmost last. */
  stack: (person: string) => View[];
  home: (person: string) => View | null;
  find: (id: string) => View | null;
  /** Takes the topmost modal away, or all of them. */
  pop: (person: string, all: boolean) => void;
}

/** Modals (a stack of at most three for each person) and App Homes. */
export function openViews(changes: Changes, nowMs: () => number): Views {
  const stacks = new Map<string, View[]>();
  const homes = new Map<string, View>();

  function everyView(): View[] {
    return [...stacks.values()].flat().concat([...homes.values()]);
  }

  function stack(person: string): View[] {
    return stacks.get(person) ?? [];
  }

  function read(view: unknown, type: 'modal' | 'home', person: string): View | ContentRefusal {
    const messages = checkView(view, type);
    if (messages.length > 0) return { error: 'invalid_arguments', messages };
    const sent = Sent.parse(view);
    const isTaken = sent.external_id !== '' && everyView().some((one) => one.external_id === sent.external_id);
    if (isTaken && type === 'modal') return { error: 'duplicate_external_id' };
    const id = `V${randomBytes(6).toString('hex').toUpperCase()}`;
    return { ...sent, id, person, hash: newHash(), blocks: withIds(sent.blocks), rootId: id, previousId: null };
  }

  function newHash(): string {
    return `${Math.floor(nowMs() / 1000)}.${randomBytes(6).toString('base64url')}`;
  }

  function replace(old: View, view: unknown): View | ContentRefusal {
    const messages = checkView(view, old.type);
    if (messages.length > 0) return { error: 'invalid_arguments', messages };
    const sent = Sent.parse(view);
    Object.assign(old, {
      // A new view without them has none.
      title: undefined,
      submit: undefined,
      close: undefined,
      ...sent,
      external_id: sent.external_id || old.external_id,
      hash: newHash(),
      blocks: withIds(sent.blocks),
    });
    changes.emit({ kind: old.type === 'home' ? 'home' : 'view', person: old.person });
    return old;
  }

  function put(person: string, views: View[]): void {
    stacks.set(person, views);
    changes.emit({ kind: 'view', person });
  }

  return {
    stack,
    home: (person) => homes.get(person) ?? null,
    find: (id) => everyView().find((one) => one.id === id) ?? null,
    open(person, sent) {
      const view = read(sent, 'modal', person);
      if (!('error' in view)) put(person, [view]);
      return view;
    },
    push(person, sent) {
      const below = stack(person);
      if (below.length >= STACK_MAX) return { error: 'push_limit_reached' };
      const view = read(sent, 'modal', person);
      if ('error' in view) return view;
      view.rootId = below[0]?.id ?? view.id;
      view.previousId = below.at(-1)?.id ?? null;
      put(person, [...below, view]);
      return view;
    },
    update(key, sent, hash) {
      const { viewId, externalId } = key;
      const old = everyView().find(
        (one) => one.id === viewId || (externalId !== undefined && externalId !== '' && one.external_id === externalId),
      );
      if (old === undefined) return { error: 'not_found' };
      if (hash !== undefined && hash !== old.hash) return { error: 'hash_conflict' };
      return replace(old, sent);
    },
    publish(person, sent, hash) {
      const old = homes.get(person);
      if (old !== undefined && hash !== undefined && hash !== old.hash) return { error: 'hash_conflict' };
      if (old !== undefined) return replace(old, sent);
      const view = read(sent, 'home', person);
      if ('error' in view) return view;
      homes.set(person, view);
      changes.emit({ kind: 'home', person });
      return view;
    },
    pop(person, all) {
      put(person, all ? [] : stack(person).slice(0, -1));
    },
  };
}

/** The view as the Web API and payloads spell it. */
export function asSlackView(view: View, values: Record<string, unknown> = {}): Record<string, unknown> {
  const { id, person: _, rootId, previousId, ...rest } = view;
  return {
    id,
    team_id: TEAM.id,
    app_id: APP_ID,
    app_installed_team_id: TEAM.id,
    bot_id: BOT.botId,
    root_view_id: rootId,
    previous_view_id: previousId,
    ...rest,
    state: { values },
  };
}
