import type { Drill } from '../../incident/drill.ts';
import type { WatchedHosts } from '../host-link.ts';
import type { Base, Outbox } from '../ports.ts';
import type { Store } from '../store-port.ts';
import type { DrillWatch } from '../watch/drill-watch.ts';

/** What drills need. */
export interface DrillWorld extends Base<Store>, Outbox {
  fleet: WatchedHosts;
  watch: DrillWatch;
  /** 32 hex digits that nobody can guess. */
  newId: () => string;
  /** True where other processes of the bot work on the same record. */
  shared: boolean;
  /** Read anew each time. `everyMs` null: none by itself. `channel` null: where kills of the host are told. */
  schedule: () => { everyMs: number | null; channel: string | null };
  /** True: nothing is done on that host from here. */
  isReadOnly: (host: string) => boolean;
  /** A drill is over: metrics. */
  onEnded: (drill: Drill) => void;
}
