import type { Change, ChangedProcess, ProcessState } from '../../change/change.ts';
import { processRequest, readHelperAnswer, unitRequest, type HelperAnswer } from '../../change/host-command.ts';
import type { Told } from '../../change/outcome.ts';
import type { ChangeRefusal } from '../../change/refusal.ts';
import type { HostLink } from '../host-link.ts';
import { findMeans } from './host-means.ts';

type Asked = { kind: 'answer'; answer: HelperAnswer } | { kind: 'no'; why: ChangeRefusal } | { kind: 'unknown' };

const ENDED = new Set<ChangeRefusal['kind']>(['process-gone', 'process-replaced', 'rebooted']);
/** Without a helper: what the host says then is about us, not about the process. */
const OURS = new Set<ChangeRefusal['kind']>(['read-only', 'no-capability', 'not-written']);

/** Sends one line to the helper of a host, once, and reads what came back. */
export async function askHelper(
  link: HostLink,
  line: string | null,
  about: { pid: number } | { unit: string },
): Promise<Asked> {
  if (line === null) return { kind: 'no', why: { kind: 'bad-request', reason: 'form' } };
  const end = await link.changes.request(line);
  switch (end.kind) {
    case 'unsent':
      return { kind: 'no', why: { kind: 'host-away', sentence: end.sentence } };
    case 'no-helper':
      return { kind: 'no', why: { kind: 'no-helper', sentence: `the host says “${end.sentence}”.` } };
    case 'unknown':
      return { kind: 'unknown' };
    case 'answered': {
      const answer = readHelperAnswer(end.text, about);
      if (answer.kind === 'unreadable') return { kind: 'unknown' };
      if (answer.kind === 'refused' && end.asUid !== null && OURS.has(answer.why.kind))
        return {
          kind: 'no',
          why: { kind: 'no-helper', sentence: 'there is no helper, and this user cannot write the value.' },
        };
      return { kind: 'answer', answer };
    }
  }
}

/** What goes into the host's own log beside a request: the hash of our entry about it. undefined: the helper takes none. */
export async function refFor(link: HostLink, auditHash: string | null): Promise<string | undefined> {
  if (auditHash === null) return undefined;
  const found = await findMeans(link);
  return found.kind === 'means' && found.means.refs ? auditHash : undefined;
}

/**
 * Sets all values of a change, one process after the other, each with the check that it is the one that was meant and still has the old
 * value. At the first no, what was set before is put back. Nothing is sent twice. `auditHash`: of our entry that it begins.
 */
export async function applyOn(link: HostLink, change: Change, auditHash: string | null): Promise<Told> {
  const ref = await refFor(link, auditHash);
  const states: ProcessState[] = change.processes.map((one) => one.state);
  let why: ChangeRefusal | null = null;
  let stopped = false;

  for (const [at, one] of change.processes.entries()) {
    const { state, why: because } = await applyOne(link, change.bootId, one, ref);
    states[at] = state;
    why ??= because;
    if (state === 'gone' && because?.kind !== 'rebooted') continue;
    if (state === 'written') continue;
    stopped = true;
    break;
  }

  let dropIn: ProcessState | null = change.dropIn?.state ?? null;
  if (!stopped && change.dropIn !== null && states.includes('written')) {
    const { unit, from, to } = change.dropIn;
    const asked = await askHelper(link, unitRequest({ bootId: change.bootId, unit, from, to, ref }), { unit });
    dropIn = unitState(asked, to);
    if (dropIn === 'refused') {
      stopped = true;
      why = whyOf(asked);
    }
    if (dropIn === 'unknown') stopped = true;
  }

  const isUnknown = states.includes('unknown') || dropIn === 'unknown';
  if (stopped && !isUnknown) {
    for (const [at, one] of change.processes.entries())
      if (states[at] === 'written') states[at] = (await undoOne(link, change.bootId, one, ref)).state;
  }
  return { processes: states, dropIn, why };
}

