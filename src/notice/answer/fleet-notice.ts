import { aNotice, joinTexts, type Button, type Notice, type Part, type Text } from '../notice.ts';
import { sayCount, sayDuration } from '../units.ts';

export type HostState =
  | { kind: 'connected'; sinceMs: number; source: string }
  | { kind: 'connecting' }
  /** Another process of this installation watches it. */
  | { kind: 'elsewhere' }
  /** Reached, but its log cannot be followed. */
  | { kind: 'unwatched'; sinceMs: number; reason: string }
  | { kind: 'unreachable'; sinceMs: number; reason: string };

/** One host as a list shows it. */
export interface HostRow {
  name: string;
  address: string;
  tags: string[];
  state: HostState;
  /** Newest kill; null: none known. */
  lastKillAtMs: number | null;
  killsLast7d: number;
  /** Sentences about what is off, each with what would fix it. */
  problems: string[];
  mutedUntilMs: number | null;
  fromSlack: boolean;
  /** Where the host comes from; null: the configuration file. */
  from: string | null;
  /** Its name before; null: it had no other that is known of. */
  formerly?: string | null;
}

/** The fleet, unreachable hosts first. */
export function describeHosts(
  rows: readonly HostRow[],
  mayEdit: boolean,
  inventoryProblems: readonly string[] = [],
): Notice {
  const off = rows.filter((row) => !isWatched(row.state)).length;
  const troubled = rows.filter((row) => isWatched(row.state) && row.problems.length > 0).length;
  return aNotice({
    tone: off > 0 || troubled > 0 || inventoryProblems.length > 0 ? 'warn' : 'plain',
    headline: [{ words: fleetWords(rows.length, off, troubled) }],
    parts: [
      ...inventoryProblems.slice(0, 5).map((problem): Part => ({ kind: 'text', text: [{ prose: problem }] })),
      hostRows(rows),
    ],
    buttons: [
      ...(rows.length === 0 ? [] : [{ id: 'run' as const, label: 'Check all', value: 'hosts check' }]),
      ...(mayEdit ? editButtons(rows) : []),
    ],
  });
}

/** App Home: the fleet, then the last kills. */
export function describeHome(
  rows: readonly HostRow[],
  lastKills: readonly { text: Text; incidentHost: string }[],
  mayEdit: boolean,
): Notice {
  const fleet = describeHosts(rows, mayEdit);
  return {
    ...fleet,
    parts: [
      ...fleet.parts,
      { kind: 'text', text: [{ strong: lastKills.length === 0 ? 'No kill known yet' : 'Last kills' }] },
      {
        kind: 'rows',
        rows: lastKills.slice(0, 10).map((kill) => ({
          text: kill.text,
          button: { id: 'run', label: 'Show', value: `last ${kill.incidentHost}` },
        })),
      },
    ],
    small: [[{ words: 'Ask anywhere with ' }, { hostText: '/oom help' }]],
  };
}

/** What a check of one host or of the fleet found. */
export function describeCheck(rows: readonly HostRow[]): Notice {
  const off = rows.filter((row) => row.problems.length > 0 || !isWatched(row.state));
  return aNotice({
    tone: off.length > 0 ? 'warn' : 'good',
    headline: [
      {
        words:
          off.length === 0
            ? `${sayCount(rows.length, 'host')} checked, no problems`
            : `Problems on ${off.length} of ${sayCount(rows.length, 'host')}`,
      },
    ],
    parts: off.slice(0, 20).map((row): Part => ({
      kind: 'lines',
      caption: row.name,
      lines: [...offLines(row.state), ...row.problems],
    })),
  });
}

function isWatched(state: HostState): boolean {
  return state.kind === 'connected' || state.kind === 'elsewhere';
}

function offLines(state: HostState): string[] {
  switch (state.kind) {
    case 'connected':
    case 'elsewhere':
      return [];
    case 'connecting':
      return ['not connected yet'];
    case 'unreachable':
      return [`unreachable: ${state.reason}`];
    case 'unwatched':
      return [`not watched: ${state.reason}`];
  }
}

/** Told once when a host stays away, so that silence means health. */
export function describeUnreachable(host: string, sinceMs: number, reason: string): Notice {
  return aNotice({
    tone: 'warn',
    headline: [{ hostText: host }, { words: ' is unreachable: I can’t see kills there right now' }],
    sentence: [{ words: 'Since ' }, { atMs: sinceMs }, { words: ': ' }, { prose: reason }],
    small: [[{ words: 'I will read what I missed from its log when it is back.' }]],
    buttons: [{ id: 'run', label: 'Check host', value: `hosts check ${host}` }],
  });
}

