import PQueue from 'p-queue';
import { lastKillText, mutesPart } from '../../notice/answer/answer-notes.ts';
import {
  describeCheck,
  describeHome,
  describeHosts,
  type HostRow,
  type HostState,
} from '../../notice/answer/fleet-notice.ts';
import { changeRefusalText } from '../../notice/change/change-refusal-text.ts';
import { changesPart, rulesPart } from '../../notice/change/change-answers.ts';
import type { Notice, Part } from '../../notice/notice.ts';
import { shortageText, victimText } from '../../notice/roles.ts';
import { sayCount } from '../../notice/units.ts';
import type { AnswersWorld } from './answers-world.ts';
import type { Handlers } from './handlers.ts';
import type { FleetHost } from '../host-link.ts';
import type { Rights } from './rights.ts';
import type { Targets } from './targets.ts';
import { countedKills } from '../counted-kills.ts';
import { withTimeout } from '../with-timeout.ts';

/** Positions that are places in a log; others are notes that are kept with them. */
const LOG = /^(?:kmsg|journal|dmesg|file:.*)$/;
const DAY_MS = 24 * 60 * 60_000;
const LAST_KILLS = 10;
const CHECKS_AT_ONCE = 10;
const CHECK_HOST_MS = 20_000;
/** Beyond this a check of many hosts tells what it has. */
const CHECK_ALL_MS = 60_000;

