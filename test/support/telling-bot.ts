// A program of its own, killed by its parent in the middle of its work: node telling-bot.ts DATABASE API_URL BOT_TOKEN APP_TOKEN CHANNELS
// Records a few kills on new hosts and tells them in channels chosen at random, until it is killed.
import { randomUUID } from 'node:crypto';
import { openStore } from '../../src/store/store.ts';
import { aKill } from './a-kill.ts';
import { openDelivering } from './delivering.ts';
import { realClock } from './sshd.ts';

const [url = '', apiUrl = '', botToken = '', appToken = '', channels = '1'] = process.argv.slice(2);
const KILLS = 6;
const delivering = await openDelivering(await openStore(url), { apiUrl, botToken, appToken });
for (let number = 0; number < KILLS; number += 1) {
  const host = `host-${randomUUID().slice(0, 8)}`;
  const channel = `#c${Math.floor(Math.random() * Number(channels))}`;
  await delivering.happen(host, [aKill({ host, atMs: Date.now() })], channel);
  await realClock.sleep(30);
}