/**
 * Told once when it is back. `missedKills` were found so far in its log for the time away: more may come from a look-up. After a
 * reboot, what happened before it is known only where a log outlasts that.
 */
export function describeBackAgain(
  host: string,
  awayMs: number,
  missedKills: number,
  { rebooted, logOutlastsReboot }: { rebooted: boolean; logOutlastsReboot: boolean },
): Notice {
  const told =
    missedKills === 0
      ? 'No kills found in its log so far'
      : `${sayCount(missedKills, 'kill')} found in its log so far from that time`;
  const found =
    rebooted && !logOutlastsReboot
      ? `${told}. What happened before the reboot is lost: no readable log survives a reboot`
      : told;
  return aNotice({
    tone: 'good',
    headline: [{ hostText: host }, { words: ` is back after ${sayDuration(awayMs)}${rebooted ? ', rebooted' : ''}` }],
    sentence: [{ words: `${found}.` }],
  });
}

/** One line for a host, as lists show it. */
export function hostText(row: HostRow): Text {
  const extras: Text[] = [
    ...(row.tags.length > 0 ? [[{ words: 'Tags ' }, ...joinTexts(row.tags.map((tag) => [{ hostText: tag }]))]] : []),
    row.lastKillAtMs === null
      ? [{ words: row.tags.length > 0 ? 'no kills on record' : 'No kills on record' }]
      : [{ words: `${sayCount(row.killsLast7d, 'kill')} in 7 d, last ` }, { atMs: row.lastKillAtMs }],
    ...(row.from === null ? [] : [[{ words: 'source: ' }, { hostText: row.from }]]),
    ...(row.formerly == null ? [] : [[{ words: 'was called ' }, { hostText: row.formerly }]]),
    ...(row.mutedUntilMs === null ? [] : [[{ words: 'muted until ' }, { atMs: row.mutedUntilMs }]]),
  ];
  const problems = row.problems
    .slice(0, 3)
    .map((problem): Text => [{ words: '. ' }, { prose: problem.replace(/\.$/, '') }]);
  return [
    { hostText: row.name },
    { words: ' ' },
    ...stateText(row.state),
    { words: '. ' },
    ...joinTexts(extras, '; '),
    ...problems.flat(),
    { words: '.' },
  ];
}

function stateText(state: HostState): Text {
  switch (state.kind) {
    case 'connected':
      return [{ words: 'watched since ' }, { atMs: state.sinceMs }, { words: ' through ' }, { hostText: state.source }];
    case 'connecting':
      return [{ words: 'connecting' }];
    case 'elsewhere':
      return [{ words: 'watched by another oombot process' }];
    case 'unreachable':
    case 'unwatched':
      return [
        { strong: state.kind === 'unreachable' ? 'unreachable' : 'not watched' },
        { words: ' since ' },
        { atMs: state.sinceMs },
        { words: ': ' },
        // A full stop follows.
        { prose: state.reason.replace(/\.$/, '') },
      ];
  }
}

const ORDER: Record<HostState['kind'], number> = {
  unreachable: 0,
  unwatched: 1,
  connecting: 2,
  connected: 3,
  elsewhere: 3,
};
const HOSTS_SHOWN = 30;

function hostRows(rows: readonly HostRow[]): Part {
  const sorted = rows.toSorted(
    (a, b) =>
      ORDER[a.state.kind] - ORDER[b.state.kind] || b.killsLast7d - a.killsLast7d || a.name.localeCompare(b.name),
  );
  const more = rows.length - HOSTS_SHOWN;
  return {
    kind: 'rows',
    rows: [
      ...sorted.slice(0, HOSTS_SHOWN).map((row) => ({
        text: hostText(row),
        ...(row.lastKillAtMs === null
          ? {}
          : { button: { id: 'run' as const, label: 'Last kill', value: `last ${row.name}` } }),
      })),
      ...(more > 0 ? [{ text: [{ words: `and ${sayCount(more, 'more host')}.` }] }] : []),
    ],
  };
}

function fleetWords(count: number, off: number, troubled: number): string {
  if (count === 0) return 'No hosts yet';
  const watched = off === 0 ? 'all watched' : `${off} not watched right now`;
  const problems = troubled === 0 ? '' : `, problems on ${troubled}${off === 0 ? '' : ' more'}`;
  return `${sayCount(count, 'host')}, ${watched}${problems}`;
}

function editButtons(rows: readonly HostRow[]): Button[] {
  return [
    { id: 'hosts-add', label: 'Add a host…', value: 'add' },
    ...(rows.some((row) => row.fromSlack)
      ? [{ id: 'hosts-remove' as const, label: 'Remove a host…', value: 'remove' }]
      : []),
  ];
}
