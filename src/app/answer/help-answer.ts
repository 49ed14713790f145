import { describeHelp } from '../../notice/answer/answer-notice.ts';
import { shellWord } from '../../notice/host-text.ts';
import type { AnswersWorld } from './answers-world.ts';
import type { Command } from './command.ts';
import type { Handlers } from './handlers.ts';
import { helpLines } from './registry.ts';
import type { Rights } from './rights.ts';
import type { Targets } from './targets.ts';

const PROPOSALS = new Set(['protect', 'unprotect']);

/**
 * What this person may do here, with names that are real: hosts that can be changed and have something to show come first, with a process that was killed
 * or runs there. `mayPropose`: whether this person may propose changes.
 */
export function openHelpAnswer(
  { store, fleet, clock, log, changes }: AnswersWorld,
  targets: Targets,
  rights: Rights,
  mayPropose: (userId: string) => Promise<boolean>,
): Handlers['answerHelp'] {
  function isReadOnly(host: string): boolean {
    return changes?.isReadOnly(host) === true;
  }

  return async ({ userId }) => {
    const lastAtMs = new Map((await store.hostKills(clock.nowMs())).map((host) => [host.host, host.lastAtMs]));
    const hosts = fleet
      .hosts()
      .map((host) => host.name)
      .toSorted((a, b) => (lastAtMs.get(b) ?? 0) - (lastAtMs.get(a) ?? 0))
      .toSorted((a, b) => Number(isReadOnly(a)) - Number(isReadOnly(b)));
    const [host = 'db01'] = hosts;
    const [tag] = targets.tags();
    const [process, editing, proposes] = await Promise.all([
      processOn(host),
      rights.refuseEditing(userId),
      mayPropose(userId).catch((error: unknown) => {
        log.warn({ err: error }, 'Whether somebody may propose changes could not be looked up for the help');
        return false;
      }),
    ]);
    function isShown({ name, whoMay }: Command): boolean {
      if (whoMay === 'admins') return editing === null;
      if (whoMay === 'approvers and admins') return proposes || editing === null;
      return proposes || (whoMay !== 'approvers' && !PROPOSALS.has(name));
    }
    const lines = helpLines({ host, group: tag ?? host, tag: tag ?? null, process }, isShown);
    return { kind: 'notice', notice: describeHelp(lines, hosts.length > 0) };
  };

  /** The last victim there, else a process of the last snapshot, as it can be typed. */
  async function processOn(host: string): Promise<string> {
    const [incident] = await store.incidents(host, 1);
    const victim = shellWord(incident?.kills.at(-1)?.record.name ?? null);
    if (victim !== null) return victim;
    const seen = (await store.snapshot(host))?.processes.filter(({ pid }) => pid !== 1) ?? [];
    return seen.map(({ name }) => shellWord(name)).find((name) => name !== null) ?? 'mysqld';
  }
}
