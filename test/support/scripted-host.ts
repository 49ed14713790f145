import type {
  Fleet,
  FleetHost,
  FollowEnd,
  FollowRequest,
  GroupKills,
  OomdKills,
  HostCounters,
  HostFacts,
  HostLink,
  LimitedGroup,
  LinkState,
  LogBatch,
  FactsRequest,
  RequestEnd,
  SettingsRequest,
  UnitState,
} from '../../src/app/host-link.ts';
import type { Clock } from '../../src/app/ports.ts';

export const BOOT_ID = '6738972c-2174-421e-a173-1ada06c5396d';

interface LookUp {
  span: { fromMs: number | null; toMs: number | null };
  onLines: (batch: LogBatch) => void;
  signal: AbortSignal;
}

/** A host whose every word comes from the test. */
export interface ScriptedHost extends HostLink {
  backfill: (request: LookUp) => Promise<boolean>;
  /** Lines of the lasting log for the next look-ups, all of them whatever the span; null: there is none. */
  lastingLogSays: (lines: string[] | null) => void;
  /** The connection changes; a stream under way is lost with it. */
  become: (kind: LinkState['kind'], sentence?: string) => void;
  /** What a process scan answers from now on: a text, null (no answer), or what a promise gives in its time. */
  scanSays: (answer: Promise<string | null> | string | null) => void;
  /** What a memory sample answers from now on; null: no answer. */
  sampleSays: (answer: string | null) => void;
  /** Scans that were asked for. */
  scans: () => number;
  countersSay: (counters: HostCounters | null) => void;
  /** What the kernel counted in its groups, from now on; null: no answer. */
  groupsSay: (groups: readonly GroupKills[] | null) => void;
  oomdSays: (kills: OomdKills | null) => void;
  /** How often that was asked. */
  groupReads: () => number;
  unitSays: (name: string, state: UnitState | null) => void;
  /** What a look after a kill answers from now on, and what it was asked about. */
  lookSays: (answer: Promise<string | null> | string | null) => void;
  /** How it answers what it still knows of something that is gone, from now on; null: no answer. */
  whySays: (answer: (unit: string | null) => Promise<string | null> | string | null) => void;
  /** How it answers how its programs are set, from now on; null: no answer. */
  settingsSay: (answer: (ask: readonly SettingsRequest[]) => Promise<string | null> | string | null) => void;
  looks: () => readonly FactsRequest[];
  /** Requests to the helper, oldest first. */
  requests: () => string[];
  /** How the helper answers from now on; without it there is none. */
  helperSays: (answer: (line: string) => RequestEnd | Promise<RequestEnd>) => void;
  limitSays: (cgroup: string, limit: LimitedGroup) => void;
  factsSay: (facts: Partial<HostFacts> | { sentence: string }) => void;
  /** Log lines (byte strings) arrive on the stream that is followed. Throws when nobody follows. */
  say: (lines: string[], batch?: Partial<LogBatch>) => void;
  isFollowed: () => boolean;
  /** null: the reader wants more lines; else when it does again. */
  hold: () => Promise<void> | null;
}

function noHelper(line: string): RequestEnd | Promise<RequestEnd> {
  return { kind: 'no-helper', sentence: `nobody takes “${line.trim()}”` };
}

