import { judgeIncident } from './judge-incident.ts';
import type { Incident, Kill, ServiceCount } from './incident.ts';
import { serviceOf, shortageOf } from './service.ts';

/** Kills of one service for one reason are one problem while no pause between them is longer. Then the incident closes. */
export const INCIDENT_WINDOW_MS = 30 * 60_000;
/** Different victims on one host within this time are one storm. */
export const STORM_WINDOW_MS = 60_000;
/** So many problems may open on one host within a minute; what follows joins the newest of them. */
const OPENED_IN_STORM_MAX = 3;
/** A service that stays down holds its incident open, but not for ever. */
const DOWN_OPEN_MAX_MS = 24 * 60 * 60_000;
const KILLS_KEPT = 20;
const VICTIMS_KEPT = 20;

export interface IncidentChange {
  kind: 'opened' | 'grew' | 'amended' | 'closed';
  incidentId: string;
  /** The kills that are new in it, oldest first. Empty when known kills were only amended, or it closed. */
  newKills: Kill[];
}

export interface Grouping {
  /** All incidents handed in and all opened now. Those with `closedAtMs` are done: do not hand them in again. */
  incidents: Incident[];
  /** One entry for each incident that is not as it was. */
  changes: IncidentChange[];
}

/**
 * Puts kills into incidents, and closes incidents that have been quiet. A kill whose key an open incident shows is an amendment.
 * Incidents show their last 20 kills; whether an older key was seen before, only the store knows: hand in the kills that were new
 * to it, and the others to `amendKills`. `newId` names a new incident after its first kill.
 */
export function groupKills(
  openIncidents: readonly Incident[],
  newKills: readonly Kill[],
  nowMs: number,
  newId: (firstKill: Kill) => string,
): Grouping {
  const byId = new Map(openIncidents.map((incident) => [incident.id, incident]));
  const added = new Map<string, Kill[]>();
  const seen = new Set(openIncidents.flatMap((incident) => incident.kills.map((kill) => kill.key)));
  // The last word on a key counts: a kill and its amendment may come in one batch.
  const kills = [...new Map(newKills.map((kill) => [kill.key, kill])).values()];
  const known = kills.filter((kill) => seen.has(kill.key));

  for (const kill of kills.filter((other) => !seen.has(other.key)).toSorted(byTime)) {
    const home = homeOf(kill, [...byId.values()]);
    const incident = home ? addKill(home, kill) : openIncident(newId(kill), kill);
    byId.set(incident.id, incident);
    added.set(incident.id, [...(added.get(incident.id) ?? []), kill]);
  }

  const grown = [...byId.values()].map((incident) => closeIfQuiet(amend(incident, known), nowMs));
  return compare(openIncidents, grown, added);
}

/** Replaces known kills by what is known of them now: the report's rest arrived, or who the process was. Unknown keys are ignored. */
export function amendKills(openIncidents: readonly Incident[], kills: readonly Kill[]): Grouping {
  return compare(
    openIncidents,
    openIncidents.map((incident) => amend(incident, kills)),
    new Map(),
  );
}

/** Closes what has been quiet for the window; a service that is still down stays open up to a day. */
export function closeQuiet(openIncidents: readonly Incident[], nowMs: number): Grouping {
  return compare(
    openIncidents,
    openIncidents.map((incident) => closeIfQuiet(incident, nowMs)),
    new Map(),
  );
}

/** The open incident that this kill is part of: the same service and shortage, or a storm on its host. */
function homeOf(kill: Kill, incidents: Incident[]): Incident | null {
  const near = incidents
    .filter((incident) => incident.host === kill.host && incident.closedAtMs === null)
    .map((incident) => ({ incident, gapMs: gapBetween(incident, kill) }))
    .filter(({ gapMs }) => gapMs <= INCIDENT_WINDOW_MS)
    .toSorted((a, b) => a.gapMs - b.gapMs || (a.incident.id < b.incident.id ? -1 : 1));
  const service = serviceOf(kill);
  const same = near.find(({ incident }) => holdsService(incident, service) && sameShortage(incident, kill, true));
  if (same) return same.incident;

  const storm = near.filter(({ gapMs }) => gapMs <= STORM_WINDOW_MS);
  // One cause, several victims: the host's memory ran out, or one group's limit was hit.
  const joined = storm.find(({ incident }) => sameShortage(incident, kill, false));
  if (joined) return joined.incident;
  if (storm.length < OPENED_IN_STORM_MAX) return null;
  return (
    storm.map(({ incident }) => incident).toSorted((a, b) => b.firstAtMs - a.firstAtMs || (a.id < b.id ? -1 : 1))[0] ??
    null
  );
}

