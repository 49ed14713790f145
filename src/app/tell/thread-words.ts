import type { Incident } from '../../incident/incident.ts';
import { describeChangeOutcome } from '../../notice/change/change-notice.ts';
import { describeLaterKills, describeMoreOfSeveral } from '../../notice/incident/later-kills.ts';
import { describeSummaryLines } from '../../notice/incident/storm-notice.ts';
import { describeEvidence } from '../../notice/incident/thread-notice.ts';
import type { Notice } from '../../notice/notice.ts';
import type { LedgerPatch, LedgerRow, Told } from '../ledger.ts';
import type { ChangeStore, IncidentStore } from '../store-port.ts';
import { readLines, readReply } from '../reply-body.ts';
import { describeNews } from './describe-news.ts';
import type { LedgerBook } from './ledger-book.ts';
import { isSatisfied, needsOfChange, needsOfIncident, outcomeOf } from './row-needs.ts';

export interface ThreadWords {
  /** The next message of the thread, with what is so once it has arrived; null: none. */
  said: {
    notice: Notice;
    rows: { row: LedgerRow; mark: string; after: Partial<LedgerPatch> & { told: Told } }[];
  } | null;
  /** Rows that have nothing to say. */
  idle: LedgerRow[];
}

/** What would be lost of a notice that is one line among others. */
const FILLING: ReadonlySet<string> = new Set(['table', 'rows', 'chart', 'lines']);

interface World {
  store: Pick<IncidentStore, 'incident'> & Pick<ChangeStore, 'change'>;
  book: LedgerBook;
}

/** What one thread hears next, of all rows that have something to say in it: `rows` has at least one. Throws when the record cannot be read. */
export async function threadWords(rows: readonly LedgerRow[], world: World): Promise<ThreadWords> {
  const [first] = rows;
  if (first === undefined) return { said: null, idle: [] };
  const ofIncidents = rows.filter((row) => row.kind === 'incident');
  if (ofIncidents.length > 0) return ofIncident(ofIncidents, world);
  return first.kind === 'card' ? ofCard(first, world) : ofReplies(rows, world);
}

async function ofIncident(rows: readonly LedgerRow[], { book }: World): Promise<ThreadWords> {
  const idle: LedgerRow[] = [];
  const more: { row: LedgerRow; incident: Incident; count: number }[] = [];
  for (const row of rows) {
    const incident = await book.incident(row);
    if (incident === null) {
      if (!book.isGuess(row.key)) idle.push(row);
      continue;
    }
    const [kill] = incident.kills;
    if (row.told.alone && !row.told.evidence && kill !== undefined)
      return {
        said: said(describeEvidence(kill), [saidOf(row, incident, `${row.key}-evidence`, { evidence: true }, book)]),
        idle,
      };
    const count = incident.killCount - row.told.kills;
    if (count > 0) more.push({ row, incident, count });
    else if (book.isSure(row.key)) idle.push(row);
  }
  const [one] = more;
  if (one === undefined) return { said: null, idle };
  const notice = more.length === 1 ? describeLaterKills(one.incident, one.count) : describeMoreOfSeveral(more);
  return {
    said: said(
      notice,
      more.map(({ row, incident }) =>
        saidOf(row, incident, `${row.key}-kills-${incident.killCount}`, { kills: incident.killCount }, book),
      ),
    ),
    idle,
  };
}

function saidOf(row: LedgerRow, incident: Incident, mark: string, change: Partial<Told>, book: World['book']) {
  const told = { ...row.told, ...change };
  const isDone = book.isSure(row.key) && isSatisfied(needsOfIncident(incident, { ...row, told }));
  return { row, mark, after: { told, doneUpTo: isDone ? row.wanted : null } };
}

async function ofCard(row: LedgerRow, { store }: World): Promise<ThreadWords> {
  const change = await store.change(row.changeId ?? '');
  const notice = change === null ? null : describeChangeOutcome(change);
  if (change === null || notice === null) return { said: null, idle: [row] };
  const told = { ...row.told, outcome: outcomeOf(change) };
  const doneUpTo = isSatisfied(needsOfChange(change, { ...row, told })) ? row.wanted : null;
  return {
    said: said(notice, [{ row, mark: `${row.key}-${outcomeOf(change)}`, after: { told, doneUpTo } }]),
    idle: [],
  };
}

async function ofReplies(rows: readonly LedgerRow[], { store }: World): Promise<ThreadWords> {
  const lines = rows.find((row) => readLines(row.body) !== null);
  if (lines !== undefined) {
    const incidents: Incident[] = [];
    for (const id of readLines(lines.body) ?? []) {
      const incident = await store.incident(id);
      if (incident !== null) incidents.push(incident);
    }
    if (incidents.length === 0) return { said: null, idle: [lines] };
    return { said: said(describeSummaryLines(incidents), [replied(lines)]), idle: [] };
  }
  const idle = rows.filter((row) => readReply(row.body) === null);
  const together = nextTogether(rows.filter((row) => !idle.includes(row)));
  const [first, ...others] = together.flatMap((row) => readReply(row.body)?.notice ?? []);
  if (first === undefined) return { said: null, idle };
  return { said: said(describeNews(first, others, true), together.map(replied)), idle };
}

function replied(row: LedgerRow) {
  return { row, mark: row.key, after: { told: row.told, doneUpTo: row.wanted } };
}

function said(notice: Notice, rows: NonNullable<ThreadWords['said']>['rows']): ThreadWords['said'] {
  return { notice, rows };
}

/** Of what waits, what goes as one message now: what fills a message, or has one of its own, goes alone. */
export function nextTogether(waiting: readonly LedgerRow[]): readonly LedgerRow[] {
  const at = waiting.findIndex(fillsMessage);
  return at === -1 ? waiting : waiting.slice(0, Math.max(1, at));
}

function fillsMessage(row: LedgerRow): boolean {
  const reply = readReply(row.body);
  if (reply === null) return false;
  return reply.key != null || reply.notice.parts.some(({ kind }) => FILLING.has(kind));
}
