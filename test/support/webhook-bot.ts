// A program of its own, killed by its parent in the middle of its work:
// node webhook-bot.ts DATABASE API_URL BOT_TOKEN APP_TOKEN EVENTS_URL PAGER_URL OFFSET_MS TASK [COUNT]
// TASK `storm`: records so many kills on 100 hosts, 100 a second, where the one before it stopped. `kill:HOST`: one kill there.
// `close`: every service is back, and what has been quiet closes. Then it tells what is to be told until it is killed.
import { randomUUID } from 'node:crypto';
import pino from 'pino';
import { openTelling } from '../../src/app/tell/telling.ts';
import { assignIncidents, closeQuietIncidents, tellClosed } from '../../src/app/watch/assign-incidents.ts';
import { webhookDestination } from '../../src/app/webhook.ts';
import { openWebhooks } from '../../src/hook/open-webhooks.ts';
import { describeIncident } from '../../src/notice/incident/incident-notice.ts';
import { openSlack } from '../../src/slack/app.ts';
import { openStore } from '../../src/store/store.ts';
import { aKill } from './a-kill.ts';
import { answeringHandlers } from './answering-handlers.ts';
import { realClock } from './real-clock.ts';
import { PLACING } from './placing.ts';

const [url = '', apiUrl = '', botToken = '', appToken = '', eventsUrl = '', pagerUrl = ''] = process.argv.slice(2);
const [offset = '0', task = '', count = '0'] = process.argv.slice(8);
const HOSTS = 100;
const SECRET = 'a secret of twenty-two';

const clock = { ...realClock, nowMs: () => Date.now() + Number(offset) };
const store = await openStore(url);
const log = pino({ level: 'silent' });
const slack = openSlack({ botToken, appToken, apiUrl, logger: log, clock });
await slack.start(answeringHandlers(), new AbortController().signal);
const telling = openTelling({
  store,
  workspace: slack,
  clock,
  log,
  owner: randomUUID(),
  describe: async (incident) => describeIncident(incident, { nowMs: clock.nowMs(), protect: false }),
  webhook: openWebhooks({
    receivers: () => [
      { name: 'events', format: 'cloudevents', url: eventsUrl, secret: SECRET },
      { name: 'pager', format: 'pagerduty', url: pagerUrl, secret: 'R0UT1NGKEY' },
    ],
    nowMs: clock.nowMs,
    timeoutMs: 700,
  }),
});
const routes = [
  { destination: webhookDestination('events'), hearsMuted: true },
  { destination: webhookDestination('pager'), hearsMuted: false },
];

async function happen(host: string, pid: number): Promise<void> {
  const kill = aKill({ host, pid, atMs: clock.nowMs() });
  await store.saveBatch({ host, kills: [kill], positions: [] }, (view) =>
    assignIncidents(view, { ...PLACING, nowMs: clock.nowMs(), webhooksOf: () => routes }),
  );
  telling.wake();
}

if (task === 'storm') {
  const all = await store.countKills({ hosts: null, sinceMs: null, untilMs: null, service: null, limit: 100_000 });
  const done = all.filter(({ host }) => host.startsWith('web')).reduce((sum, one) => sum + one.count, 0);
  for (let at = done; at < Number(count); at += 1) {
    await happen(`web${at % HOSTS}`, 1 + at);
    await clock.sleep(10);
  }
}
if (task.startsWith('kill:')) await happen(task.slice('kill:'.length), 1);
if (task === 'close') {
  for (const host of await store.hostsWithOpenIncidents())
    for (const open of await store.openIncidents(host)) {
      const back = { ...open, back: { kind: 'restarted' as const, afterMs: 4_000, pid: 7 } };
      const saved = await store.updateIncident(back, []);
      if (saved.kind !== 'saved') continue;
      for (const closed of closeQuietIncidents([saved.incident], clock.nowMs()))
        await store.updateIncident(closed, tellClosed(closed, await store.postedOf(closed.id), clock.nowMs()));
    }
  telling.wake();
}
process.stdout.write('done\n');
setInterval(() => {}, 1_000);
