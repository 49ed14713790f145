import { openChangeCards } from '../app/change/change-cards.ts';
import { openChangeExecutor } from '../app/change/change-executor.ts';
import type { ChangeWorld } from '../app/change/change-world.ts';
import type { Workspace } from '../app/ports.ts';
import { openRuleReconciler } from '../app/change/rule-reconciler.ts';
import type { Store } from '../app/store-port.ts';

export interface ChangeSide {
  /** A change moved on, or a card is to be shown. */
  wake: () => void;
  /** Nothing is sent to hosts any more; what is under way is finished. */
  stopWork: () => Promise<void>;
  /** Cards are shown until then. */
  close: () => Promise<void>;
}

/** All that goes on about changes beside the answers: carrying out, keeping, showing. */
export function openChangeSide(world: ChangeWorld, store: Store, workspace: Workspace): ChangeSide {
  const { clock, log, owner } = world;
  const cards = openChangeCards({ store, workspace, clock, log, owner });
  const work = openChangeExecutor(world);
  const standing = openRuleReconciler(world);
  return {
    wake: () => {
      work.wake();
      cards.wake();
    },
    stopWork: async () => {
      await standing.close();
      await work.close();
    },
    close: cards.close,
  };
}
