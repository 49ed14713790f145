import { openRecordWatch, type RecordWatch } from '../app/tell/record-watch.ts';
import { healthOf, type Health } from '../http/health.ts';
import { watchFleet, watchHealth, watchOutbox } from '../http/metrics.ts';
import { healthPage, metricsPage, openHttp, type HttpSide } from '../http/server.ts';
import { openSlack, type Slack } from '../slack/app.ts';
import type { Base, Opened } from './base.ts';
import type { Hosts } from './hosts.ts';
import { openLocal, type Local } from './local-run.ts';
import { systemClock as clock } from './system-clock.ts';

/** What people reach: the port, the local workspace where there is no other, and Slack, which is not connected yet. */
export interface Front {
  http: HttpSide;
  local: Local | null;
  slack: Slack;
  recordWatch: RecordWatch;
}

export async function openFront(
  { settings, log, metrics, store, recordIsBack }: Base,
  { fleet }: Hosts,
  opened: Opened,
): Promise<Front> {
  const config = settings.now();
  const http = await openHttp(config.http);
  opened.push(http.close);
  watchFleet(metrics, fleet);
  watchOutbox(metrics, store);
  http.mount(metricsPage(metrics, config.http.token));
  const local = config.slack.botToken === null ? await openLocal({ http, config, clock }) : null;
  if (local !== null) opened.push(local.close);
  const { botToken, appToken, apiUrl } = local ?? config.slack;
  const slack = openSlack({
    botToken: botToken ?? '',
    appToken: appToken ?? '',
    apiUrl: apiUrl ?? undefined,
    logger: log,
    clock,
  });
  const recordWatch = openRecordWatch({
    store,
    workspace: slack,
    clock,
    log,
    channel: () => settings.now().workspace.channel,
    killsWaiting: () => fleet.hosts().reduce((sum, { name }) => sum + fleet.killsWaiting(name), 0),
    onBack: recordIsBack,
  });
  opened.push(recordWatch.close);
  function health(): Promise<Health> {
    return healthOf(fleet, store, recordWatch, slack);
  }
  watchHealth(metrics, health);
  http.mount(healthPage(health, config.http.token));
  return { http, local, slack, recordWatch };
}