/** A connected host with no processes, an empty log and a kernel that has killed nothing. */
export function scriptedHost(host: string, clock: Clock): ScriptedHost {
  const listeners = new Set<(state: LinkState) => void>();
  let state: LinkState = { kind: 'connected', sinceMs: clock.nowMs(), sentence: `Connected to ${host}.` };
  let scan: Promise<string | null> | string | null = null;
  let sample: string | null = null;
  let scanCount = 0;
  let counters: HostCounters | null = { bootId: BOOT_ID, oomKills: 0, readAtMs: clock.nowMs() };
  let groups: readonly GroupKills[] | null = [];
  let oomd: OomdKills | null = null;
  let groupReadCount = 0;
  let looked: () => Awaited<ReturnType<HostLink['probe']>> = lookingWith({});
  let following: { request: FollowRequest; end: (how: FollowEnd) => void } | null = null;
  const units = new Map<string, UnitState | null>();
  let around: Promise<string | null> | string | null = null;
  let died: Parameters<ScriptedHost['whySays']>[0] | null = null;
  let asked: Parameters<ScriptedHost['settingsSay']>[0] | null = null;
  const looks: FactsRequest[] = [];
  const requests: string[] = [];
  const limits = new Map<string, LimitedGroup>();
  let answerRequest = noHelper;
  let lasting: string[] | null = null;
  let lineCount = 0;

  function someFacts(given: Partial<HostFacts>): HostFacts {
    return {
      kernel: '6.1.0-50-amd64',
      os: 'Debian GNU/Linux 12 (bookworm)',
      bootId: BOOT_ID,
      bootAtMs: clock.nowMs() - 3_600_000,
      bootErrorMs: 15,
      clockOffsetMs: 0,
      oomKills: 0,
      probedAtMs: clock.nowMs(),
      ...given,
    };
  }

  /** Each look reads the counter, as a probe does. */
  function lookingWith(given: Partial<HostFacts>): () => Awaited<ReturnType<HostLink['probe']>> {
    const facts = someFacts(given);
    return () => ({
      kind: 'facts',
      facts: { ...facts, oomKills: counters?.oomKills ?? null, probedAtMs: clock.nowMs(), ...given },
    });
  }

  function become(kind: LinkState['kind'], sentence = `${host} is ${kind}.`): void {
    state = { kind, sinceMs: clock.nowMs(), sentence };
    if (kind !== 'connected') following?.end({ kind: 'lost' });
    for (const listener of listeners) listener(state);
  }

  function whenConnected(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = onState((next) => {
        if (next.kind === 'connected') done(resolve);
      });
      function done(end: () => void): void {
        leave();
        end();
      }
      signal.addEventListener('abort', () => done(() => reject(new Error('given up', { cause: signal.reason }))));
      if (state.kind === 'connected') done(resolve);
    });
  }

  function onState(listener: (state: LinkState) => void): () => void {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  function follow(request: FollowRequest): Promise<FollowEnd> {
    return new Promise((resolve) => {
      function end(how: FollowEnd): void {
        following = null;
        resolve(how);
      }
      if (request.signal.aborted) return end({ kind: 'aborted' });
      if (state.kind !== 'connected') return end({ kind: 'lost' });
      request.signal.addEventListener('abort', () => end({ kind: 'aborted' }), { once: true });
      following = { request, end };
    });
  }

  function say(lines: string[], batch: Partial<LogBatch> = {}): void {
    if (following === null) throw new Error(`nobody follows ${host}`);
    const before = lineCount;
    lineCount += lines.length;
    following.request.onLines({
      source: 'kmsg',
      lines,
      arrivedAtMs: clock.nowMs(),
      bootId: BOOT_ID,
      live: true,
      lookup: null,
      positionAfter: (index) => ({ source: 'kmsg', value: `${BOOT_ID}:${before + index + 1}` }),
      ...batch,
    });
  }

  function backfill({ span, onLines, signal }: LookUp): Promise<boolean> {
    if (lasting === null || state.kind !== 'connected' || signal.aborted) return Promise.resolve(false);
    onLines({
      source: 'journal',
      lines: lasting,
      arrivedAtMs: clock.nowMs(),
      bootId: null,
      live: false,
      lookup: span,
      positionAfter: () => null,
    });
    return Promise.resolve(true);
  }

  return {
    host,
    state: () => state,
    onState,
    whenConnected,
    probe: () => Promise.resolve(looked()),
    follow,
    backfill,
    lastingLogSays: (lines) => (lasting = lines),
    counters: () => Promise.resolve(state.kind === 'connected' ? counters : null),
    groupKills: () => {
      groupReadCount += 1;
      return Promise.resolve(groups);
    },
    groupsSay: (next) => (groups = next),
    oomdKills: () => Promise.resolve(oomd),
    oomdSays: (next) => (oomd = next),
    groupReads: () => groupReadCount,
    scan: (which) => {
      if (which === 'sample') return Promise.resolve(sample);
      scanCount += 1;
      return Promise.resolve(scan);
    },
    unit: (name) => Promise.resolve(units.get(name) ?? null),
    why: async (unit) => died?.(unit) ?? null,
    whySays: (answer) => void (died = answer),
    settings: async (ask) => asked?.(ask) ?? null,
    settingsSay: (answer) => void (asked = answer),
    collectFacts: (request) => {
      looks.push(request);
      return Promise.resolve(around);
    },
    lookSays: (answer) => {
      around = answer;
    },
    looks: () => looks,
    changes: {
      request: (line) => {
        requests.push(line);
        return Promise.resolve(answerRequest(line));
      },
      limitOf: (cgroup) => Promise.resolve(limits.get(cgroup) ?? null),
      killers: () => Promise.resolve([]),
      close: () => Promise.resolve(),
    },
    requests: () => requests,
    helperSays: (answer) => (answerRequest = answer),
    limitSays: (cgroup, limit) => void limits.set(cgroup, limit),
    close: () => {
      following?.end({ kind: 'aborted' });
      listeners.clear();
      return Promise.resolve();
    },
    become,
    scanSays: (answer) => {
      scan = answer;
    },
    sampleSays: (answer) => (sample = answer),
    scans: () => scanCount,
    countersSay: (next) => (counters = next),
    unitSays: (name, next) => void units.set(name, next),
    factsSay: (given) =>
      (looked =
        'sentence' in given
          ? () => ({ kind: 'failed', sentence: given.sentence })
          : lookingWith(given as Partial<HostFacts>)),
    say,
    isFollowed: () => following !== null,
    hold: () => following?.request.hold?.() ?? null,
  };
}

/** A fleet of scripted hosts; the map may change while it is in use. */
export function scriptedFleet(members: Map<string, { link: ScriptedHost; tags: string[] }>): Fleet {
  return {
    link: (host) => members.get(host)?.link ?? null,
    hosts: () => [...members].map(([name, { tags }]): FleetHost => ({ name, tags, channel: null })),
  };
}
