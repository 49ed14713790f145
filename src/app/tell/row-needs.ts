import type { Change } from '../../change/change.ts';
import type { Incident } from '../../incident/incident.ts';
import { describeChangeOutcome } from '../../notice/change/change-notice.ts';
import type { LedgerRow, Told } from '../ledger.ts';
import { anewOf, servicesOf } from './announce-anew.ts';

/** What a message needs to show what is true, and its readers to know it. */
export interface Needs {
  /** A new message, or one that the channel sees again. */
  announce: boolean;
  edit: boolean;
  thread: boolean;
}

export const NO_NEEDS: Needs = { announce: false, edit: false, thread: false };

export function isSatisfied({ announce, edit, thread }: Needs): boolean {
  return !announce && !edit && !thread;
}

export function needsOfIncident(
  incident: Incident,
  { ts, shown, told }: Pick<LedgerRow, 'ts' | 'shown' | 'told'>,
): Needs {
  if (ts === null) return { ...NO_NEEDS, announce: true };
  return {
    announce: anewOf(incident, told) !== null,
    edit: told.alone && incident.revision > shown,
    thread: (told.alone && !told.evidence) || incident.killCount > told.kills,
  };
}

export function needsOfChange(change: Change, { ts, shown, told }: Pick<LedgerRow, 'ts' | 'shown' | 'told'>): Needs {
  if (ts === null) return { ...NO_NEEDS, announce: true };
  return {
    announce: false,
    edit: change.revision > shown,
    thread: describeChangeOutcome(change) !== null && told.outcome !== outcomeOf(change),
  };
}

/** Undone after applied is another outcome; so is a second one after a try that failed. */
export function outcomeOf({ state }: Change): string {
  return state.kind === 'applied' && state.undoFailed !== null ? `not undone: ${state.undoFailed.kind}` : state.kind;
}

/** People were notified of the incident as it is. */
export function announced(told: Told, incident: Incident, nowMs: number): Told {
  return {
    ...told,
    announcedAtMs: nowMs,
    services: named(told, incident),
    loop: told.loop || incident.back.kind === 'loop',
  };
}

/** The message names what joined it in the meantime. */
export function named(told: Told, incident: Incident): string[] {
  return [...new Set([...told.services, ...servicesOf(incident)])];
}
