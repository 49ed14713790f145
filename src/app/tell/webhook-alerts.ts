import { createHash } from 'node:crypto';
import type { Incident } from '../../incident/incident.ts';
import {
  describeAlert,
  describeStorm,
  isOver,
  type AlertWords,
  type Outline,
} from '../../notice/incident/alert-words.ts';
import type { LedgerPatch, LedgerRow, Told } from '../ledger.ts';
import type { HookMessage } from '../webhook.ts';
import { withTimeout } from '../with-timeout.ts';
import { ALERTS_BACK_MS, headOf, isStorm, placeAlerts, type Placed } from './alert-plan.ts';
import type { LedgerBook } from './ledger-book.ts';
import { patchOf } from './row-patch.ts';
import type { TellWorld } from './tell-world.ts';
import type { HookPlan, HookTeller } from './hook-teller.ts';

/** One alert is completed no more often than this. */
const UPDATE_GAP_MS = 5_000;
/** A page that cannot be noted first waits no longer. */
const NOTED_WITHIN_MS = 8_000;
const NOTE_AGAIN_MS = 1_000;
const STORE_WITHIN_MS = 3_000;
const MEMBERS_MAX = 2_000;
const KEPT_MAX = 5_000;
const STORMS_MAX = 20;

type AlertState = NonNullable<Told['alert']>;

/** What is so of one alert now. */
interface Alert {
  /** Its incidents, and their rows as far as they wait for something. */
  incidents: readonly Outline[];
  waiting: readonly LedgerRow[];
  /** In whose row it is noted what the alert was told. null: that row cannot be read. */
  head: LedgerRow | null;
  /** Some of it may be older than what is wanted. */
  isGuess: boolean;
  words: () => AlertWords;
}

