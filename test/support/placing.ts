import type { Mute } from '../../src/app/ports.ts';
import { incidentIdOf } from '../../src/app/watch/incident-id.ts';

/** How most tests have kills find their incident: all are news, told in #oom, and nobody has muted anything. */
export const PLACING = {
  newId: incidentIdOf,
  isHistory: () => false,
  mutes: [] as Mute[],
  channelOf: () => '#oom',
};
