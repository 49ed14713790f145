import { DRILL_REASONS } from '../../notice/answer/drill-notice.ts';
import { plainText } from '../../notice/render-text.ts';
import { changeRefusalText } from '../../notice/change/change-refusal-text.ts';
import { drillRequest, readDrillAnswer, tryRequest } from '../../change/host-command.ts';
import { findMeans } from '../change/host-means.ts';
import type { HostLink, RequestEnd } from '../host-link.ts';
import type { DrillWorld } from './drill-world.ts';

/** `needsSetup`: `oombot setup` brings what is missing. */
export interface WhyNot {
  reason: string;
  needsSetup: boolean;
}

/** What came of asking the host's helper. `unknown`: it may have been done. */
export type DrillAnswer = { kind: 'done' } | { kind: 'refused' | 'failed' | 'unknown'; reason: string };

/** So many kills in a channel within a minute are a storm. */
const STORM_KILLS = 5;
const STORM_MS = 60_000;
/** The process was started: what is said after that is no refusal. */
const AFTER_ALL = new Set(['not-killed', 'left']);

/** Why no drill can begin on a host now; null: it can. Nothing is done there. */
export async function whyNoDrill(
  world: Pick<DrillWorld, 'fleet' | 'store' | 'clock' | 'channelOf'>,
  host: string,
  id: string,
): Promise<WhyNot | null> {
  const link = world.fleet.link(host);
  const state = world.fleet.watchState(host);
  if (link === null || state === null) return no('It is not watched by this process.');
  if (state.kind !== 'watching') return no(`It is not watched right now: ${state.sentence || link.state().sentence}`);
  if (await isStormy(world, host)) return no('Processes are being killed right now: this is no time for a drill.');
  const found = await findMeans(link);
  if (found.kind === 'refused') {
    const needsSetup = found.why.kind === 'no-helper' || found.why.kind === 'helper-version';
    return needsSetup ? OLD : no(plainText(changeRefusalText(found.why)));
  }
  if (!found.means.drills || (found.asUid !== null && found.asUid !== 0)) return OLD;
  const answer = answerOf(await link.changes.request(tryRequest(drillRequest(id))), id);
  return answer.kind === 'done' ? null : no(answer.reason);
}

const OLD: WhyNot = { reason: 'The helper that a drill needs is not there, or too old.', needsSetup: true };

function no(reason: string): WhyNot {
  return { reason, needsSetup: false };
}

/** Whether the channel of a host has other things to tell. */
export async function isStormy(
  { fleet, store, clock, channelOf }: Pick<DrillWorld, 'fleet' | 'store' | 'clock' | 'channelOf'>,
  host: string,
): Promise<boolean> {
  const channel = channelOf({ host });
  const hosts = fleet.hosts().flatMap(({ name }) => (channelOf({ host: name }) === channel ? [name] : []));
  const lately = { sinceMs: clock.nowMs() - STORM_MS, untilMs: null, service: null, limit: STORM_KILLS };
  if (hosts.length > 0 && (await store.kills({ hosts, ...lately })).length >= STORM_KILLS) return true;
  return (await store.queueLengths()).some((queue) => queue.channel === channel && queue.untoldSinceMs !== null);
}

/** Has the host's helper do it. `ref`: the hash of our audit entry, for the host's own log. Never throws. */
export async function killOnPurpose(link: HostLink, id: string, ref: string): Promise<DrillAnswer> {
  return answerOf(await link.changes.request(drillRequest(id, ref)), id);
}

function answerOf(end: RequestEnd, id: string): DrillAnswer {
  if (end.kind === 'unknown') return { kind: 'unknown', reason: `The host did not answer: ${end.sentence}` };
  if (end.kind !== 'answered') return { kind: 'refused', reason: end.sentence };
  const answer = readDrillAnswer(end.text, id);
  if (answer.kind !== 'refused') return answer;
  const reason = DRILL_REASONS[answer.word] ?? `The helper refused: ${answer.word}.`;
  return { kind: AFTER_ALL.has(answer.word) ? 'failed' : 'refused', reason };
}