/** One alert for each incident, or one for a storm: opened, taken, completed and resolved. */
export function openWebhookAlerts(destination: string, world: TellWorld, book: LedgerBook): HookTeller {
  const { store, clock } = world;
  const sentAtMs = new Map<string, number>();
  /** Who is in each storm, also while that cannot be noted. */
  const storms = new Map<string, Map<string, Outline>>();
  /** What was placed lately, also while that cannot be noted. */
  const placed = new Map<string, { alert: string; createdAtMs: number; isNoted: boolean }>();

  async function next(rows: readonly LedgerRow[], tries: (id: string) => number): Promise<HookPlan> {
    const placeAgainMs = await place(rows.filter((row) => alertOf(row) === null));
    const isHeldUp = await note(rows.filter((row) => row.ts === null && placed.get(row.key)?.isNoted === false));
    const nowMs = clock.nowMs();
    const ready = rows.filter((row) => row.ts !== null || placed.get(row.key)?.isNoted === true || isLate(row, nowMs));
    const alerts = [...Map.groupBy(ready, alertOf)].flatMap(([alert, waiting]) =>
      alert === null ? [] : [{ alert, waiting, dueAtMs: dueAtMs(alert, waiting) }],
    );
    const due = alerts
      .filter((each) => each.dueAtMs <= nowMs)
      .toSorted((a, b) => tries(a.alert) - tries(b.alert) || a.dueAtMs - b.dueAtMs);
    for (const { alert, waiting } of due) {
      const plan = await book.ifReadable(() => tell(alert, waiting));
      if (plan !== null) return plan;
    }
    const later = alerts.filter((each) => each.dueAtMs > nowMs);
    const until = [placeAgainMs ?? Infinity, isHeldUp ? nowMs + NOTE_AGAIN_MS : Infinity];
    return { kind: 'wait', untilMs: finite(Math.min(...until, ...later.map((each) => each.dueAtMs))) };
  }

  /** Throws when the store fails or takes too long. */
  async function ask<T>(what: () => Promise<T>): Promise<T> {
    const done = await withTimeout(clock, STORE_WITHIN_MS, what);
    if (done.kind === 'late') throw new Error('the store did not answer in time');
    return done.value;
  }

  function alertOf({ key, ts }: LedgerRow): string | null {
    return ts ?? placed.get(key)?.alert ?? null;
  }

  /** A new alert goes at once. */
  function dueAtMs(alert: string, waiting: readonly LedgerRow[]): number {
    const isNew = waiting.some((row) => row.key === headOf(alert) && row.told.alert === undefined);
    return isNew ? 0 : (sentAtMs.get(alert) ?? -Infinity) + UPDATE_GAP_MS;
  }

  /** Finds the alert of each new incident. Returns when to look at those again that have none yet; null: there are none. */
  async function place(unplaced: readonly LedgerRow[]): Promise<number | null> {
    if (unplaced.length === 0) return null;
    const sinceMs = Math.min(...unplaced.map(({ createdAtMs }) => createdAtMs)) - ALERTS_BACK_MS;
    const news = unplaced.map(({ key, createdAtMs }) => ({ key, alert: null, createdAtMs }));
    const { places, untilMs } = placeAlerts(news, await placedSince(sinceMs), clock.nowMs());
    for (const { key, createdAtMs } of news) {
      const alert = places.get(key);
      if (alert !== undefined) keep(placed, key, { alert, createdAtMs, isNoted: false });
    }
    return untilMs;
  }

  async function placedSince(sinceMs: number): Promise<Placed[]> {
    const mine = [...placed].flatMap(([key, one]) => (one.createdAtMs < sinceMs ? [] : [{ key, ...one }]));
    try {
      const known = await ask(() => store.alertsSince(destination, sinceMs, MEMBERS_MAX));
      return [...known.filter(({ key }) => !placed.has(key)), ...mine];
    } catch {
      return mine; // What this process placed itself is all that is known then.
    }
  }

  /** Before anything is sent: after a crash the incident must not go to another alert. True: it cannot be noted now. */
  async function note(unnoted: readonly LedgerRow[]): Promise<boolean> {
    if (unnoted.length === 0) return false;
    const noted = await book.note(unnoted.map((row) => patchOf(row, { ts: alertOf(row), attempt: null })));
    if (noted !== 'saved') return true;
    for (const { key } of unnoted) {
      const one = placed.get(key);
      if (one !== undefined) one.isNoted = true;
    }
    return false;
  }

  /** null: it waits for the store. */
  async function tell(alert: string, waiting: readonly LedgerRow[]): Promise<HookPlan | null> {
    const seen = isStorm(alert) ? await lookAtStorm(alert, waiting) : await lookAtOne(waiting);
    const said = seen === null ? null : messageFor(alert, seen, seen.head?.told.alert ?? null);
    if (seen !== null && said !== null) {
      const [message, after] = said;
      return { kind: 'send', step: { id: alert, message, rows: waiting, arrived: patchesOf(alert, seen, after) } };
    }
    if (seen?.isGuess ?? waiting.some((row) => book.isGuess(row.key))) return null;
    const known = seen === null ? {} : { ts: alert, attempt: null };
    await book.settle(waiting.map((row) => patchOf(row, { ...known, doneUpTo: row.wanted })));
    return { kind: 'nothing' };
  }

  async function lookAtOne(waiting: readonly LedgerRow[]): Promise<Alert | null> {
    const [row] = waiting;
    const incident: Incident | null = row === undefined ? null : await book.incident(row);
    if (row === undefined || incident === null) return null;
    return {
      incidents: [incident],
      waiting,
      head: row,
      isGuess: book.isGuess(row.key),
      words: () => describeAlert(incident),
    };
  }

  async function lookAtStorm(alert: string, waiting: readonly LedgerRow[]): Promise<Alert | null> {
    const isBegun = waiting.every((row) => row.key !== headOf(alert));
    const known = await ask(() => store.alertMembers(destination, alert, MEMBERS_MAX)).catch((error: unknown) => {
      // What an alert was told is in the row of its first incident: a new alert can be told without the store.
      if (isBegun) throw error;
      return [];
    });
    const incidents = new Map(book.isFaulty() || book.unwritten() > 0 ? storms.get(alert) : []);
    for (const { incident } of known) incidents.set(incident.id, incident);
    let isGuess = false;
    for (const row of waiting) {
      const isKnown = known.some(({ incident }) => incident.id === row.key);
      const incident = isKnown ? null : await book.incident(row);
      if (incident !== null) incidents.set(row.key, incident);
      isGuess ||= !isKnown && book.isGuess(row.key);
    }
    if (incidents.size === 0) return null;
    keep(storms, alert, incidents, STORMS_MAX);
    const head =
      waiting.find((row) => row.key === headOf(alert)) ??
      known.find(({ row }) => row.key === headOf(alert))?.row ??
      null;
    const all = [...incidents.values()];
    return { incidents: all, waiting, head, isGuess, words: () => describeStorm(all) };
  }

  /** What is so once the alert says it. */
  function patchesOf(alert: string, seen: Alert, after: AlertState): LedgerPatch[] {
    const { waiting, head, incidents, isGuess } = seen;
    const revisions = new Map(incidents.map(({ id, revision }) => [id, revision]));
    const isDone = messageFor(alert, seen, after) === null;
    const rows = head === null || waiting.some(({ key }) => key === head.key) ? waiting : [...waiting, head];
    return rows.map((row) => {
      return patchOf(row, {
        ts: alert,
        attempt: null,
        attempts: 0,
        told: row.key === head?.key ? { ...row.told, alert: after } : row.told,
        shown: Math.max(row.shown, revisions.get(row.key) ?? row.shown),
        doneUpTo: isDone && !isGuess ? row.wanted : null,
        sentAtMs: clock.nowMs(),
      });
    });
  }

  return {
    next,
    sent: (alert) => {
      keep(sentAtMs, alert, clock.nowMs());
    },
  };
}