/** A short kill line does not say what ran out; with `lenient` it goes with any shortage of its service. */
function sameShortage(incident: Incident, kill: Kill, lenient: boolean): boolean {
  const mine = shortageOf(kill);
  return incident.kills.some((other) => {
    const theirs = shortageOf(other);
    if (mine === null || theirs === null) return lenient || kill.record.killer === other.record.killer;
    return mine === theirs;
  });
}

function holdsService(incident: Incident, service: string): boolean {
  return incident.service === service || incident.victims.some((victim) => victim.service === service);
}

function gapBetween(incident: Incident, kill: Kill): number {
  return Math.max(0, incident.firstAtMs - kill.atMs, kill.atMs - incident.lastAtMs);
}

function openIncident(id: string, kill: Kill): Incident {
  const incident: Incident = {
    id,
    host: kill.host,
    service: serviceOf(kill),
    victims: [{ service: serviceOf(kill), count: 1 }],
    killer: kill.record.killer,
    domain: kill.record.domain,
    cause: null,
    firstAtMs: kill.atMs,
    lastAtMs: kill.atMs,
    killCount: 1,
    kills: [kill],
    back: { kind: 'unknown' },
    next: null,
    mutedUntilMs: null,
    closedAtMs: null,
    revision: 0,
  };
  return { ...incident, cause: judgeIncident(incident) };
}

function addKill(incident: Incident, kill: Kill): Incident {
  return withKills(
    {
      ...incident,
      firstAtMs: Math.min(incident.firstAtMs, kill.atMs),
      lastAtMs: Math.max(incident.lastAtMs, kill.atMs),
      killCount: incident.killCount + 1,
      victims: count(incident.victims, serviceOf(kill), 1),
      // It died again: what was known about its return and its heirs is past.
      back: { kind: 'unknown' },
      next: null,
    },
    [...incident.kills, kill],
  );
}

function amend(incident: Incident, kills: readonly Kill[]): Incident {
  return kills.reduce((sofar, kill) => {
    const old = sofar.kills.find((other) => other.key === kill.key);
    if (!old || JSON.stringify(old) === JSON.stringify(kill)) return sofar;
    const [before, after] = [serviceOf(old), serviceOf(kill)];
    const victims = before === after ? sofar.victims : count(count(sofar.victims, before, -1), after, 1);
    const renamed = sofar.service === before && !victims.some((victim) => victim.service === before);
    return withKills(
      { ...sofar, victims, service: renamed ? after : sofar.service },
      sofar.kills.map((other) => (other.key === kill.key ? kill : other)),
    );
  }, incident);
}

/** Sets the kills shown and what follows from them: domain is that of the newest kill that has one. */
function withKills(incident: Incident, kills: Kill[]): Incident {
  const shown = kills.toSorted(byTime).slice(-KILLS_KEPT);
  const newest = shown.toReversed();
  return {
    ...incident,
    kills: shown,
    cause: judgeIncident({ ...incident, kills: shown }) ?? incident.cause,
    domain: newest.find((kill) => kill.record.domain)?.record.domain ?? incident.domain,
  };
}

function closeIfQuiet(incident: Incident, nowMs: number): Incident {
  if (incident.closedAtMs !== null) return incident;
  const quietMs = nowMs - incident.lastAtMs;
  const patienceMs = incident.back.kind === 'down' ? DOWN_OPEN_MAX_MS : INCIDENT_WINDOW_MS;
  return quietMs > patienceMs ? { ...incident, closedAtMs: nowMs } : incident;
}

function count(victims: ServiceCount[], service: string, by: number): ServiceCount[] {
  const counts = new Map(victims.map((victim) => [victim.service, victim.count]));
  counts.set(service, (counts.get(service) ?? 0) + by);
  return [...counts]
    .filter(([, many]) => many > 0)
    .map(([name, many]) => ({ service: name, count: many }))
    .toSorted((a, b) => b.count - a.count || (a.service < b.service ? -1 : 1))
    .slice(0, VICTIMS_KEPT);
}

/** Says what changed. Revisions stay as they were: the store counts them when it saves. */
function compare(before: readonly Incident[], incidents: Incident[], added: Map<string, Kill[]>): Grouping {
  const old = new Map(before.map((incident) => [incident.id, incident]));
  const changes = incidents
    .filter((incident) => old.get(incident.id) !== incident)
    .map((incident): IncidentChange => {
      const was = old.get(incident.id);
      const newKills = added.get(incident.id) ?? [];
      const closed = incident.closedAtMs !== null && was?.closedAtMs === null;
      const kind = !was ? 'opened' : newKills.length > 0 ? 'grew' : closed ? 'closed' : 'amended';
      return { kind, incidentId: incident.id, newKills };
    });
  return { incidents, changes };
}

function byTime(a: Kill, b: Kill): number {
  return a.atMs - b.atMs || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
}
