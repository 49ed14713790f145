import type { Incident, Kill } from '../../incident/incident.ts';
import { nextUnknownText, sharedText, type NextUnknown } from '../../notice/answer/answer-notes.ts';
import { describeIncident, type IncidentContext } from '../../notice/incident/incident-notice.ts';
import type { Notice } from '../../notice/notice.ts';
import { describeReport, fileOfReport } from '../../notice/incident/full-report.ts';
import type { AnswersWorld } from './answers-world.ts';
import type { Answer, Handlers } from './handlers.ts';
import type { LiveScan, LiveScans } from '../live-scan.ts';
import { whoIsNext } from '../ranking.ts';
import { seenBefore } from '../seen-before.ts';
import type { Targets } from './targets.ts';

/** A card without "who is next" is better than a card that comes late. */
const NEXT_WITHIN_MS = 2_000;
/** It says as of when it is, so a recent one will do. */
const NEXT_AGE_MS = 30_000;
const REPORT_KILLS_MAX = 100;
const SAME_REPORT_MS = 1_000;

/** The questions about one incident. */
export function openIncidentAnswers(
  world: AnswersWorld,
  targets: Targets,
  scans: LiveScans,
): Pick<Handlers, 'answerLast' | 'share' | 'fullReport'> {
  const { store, fleet, clock } = world;

  async function answerLast({ host }: { host: string }): Promise<Answer> {
    const target = await targets.host(host);
    if (target.kind === 'refused') return target;
    const [incident] = await store.incidents(target.name, 1);
    if (!incident) return noKill(target.name);
    const [notice, live] = await card(incident, true);
    return { kind: 'notice', notice: withSmall(notice, live.kind === 'scan' ? null : whyUnknown(live, target.name)) };
  }

  function noKill(host: string): Answer {
    const state = fleet.link(host)?.state();
    if (state?.kind === 'unreachable' || state?.kind === 'refused') {
      const { sinceMs, sentence } = state;
      return { kind: 'refused', refusal: { kind: 'host-unreachable', host, sinceMs, reason: sentence } };
    }
    return { kind: 'refused', refusal: { kind: 'no-kill-known', host, watchedSinceMs: null } };
  }

  async function card(incident: Incident, asAnswer: boolean): Promise<[Notice, LiveScan]> {
    const [before, live] = await Promise.all([
      seenBefore(store, incident),
      scans.read(incident.host, NEXT_WITHIN_MS, NEXT_AGE_MS),
    ]);
    const context: IncidentContext = {
      nowMs: clock.nowMs(),
      seenBefore: before,
      protect: world.changes !== undefined,
      asAnswer,
    };
    const next = live.kind === 'scan' ? whoIsNext(incident, live) : null;
    return [describeIncident({ ...incident, next }, context), live];
  }

  function whyUnknown(live: Exclude<LiveScan, { kind: 'scan' }>, host: string): NextUnknown {
    if (fleet.link(host) === null) return { kind: 'not-watched' };
    return live.kind === 'away' ? { kind: 'away', sentence: live.state.sentence } : live;
  }

  async function share({ incidentId }: { incidentId: string }, requester: { userId: string }): Promise<Answer> {
    const incident = await store.incident(incidentId);
    if (!incident) return STALE;
    const [notice] = await card(incident, false);
    const shared = sharedText(requester.userId, clock.nowMs());
    return { kind: 'notice', notice: { ...notice, small: [...notice.small, shared] } };
  }

  async function fullReport(ask: { incidentId: string; kill?: number; page?: number }): Promise<Answer> {
    const incident = await store.incident(ask.incidentId);
    if (!incident) return STALE;
    const kills = await store.killsOfIncident(incident.id, REPORT_KILLS_MAX);
    const at = Math.min(Math.max(1, ask.kill ?? 1), Math.max(1, kills.length)) - 1;
    const kill = kills[at];
    const text = kill === undefined ? null : await store.report(kill.host, reportKeys(kill, kills));
    const page = ask.page ?? 1;
    const file = kill === undefined ? null : fileOfReport(kill, { text, page });
    return {
      kind: 'notice',
      notice: describeReport(incident, kills, { at, text, page }),
      file: file === null ? null : { ...file, threads: await store.postedOf(incident.id) },
    };
  }

  return { answerLast, share, fullReport };
}

/** Under which keys its report may stand: of a group that died together the first has it. */
function reportKeys(kill: Kill, kills: readonly Kill[]): string[] {
  const { oomGroup } = kill.record;
  const together =
    oomGroup === null
      ? []
      : kills.filter(
          (other) => other.record.oomGroup === oomGroup && Math.abs(other.atMs - kill.atMs) <= SAME_REPORT_MS,
        );
  return [kill.key, ...together.map(({ key }) => key)];
}

const STALE: Answer = { kind: 'refused', refusal: { kind: 'stale', what: 'This incident' } };

function withSmall(notice: Notice, why: NextUnknown | null): Notice {
  return why === null ? notice : { ...notice, small: [...notice.small, nextUnknownText(why)] };
}
