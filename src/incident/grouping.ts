import { judgeIncident } from './judge-incident.ts';
import type { Incident, Kill, ServiceCount } from './incident.ts';
import { HOST_PROBLEM, isUnknownProblem, problemOf, serviceOf } from './service.ts';

/** Kills of one service for one reason are one problem while no pause between them is longer. Then the incident closes. */
export const INCIDENT_WINDOW_MS = 30 * 60_000;
/** A host that runs out takes whom it finds: different victims within this time died of one shortage. */
const HOST_SHORTAGE_WINDOW_MS = 60_000;
/** A service that stays down holds its incident open, but not for ever. */
const DOWN_OPEN_MAX_MS = 24 * 60 * 60_000;
const KILLS_KEPT = 20;
const VICTIMS_KEPT = 500;

/** As which incident people were told of a kill before it was on record; `opens`: the incident bears its name. */
export interface ToldAs {
  id: string;
  opens: boolean;
}

export interface IncidentChange {
  kind: 'opened' | 'grew' | 'amended' | 'closed';
  incidentId: string;
  /** The kills that are new in it, oldest first. Empty when known kills were only amended, or it closed. */
  newKills: Kill[];
}

/** A kill on record of which more is known now. `incidentId` null: of no incident. */
export interface Amendment {
  was: Kill;
  now: Kill;
  incidentId: string | null;
}

export interface Grouping {
  /** All incidents handed in and all opened now. Those with `closedAtMs` are done: do not hand them in again. */
  incidents: Incident[];
  /** One entry for each incident that is not as it was. */
  changes: IncidentChange[];
}

/**
 * Puts kills into incidents, and closes incidents that have been quiet. Hand in the kills that are new to the record, and all open
 * incidents of their problems; what is known already goes to `amendKills`. `newId` names a new incident after its first kill. What
 * people were told as one incident (`toldAs`) is that incident, whatever was open beside it.
 */
export function groupKills(
  openIncidents: readonly Incident[],
  newKills: readonly Kill[],
  nowMs: number,
  newId: (firstKill: Kill) => string,
  toldAs: (kill: Kill) => ToldAs | null = () => null,
): Grouping {
  const byId = new Map(openIncidents.map((incident) => [incident.id, incident]));
  const added = new Map<string, Kill[]>();
  // The last word on a key counts.
  const kills = [...new Map(newKills.map((kill) => [kill.key, kill])).values()];

  // What opened an incident that people know comes before what only joined it.
  const told = new Map(kills.map((kill) => [kill, toldAs(kill)]));
  const inOrder = kills.toSorted(
    (a, b) => Number(told.get(b)?.opens ?? 0) - Number(told.get(a)?.opens ?? 0) || byTime(a, b),
  );
  for (const kill of inOrder) {
    const as = told.get(kill) ?? null;
    const isNew = as?.opens === true && !byId.has(as.id);
    const home = isNew ? null : ((as && byId.get(as.id)) ?? homeOf(kill, [...byId.values()]));
    const incident = home ? addKill(home, kill) : openIncident(isNew ? as.id : newId(kill), kill);
    byId.set(incident.id, incident);
    added.set(incident.id, [...(added.get(incident.id) ?? []), kill]);
  }

  const grown = [...byId.values()].map((incident) => closeIfQuiet(incident, nowMs));
  return compare(openIncidents, grown, added);
}

/** Takes up what is known now of kills on record: the report's rest arrived, or who the process was. Closed incidents stay as they are. */
export function amendKills(incidents: readonly Incident[], amendments: readonly Amendment[]): Grouping {
  return compare(
    incidents,
    incidents.map((incident) =>
      amendments
        .filter(({ incidentId }) => incidentId === incident.id && incident.closedAtMs === null)
        .reduce(amend, incident),
    ),
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

/** The open incident that this kill is part of. */
function homeOf(kill: Kill, incidents: Incident[]): Incident | null {
  const problem = problemOf(kill);
  const near = incidents
    .filter((incident) => incident.host === kill.host && incident.problem === problem && incident.closedAtMs === null)
    .map((incident) => ({ incident, gapMs: gapBetween(incident, kill) }))
    .filter(({ gapMs }) => gapMs <= INCIDENT_WINDOW_MS)
    .toSorted((a, b) => a.gapMs - b.gapMs || (a.incident.id < b.incident.id ? -1 : 1));
  if (problem !== HOST_PROBLEM) return near[0]?.incident ?? null;
  const service = serviceOf(kill);
  const home =
    near.find(({ incident }) => incident.victims.some((victim) => victim.service === service)) ??
    near.find(({ gapMs }) => gapMs <= HOST_SHORTAGE_WINDOW_MS);
  return home?.incident ?? null;
}

function gapBetween(incident: Incident, kill: Kill): number {
  return Math.max(0, incident.firstAtMs - kill.atMs, kill.atMs - incident.lastAtMs);
}

function openIncident(id: string, kill: Kill): Incident {
  const incident: Incident = {
    id,
    host: kill.host,
    problem: problemOf(kill),
    service: serviceOf(kill),
    name: kill.record.name,
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
      name: incident.name === kill.record.name ? incident.name : null,
      victims: count(incident.victims, serviceOf(kill), 1),
      // It died again: what was known about its return and its heirs is past.
      back: { kind: 'unknown' },
      next: null,
    },
    [...incident.kills, kill],
  );
}

function amend(incident: Incident, { was, now }: Amendment): Incident {
  const [before, after] = [serviceOf(was), serviceOf(now)];
  const isShown = incident.kills.some((kill) => kill.key === now.key);
  if (before === after && (!isShown || isSame(incident, now))) return incident;
  const victims = before === after ? incident.victims : count(count(incident.victims, before, -1), after, 1);
  const renamed = incident.service === before && !victims.some((victim) => victim.service === before);
  const kills = incident.kills.map((kill) => (kill.key === now.key ? now : kill));
  return withKills(
    {
      ...incident,
      victims,
      service: renamed ? after : incident.service,
      name: incident.killCount > 1 && now.record.name !== incident.name ? null : now.record.name,
      problem: problemAfter(incident, was, now),
    },
    kills,
  );
}

function isSame(incident: Incident, kill: Kill): boolean {
  return incident.kills.some((other) => other.key === kill.key && JSON.stringify(other) === JSON.stringify(kill));
}

/** What was not known is completed by the first kill that tells; what was known holds until all kills are known otherwise. */
function problemAfter({ problem, killCount, kills }: Incident, was: Kill, now: Kill): string {
  const told = problemOf(now);
  if (told === problem || problem !== problemOf(was)) return problem;
  if (isUnknownProblem(problem) && !isUnknownProblem(told)) return told;
  return killCount <= 1 || kills.every((kill) => kill.key === now.key || problemOf(kill) === told) ? told : problem;
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
