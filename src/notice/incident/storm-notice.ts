import type { Incident } from '../../incident/incident.ts';
import { aNotice, type Cell, type Notice, type Text } from '../notice.ts';
import { sayCount, sayDuration, sayNumber } from '../units.ts';

const ROWS_SHOWN = 15;
const SERVICES_SHOWN = 3;
/** Fewer kills are several at once, and no storm. */
const STORM_FROM = 3;

/** Many incidents at once as one message: who is hit, how hard, and where to read on. `incidents` has at least one. */
export function describeStorm(incidents: readonly Incident[]): Notice {
  const hosts = Map.groupBy(incidents, (incident) => incident.host);
  const kills = sumKills(incidents);
  const firstAtMs = Math.min(...incidents.map((incident) => incident.firstAtMs));
  const lastAtMs = Math.max(...incidents.map((incident) => incident.lastAtMs));
  const rows = [...hosts]
    .map(([host, ofHost]) => ({ host, ofHost, kills: sumKills(ofHost) }))
    .toSorted((a, b) => b.kills - a.kills);
  const rest = rows.slice(ROWS_SHOWN);
  const worst = rows[0]?.host;
  return aNotice({
    tone: 'bad',
    headline: [
      {
        words: `${kills < STORM_FROM ? 'Out of memory' : 'Out-of-memory storm'}: ${sayCount(kills, 'kill')} on ${sayCount(hosts.size, 'host')} within ${sayDuration(Math.max(1_000, lastAtMs - firstAtMs))}`,
      },
    ],
    sentence: commonText(incidents),
    parts: [
      {
        kind: 'table',
        caption: rest.length > 0 ? `The ${ROWS_SHOWN} hosts with the most kills` : 'Kills by host',
        columns: [
          { title: 'Host', align: 'left' },
          { title: 'Kills', align: 'right' },
          { title: 'Services', align: 'left' },
        ],
        rows: rows
          .slice(0, ROWS_SHOWN)
          .map((row): Cell[] => [
            { text: [{ hostText: row.host }] },
            { text: [{ words: sayNumber(row.kills) }], sortBy: row.kills },
            { text: servicesText(row.ofHost) },
          ]),
      },
      ...(rest.length > 0
        ? [
            {
              kind: 'text' as const,
              text: [
                {
                  words: `${sayCount(rest.length, 'more host')} with ${sayCount(
                    rest.reduce((sum, row) => sum + row.kills, 0),
                    'kill',
                  )}.`,
                },
              ],
            },
          ]
        : []),
    ],
    small: [
      [
        { words: 'From ' },
        { atMs: firstAtMs },
        { words: ' to ' },
        { atMs: lastAtMs },
        { words: '. Every kill is on record.' },
      ],
      ...(worst === undefined ? [] : [[{ words: 'Read on with ' }, { hostText: `/oom last ${worst}` }]]),
    ],
    buttons: worst === undefined ? [] : [{ id: 'run', label: `Last on ${worst}`.slice(0, 70), value: `last ${worst}` }],
  });
}

function sumKills(incidents: readonly Incident[]): number {
  return incidents.reduce((sum, incident) => sum + incident.killCount, 0);
}

function servicesText(incidents: readonly Incident[]): Text {
  const services = [...new Set(incidents.flatMap((incident) => incident.victims.map((victim) => victim.service)))];
  const more = services.length - SERVICES_SHOWN;
  return [
    ...services
      .slice(0, SERVICES_SHOWN)
      .flatMap((service, at): Text => [...(at === 0 ? [] : [{ words: ', ' }]), { hostText: service }]),
    ...(more > 0 ? [{ words: ` and ${more} more` }] : []),
  ];
}

/** The same service on several hosts points at a release, at traffic or at data, not at the hosts. */
function commonText(incidents: readonly Incident[]): Text | null {
  const byService = Map.groupBy(incidents, (incident) => incident.service);
  const [service, members] = [...byService].toSorted((a, b) => b[1].length - a[1].length)[0] ?? [];
  const hosts = new Set(members?.map((incident) => incident.host)).size;
  const all = new Set(incidents.map((incident) => incident.host)).size;
  if (service === undefined || hosts < 2 || hosts * 2 < all) return null;
  return [
    { hostText: service },
    { words: ` died on ${hosts} of ${all} hosts: rather a release, traffic or data than the hosts.` },
  ];
}
