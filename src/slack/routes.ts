/** What is done when a route is hit. */
export type RouteKind = 'command' | 'action' | 'view' | 'shortcut' | 'event';

export interface Route {
  kind: RouteKind;
  /** As Slack sends it: the command, the action id before its dot, the callback id, the event's type. */
  id: string;
  does: string;
}

// Every way into the bot. What is not here is answered with a sentence, never with silence.
export const ROUTES = [
  { kind: 'command', id: '/oom', does: 'reads the words after it' },
  { kind: 'action', id: 'scores', does: 'ranks the processes of a host now' },
  { kind: 'action', id: 'report', does: 'shows everything known about an incident' },
  { kind: 'action', id: 'mute', does: 'mutes an incident’s service for an hour' },
  { kind: 'action', id: 'ack', does: 'says that somebody takes care of an incident' },
  { kind: 'action', id: 'protect', does: 'opens the form for a protection, filled with an incident’s victim' },
  { kind: 'action', id: 'approve', does: 'says yes to a change' },
  { kind: 'action', id: 'decline', does: 'says no to a change, or takes it back' },
  { kind: 'action', id: 'undo', does: 'puts back what a change changed' },
  { kind: 'action', id: 'share', does: 'shows an answer to the whole channel' },
  { kind: 'action', id: 'run', does: 'runs the command in the button’s value' },
  { kind: 'action', id: 'hosts-add', does: 'opens the form for a new host' },
  { kind: 'action', id: 'hosts-remove', does: 'opens the form to remove a host' },
  { kind: 'view', id: 'explain', does: 'explains pasted text' },
  { kind: 'view', id: 'protect', does: 'proposes the protection that was put in' },
  { kind: 'view', id: 'host-add', does: 'reads the key of the host that was named' },
  { kind: 'view', id: 'host-confirm', does: 'adds the host whose fingerprint was confirmed' },
  { kind: 'view', id: 'host-remove', does: 'removes a host' },
  { kind: 'shortcut', id: 'explain-message', does: 'explains the text of a message' },
  { kind: 'event', id: 'app_home_opened', does: 'shows the fleet' },
  { kind: 'event', id: 'app_mention', does: 'reads the same words as the command, also in threads' },
  { kind: 'event', id: 'message', does: 'reads the same words in a direct message' },
] as const satisfies readonly Route[];

export type RouteId<K extends RouteKind> = Extract<(typeof ROUTES)[number], { kind: K }>['id'];
export type ActionRoute = RouteId<'action'>;
export type ViewRoute = RouteId<'view'>;

/** The route of an action id: `run.3` is a `run`. null: not ours, or of another version. */
export function actionRoute(actionId: string): ActionRoute | null {
  const id = actionId.split('.')[0] ?? '';
  return isRoute('action', id) ? id : null;
}

/** Whether something of this kind with this id is a way in. */
export function isRoute<K extends RouteKind>(kind: K, id: string): id is RouteId<K> {
  return ROUTES.some((route) => route.kind === kind && route.id === id);
}
