import type { Incident } from '../../incident/incident.ts';
import { describeMuted, describeUnmuted } from '../../notice/answer/answer-notice.ts';
import { sayDuration } from '../../notice/units.ts';
import type { AnswersWorld } from './answers-world.ts';
import type { Answer, Handlers } from './handlers.ts';
import { mutedUntil, serviceOnHost } from '../mute-target.ts';
import type { Mute } from '../ports.ts';
import { writeReply } from '../reply-body.ts';
import type { People } from '../people.ts';
import type { Targets } from './targets.ts';

const HOUR_MS = 60 * 60_000;
const DAY_MS = 24 * HOUR_MS;
const MUTE_MAX_MS = 30 * DAY_MS;
/** An incident stays open for a day at most, so no older kill belongs to an open one. */
const OPEN_SINCE_MS = 2 * DAY_MS;
const INCIDENTS_MAX = 50;
const TRIES = 5;

/** Silence for a while. The record goes on; messages that stand in channels say that they are muted. */
export function openMuteAnswers(
  { store, fleet, clock, wake, channelOf }: AnswersWorld,
  targets: Targets,
  people: People,
): Pick<Handlers, 'mute' | 'unmute' | 'muteIncident'> {
  async function mute(ask: { target: string; forMs: number | null }, { userId }: { userId: string }): Promise<Answer> {
    const stranger = await people.refuseStranger(userId, 'mute kills');
    if (stranger !== null) return { kind: 'refused', refusal: stranger };
    const target = await targets.any(ask.target);
    if (target.kind === 'refused') return target;
    if (target.kind === 'tag')
      return badValue('host or service', ask.target, 'one of them: a tag stands for many hosts');
    const forMs = ask.forMs ?? HOUR_MS;
    if (!(forMs > 0 && forMs <= MUTE_MAX_MS)) return badValue('time', sayDuration(forMs), 'at most 30 d');
    const put = { target: target.name, untilMs: clock.nowMs() + forMs, by: userId };
    await putMute(put, target.kind === 'host' ? target.name : null);
    await announce(put, target.kind === 'host' ? [target.name] : await hostsOf(target.name));
    await showMutes(await openOf(target));
    return { kind: 'notice', notice: describeMuted(target.name, put.untilMs, forMs) };
  }

  async function muteIncident({ incidentId }: { incidentId: string }, { userId }: { userId: string }): Promise<Answer> {
    const stranger = await people.refuseStranger(userId, 'mute kills');
    if (stranger !== null) return { kind: 'refused', refusal: stranger };
    const incident = await store.incident(incidentId);
    if (!incident) return { kind: 'refused', refusal: { kind: 'stale', what: 'This incident' } };
    const nowMs = clock.nowMs();
    const target = serviceOnHost(incident.service, incident.host);
    // The button of a muted incident says "1 h more".
    const untilMs = Math.min(Math.max(nowMs, incident.mutedUntilMs ?? 0) + HOUR_MS, nowMs + MUTE_MAX_MS);
    await putMute({ target, untilMs, by: userId }, incident.host);
    await announce({ target, untilMs, by: userId }, [incident.host]);
    const others = (await store.openIncidents(incident.host)).filter((one) => one.id !== incidentId);
    await showMutes([incident, ...others]);
    return { kind: 'notice', notice: describeMuted(target, untilMs, untilMs - nowMs) };
  }

  async function putMute(put: Mute, host: string | null): Promise<void> {
    await store.putMute(put);
    const { target, untilMs } = put;
    await store.appendAudit({ atMs: clock.nowMs(), actor: put.by, action: 'mute', host, details: { target, untilMs } });
  }

  /** Silence that nobody was told of would look like health. */
  async function announce({ target, untilMs, by }: Mute, hosts: readonly string[]): Promise<void> {
    if (channelOf === undefined) return;
    const nowMs = clock.nowMs();
    const muted = describeMuted(target, untilMs, untilMs - nowMs);
    const notice = { ...muted, headline: [...muted.headline, { words: ', by ' }, { userId: by }] };
    const body = writeReply({ notice });
    const channels = new Set(hosts.map((host) => channelOf({ host })));
    await store.enqueue(
      [...channels].map((channel) => ({ incidentId: '', channel, kind: 'news', body, notBeforeMs: nowMs })),
    );
  }

  async function unmute({ target: asked }: { target: string }, { userId }: { userId: string }): Promise<Answer> {
    const stranger = await people.refuseStranger(userId, 'unmute kills');
    if (stranger !== null) return { kind: 'refused', refusal: stranger };
    const nowMs = clock.nowMs();
    const mutes = await store.mutes(nowMs);
    const found =
      mutes.find((one) => one.target === asked) ??
      mutes.find((one) => fold(one.target) === fold(asked) || fold(one.target) === `${fold(asked)}.service`);
    if (!found || !(await store.removeMute(found.target)))
      return { kind: 'refused', refusal: { kind: 'not-muted', target: asked } };
    const { target } = found;
    const host = hostOf(target);
    await store.appendAudit({ atMs: nowMs, actor: userId, action: 'unmute', host, details: { target } });
    await showMutes(await openOf(host === null ? { kind: 'service', name: target } : { kind: 'host', name: host }));
    return { kind: 'notice', notice: describeUnmuted(target) };
  }

  function hostOf(target: string): string | null {
    return fleet.hosts().find(({ name }) => target === name || target.endsWith(serviceOnHost('', name)))?.name ?? null;
  }

  /** Incidents that are still going on there. */
  async function openOf(target: { kind: 'host' | 'service'; name: string }): Promise<Incident[]> {
    if (target.kind === 'host') return store.openIncidents(target.name);
    const hosts = await hostsOf(target.name);
    return (await Promise.all(hosts.map((host) => store.openIncidents(host)))).flat();
  }

  /** Hosts where a service died lately. */
  async function hostsOf(service: string): Promise<string[]> {
    const sinceMs = clock.nowMs() - OPEN_SINCE_MS;
    const counts = await store.countKills({ hosts: null, service, sinceMs, untilMs: null, limit: 1_000 });
    return [...new Set(counts.map((count) => count.host))].slice(0, INCIDENTS_MAX);
  }

  /** Writes into incidents until when they are muted now, and has their messages edited. */
  async function showMutes(incidents: readonly Incident[]): Promise<void> {
    const mutes = await store.mutes(clock.nowMs());
    for (const incident of incidents.slice(0, INCIDENTS_MAX)) await showMute(incident, mutes);
    wake();
  }

  async function showMute(incident: Incident, mutes: readonly Mute[]): Promise<void> {
    const posted = await store.postedOf(incident.id);
    const nowMs = clock.nowMs();
    let current: Incident | null = incident;
    for (let tried = 0; tried < TRIES && current !== null; tried += 1) {
      const mutedUntilMs = mutedUntil(mutes, current, nowMs);
      if (mutedUntilMs === current.mutedUntilMs) return;
      const deliveries = posted.map(({ channel }) => ({
        incidentId: incident.id,
        channel,
        kind: 'incident' as const,
        body: null,
        notBeforeMs: nowMs,
      }));
      const result = await store.updateIncident({ ...current, mutedUntilMs }, deliveries);
      if (result.kind === 'saved') return;
      ({ current } = result);
    }
  }

  return { mute, unmute, muteIncident };
}

function badValue(name: string, given: string, expected: string): Answer {
  return { kind: 'refused', refusal: { kind: 'bad-value', name, given, expected } };
}

/** A name by its letters and digits: on its way through a button and a chat, a hostile one loses signs, mentions and entities. */
function fold(target: string): string {
  return target
    .toLowerCase()
    .replaceAll(/<[^<>|]*\|([^<>]*)>/g, '$1')
    .replaceAll(/&(?:amp|lt|gt);/g, '')
    .replaceAll(/[^\p{L}\p{N}.]+/gu, '');
}
