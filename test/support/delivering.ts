import { randomUUID } from 'node:crypto';
import pino from 'pino';
import { openTelling, type Telling } from '../../src/app/tell/telling.ts';
import { assignIncidents } from '../../src/app/watch/assign-incidents.ts';
import type { Store } from '../../src/app/store-port.ts';
import type { Kill } from '../../src/incident/incident.ts';
import { describeIncident } from '../../src/notice/incident/incident-notice.ts';
import { openSlack } from '../../src/slack/app.ts';
import { answeringHandlers } from './answering-handlers.ts';
import { realClock } from './sshd.ts';
import { PLACING } from './placing.ts';

export interface Delivering {
  /** Records kills of one host as watching it does, and has them told in the channel. */
  happen: (host: string, kills: Kill[], channel: string) => Promise<void>;
  delivery: Telling;
  close: () => Promise<void>;
}

/** The part of the bot between the record and Slack, without hosts. The store stays its owner's. */
export async function openDelivering(
  store: Store,
  { botToken, appToken, apiUrl }: { botToken: string; appToken: string; apiUrl: string },
): Promise<Delivering> {
  const log = pino({ level: 'silent' });
  const slack = openSlack({ botToken, appToken, apiUrl, logger: log, clock: realClock });
  await slack.start(answeringHandlers(), new AbortController().signal);
  const delivery = openTelling({
    store,
    workspace: slack,
    clock: realClock,
    log,
    owner: randomUUID(),
    describe: async (incident) => describeIncident(incident, { nowMs: Date.now(), protect: false }),
  });
  return {
    delivery,
    happen: async (host, kills, channel) => {
      await store.saveBatch({ host, kills, positions: [] }, (view) =>
        assignIncidents(view, { ...PLACING, nowMs: Date.now(), newId: () => randomUUID(), channelOf: () => channel }),
      );
      delivery.wake();
    },
    close: async () => {
      await delivery.close();
      await slack.close();
    },
  };
}
