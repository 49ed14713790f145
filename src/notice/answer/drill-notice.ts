import type { Drill, DrillStep } from '../../incident/drill.ts';
import { aNotice, type Notice, type Text } from '../notice.ts';
import { sayCount } from '../units.ts';

/** What to see first. */
const RANK: readonly Drill['state'][] = ['failed', 'refused', 'running', 'waiting', 'worked'];
/** Hosts that the standing message names. */
const ROWS_MAX = 40;

/** `0.4 s`, `0.04 s`, `12 s`: short enough to compare. */
function saySeconds(lengthMs: number): string {
  const seconds = Math.max(0, lengthMs) / 1_000;
  return `${seconds.toFixed(seconds < 0.1 ? 2 : seconds < 10 ? 1 : 0)} s`;
}

/** From the kill to the channel; null: it did not get there. */
function wayMs({ killedAtMs, toldAtMs }: Drill): number | null {
  return killedAtMs === null || toldAtMs === null ? null : toldAtMs - killedAtMs;
}

/** The one message of a drill that somebody asked for, as it is now. */
export function describeDrill(drill: Drill): Notice {
  const small: Text[] = [
    [{ words: 'Asked by ' }, byWhom(drill), { words: ', ' }, { atMs: drill.madeAtMs }, { words: '.' }],
  ];
  const counted = countedText(drill);
  if (counted !== null) small.push(counted);
  const about: Text = [
    {
      words:
        'The drill starts a process in a memory group of its own and has the kernel kill it. Nothing else is touched.',
    },
  ];
  switch (drill.state) {
    case 'worked':
      return aNotice({
        tone: 'good',
        headline: [{ words: 'Drill on ' }, { hostText: drill.host }, { words: ': ' }, ...worksText(drill)],
        sentence: about,
        parts: stepsPart(drill),
        small,
      });
    case 'failed':
    case 'refused':
      return aNotice({
        tone: 'warn',
        headline: [{ words: 'Drill on ' }, { hostText: drill.host }, { words: ` ended early: ${endText(drill)}` }],
        sentence: [{ prose: drill.end?.reason ?? '' }],
        parts: stepsPart(drill),
        small,
      });
    case 'waiting':
    case 'running':
      return aNotice({
        headline: [
          { words: 'Drill on ' },
          { hostText: drill.host },
          { words: drill.recordedAtMs === null ? ': under way' : ': the kill is on record' },
        ],
        sentence: about,
        parts: stepsPart(drill),
        small,
      });
  }
}

/** `the way from db01 to #oom works: 0.4 s`. */
function worksText(drill: Drill): Text {
  return [
    { words: 'the way from ' },
    { hostText: drill.host },
    { words: ' to ' },
    { hostText: drill.channel },
    { words: ` works: ${saySeconds(wayMs(drill) ?? 0)}` },
  ];
}

function byWhom({ by }: Drill): Text[number] {
  return by === null ? { words: 'the schedule' } : { userId: by };
}

function stepsPart(drill: Drill): Notice['parts'] {
  const { askedAtMs, killedAtMs, seenAtMs, recordedAtMs, toldAtMs } = drill;
  const steps = [
    { label: 'Killed by the kernel', atMs: killedAtMs, since: askedAtMs, after: 'after the request' },
    { label: 'Line read', atMs: seenAtMs, since: killedAtMs, after: 'after the kill' },
    { label: 'On record', atMs: recordedAtMs, since: killedAtMs, after: 'after the kill' },
    { label: 'In the channel', atMs: toldAtMs, since: killedAtMs, after: 'after the kill' },
  ];
  const facts = steps.flatMap(({ label, atMs, since, after }) =>
    atMs === null || since === null ? [] : [{ label, value: [{ words: `${saySeconds(atMs - since)} ${after}` }] }],
  );
  return facts.length === 0 ? [] : [{ kind: 'facts', facts }];
}

function countedText({ counted }: Drill): Text | null {
  if (counted === null) return null;
  const more = counted.after - counted.before;
  if (more === 1) return [{ words: 'The kernel’s counter of kills went up by one: this drill.' }];
  return more > 1
    ? [
        {
          words: `The kernel’s counter of kills went up by ${more}: one is this drill, the others are real.`,
        },
      ]
    : [{ words: 'The kernel’s counter of kills did not move, though one was seen: see /oom hosts.' }];
}

const ENDED: Record<DrillStep, string> = {
  announce: 'it could not be announced',
  kill: 'the kernel killed nothing',
  see: 'no line of the kill was read',
  record: 'the kill did not get on record',
  tell: 'the channel did not show the kill',
  interrupted: 'oombot was stopped',
};

function endText({ state, end }: Drill): string {
  return state === 'refused' ? 'not done' : ENDED[end?.step ?? 'interrupted'];
}

