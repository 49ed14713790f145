import { quoted } from '../../notice/notice.ts';
import type { Change, RuleTerms } from '../../change/change.ts';
import { decideApproval, decideDecline, decideUndo, type Decision, type Standing } from '../../change/decisions.ts';
import type { ChangeRefusal } from '../../change/refusal.ts';
import { toldDirectly } from '../../change/policy.ts';
import {
  describeChoices,
  describeDecided,
  describeJoined,
  describePending,
  describeProposed,
} from '../../notice/change/change-answers.ts';
import type { Approver, Approvers } from '../change/approvers.ts';
import { changeEntry } from '../change/change-record.ts';
import type { ChangeWorld } from '../change/change-world.ts';
import type { Answer, Requester, Handlers, ProtectAsk } from './handlers.ts';
import { isSameProposal } from '../../change/same-proposal.ts';
import { nearest } from '../nearest.ts';
import { draftChange, type Wanted } from '../change/propose-change.ts';
import { scanRefusal } from './scan-refusal.ts';
import type { Targets } from './targets.ts';

const SCAN_MS = 15_000;
const EARLIER_MS = 3_600_000;
const OPEN_PER_HOST_MAX = 20;
const TRIES = 5;
const WHY_MAX = 300;

interface Decider {
  by: string;
  nowMs: number;
  standing: Standing;
  teamId: string | null;
  /** Of everybody who is in the change. */
  standings: Map<string, Approver>;
}

type ChangeHandlers = Pick<Handlers, 'protect' | 'protectForm' | 'approve' | 'decline' | 'undo' | 'answerPending'>;

/** Proposing, deciding, taking back. */
export function openChangeAnswers(world: ChangeWorld, targets: Targets, approvers: Approvers): ChangeHandlers {
  const { store, fleet, scans, clock, owner } = world;

  async function protect(ask: ProtectAsk, requester: Requester): Promise<Answer> {
    const target = await targets.host(ask.host);
    if (target.kind === 'refused') return target;
    const host = target.name;
    const mayNot = await approvers.refuseProposal(requester.userId, host);
    if (mayNot !== null) {
      const about = { target: ask.what.slice(0, 200), adj: ask.adj };
      await recordRefusal(host, requester.userId, 'propose', mayNot, about);
      return refuse(mayNot);
    }
    const link = fleet.link(host);
    if (link === null) return { kind: 'refused', refusal: { kind: 'stale', what: 'The watch on that host' } };
    if ((await openOn(host)) >= OPEN_PER_HOST_MAX) return refuse({ kind: 'too-many-open', max: OPEN_PER_HOST_MAX });
    const tag = ask.keep ? (ask.terms?.tag ?? null) : null;
    if (tag !== null) {
      const known = targets.tags();
      if (!known.includes(tag))
        return {
          kind: 'refused',
          refusal: { kind: 'unknown-target', target: tag, nearest: nearest(tag, known), known },
        };
      if (!fleet.hosts().some((one) => one.name === host && one.tags.includes(tag)))
        return refuse({ kind: 'host-without-tag', host, tag });
    }
    // What an earlier question saw tells whether a process grows.
    const earlier = await scans.read(host, SCAN_MS, EARLIER_MS);
    const live = await scans.read(host, SCAN_MS);
    if (live.kind !== 'scan') return scanRefusal(host, live);
    const wanted: Wanted = { ...ask, why: ask.why?.slice(0, WHY_MAX) ?? null };
    const by = { userId: requester.userId, channel: channelFor(host, requester), incidentId: ask.incidentId };
    const drafted = await draftChange(world, link, live, earlier.kind === 'scan' ? earlier : null, wanted, by);
    switch (drafted.kind) {
      case 'refused':
        // A slip of the tongue is no refusal of anybody.
        if (!isSlip(drafted.why))
          await recordRefusal(host, requester.userId, 'propose', drafted.why, {
            target: ask.what.slice(0, 200),
            adj: ask.adj,
          });
        return refuse(drafted.why);
      case 'several': {
        const { choices, more } = drafted.target;
        return {
          kind: 'notice',
          notice: describeChoices(host, ask.what, choices, more, (word) => wordsFor(host, word, ask)),
        };
      }
      case 'change': {
        const same = (await store.openChanges()).find((one) => isSameProposal(one, drafted.change));
        if (same !== undefined) return { kind: 'notice', notice: describeJoined(same) };
        const who = (await approvers.standings([requester.userId])).get(requester.userId);
        const entry = changeEntry(drafted.change, 'propose', requester.userId, clock.nowMs(), {
          proof: drafted.change.proof,
          ...teamOf(who),
        });
        const people = toldDirectly(world.approvals(), requester.userId);
        const saved = await store.addChange(drafted.change, entry, people);
        world.wake();
        return { kind: 'notice', notice: describeProposed(saved) };
      }
    }
  }

  async function protectForm(
    { incidentId }: { incidentId: string },
    { userId }: Requester,
  ): ReturnType<Handlers['protectForm']> {
    const incident = await store.incident(incidentId);
    const mayNot = await approvers.refuseProposal(userId, incident?.host ?? null);
    if (mayNot !== null) return refuse(mayNot);
    const kill = incident?.kills.at(-1);
    if (!incident || !kill) return { kind: 'refused', refusal: { kind: 'stale', what: 'This incident' } };
    const unit = kill.record.identity?.unit ?? null;
    // A service outlives the process that died, and with it the value.
    const what = unit?.endsWith('.service') === true ? unit : (kill.record.name ?? '');
    return { kind: 'form', form: 'protect', filled: { host: incident.host, what, incidentId } };
  }

  async function openOn(host: string): Promise<number> {
    return (await store.openChanges()).filter((one) => one.host === host && one.state.kind === 'proposed').length;
  }

  function channelFor(host: string, { channelId }: Requester): string {
    const configured = world.approvals().channel;
    if (configured !== null) return configured;
    // In a direct conversation nobody else could approve.
    return channelId !== null && !channelId.startsWith('D') ? channelId : world.channelOf({ host });
  }

  const approve = decider('approve', (change, who) => {
    if (world.isReadOnly(change.host)) return readOnly(change);
    const before = change.approvals.map((one) => one.by);
    return decideApproval(change, {
      ...who,
      selfApproval: world.approvals().selfApproval,
      stillMay: before.filter((one) => who.standings.get(one)?.standing === 'may'),
    });
  });

  const decline = decider('decline', decideDecline);

  const undo = decider('undo', (change, who) =>
    world.isReadOnly(change.host) ? readOnly(change) : decideUndo(change, { ...who, owner }),
  );

  /** Decides again on what is stored when somebody was faster. What is refused is recorded, and the card shows the truth again. */
  function decider(action: string, decide: (change: Change, who: Decider) => Decision): Handlers['approve'] {
    return async ({ changeId }, { userId }) => {
      let change = await store.change(changeId);
      for (let tries = 0; tries < TRIES && change !== null; tries += 1) {
        const who = await deciderOf(change, userId);
        const decision = decide(change, who);
        if (decision.kind === 'refused') {
          await recordRefusal(change.host, userId, action, decision.refusal, {
            change: change.id,
            target: change.subject,
          });
          await store.repairCard(change.id);
          world.wake();
          return refuse(decision.refusal);
        }
        const entry = changeEntry(decision.next, action, who.by, clock.nowMs(), teamOf(who));
        const saved = await store.updateChange(decision.next, [entry]);
        world.wake();
        if (saved.kind === 'saved') return { kind: 'notice', notice: describeDecided(saved.change) };
        change = saved.current;
      }
      return refuse({ kind: 'no-such-change' });
    };
  }

  /** Who somebody is in this change: one person stays one, also under another id. */
  async function deciderOf(change: Change, userId: string): Promise<Decider> {
    const involved = [change.proposedBy, ...change.approvals.map((one) => one.by)];
    const standings = await approvers.standings([userId, ...involved]);
    const me = standings.get(userId);
    const known = involved.find((one) => standings.get(one)?.personId === me?.personId);
    return {
      by: known ?? userId,
      standing: me?.standing ?? 'unknown',
      teamId: me?.teamId ?? null,
      nowMs: clock.nowMs(),
      standings,
    };
  }

  function recordRefusal(
    host: string,
    actor: string,
    action: string,
    why: ChangeRefusal,
    about: Record<string, unknown>,
  ): Promise<unknown> {
    const details = { ...about, refusal: why.kind };
    return store.appendAudit({ atMs: clock.nowMs(), actor, action: `${action}: no`, host, details });
  }

  async function answerPending(): Promise<Answer> {
    const open = await store.openChanges();
    return { kind: 'notice', notice: describePending(open.toReversed()) };
  }

  return { protect, protectForm, approve, decline, undo, answerPending };
}

