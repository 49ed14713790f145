import { aNotice, type Notice, type Text } from '../notice.ts';
import { sayCount, sayNumber } from '../units.ts';

export interface PastKill {
  service: string;
  atMs: number;
}

const SERVICES_SHOWN = 10;

/** What the log of a host tells of the time before it was watched, without alarm. null: nothing. */
export function describePast(host: string, kills: readonly PastKill[]): Notice | null {
  if (kills.length === 0) return null;
  const times = kills.map(({ atMs }) => atMs);
  const [firstAtMs, lastAtMs] = [Math.min(...times), Math.max(...times)];
  return aNotice({
    headline: [
      { words: 'Before I was watching ' },
      { hostText: host },
      { words: `: ${sayCount(kills.length, 'kill')}, ${kills.length === 1 ? '' : 'the last '}` },
      { atMs: lastAtMs },
    ],
    sentence: [
      ...servicesText(kills),
      ...(kills.length === 1 ? [] : [{ words: ', since ' }, { atMs: firstAtMs }]),
      { words: '. For all of them: ' },
      { hostText: `/oom history ${host}` },
    ],
  });
}

function servicesText(kills: readonly PastKill[]): Text {
  const services = [...Map.groupBy(kills, ({ service }) => service)].toSorted((a, b) => b[1].length - a[1].length);
  const more = services.length - SERVICES_SHOWN;
  return [
    ...services
      .slice(0, SERVICES_SHOWN)
      .flatMap(([service, ofIt], at): Text => [
        ...(at === 0 ? [] : [{ words: ', ' }]),
        ...(ofIt.length > 1 ? [{ words: `${sayNumber(ofIt.length)} × ` }] : []),
        { hostText: service },
      ]),
    ...(more > 0 ? [{ words: ` and ${sayNumber(more)} more` }] : []),
  ];
}
