import type { Incident } from '../../incident/incident.ts';
import { serviceLabel } from '../../incident/service.ts';
import { cutText } from '../host-text.ts';
import { aNotice, type Notice, type Text } from '../notice.ts';
import { shortageText } from '../roles.ts';
import { sayCount, sayDuration } from '../units.ts';
import type { Anew } from './anew-notice.ts';

/** One incident in a summary; `anew`: people were told of it before. */
export interface SummaryMember {
  incident: Incident;
  anew: Anew | null;
}

/** Services in the sentence that a lock screen shows. */
const SENTENCE_CHARS = 400;
/** Lines in the message itself, in characters; the thread has all of them. */
const MESSAGE_CHARS = 2_600;
/** One quoted block in the thread. */
const BLOCK_CHARS = 2_600;
// A line of a block is cut at 600 characters (slack/native-blocks.ts): what it says must fit, host and id as well.
const LINE_SERVICES_CHARS = 180;
const LINE_PART_CHARS = 110;
/** The first characters of an incident's id, enough for `/oom show`. */
const ID_CHARS = 8;

/** Several incidents announced by one message: which hosts and services, and where each can be read. `members` has at least one. */
export function describeSummary(members: readonly SummaryMember[]): Notice {
  const incidents = members.map(({ incident }) => incident);
  const kills = sumKills(incidents);
  const firstAtMs = Math.min(...incidents.map((incident) => incident.firstAtMs));
  const lastAtMs = Math.max(...incidents.map((incident) => incident.lastAtMs));
  const hosts = [...Map.groupBy(incidents, (incident) => incident.host)]
    .map(([host, ofHost]) => ({ host, ofHost, kills: sumKills(ofHost) }))
    .toSorted((a, b) => b.kills - a.kills);
  const lines = hosts.map(
    ({ host, ofHost, kills: count }) => `${host}: ${namesOf(ofHost).join(', ')} (${sayCount(count, 'kill')})`,
  );
  const [shown = [], ...rest] = blocksOf(lines, MESSAGE_CHARS);
  const more = rest.flat().length;
  const common = commonText(incidents);
  const goOn = members.filter(({ anew }) => anew !== null).length;
  return aNotice({
    tone: 'bad',
    headline: [
      {
        words: `Out of memory: ${sayCount(incidents.length, 'incident')}, ${sayCount(kills, 'kill')} on ${sayCount(hosts.length, 'host')} within ${sayDuration(Math.max(1_000, lastAtMs - firstAtMs))}`,
      },
    ],
    sentence: servicesText(namesOf(incidents)),
    parts: [
      ...(common === null ? [] : [{ kind: 'text' as const, text: common }]),
      { kind: 'lines', caption: 'What was killed where', lines: shown },
      ...(more === 0
        ? []
        : [{ kind: 'text' as const, text: [{ words: `and ${sayCount(more, 'more host')}, named in the thread` }] }]),
    ],
    small: [
      [
        { words: 'From ' },
        { atMs: firstAtMs },
        { words: ' to ' },
        { atMs: lastAtMs },
        {
          words: `. The thread has a line for each incident, with its id for /oom show.${goOn === 0 ? '' : ` ${sayCount(goOn, 'incident')} announced before and still going on.`}`,
        },
      ],
    ],
  });
}

/** The incidents of a summary for its thread, one line each: host, services, what ran out, id, cause. */
export function describeSummaryLines(incidents: readonly Incident[]): Notice {
  return aNotice({
    tone: 'bad',
    headline: [{ words: `${sayCount(incidents.length, 'incident')} of this summary` }],
    parts: blocksOf(incidents.map(summaryLine), BLOCK_CHARS).map((lines) => ({
      kind: 'lines' as const,
      caption: 'Host: services, what ran out, id, cause',
      lines,
    })),
  });
}

/** Lines in blocks of at most so many characters; a longer line has a block of its own. */
function blocksOf(lines: readonly string[], chars: number): string[][] {
  const blocks: string[][] = [];
  let room = 0;
  for (const line of lines) {
    room -= line.length + 1;
    if (room < 0 || blocks.length === 0) {
      blocks.push([]);
      room = chars - line.length;
    }
    blocks.at(-1)?.push(line);
  }
  return blocks;
}

function namesOf(incidents: readonly Incident[]): string[] {
  return [...new Set(incidents.flatMap(servicesOf))];
}

function servicesOf({ service: first, victims, kills }: Incident): string[] {
  return [first, ...victims.map(({ service }) => service)].map((service) => serviceLabel(service, kills));
}

function summaryLine(incident: Incident): string {
  const id = incident.id.slice(0, ID_CHARS);
  const services = incident.victims.map(({ service, count }) => {
    const name = serviceLabel(service, incident.kills);
    return count > 1 ? `${name} (${count})` : name;
  });
  const all = services.length === 0 ? [serviceLabel(incident.service, incident.kills)] : services;
  const shown = fitting(all, LINE_SERVICES_CHARS);
  const more = all.length - shown.length;
  const named = `${shown.join(', ')}${more > 0 ? ` and ${more} more (/oom show ${id})` : ''}`;
  const kill = incident.kills.at(-1);
  const shortage = kill === undefined ? '' : `: ${cutText(plain(shortageText(kill)), LINE_PART_CHARS)}`;
  const cause = incident.cause === null ? '' : `  ${cutText(incident.cause.text, LINE_PART_CHARS)}`;
  return `${incident.host}: ${named}${shortage}  ${id}${cause}`;
}

/** The first of them, at least one, within so many characters. */
function fitting(words: readonly string[], chars: number): string[] {
  const shown: string[] = [];
  let used = 0;
  for (const word of words) {
    used += word.length + 2;
    if (shown.length > 0 && used > chars) break;
    shown.push(word);
  }
  return shown;
}

function plain(text: Text): string {
  return text.map((piece) => ('words' in piece ? piece.words : 'hostText' in piece ? piece.hostText : '')).join('');
}

function sumKills(incidents: readonly Incident[]): number {
  return incidents.reduce((sum, incident) => sum + incident.killCount, 0);
}

function servicesText(services: readonly string[]): Text {
  const shown = fitting(services, SENTENCE_CHARS);
  const more = services.length - shown.length;
  return [
    ...shown.flatMap((service, at): Text => [...(at === 0 ? [] : [{ words: ', ' }]), { hostText: service }]),
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
    { words: ` was killed on ${hosts} of ${all} hosts: suspect a release, traffic or data, not the hosts.` },
  ];
}
