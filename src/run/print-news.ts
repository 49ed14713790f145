import { mutedUntil } from '../app/mute-target.ts';
import type { Clock, Log } from '../app/ports.ts';
import { readReply } from '../app/reply-body.ts';
import type { Saved } from '../app/watch/save-queue.ts';
import type { HostStore } from '../app/store-port.ts';
import type { Incident } from '../incident/incident.ts';
import type { Notice } from '../notice/notice.ts';
import { renderText } from '../notice/render-text.ts';

export interface PrintWorld {
  store: HostStore;
  clock: Clock;
  log: Log;
  describe: (incident: Incident) => Promise<Notice>;
  print: (text: string) => void;
}

/** What the channels are told, for whoever looks at the terminal: kills, and hosts that cannot be watched or are back. Never throws. */
export async function printNews(saved: Saved, world: PrintWorld): Promise<void> {
  try {
    await printAll(saved, world);
  } catch (error) {
    world.log.error({ err: error }, 'News could not be printed');
  }
}

async function printAll(saved: Saved, { store, clock, describe, print }: PrintWorld): Promise<void> {
  for (const { body } of saved.told) {
    const reply = readReply(body);
    if (reply !== null) print(`${renderText(reply.notice)}\n\n`);
  }
  const news = new Set(saved.news.map((kill) => kill.key));
  if (news.size === 0) return;
  const nowMs = clock.nowMs();
  const mutes = await store.mutes(nowMs);
  for (const incident of saved.incidents) {
    if (!incident.kills.some((kill) => news.has(kill.key)) || mutedUntil(mutes, incident, nowMs) !== null) continue;
    print(`${renderText(await describe(incident))}\n\n`);
  }
}
