import { openChangeExecutor } from '../app/change/change-executor.ts';
import type { ChangeWorld } from '../app/change/change-world.ts';
import { openRuleReconciler } from '../app/change/rule-reconciler.ts';

export interface ChangeSide {
  /** A change moved on. */
  wake: () => void;
  /** As in RuleReconciler. */
  drifted: () => number;
  /** Nothing is sent to hosts any more; what is under way is finished. */
  close: () => Promise<void>;
}

/** All that goes on about changes beside the answers: carrying out and keeping. */
export function openChangeSide(world: ChangeWorld): ChangeSide {
  const work = openChangeExecutor(world);
  const standing = openRuleReconciler(world);
  return {
    wake: work.wake,
    drifted: standing.drifted,
    close: async () => {
      await standing.close();
      await work.close();
    },
  };
}