/** The fleet: its state, what is off on it, App Home. */
export function openHostsAnswers(
  world: AnswersWorld,
  targets: Targets,
  rights: Rights,
): Pick<Handlers, 'answerHosts' | 'checkHosts' | 'answerHome'> {
  const { store, fleet, clock, found = new Map<string, readonly string[]>() } = world;

  async function rowsOf(hosts: readonly FleetHost[]): Promise<HostRow[]> {
    const nowMs = clock.nowMs();
    const here = new Set(fleet.hosts().map(({ name }) => name));
    for (const host of found.keys()) if (!here.has(host)) found.delete(host);
    const [kills, mutes, added] = await Promise.all([
      store.hostKills(nowMs - 7 * DAY_MS),
      store.mutes(nowMs),
      store.addedHosts(),
    ]);
    const killsOf = new Map(kills.map((one) => [one.host, one]));
    const configured = new Map(world.settings().hosts.map((host) => [host.name, host]));
    const addresses = new Map(added.map((host) => [host.name, host.address]));
    return Promise.all(
      hosts.map(async ({ name, tags }): Promise<HostRow> => ({
        name,
        address: configured.get(name)?.address ?? addresses.get(name) ?? name,
        from: configured.get(name)?.from ?? (addresses.has(name) && !configured.has(name) ? 'added in Slack' : null),
        formerly: world.watchState(name)?.formerly ?? null,
        tags: [...tags],
        state: await stateOf(name),
        lastKillAtMs: killsOf.get(name)?.lastAtMs ?? null,
        killsLast7d: killsOf.get(name)?.count ?? 0,
        problems: [...gapsOf(name), ...(found.get(name) ?? [])],
        mutedUntilMs: mutes.find((mute) => mute.target === name)?.untilMs ?? null,
        fromSlack: addresses.has(name) && !configured.has(name),
      })),
    );
  }

  async function stateOf(host: string): Promise<HostState> {
    const link = fleet.link(host)?.state();
    if (!link || link.kind === 'connecting') return { kind: 'connecting' };
    if (link.kind === 'resting') return { kind: 'elsewhere' };
    if (link.kind !== 'connected') return { kind: 'unreachable', sinceMs: link.sinceMs, reason: link.sentence };
    const watch = world.watchState(host);
    if (watch === null) return { kind: 'elsewhere' };
    switch (watch.kind) {
      case 'failed':
        return { kind: 'unwatched', sinceMs: watch.sinceMs, reason: watch.sentence };
      case 'starting':
      case 'waiting':
        return { kind: 'connecting' };
      case 'watching': {
        const places = (await store.positions(host)).map(({ source }) => source).filter((one) => LOG.test(one));
        const sources = [...new Set([...places, ...watch.sources])];
        return { kind: 'connected', sinceMs: watch.sinceMs, source: sources.join(', ') || 'SSH' };
      }
    }
  }

  function gapsOf(host: string): string[] {
    const gaps = world.watchState(host)?.gaps ?? 0;
    if (gaps === 0) return [];
    return [`lines of its log may have been lost ${sayCount(gaps, 'time')} since the bot was started`];
  }

  async function answerHosts({ userId }: { userId: string }): ReturnType<Handlers['answerHosts']> {
    const rows = await rowsOf(fleet.hosts());
    const mayEdit = (await rights.refuseEditing(userId)) === null;
    const problems = world.settings().inventoryProblems ?? [];
    return { kind: 'notice', notice: await withMutes(describeHosts(rows, mayEdit, problems)) };
  }

  async function withMutes(notice: Notice): Promise<Notice> {
    const part = mutesPart(await store.mutes(clock.nowMs()));
    return part === null ? notice : { ...notice, parts: [...notice.parts, part] };
  }

  async function checkHosts({ host }: { host: string | null }): ReturnType<Handlers['checkHosts']> {
    const all = fleet.hosts();
    if (host === null) return { kind: 'notice', notice: describeCheck(await checked(all)) };
    const target = await targets.host(host);
    if (target.kind === 'refused') return target;
    const watched = all.filter((one) => one.name === target.name);
    if (watched.length > 0) return { kind: 'notice', notice: describeCheck(await checked(watched)) };
    const known = all.map((one) => one.name);
    return { kind: 'refused', refusal: { kind: 'unknown-host', host, nearest: null, known } };
  }

  async function checked(hosts: readonly FleetHost[]): Promise<HostRow[]> {
    const untilMs = clock.nowMs() + CHECK_ALL_MS;
    const queue = new PQueue({ concurrency: CHECKS_AT_ONCE });
    const rows = await rowsOf(hosts);
    return queue.addAll(
      rows.map((row) => async () => ({
        ...row,
        problems: [...gapsOf(row.name), ...(await problemsOf(row.name, untilMs))],
      })),
    );
  }

  async function problemsOf(host: string, untilMs: number): Promise<readonly string[]> {
    const state = fleet.link(host)?.state().kind;
    if (state !== 'connected' && state !== 'resting') return [];
    const limitMs = Math.min(CHECK_HOST_MS, untilMs - clock.nowMs());
    if (limitMs <= 0) return ['not checked: there was no time left'];
    const looked = await withTimeout(clock, limitMs, async () => [
      ...(await world.checkHost(host)),
      ...(await uncounted(host)),
    ]);
    if (looked.kind === 'done') found.set(host, looked.value);
    return looked.kind === 'done' ? looked.value : ['the check got no answer in time; the host may be short of memory'];
  }

  /** Kills that the kernel counted since the bot first looked, and that are not on record. */
  async function uncounted(host: string): Promise<string[]> {
    const now = await fleet.link(host)?.counters();
    if (!now || now.oomKills === null) return [];
    const before = await store.counter(host, now.bootId, 'kernel');
    if (before === null) return [];
    const parsed = await countedKills(store, host, now.bootId);
    const missing = now.oomKills - before.counter - (parsed - before.parsed);
    if (missing <= 0) return [];
    return [`the kernel counted ${sayCount(missing, 'kill')} that its log has not shown yet`];
  }

  async function answerHome({ userId }: { userId: string }): Promise<Notice> {
    const [rows, kills, refused] = await Promise.all([
      rowsOf(fleet.hosts()),
      store.kills({ hosts: null, sinceMs: null, untilMs: null, service: null, limit: LAST_KILLS }),
      rights.refuseEditing(userId),
    ]);
    const last = kills.map((kill) => ({
      text: lastKillText(victimText(kill), kill.host, kill.atMs, shortageText(kill)),
      incidentHost: kill.host,
    }));
    const home = await withMutes(describeHome(rows, last, refused === null));
    return { ...home, parts: [...home.parts, ...(await changeParts())] };
  }

  /** Open changes and standing protections. */
  async function changeParts(): Promise<Part[]> {
    if (world.changes === undefined) return [];
    const [open, rules] = await Promise.all([store.openChanges(), store.rules()]);
    const hasApprovers = world.changes.approvals().approvers !== null;
    return [
      ...(hasApprovers ? [] : [{ kind: 'text' as const, text: changeRefusalText({ kind: 'no-approvers' }) }]),
      ...titled('Open changes', changesPart(open.toReversed())),
      ...titled('Standing protections', rulesPart(rules)),
    ];
  }

  return { answerHosts, checkHosts, answerHome };
}

function titled(title: string, parts: Part[]): Part[] {
  return parts.length === 0 ? [] : [{ kind: 'text', text: [{ strong: title }] }, ...parts];
}
