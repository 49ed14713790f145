import type { Incident } from '../../incident/incident.ts';
import { describeAcked, describeShown } from '../../notice/incident/show-notice.ts';
import type { People } from '../people.ts';
import type { AnswersWorld } from './answers-world.ts';
import type { Answer, Handlers, Requester } from './handlers.ts';

/** With the longest names so many rows fit into a message; a table that does not fit is left out as a whole. */
const PAGE_KILLS = 10;
const TRIES = 5;

/** An incident by its id, and who takes care of it. */
export function openShowAnswers(
  { store, clock, wake }: Pick<AnswersWorld, 'store' | 'clock' | 'wake'>,
  people: People,
): Pick<Handlers, 'showIncident' | 'ackIncident'> {
  async function find(
    id: string,
  ): Promise<{ kind: 'found'; incident: Incident } | Extract<Answer, { kind: 'refused' }>> {
    const said = id.trim().replace(/[.…]+$/, '');
    const found = /^[A-Za-z0-9-]{1,64}$/.test(said) ? await store.incidentsCalled(said, 2) : [];
    const [incident] = found;
    if (incident !== undefined && (found.length === 1 || incident.id === said)) return { kind: 'found', incident };
    return { kind: 'refused', refusal: { kind: 'no-such-incident', id: said, isAmbiguous: found.length > 1 } };
  }

  async function showIncident(ask: { incident: string; page: number }): Promise<Answer> {
    const found = await find(ask.incident);
    if (found.kind === 'refused') return found;
    const { incident } = found;
    const pages = Math.max(1, Math.ceil(incident.killCount / PAGE_KILLS));
    const page = Math.min(ask.page, pages);
    const kills = (await store.killsOfIncident(incident.id, page * PAGE_KILLS)).slice((page - 1) * PAGE_KILLS);
    return { kind: 'notice', notice: describeShown(incident, kills, { page, pages, first: (page - 1) * PAGE_KILLS }) };
  }

  async function ackIncident(ask: { incident: string }, { userId }: Requester): Promise<Answer> {
    const stranger = await people.refuseStranger(userId, 'take an incident');
    if (stranger !== null) return { kind: 'refused', refusal: stranger };
    const found = await find(ask.incident);
    if (found.kind === 'refused') return found;
    let current: Incident | null = found.incident;
    for (let tried = 0; tried < TRIES && current !== null; tried += 1) {
      if (current.closedAtMs !== null)
        return { kind: 'refused', refusal: { kind: 'incident-closed', atMs: current.closedAtMs } };
      const nowMs = clock.nowMs();
      const acked: Incident = { ...current, ack: { by: userId, atMs: nowMs } };
      const shown = (await store.postedOf(acked.id)).map(({ channel }) => ({
        incidentId: acked.id,
        channel,
        kind: 'incident' as const,
        body: null,
        notBeforeMs: nowMs,
      }));
      const result = await store.updateIncident(acked, shown);
      if (result.kind === 'saved') {
        wake();
        const details = { incident: acked.id };
        await store.appendAudit({ atMs: nowMs, actor: userId, action: 'ack', host: acked.host, details });
        return { kind: 'notice', notice: describeAcked(acked, current.ack?.by ?? null) };
      }
      ({ current } = result);
    }
    return { kind: 'refused', refusal: { kind: 'stale', what: 'This incident' } };
  }

  return { showIncident, ackIncident };
}
