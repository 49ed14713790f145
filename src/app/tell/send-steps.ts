import type { Incident } from '../../incident/incident.ts';
import { describeChange } from '../../notice/change/change-notice.ts';
import { describeAnew } from '../../notice/incident/anew-notice.ts';
import { describeSummary, type SummaryMember } from '../../notice/incident/storm-notice.ts';
import type { Notice } from '../../notice/notice.ts';
import type { Attempt, LedgerPatch, LedgerRow, Told } from '../ledger.ts';
import type { MessageMark, NewDelivery, SendOutcome } from '../ports.ts';
import { readReply, STANDING_KEY } from '../reply-body.ts';
import { withTimeout } from '../with-timeout.ts';
import { anewOf } from './announce-anew.ts';
import type { ChannelMemory } from './channel-memory.ts';
import { describeNews, notifying, withNote } from './describe-news.ts';
import type { LedgerBook } from './ledger-book.ts';
import type { Repeats } from './repeats.ts';
import { linesOf, patchOf } from './row-patch.ts';
import { announced, isSatisfied, named, needsOfChange, needsOfIncident } from './row-needs.ts';
import type { EditAllowance, TellWorld } from './tell-world.ts';
import { nextTogether, threadWords } from './thread-words.ts';

export const EDIT_SPACING_MS = 1_200;
/** The chat's client gives up sooner; whoever does not answer at all does not stop its channel. */
const REQUEST_WITHIN_MS = 90_000;
/** What people must hear is sent after this although it cannot be noted first. */
const NOTED_WITHIN_MS = 8_000;

/** `rest`: it cannot be noted now, or somebody else sends it; come again soon. */
export type Done =
  { kind: 'settled' } | { kind: 'failed'; rows: readonly LedgerRow[]; outcome: Failure } | { kind: 'rest' };
export type Failure = Exclude<SendOutcome, { kind: 'sent' }>;

/** One channel: what it stands on, what is known of it, and the allowance that it shares. */
export interface ChannelContext extends TellWorld {
  destination: string;
  book: LedgerBook;
  memory: ChannelMemory;
  edits: EditAllowance;
  repeats: Repeats;
}

export interface Steps {
  announceOne: (row: LedgerRow) => Promise<Done>;
  summarize: (rows: readonly LedgerRow[]) => Promise<Done>;
  postCard: (row: LedgerRow) => Promise<Done>;
  edit: (row: LedgerRow) => Promise<Done>;
  sayInThread: (ts: string, rows: readonly LedgerRow[]) => Promise<Done>;
  tellNews: (rows: readonly LedgerRow[]) => Promise<Done>;
}

/** One planned message: what changes in which rows once it has arrived. */
interface Message {
  /** Incidents that it announces: their routes may want somebody notified. */
  announces?: readonly Incident[];
  isSummary?: boolean;
  rows: readonly { row: LedgerRow; mark: string; after: Partial<LedgerPatch> & { told: Told }; isMessage: boolean }[];
  notice: Notice;
  threadTs: string | null;
  broadcast?: boolean;
  /** An announcement is sent even if it cannot be noted first. */
  isUrgent: boolean;
  more?: readonly NewDelivery[];
}

/** Routes are few; a message has room for these. */
const NOTIFIED_MAX = 20;
/** A summary is never edited: what it says of itself must stay true. */
const FROM_MEMORY = 'Told from memory: the database could not be written.';
const SETTLED: Done = { kind: 'settled' };

