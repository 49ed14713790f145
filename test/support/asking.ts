import { openAnswers } from '../../src/app/answer/answers.ts';
import type { Handlers } from '../../src/app/answer/handlers.ts';
import { notedNames } from '../../src/app/engine-names.ts';
import { openLiveScans } from '../../src/app/live-scan.ts';
import { realClock } from './real-clock.ts';
import type { WatchedHosts } from './watched-fleet.ts';
import { QUIET } from './quiet-log.ts';

/** The answers about hosts that are really watched, without a chat; nothing can be changed. */
export function askingOf({ fleet, store }: WatchedHosts): Handlers {
  return openAnswers({
    store,
    fleet,
    scans: openLiveScans(fleet, realClock, notedNames(store)),
    clock: realClock,
    log: QUIET,
    settings: () => ({ admins: [], hosts: [] }),
    watchState: fleet.watchState,
    checkHost: () => Promise.resolve([]),
    groupMembers: () => Promise.resolve([]),
    editing: null,
    wake: () => {},
    keepKillsMs: 1e12,
  });
}
