import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { withIds } from './block-ids.ts';
import { checkView } from './block-rules.ts';
import type { Changes } from './changes.ts';
import { APP_ID, BOT, TEAM } from './directory.ts';
import type { ContentRefusal } from './message-content.ts';
import type { Block } from './message.ts';

const Sent = z.object({
  type: z.enum(['modal', 'home']),
  callback_id: z.string().default(''),
  private_metadata: z.string().default(''),
  title: z.unknown().optional(),
  submit: z.unknown().optional(),
  close: z.unknown().optional(),
  blocks: z.unknown(),
});

/** A modal or an App Home as one person has it before them. */
export interface View extends Omit<z.infer<typeof Sent>, 'blocks'> {
  id: string;
  person: string;
  hash: string;
  blocks: Block[];
}

export interface Views {
  /** Shows a modal in place of the one before. */
  open: (person: string, view: unknown) => View | ContentRefusal;
  /** Replaces what the view shows. `hash`: refuse when somebody was faster. */
  update: (id: string, view: unknown, hash?: string) => View | ContentRefusal;
  publish: (person: string, view: unknown, hash?: string) => View | ContentRefusal;
  /** The person's open modal. */
  modal: (person: string) => View | null;
  home: (person: string) => View | null;
  find: (id: string) => View | null;
  /** Takes the modal away. */
  close: (person: string) => void;
}

/** One modal at a time for each person (the bot stacks none), and App Homes. */
export function openViews(changes: Changes, nowMs: () => number): Views {
  const modals = new Map<string, View>();
  const homes = new Map<string, View>();

  function find(id: string): View | null {
    return [...modals.values(), ...homes.values()].find((one) => one.id === id) ?? null;
  }

  function read(view: unknown, type: 'modal' | 'home', person: string): View | ContentRefusal {
    const messages = checkView(view, type);
    if (messages.length > 0) return { error: 'invalid_arguments', messages };
    const sent = Sent.parse(view);
    const id = `V${randomBytes(6).toString('hex').toUpperCase()}`;
    return { ...sent, id, person, hash: newHash(), blocks: withIds(sent.blocks) };
  }

  function newHash(): string {
    return `${Math.floor(nowMs() / 1000)}.${randomBytes(6).toString('base64url')}`;
  }

  function replace(old: View, view: unknown, hash: string | undefined): View | ContentRefusal {
    if (hash !== undefined && hash !== old.hash) return { error: 'hash_conflict' };
    const next = read(view, old.type, old.person);
    if ('error' in next) return next;
    // A new view without them has none.
    Object.assign(old, { title: undefined, submit: undefined, close: undefined, ...next, id: old.id });
    changes.emit({ kind: old.type === 'home' ? 'home' : 'view', person: old.person });
    return old;
  }

  return {
    modal: (person) => modals.get(person) ?? null,
    home: (person) => homes.get(person) ?? null,
    find,
    open(person, sent) {
      const view = read(sent, 'modal', person);
      if ('error' in view) return view;
      modals.set(person, view);
      changes.emit({ kind: 'view', person });
      return view;
    },
    update(id, sent, hash) {
      const old = find(id);
      return old === null ? { error: 'not_found' } : replace(old, sent, hash);
    },
    publish(person, sent, hash) {
      const old = homes.get(person);
      if (old !== undefined) return replace(old, sent, hash);
      const view = read(sent, 'home', person);
      if ('error' in view) return view;
      homes.set(person, view);
      changes.emit({ kind: 'home', person });
      return view;
    },
    close(person) {
      modals.delete(person);
      changes.emit({ kind: 'view', person });
    },
  };
}

/** The view as the Web API and payloads spell it. */
export function asSlackView(view: View, values: Record<string, unknown> = {}): Record<string, unknown> {
  const { person: _, ...rest } = view;
  return {
    team_id: TEAM.id,
    app_id: APP_ID,
    app_installed_team_id: TEAM.id,
    bot_id: BOT.botId,
    root_view_id: view.id,
    previous_view_id: null,
    ...rest,
    state: { values },
  };
}
