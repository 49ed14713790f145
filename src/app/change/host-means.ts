import {
  HELLO_REQUEST,
  isUnitName,
  processRequest,
  readHelperAnswer,
  readMeans,
  tryRequest,
  unitRequest,
  type HelperMeans,
} from '../../change/host-command.ts';
import type { ChangeRefusal } from '../../change/refusal.ts';
import type { ProcessFacts } from '../../oom/proc/proc-scan.ts';
import type { HostLink } from '../host-link.ts';

export type MeansFound =
  { kind: 'means'; means: HelperMeans; asUid: number | null } | { kind: 'refused'; why: ChangeRefusal };

/** What can be changed on a host, and how. */
export async function findMeans(link: HostLink): Promise<MeansFound> {
  const end = await link.changes.request(HELLO_REQUEST);
  switch (end.kind) {
    case 'unsent':
      return { kind: 'refused', why: { kind: 'host-away', sentence: end.sentence } };
    case 'unknown':
      return { kind: 'refused', why: { kind: 'host-away', sentence: end.sentence } };
    case 'no-helper':
      return { kind: 'refused', why: { kind: 'no-helper', sentence: `the host says “${end.sentence}”.` } };
    case 'answered': {
      const means = readMeans(end.text);
      return means === null
        ? { kind: 'refused', why: { kind: 'helper-version' } }
        : { kind: 'means', means, asUid: end.asUid };
    }
  }
}

/** How many processes of a change the helper is asked about: one of each kind. */
const TRIES_MAX = 8;

/** What the helper of the host would say to it, before anybody approves. null: nothing that is known now speaks against it. */
export async function whyImpossible(
  link: HostLink,
  bootId: string,
  processes: readonly ProcessFacts[],
  to: number,
  means: HelperMeans,
): Promise<ChangeRefusal | null> {
  // The kernel lets root without the capability go back to where a process was started, which is 0 or above for most.
  if (!means.capability && processes.some((one) => to < Math.min(0, one.oomScoreAdj))) return { kind: 'no-capability' };
  if (!means.tries) return null;
  const kinds = new Map(processes.map((one) => [`${one.uid} ${one.oomScoreAdj} ${one.name}`, one]));
  for (const { pid, startTicks, oomScoreAdj } of [...kinds.values()].slice(0, TRIES_MAX)) {
    const line = processRequest({ bootId, pid, startTicks, from: oomScoreAdj, to });
    const end = line === null ? null : await link.changes.request(tryRequest(line));
    const answer = end?.kind === 'answered' ? readHelperAnswer(end.text, { pid }) : null;
    if (answer?.kind === 'refused' && LASTING.has(answer.why.kind)) return answer.why;
  }
  return null;
}

/** What will be so when it is approved, too; a process that ended since the scan is met there. */
const LASTING = new Set<ChangeRefusal['kind']>([
  'kept-process',
  'no-raise',
  'no-capability',
  'no-host-log',
  'read-only',
  'not-a-process',
]);

/** What oombot's drop-in of a unit sets now; null: there is none. `unknown`: the host does not tell. */
export async function readDropIn(link: HostLink, bootId: string, unit: string): Promise<number | null | 'unknown'> {
  if (!isUnitName(unit)) return 'unknown';
  // To replace none by none changes nothing, and is refused with the value that is there.
  const line = unitRequest({ bootId, unit, from: null, to: null });
  const end = line === null ? null : await link.changes.request(line);
  if (end?.kind !== 'answered') return 'unknown';
  const answer = readHelperAnswer(end.text, { unit });
  if (answer.kind === 'unit-written') return answer.now;
  if (answer.kind !== 'refused' || answer.why.kind !== 'value-changed') return 'unknown';
  const value = Number(answer.why.now);
  return Number.isInteger(value) ? value : 'unknown';
}
