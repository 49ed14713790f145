import { describeDrillBegun } from '../../notice/answer/drill-notice.ts';
import { openApprovers } from '../change/approvers.ts';
import type { People } from '../people.ts';
import type { AnswersWorld } from './answers-world.ts';
import type { Handlers } from './handlers.ts';
import type { Rights } from './rights.ts';
import type { Targets } from './targets.ts';

const WHAT = 'begin a drill';

/** Begins a drill for an approver or an admin; what comes of it is told in the channel. */
export function openDrillAnswer(
  world: AnswersWorld,
  targets: Targets,
  people: People,
  rights: Rights,
): Handlers['drill'] {
  return async ({ host }, { userId }) => {
    const { drills, changes } = world;
    if (drills === undefined || changes === undefined)
      return {
        kind: 'refused',
        refusal: { kind: 'not-allowed', what: `${WHAT} from here`, whoMay: 'Ask for it in the chat.' },
      };
    const stranger = await people.refuseStranger(userId, WHAT);
    if (stranger !== null) return { kind: 'refused', refusal: stranger };
    const approvers = openApprovers({ ...world, ...changes, channelOf: world.channelOf ?? (() => '') });
    const { standing } = (await approvers.standings([userId])).get(userId) ?? { standing: 'unknown' as const };
    const others =
      standing === 'may' ? null : await rights.refuseUnlessAdmin(userId, WHAT, 'Ask an approver or an admin.');
    if (others !== null) return { kind: 'refused', refusal: others };
    const target = await targets.host(host);
    if (target.kind === 'refused') return target;
    if (changes.isReadOnly(target.name))
      return { kind: 'refused', refusal: { kind: 'change', why: { kind: 'local-workspace', host: target.name } } };
    const begun = await drills.begin(target.name, userId);
    if (begun.kind === 'begun') return { kind: 'notice', notice: describeDrillBegun(begun.drill, begun.isElsewhere) };
    const { reason, needsSetup } = begun.why;
    const line = needsSetup ? await drills.setupLine(target.name) : null;
    return { kind: 'refused', refusal: { kind: 'no-drill', host: target.name, reason, line } };
  };
}