/** The team beside the user id: ids are unique in a team only. */
function teamOf(who: { teamId: string | null } | undefined): { team?: string } {
  return who?.teamId == null ? {} : { team: who.teamId };
}

function readOnly({ host }: Change): Decision {
  return { kind: 'refused', refusal: { kind: 'local-workspace', host } };
}

/** A name with one letter wrong, a value out of range. What is near to no name there may be an attack, and is recorded. */
function isSlip(why: ChangeRefusal): boolean {
  if (why.kind === 'no-such-process') return why.nearest !== null;
  return why.kind === 'bad-adj' || why.kind === 'same-value' || why.kind === 'keep-needs-no-end';
}

function refuse(why: ChangeRefusal): Extract<Answer, { kind: 'refused' }> {
  return { kind: 'refused', refusal: { kind: 'change', why } };
}

/** The same question about one of several. */
function wordsFor(host: string, word: string, ask: ProtectAsk): string {
  return [
    `protect ${host} ${quoted(word)}`,
    ...(ask.adj === null ? [] : [String(ask.adj)]),
    ...(ask.keep ? ['keep', ...termWords(ask.terms ?? null)] : []),
    ...(ask.forMs === null ? [] : [`for ${Math.max(1, Math.round(ask.forMs / 1_000))}s`]),
    ...(ask.why === null ? [] : [`because ${ask.why.slice(0, WHY_MAX)}`]),
  ].join(' ');
}

function termWords(terms: RuleTerms | null): string[] {
  if (terms === null) return [];
  const { tag, commandLine, onDrift } = terms;
  return [
    ...(onDrift === 'show' ? ['show'] : []),
    ...(tag === null ? [] : [`on tag ${quoted(tag)}`]),
    ...(commandLine === null ? [] : [`matching ${quoted(commandLine)}`]),
  ];
}