/** Sends one thing to a destination and notes it: before the request, and what came of it. All of them throw when the store cannot be read. */
export function openSteps(context: ChannelContext): Steps {
  const { destination, book, memory, edits, repeats } = context;
  const { store, workspace, clock, owner, describe, mentionOf = () => null } = context;

  /** In a row. After the first one the ledger is read again: this process may have hung while another one told. */
  let failedNotes = 0;

  /** Notes the attempt, sends, notes the outcome. */
  async function send(message: Message): Promise<Done> {
    const { rows, threadTs } = message;
    const sinceMs = clock.nowMs();
    const tried = rows.map(({ row, mark, after, isMessage }): { row: LedgerRow; attempt: Attempt } => {
      const isDone = after.doneUpTo != null;
      return { row, attempt: { owner, mark, threadTs, sinceMs, after: { told: after.told, isMessage, isDone } } };
    });
    const noted = await book.note(tried.map(({ row, attempt }) => patchOf(row, { attempt, seenOwner: null })));
    failedNotes = noted === 'failed' ? failedNotes + 1 : 0;
    if (noted === 'taken') return { kind: 'rest' };
    if (noted === 'failed' && !(message.isUrgent && isLate(rows.map(({ row }) => row)))) return { kind: 'rest' };

    const marks = rows.map((one) => one.mark);
    const ids = toNotify(message.announces ?? []);
    const notice = notifying(repeats.shown(message.notice, marks), ids);
    const outcome = memory.counted(await request({ ...message, notice }, markOf(marks)));
    if (outcome.kind === 'sent') {
      const patches = rows.map(({ row, after, isMessage }) =>
        patchOf(row, {
          attempt: null,
          seenOwner: null,
          attempts: 0,
          ts: isMessage ? outcome.ts : row.ts,
          sentAtMs: sinceMs,
          ...after,
        }),
      );
      await book.settle(patches, message.more);
      if (message.isSummary) memory.summarized();
      memory.notified(ids);
      return SETTLED;
    }
    // Until it is looked for it may have arrived.
    if (outcome.kind === 'unknown')
      await book.settle(tried.map(({ row, attempt }) => patchOf(row, { attempt, seenOwner: null })));
    return { kind: 'failed', rows: rows.map(({ row }) => row), outcome };
  }

  /** Each once, and once a storm. */
  function toNotify(incidents: readonly Incident[]): string[] {
    const ids = new Set(incidents.flatMap(({ host }) => mentionOf(host) ?? []));
    return memory.notNotified([...ids].slice(0, NOTIFIED_MAX));
  }

  function isLate(rows: readonly LedgerRow[]): boolean {
    const isRead = failedNotes > 1;
    return rows.some(
      (row) => book.isUnrecorded(row.key) || (isRead && clock.nowMs() - row.createdAtMs >= NOTED_WITHIN_MS),
    );
  }

  function request({ notice, threadTs, broadcast }: Message, mark: MessageMark): Promise<SendOutcome> {
    return bounded(() =>
      threadTs === null
        ? workspace.post({ channel: destination, notice, mark })
        : workspace.reply({ channel: destination, threadTs, notice, mark, ...(broadcast ? { broadcast } : {}) }),
    );
  }

  async function bounded(call: () => Promise<SendOutcome>): Promise<SendOutcome> {
    const done = await withTimeout(clock, REQUEST_WITHIN_MS, call);
    return done.kind === 'done' ? done.value : { kind: 'unknown', reason: 'no answer' };
  }

  async function announceOne(row: LedgerRow): Promise<Done> {
    const incident = await book.incident(row);
    if (incident === null) return close(row);
    const anew = row.ts === null ? null : anewOf(incident, row.told);
    if (row.ts !== null && anew === null) return close(row);
    if (anew !== null) {
      const told = { ...announced(row.told, incident, clock.nowMs()), kills: incident.killCount };
      const mark = `${row.key}-${anew.kind}-${incident.killCount}`;
      return send({
        rows: [{ row, mark, after: { told }, isMessage: false }],
        notice: describeAnew(incident, anew),
        announces: [incident],
        threadTs: row.ts,
        broadcast: true,
        isUrgent: true,
      });
    }
    const told = { ...announced(row.told, incident, clock.nowMs()), alone: true, kills: 1, evidence: false };
    return send({
      rows: [{ row, mark: row.key, after: { told, shown: incident.revision }, isMessage: true }],
      notice: marked(await describe(incident), row),
      announces: [incident],
      threadTs: null,
      isUrgent: true,
    });
  }

  /** Several incidents as one new message; each has its line in the thread. */
  async function summarize(rows: readonly LedgerRow[]): Promise<Done> {
    const members: (SummaryMember & { row: LedgerRow })[] = [];
    for (const row of rows) {
      const incident = await book.incident(row);
      const anew = incident === null || row.ts === null ? null : anewOf(incident, row.told);
      if (incident === null || (row.ts !== null && anew === null)) await close(row);
      else members.push({ row, incident, anew });
    }
    const [one] = members;
    if (one === undefined) return SETTLED;
    if (members.length === 1) return announceOne(one.row);
    const isFromMemory = members.some(({ row }) => book.isUnrecorded(row.key));
    return send({
      rows: members.map(({ row, incident, anew }) => {
        const isMessage = row.ts === null;
        const told = { ...announced(row.told, incident, clock.nowMs()), kills: incident.killCount };
        return {
          row,
          isMessage,
          mark: anew === null ? row.key : `${row.key}-${anew.kind}-${incident.killCount}`,
          after: {
            told: isMessage ? { ...told, alone: false, evidence: true } : told,
            shown: isMessage ? incident.revision : row.shown,
            doneUpTo: isMessage && book.isSure(row.key) ? row.wanted : null,
          },
        };
      }),
      notice: isFromMemory ? withNote(describeSummary(members), FROM_MEMORY) : describeSummary(members),
      announces: members.map(({ incident }) => incident),
      isSummary: true,
      threadTs: null,
      isUrgent: true,
      more: linesOf(
        destination,
        members.flatMap(({ row, anew }) => (anew === null ? [row.key] : [])),
        clock.nowMs(),
      ),
    });
  }

  async function postCard(row: LedgerRow): Promise<Done> {
    const change = await store.change(row.changeId ?? '');
    if (change === null) return close(row);
    const after = { told: row.told, shown: change.revision };
    const isDone = isSatisfied(needsOfChange(change, { ...after, ts: 'posted' }));
    return send({
      rows: [{ row, mark: row.key, after: { ...after, doneUpTo: isDone ? row.wanted : null }, isMessage: true }],
      notice: describeChange(change),
      threadTs: null,
      isUrgent: false,
    });
  }

  /** Brings a message up to date. To edit twice does no harm, so that nothing is noted before. */
  async function edit(row: LedgerRow): Promise<Done> {
    const now = row.kind === 'card' ? await cardNow(row) : await incidentNow(row);
    if (now === null || row.ts === null) return close(row);
    edits.freeAtMs = clock.nowMs() + EDIT_SPACING_MS;
    const { ts } = row;
    const mark = { id: row.key, also: [] };
    const notice = repeats.shown(now.notice, [row.key]);
    const outcome = await bounded(() => workspace.update({ channel: destination, ts, notice, mark }));
    if (outcome.kind === 'gone') {
      // Somebody deleted it: what is true is shown anew.
      const told = { ...row.told, outcome: null, evidence: false };
      await book.settle([patchOf(row, { ts: null, shown: -1, told })]);
      return SETTLED;
    }
    if (outcome.kind !== 'sent') return { kind: 'failed', rows: [row], outcome };
    memory.touched(ts, true);
    const after = { ts, shown: now.revision, told: now.told };
    await book.settle([patchOf(row, { ...after, attempts: 0, doneUpTo: now.isDone(after) ? row.wanted : null })]);
    return SETTLED;
  }

  async function cardNow(row: LedgerRow) {
    const change = await store.change(row.changeId ?? '');
    if (change === null) return null;
    return {
      notice: describeChange(change),
      revision: change.revision,
      told: row.told,
      isDone: (after: Pick<LedgerRow, 'ts' | 'shown' | 'told'>) => isSatisfied(needsOfChange(change, after)),
    };
  }

  async function incidentNow(row: LedgerRow) {
    const incident: Incident | null = await book.incident(row);
    if (incident === null) return null;
    return {
      notice: marked(await describe(incident), row),
      revision: incident.revision,
      told: { ...row.told, services: named(row.told, incident) },
      isDone: (after: Pick<LedgerRow, 'ts' | 'shown' | 'told'>) =>
        book.isSure(row.key) && isSatisfied(needsOfIncident(incident, after)),
    };
  }

  /** What waits for one thread, as one message where it can be. */
  async function sayInThread(ts: string, rows: readonly LedgerRow[]): Promise<Done> {
    const words = await threadWords(rows, { store, book });
    if (words.idle.length > 0) await book.settle(words.idle.map((row) => patchOf(row, { doneUpTo: row.wanted })));
    const { said } = words;
    if (said === null) return words.idle.length > 0 ? SETTLED : { kind: 'rest' };
    const done = await send({
      rows: said.rows.map((one) => ({ ...one, isMessage: one.row.kind === 'reply' })),
      notice: said.notice,
      threadTs: ts,
      isUrgent: false,
    });
    // The evidence is no kill more.
    const tellsKills = said.rows.some(({ row, after }) => row.kind === 'reply' || after.told.kills > row.told.kills);
    if (done.kind === 'settled' && tellsKills) memory.said(ts);
    if (done.kind !== 'failed' || done.outcome.kind !== 'gone') return done;
    // The message was deleted, and its thread with it: there is nobody to tell.
    await book.settle(
      said.rows.map(({ row, after }) =>
        patchOf(row, { attempt: null, ...after, doneUpTo: after.doneUpTo ?? row.wanted }),
      ),
    );
    return SETTLED;
  }

  /** All news that wait, as one message; what fills one by itself goes alone, and what has a message is edited. */
  async function tellNews(rows: readonly LedgerRow[]): Promise<Done> {
    const unread = rows.filter((row) => readReply(row.body) === null);
    if (unread.length > 0) await book.settle(unread.map((row) => patchOf(row, { doneUpTo: row.wanted })));
    const waiting = nextTogether(rows.filter((row) => !unread.includes(row)));
    const [first, ...others] = waiting.flatMap((row) => readReply(row.body)?.notice ?? []);
    const [row] = waiting;
    if (first === undefined || row === undefined) return SETTLED;
    const notice = describeNews(first, others);
    if (row.ts === null)
      return send({
        rows: waiting.map((one) => ({
          row: one,
          mark: one.key,
          after: { told: one.told, doneUpTo: one.wanted },
          isMessage: true,
        })),
        notice,
        threadTs: null,
        isUrgent: false,
      });
    const to = { channel: destination, ts: row.ts, notice, mark: { id: row.key, also: [] } };
    edits.freeAtMs = clock.nowMs() + EDIT_SPACING_MS;
    const outcome = await bounded(() => workspace.update(to));
    if (outcome.kind !== 'sent' && outcome.kind !== 'gone') return { kind: 'failed', rows: [row], outcome };
    // Where somebody deleted the message, what it would say now is not news; what stands for ever is posted anew.
    const isAnew = outcome.kind === 'gone' && readReply(row.body)?.key === STANDING_KEY;
    await book.settle([patchOf(row, isAnew ? { ts: null } : { doneUpTo: row.wanted, attempts: 0 })]);
    return SETTLED;
  }

  async function close(row: LedgerRow): Promise<Done> {
    if (book.isGuess(row.key)) return { kind: 'rest' };
    await book.settle([patchOf(row, { attempt: null, doneUpTo: row.wanted })]);
    return SETTLED;
  }

  /** What only this process knows says so. */
  function marked(notice: Notice, row: LedgerRow): Notice {
    if (!book.isUnrecorded(row.key)) return notice;
    const words = 'Not on record yet: the database cannot be written. This message is completed when it can.';
    return withNote(notice, words);
  }

  return { announceOne, summarize, postCard, edit, sayInThread, tellNews };
}

function markOf(marks: readonly string[]): MessageMark {
  const [id = '', ...also] = marks;
  return { id, also };
}
