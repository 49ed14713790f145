import type { LocalWorkspace } from '../../src/local/workspace.ts';

/** How many messages of a channel announce each incident, by its id. */
export function timesTold(workspace: LocalWorkspace, channel: string): Map<string, number> {
  const told = new Map<string, number>();
  for (const { metadata } of workspace.messages(channel)) {
    const { id, also = [] } = (metadata?.event_payload ?? {}) as { id?: string; also?: string[] };
    for (const one of id === undefined ? [] : [id, ...also]) told.set(one, (told.get(one) ?? 0) + 1);
  }
  return told;
}
