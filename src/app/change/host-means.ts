import {
  HELLO_REQUEST,
  isUnitName,
  readHelperAnswer,
  readMeans,
  unitRequest,
  type HelperMeans,
} from '../../change/host-command.ts';
import type { ChangeRefusal } from '../../change/refusal.ts';
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