/** Puts back what was there, where it still is what this change set. `bootId` is the host's present one; `auditHash` as above. */
export async function undoOn(link: HostLink, change: Change, bootId: string, auditHash: string | null): Promise<Told> {
  const ref = await refFor(link, auditHash);
  const states: ProcessState[] = [];
  let why: ChangeRefusal | null = null;
  let dropIn: ProcessState | null = null;
  // The unit first: what is started anew meanwhile has the old value already.
  if (change.dropIn !== null) {
    const { unit, from, to } = change.dropIn;
    const asked = await askHelper(link, unitRequest({ bootId, unit, from: to, to: from, ref }), { unit });
    const state = unitState(asked, from);
    dropIn = state === 'written' ? 'restored' : state;
    if (state === 'refused') {
      const because = whyOf(asked);
      if (because?.kind === 'value-changed') dropIn = because.now === String(from ?? '-') ? 'restored' : 'left';
      else why = because;
    }
  }
  for (const one of change.processes) {
    const back = await undoOne(link, change.bootId, one, ref);
    states.push(back.state);
    why ??= back.why;
  }
  return { processes: states, dropIn, why };
}

async function applyOne(
  link: HostLink,
  bootId: string,
  one: ChangedProcess,
  ref: string | undefined,
): Promise<{ state: ProcessState; why: ChangeRefusal | null }> {
  const asked = await askHelper(link, processRequest({ bootId, ...one, ref }), { pid: one.pid });
  if (asked.kind === 'unknown') return { state: 'unknown', why: null };
  const why = whyOf(asked);
  if (why !== null) return { state: ENDED.has(why.kind) ? 'gone' : 'refused', why: withLine(why, one.pid, one.to) };
  return { state: wasSet(asked, one.to) ? 'written' : 'unknown', why: null };
}

async function undoOne(
  link: HostLink,
  bootId: string,
  one: ChangedProcess,
  ref: string | undefined,
): Promise<{ state: ProcessState; why: ChangeRefusal | null }> {
  if (one.state === 'gone' || one.state === 'left' || one.state === 'restored') return { state: one.state, why: null };
  const line = processRequest({ bootId, pid: one.pid, startTicks: one.startTicks, from: one.to, to: one.from, ref });
  const asked = await askHelper(link, line, { pid: one.pid });
  if (asked.kind === 'unknown') return { state: 'unknown', why: null };
  const why = whyOf(asked);
  if (why === null) return { state: wasSet(asked, one.from) ? 'restored' : 'unknown', why: null };
  if (ENDED.has(why.kind)) return { state: 'gone', why: null };
  if (why.kind === 'value-changed') return { state: why.now === String(one.from) ? 'restored' : 'left', why: null };
  return { state: 'refused', why: withLine(why, one.pid, one.from) };
}

/** An older helper lowered it and kept no note: what puts it back by hand. */
function withLine(why: ChangeRefusal, pid: number, value: number): ChangeRefusal {
  return why.kind === 'no-raise' ? { ...why, line: `echo ${value} > /proc/${pid}/oom_score_adj` } : why;
}

function unitState(asked: Asked, wanted: number | null): ProcessState {
  if (asked.kind === 'unknown') return 'unknown';
  if (whyOf(asked) !== null) return 'refused';
  const isSet = asked.kind === 'answer' && asked.answer.kind === 'unit-written' && asked.answer.now === wanted;
  return isSet ? 'written' : 'unknown';
}

function wasSet(asked: Asked, wanted: number): boolean {
  return asked.kind === 'answer' && asked.answer.kind === 'written' && asked.answer.now === wanted;
}

function whyOf(asked: Asked): ChangeRefusal | null {
  if (asked.kind === 'no') return asked.why;
  return asked.kind === 'answer' && asked.answer.kind === 'refused' ? asked.answer.why : null;
}
