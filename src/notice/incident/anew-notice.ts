import type { Incident } from '../../incident/incident.ts';
import { serviceLabel } from '../../incident/service.ts';
import { aNotice, joinTexts, type Notice, type Text } from '../notice.ts';
import { sayCount, sayDuration } from '../units.ts';

/** Why people are notified again of an incident: another service joined it, it became a loop, or it goes on after an hour. */
export type Anew = { kind: 'joined'; services: readonly string[] } | { kind: 'loop' } | { kind: 'again' };

/** An incident that is announced anew: a reply in its thread that the channel sees too. */
export function describeAnew(incident: Incident, anew: Anew): Notice {
  const services = joinTexts(
    (anew.kind === 'joined' ? anew.services : [incident.service]).map((service): Text => [
      { hostText: serviceLabel(service, incident.kills) },
    ]),
    ', ',
    ' and ',
  );
  const where: Text = [{ words: ' on ' }, { hostText: incident.host }];
  const total = `${sayCount(incident.killCount, 'kill')} in ${sayDuration(Math.max(1_000, incident.lastAtMs - incident.firstAtMs))}`;
  switch (anew.kind) {
    case 'joined':
      return aNotice({
        tone: 'bad',
        headline: [
          ...services,
          ...where,
          { words: anew.services.length === 1 ? ' was killed too' : ' were killed too' },
        ],
        sentence: [{ words: `Same shortage, ${total} so far.` }],
      });
    case 'loop':
      return aNotice({
        tone: 'bad',
        headline: [...services, ...where, { words: ' keeps being killed after each restart' }],
        sentence: [{ words: `${total} so far.` }],
      });
    case 'again':
      return aNotice({
        tone: 'bad',
        headline: [...services, ...where, { words: ' was killed again, ' }, { atMs: incident.lastAtMs }],
        sentence: [{ words: `This has been going on since ` }, { atMs: incident.firstAtMs }, { words: `: ${total}.` }],
      });
  }
}
