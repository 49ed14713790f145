import type { DeathState } from './report-state.ts';

/** Deaths that later lines may still amend, oldest first. */
export interface RecentDeaths {
  all: DeathState[];
  add: (death: DeathState) => void;
  /** Takes the oldest away. */
  shift: () => DeathState | undefined;
  /** The newest death of this process that fits. */
  findLast: (pid: number, fits?: (death: DeathState) => boolean) => DeathState | undefined;
}

export function openRecentDeaths(): RecentDeaths {
  const all: DeathState[] = [];
  // A storm asks this for every line of it.
  const byPid = new Map<number, DeathState[]>();
  return {
    all,
    add: (death) => {
      all.push(death);
      if (death.pid === null) return;
      const known = byPid.get(death.pid);
      if (known === undefined) byPid.set(death.pid, [death]);
      else known.push(death);
    },
    shift: () => {
      const death = all.shift();
      if (death === undefined || death.pid === null) return death;
      const known = byPid.get(death.pid) ?? [];
      if (known.length < 2) byPid.delete(death.pid);
      else known.shift();
      return death;
    },
    findLast: (pid, fits) => {
      const known = byPid.get(pid);
      return fits === undefined ? known?.at(-1) : known?.findLast(fits);
    },
  };
}