function isLate({ createdAtMs }: LedgerRow, nowMs: number): boolean {
  return nowMs - createdAtMs >= NOTED_WITHIN_MS;
}

function finite(atMs: number): number | null {
  return Number.isFinite(atMs) ? atMs : null;
}

function keep<T>(map: Map<string, T>, key: string, value: T, max = KEPT_MAX): void {
  map.delete(key);
  map.set(key, value);
  const oldest = map.keys().next();
  if (map.size > max && !oldest.done) map.delete(oldest.value);
}

/** What the receiver must hear next, and what it knows then; null: nothing. What was resolved is never opened again. */
function messageFor(
  alert: string,
  { incidents, words }: Alert,
  state: AlertState | null,
): [HookMessage, AlertState] | null {
  if (state?.isOver) return null;
  const isTaken =
    incidents.every(({ ack, closedAtMs }) => ack != null || closedAtMs !== null) &&
    incidents.some(({ ack }) => ack != null);
  if (state !== null && incidents.every(isOver))
    return [
      { kind: 'resolve', key: alert },
      { ...state, isOver: true },
    ];
  if (state !== null && isTaken && !state.isTaken)
    return [
      { kind: 'acknowledge', key: alert },
      { ...state, isTaken: true },
    ];
  const says = saysOf(incidents);
  if (state?.says === says) return null;
  return [
    { kind: 'trigger', key: alert, words: words() },
    { says, isTaken: state?.isTaken ?? false, isOver: false },
  ];
}

/** What is worth completing an alert for: who is in it, how it stands, that it closed while down; of kills, that there are twice as many. */
function saysOf(incidents: readonly Outline[]): string {
  const parts = incidents.map(
    ({ back, closedAtMs, victims }) => `${back.kind} ${closedAtMs === null ? 'open' : 'closed'} ${victims.length}`,
  );
  const counts = [...Map.groupBy(parts, (part) => part)].map(([part, all]) => `${all.length} ${part}`).toSorted();
  const kills = incidents.reduce((sum, { killCount }) => sum + killCount, 0);
  // Who, not only how many: one may go to an alert of its own while another comes.
  const ids = incidents.map(({ id }) => id).toSorted();
  const who = createHash('sha256').update(ids.join()).digest('hex').slice(0, 16);
  return [`of ${who}`, `2^${Math.floor(Math.log2(Math.max(1, kills)))} kills`, ...counts].join(', ');
}