/** What to look at, by where it ended. */
function lookAt({ host, id, end }: Drill): Text[] {
  const check: Text = [{ hostText: `/oom hosts check ${host}` }, { words: ' says what is off on the host.' }];
  switch (end?.step) {
    case 'announce':
    case 'tell':
      return [
        [
          { hostText: '/oom test' },
          { words: ' tries the channel alone; ' },
          { hostText: 'oombot check slack' },
          { words: ' says what is off.' },
        ],
      ];
    case 'kill':
      return [
        check,
        [
          { words: 'On the host: ' },
          { hostText: 'journalctl -t oom-adj' },
          { words: ' has the request and its result.' },
        ],
      ];
    case 'see':
      return [
        check,
        [
          { words: 'On the host: ' },
          { hostText: `dmesg | grep oombot-drill-${id}` },
          { words: ' shows whether the kernel wrote it. If it did, the bot does not read that log.' },
        ],
      ];
    case 'record':
      return [[{ words: 'Look at /healthz and the program’s log: the database does not take writes.' }]];
    default:
      return [[{ words: 'Ask for another one: ' }, { hostText: `/oom drill ${host}` }]];
  }
}

/** The message that notifies when a drill failed: tonight's alarm may not come. */
export function describeDrillFailure(drill: Drill): Notice {
  return aNotice({
    tone: 'bad',
    headline: [{ words: 'The drill on ' }, { hostText: drill.host }, { words: ` failed: ${endText(drill)}` }],
    sentence: [{ words: 'A real kill may go unnoticed there. ' }, { prose: drill.end?.reason ?? '' }],
    parts: [...stepsPart(drill), { kind: 'rows', rows: lookAt(drill).map((text) => ({ text })) }],
    small: [[{ words: 'Asked by ' }, byWhom(drill), { words: ', ' }, { atMs: drill.madeAtMs }, { words: '.' }]],
  });
}

/** The standing message of a channel: the last drill of each of its hosts, what failed first. Nothing in it notifies anybody. */
export function describeDrills(channel: string, drills: readonly Drill[], everyText: string): Notice {
  const rows = drills.toSorted((a, b) => RANK.indexOf(a.state) - RANK.indexOf(b.state) || a.host.localeCompare(b.host));
  const failed = drills.filter(({ state }) => state === 'failed').length;
  const worked = drills.filter(({ state }) => state === 'worked').length;
  return aNotice({
    tone: failed > 0 ? 'bad' : 'good',
    headline: [
      { words: 'Drills: the way to ' },
      { hostText: channel },
      { words: ` works from ${worked} of ${sayCount(drills.length, 'host')}` },
    ],
    parts: [{ kind: 'rows', rows: rows.slice(0, ROWS_MAX).map((drill) => ({ text: rowOf(drill) })) }],
    small: [
      ...(rows.length > ROWS_MAX ? [[{ words: `${ROWS_MAX} of ${rows.length} hosts shown, failures first.` }]] : []),
      [{ words: `Each host has a drill every ${everyText}. This message is edited; only a failure posts a new one.` }],
    ],
  });
}

function rowOf(drill: Drill): Text {
  const host: Text = [{ hostText: drill.host }, { words: ': ' }];
  const at: Text = [{ words: ', ' }, { atMs: drill.madeAtMs }];
  switch (drill.state) {
    case 'worked':
      return [...host, { words: `works, ${saySeconds(wayMs(drill) ?? 0)}` }, ...at];
    case 'waiting':
    case 'running':
      return [...host, { words: drill.recordedAtMs === null ? 'drill under way' : 'the kill is on record' }, ...at];
    case 'failed':
      return [...host, { strong: 'failed' }, { words: `: ${endText(drill)}` }, ...at];
    case 'refused':
      return [...host, { words: 'not done: ' }, { prose: drill.end?.reason ?? '' }, ...at];
  }
}

/** To the person who asked, at once. `isElsewhere`: another process of the bot watches the host and takes it up. */
export function describeDrillBegun({ host, channel }: Drill, isElsewhere: boolean): Notice {
  return aNotice({
    headline: [
      { words: isElsewhere ? 'Asked for a drill on ' : 'The drill on ' },
      { hostText: host },
      { words: isElsewhere ? '. ' : ' has begun. ' },
      { words: 'Its message is in ' },
      { hostText: channel },
      { words: '.' },
    ],
  });
}

/** Why a host lets no drill begin, by the helper's word for it. */
export const DRILL_REASONS: Record<string, string> = {
  root: 'The helper does not run as root there.',
  panic: 'vm.panic_on_oom is 2 there: the host would panic.',
  'no-group': 'Its kernel has no memory groups, or they are off.',
  container: 'It is a container, or all of it is in a memory group with a limit: others there could be chosen.',
  swap: 'Swap cannot be kept out of a memory group there.',
  room: 'Less than 64 MiB of memory are available there: this is no time for a drill.',
  busy: 'Another drill or a change is under way there. Try again in a minute.',
  log: 'The helper cannot write to the host’s log (/dev/log), and does nothing that it cannot log.',
  group: 'The helper cannot make a memory group there (is /sys/fs/cgroup read-only?).',
  left: 'The process was killed, but its memory group could not be taken away; the next drill tries again.',
  'not-killed': 'The process ended without being killed.',
  limits: 'The helper’s own limits are too narrow there.',
  note: 'The helper cannot write to /run/oom-adj.',
};
