import type { Incident } from '../../incident/incident.ts';
import { describeMuted, describeUnmuted } from '../../notice/answer/answer-notice.ts';
import { sayDuration } from '../../notice/units.ts';
import type { AnswersWorld } from './answers-world.ts';
import type { Answer, Handlers } from './handlers.ts';
import { newsFor } from '../deliveries.ts';
import { hostOfTag, mutedUntil, serviceOnHost } from '../mute-target.ts';
import type { Mute } from '../ports.ts';
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
  async function mute(
    ask: { target: string; forMs: number | null; why?: string | null },
    { userId }: { userId: string },
  ): Promise<Answer> {
    const stranger = await people.refuseStranger(userId, 'mute kills');
    if (stranger !== null) return { kind: 'refused', refusal: stranger };
    const target = await targets.any(ask.target);
    if (target.kind === 'refused') return target;
    const forMs = ask.forMs ?? HOUR_MS;
    if (!(forMs > 0 && forMs <= MUTE_MAX_MS)) return badValue('time', sayDuration(forMs), 'at most 30 d');
    const why = ask.why ?? undefined;
    const put: Mute = {
      target: target.name,
      untilMs: clock.nowMs() + forMs,
      by: userId,
      ...(why === undefined ? {} : { why }),
    };
    const hosts =
      target.kind === 'tag' ? target.hosts : target.kind === 'host' ? [target.name] : await hostsOf(target.name);
    // Each of its hosts by itself: one that gets the tag later is not silent.
    for (const host of target.kind === 'tag' ? hosts : [])
      await store.putMute({ ...put, target: hostOfTag(host, target.name), tag: target.name });
    if (target.kind !== 'tag') await store.putMute(put);
    await noteMute(put, target.kind === 'host' ? target.name : null);
    await announce(put, hosts);
    for (const host of hosts) await showMutes(await store.openIncidents(host));
    return { kind: 'notice', notice: describeMuted(put, forMs) };
  }

  async function muteIncident({ incidentId }: { incidentId: string }, { userId }: { userId: string }): Promise<Answer> {
    const stranger = await people.refuseStranger(userId, 'mute kills');
    if (stranger !== null) return { kind: 'refused', refusal: stranger };
    const incident = await store.incident(incidentId);
    if (!incident) return { kind: 'refused', refusal: { kind: 'stale', what: 'This incident' } };
    const nowMs = clock.nowMs();
    // What took several services is the host's.
    const target = incident.victims.length > 1 ? incident.host : serviceOnHost(incident.service, incident.host);
    // The button of a muted incident says "1 h more".
    const untilMs = Math.min(Math.max(nowMs, incident.mutedUntilMs ?? 0) + HOUR_MS, nowMs + MUTE_MAX_MS);
    const put: Mute = { target, untilMs, by: userId };
    await store.putMute(put);
    await noteMute(put, incident.host);
    await announce(put, [incident.host]);
    const others = (await store.openIncidents(incident.host)).filter((one) => one.id !== incidentId);
    await showMutes([incident, ...others]);
    return { kind: 'notice', notice: describeMuted(put, untilMs - nowMs) };
  }

  async function noteMute({ target, untilMs, by, why }: Mute, host: string | null): Promise<void> {
    const details = { target, untilMs, ...(why === undefined ? {} : { because: why }) };
    await store.appendAudit({ atMs: clock.nowMs(), actor: by, action: 'mute', host, details });
  }

  /** Silence that nobody was told of would look like health. */
  async function announce(put: Mute, hosts: readonly string[]): Promise<void> {
    if (channelOf === undefined) return;
    const nowMs = clock.nowMs();
    const muted = describeMuted(put, put.untilMs - nowMs);
    const notice = { ...muted, headline: [...muted.headline, { words: ', by ' }, { userId: put.by }] };
    const channels = new Set(hosts.map((host) => channelOf({ host })));
    await store.enqueue([...channels].map((channel) => newsFor(channel, { notice }, nowMs)));
  }

  async function unmute({ target: asked }: { target: string }, { userId }: { userId: string }): Promise<Answer> {
    const stranger = await people.refuseStranger(userId, 'unmute kills');
    if (stranger !== null) return { kind: 'refused', refusal: stranger };
    const nowMs = clock.nowMs();
    const mutes = await store.mutes(nowMs);
    const ofTag = mutes.filter(({ tag }) => tag !== undefined && fold(tag) === fold(asked));
    if (ofTag.length > 0) return unmuteTag(ofTag, userId);
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

  async function unmuteTag(mutes: readonly Mute[], userId: string): Promise<Answer> {
    const tag = mutes[0]?.tag ?? '';
    for (const { target } of mutes) await store.removeMute(target);
    const details = { target: tag };
    await store.appendAudit({ atMs: clock.nowMs(), actor: userId, action: 'unmute', host: null, details });
    for (const { name } of fleet.hosts())
      if (mutes.some(({ target }) => target === hostOfTag(name, tag))) await showMutes(await store.openIncidents(name));
    return { kind: 'notice', notice: describeUnmuted(tag) };
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
