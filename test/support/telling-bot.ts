// A program of its own, killed by its parent in the middle of its work: node telling-bot.ts DATABASE API_URL BOT_TOKEN APP_TOKEN CHANNELS
// Records a few kills on new hosts and tells them in channels chosen at random, until it is killed.
import { randomUUID } from 'node:crypto';
import pino from 'pino';
import { openDelivery } from '../../src/app/delivery.ts';
import { placeKills } from '../../src/app/place-kills.ts';
import { describeIncident } from '../../src/notice/incident-notice.ts';
import { openSlack } from '../../src/slack/app.ts';
import { openStore } from '../../src/store/store.ts';
import { aKill } from './a-kill.ts';
import { answeringHandlers } from './answering-handlers.ts';
import { realClock } from './sshd.ts';

const [url = '', apiUrl = '', botToken = '', appToken = '', channels = '1'] = process.argv.slice(2);
const KILLS = 6;
const log = pino({ level: 'silent' });
const store = await openStore(url);
const slack = await openSlack({
  botToken,
  appToken,
  apiUrl,
  handlers: answeringHandlers(),
  logger: log,
  clock: realClock,
  signal: new AbortController().signal,
});
const delivery = openDelivery({
  store,
  workspace: slack,
  clock: realClock,
  log,
  owner: randomUUID(),
  describe: async (incident) => describeIncident(incident, { nowMs: Date.now(), protect: false }),
});
for (let number = 0; number < KILLS; number += 1) {
  const host = `host-${randomUUID().slice(0, 8)}`;
  const channel = `#c${Math.floor(Math.random() * Number(channels))}`;
  await store.saveBatch({ host, kills: [aKill({ host, atMs: Date.now() })], positions: [] }, (view) =>
    placeKills(view, {
      nowMs: Date.now(),
      newId: () => randomUUID(),
      isHistory: () => false,
      mutes: [],
      channelOf: () => channel,
    }),
  );
  delivery.wake();
  await realClock.sleep(30);
}
