import { killerNotes, vendorNotes } from '../../change/advice.ts';
import { findBrakes } from '../../change/brakes.ts';
import type { Change, DropIn, ProofNote, ProofScope, RuleTerms } from '../../change/change.ts';
import { findTarget, type Target } from '../../change/find-target.ts';
import { isAdj, type HelperMeans } from '../../change/host-command.ts';
import { asLegacy } from '../../change/legacy.ts';
import { chooseDefaultAdj } from '../../change/ladder.ts';
import { quorumFor } from '../../change/policy.ts';
import { proveChange } from '../../change/proof.ts';
import type { ChangeRefusal } from '../../change/refusal.ts';
import { ruleSubject, type Rule } from '../../change/rule.ts';
import { isWithin } from '../../oom/proc/cgroup.ts';
import { nameOfGroup } from '../../oom/proc/container-name.ts';
import type { ProcessFacts, ProcScan } from '../../oom/proc/proc-scan.ts';
import type { ChangeWorld } from './change-world.ts';
import { findMeans, readDropIn, whyImpossible } from './host-means.ts';
import type { HostLink } from '../host-link.ts';
import { nearest } from '../nearest.ts';
import { scanOfGroup } from '../ranking.ts';

/** What is asked for. `adj` null: the smallest value that changes the outcome. */
export interface Wanted {
  /** A process's name, a pid or a unit. */
  what: string;
  adj: number | null;
  forMs: number | null;
  why: string | null;
  /** As a standing rule. */
  keep: boolean;
  /** Of that rule; absent: this host alone, mended. */
  terms?: RuleTerms | null;
  /** The rule that is taken to this host, and what it is about here. */
  widening?: { rule: Rule; processes: ProcessFacts[] };
}

export type Drafted =
  | { kind: 'change'; change: Change }
  | { kind: 'several'; target: Extract<Target, { kind: 'several' }> }
  | { kind: 'refused'; why: ChangeRefusal };

type Found = Extract<Target, { kind: 'found' }>;

const PROCESSES_MAX = 64;
const WHAT = /^[^\0-\x1f\x7f]{1,100}$/;

/** A change as it would be proposed, with its proof from a scan made now; nothing is stored and nothing is changed. */
export async function draftChange(
  world: ChangeWorld,
  link: HostLink,
  live: { scan: ProcScan; atMs: number },
  earlier: { scan: ProcScan; atMs: number } | null,
  wanted: Wanted,
  by: { userId: string; channel: string; incidentId: string | null },
): Promise<Drafted> {
  const { scan, atMs } = live;
  if (!WHAT.test(wanted.what)) return no({ kind: 'bad-name', what: wanted.what.slice(0, 100) });
  if (wanted.adj !== null && !isAdj(wanted.adj)) return no({ kind: 'bad-adj', given: String(wanted.adj) });
  if (wanted.keep && wanted.forMs !== null) return no({ kind: 'keep-needs-no-end' });
  const terms = wanted.keep ? (wanted.terms ?? null) : null;
  if (terms !== null && terms.commandLine !== null && !WHAT.test(terms.commandLine))
    return no({ kind: 'bad-name', what: terms.commandLine.slice(0, 100) });
  const target = targetOf(scan, wanted, terms?.commandLine ?? null);
  if (target.kind === 'several') return { kind: 'several', target };
  if (target.kind === 'none') {
    const near = nearest(wanted.what, target.names);
    return no({ kind: 'no-such-process', host: link.host, what: wanted.what, nearest: near });
  }
  if (target.processes.some((one) => one.pid === 1)) return no({ kind: 'init' });
  const count = target.processes.length;
  if (count > PROCESSES_MAX) return no({ kind: 'too-many-processes', count, max: PROCESSES_MAX });

  const found = await findMeans(link);
  if (found.kind === 'refused') return no(found.why);
  const { means, asUid } = found;
  if (!means.logs && asUid === null) return no({ kind: 'no-host-log' });
  const { scope, among } = await scopeOf(link, scan, target);
  const chosen = adjFor(wanted.adj, among, target, means);
  if (chosen.kind === 'refused') return no(chosen.why);
  const { to, legacy } = chosen;
  if (asUid !== null) {
    const why = limitsOf(asUid, target, to);
    if (why) return no(why);
  }
  const impossible = await whyImpossible(link, scan.bootId, target.processes, to, means);
  if (impossible) return no(impossible);

  const values = new Map(target.processes.map((one) => [one.pid, to]));
  const brakes = findBrakes(
    scan,
    among,
    values,
    earlier === null ? null : { scan: earlier.scan, agoMs: atMs - earlier.atMs },
  );
  if (brakes.refusal) return no(brakes.refusal);
  if (brakes.needsCare && wanted.forMs === null) return no({ kind: 'needs-end-date' });
  const { dropIn, notes: dropInNotes } = await dropInFor(link, scan.bootId, target, to, means);
  const { before, after } = proveChange(among, values);
  const container = nameOfGroup(scan.containers, target.processes[0]?.cgroup ?? null);
  const policy = world.approvals();
  const nowMs = world.clock.nowMs();
  const change: Change = {
    id: world.newId(),
    revision: 0,
    host: link.host,
    bootId: scan.bootId,
    subject: target.subject,
    unit: target.unit,
    ...(container === null ? {} : { container }),
    processes: target.processes.map(({ pid, startTicks, name, uid, oomScoreAdj }) => {
      return { pid, startTicks, name, uid, from: oomScoreAdj, to, state: 'untouched' };
    }),
    dropIn,
    to,
    forMs: wanted.forMs,
    why: wanted.why,
    keep: wanted.keep,
    terms,
    widens: wanted.widening?.rule.id ?? null,
    proposedBy: by.userId,
    proposedAtMs: nowMs,
    channel: by.channel,
    incidentId: by.incidentId,
    expiresAtMs: nowMs + policy.expireAfterMs,
    quorum: quorumFor(policy, brakes.needsCare),
    approvals: [],
    proof: {
      scope,
      atMs,
      before,
      after: after ?? [],
      notes: [
        ...(scope.kind === 'group' ? [{ kind: 'in-group' as const, group: scope.path, limitKiB: scope.limitKiB }] : []),
        ...brakes.notes,
        ...(legacy === null ? [] : [legacy]),
        ...(means.capability || !lowers(target, to) || asUid !== null ? [] : [{ kind: 'no-capability' as const }]),
        ...(scan.seesAll ? [] : [{ kind: 'hidden-processes' as const }]),
        ...dropInNotes,
        ...vendorNotes(target.processes),
        ...killerNotes(await link.changes.killers()),
      ],
    },
    undoes: null,
    state: { kind: 'proposed' },
  };
  return { kind: 'change', change };
}

/** A part of a unit's processes has no file of its own: that would be about all of them. */
function targetOf(scan: ProcScan, { what, widening }: Wanted, commandLine: string | null): Target {
  if (widening !== undefined && widening.rule.name !== null) {
    const { rule, processes } = widening;
    return { kind: 'found', subject: ruleSubject(rule), processes, unit: rule.unit, dropInUnit: null };
  }
  if (commandLine === null) return findTarget(scan, what);
  const processes = scan.processes.filter((one) => one.commandLine?.includes(commandLine));
  const target = findTarget({ ...scan, processes }, what);
  return target.kind === 'found' ? { ...target, dropInUnit: null } : target;
}

/** Among whom the kernel chooses when these are in danger: in the memory group with a limit that holds them all, else on the host. */
async function scopeOf(link: HostLink, scan: ProcScan, target: Found): Promise<{ scope: ProofScope; among: ProcScan }> {
  const cgroup = target.processes[0]?.cgroup ?? null;
  const limit = cgroup === null || cgroup === '/' ? null : await link.changes.limitOf(cgroup);
  const isWhole = limit !== null && target.processes.every((one) => isWithin(one.cgroup, limit.path));
  if (limit === null || !isWhole || limit.limitKiB >= scan.memTotalKiB) return { scope: { kind: 'host' }, among: scan };
  const { path, limitKiB } = limit;
  return { scope: { kind: 'group', path, limitKiB }, among: scanOfGroup(scan, path, limitKiB) };
}

function adjFor(
  asked: number | null,
  among: ProcScan,
  target: Found,
  means: HelperMeans,
): { kind: 'adj'; to: number; legacy: ProofNote | null } | { kind: 'refused'; why: ChangeRefusal } {
  const pids = target.processes.map((one) => one.pid);
  const lowest = Math.min(...target.processes.map((one) => one.oomScoreAdj));
  let adj = asked;
  if (adj === null) {
    const chosen = chooseDefaultAdj(among, pids);
    if (chosen.kind === 'none')
      return { kind: 'refused', why: { kind: 'no-default', adj: lowest, needed: chosen.needed } };
    ({ adj } = chosen);
  }
  const { oomAdj, effective } = asLegacy(adj);
  const to = means.legacy ? effective : adj;
  if (to < means.min || to > means.max)
    return { kind: 'refused', why: { kind: 'out-of-helper-range', adj: to, min: means.min, max: means.max } };
  if (target.processes.every((one) => one.oomScoreAdj === to))
    return { kind: 'refused', why: { kind: 'same-value', adj: to } };
  return { kind: 'adj', to, legacy: means.legacy ? { kind: 'legacy', oomAdj, wanted: adj } : null };
}

/** Without a helper a user may raise values of its own processes, and nothing else; root may do all. */
function limitsOf(asUid: number, target: Found, to: number): ChangeRefusal | null {
  if (asUid === 0) return null;
  const own = target.processes.every((one) => one.uid === asUid);
  if (own && !lowers(target, to)) return null;
  return {
    kind: 'no-helper',
    sentence: own
      ? 'there is no helper, and without it a value can only be raised.'
      : 'there is no helper, and the process belongs to another user.',
  };
}

function lowers({ processes }: Found, to: number): boolean {
  return processes.some((one) => to < one.oomScoreAdj);
}

async function dropInFor(
  link: HostLink,
  bootId: string,
  { dropInUnit }: Found,
  to: number,
  means: HelperMeans,
): Promise<{ dropIn: DropIn | null; notes: ProofNote[] }> {
  if (dropInUnit === null) return { dropIn: null, notes: [] };
  const from = means.units ? await readDropIn(link, bootId, dropInUnit) : 'unknown';
  if (from !== 'unknown') return { dropIn: { unit: dropInUnit, from, to, state: 'untouched' }, notes: [] };
  const path = `/etc/systemd/system/${dropInUnit}.d/50-oombot.conf`;
  return {
    dropIn: null,
    notes: [{ kind: 'drop-in-by-hand', unit: dropInUnit, path, text: `[Service]\nOOMScoreAdjust=${to}` }],
  };
}

function no(why: ChangeRefusal): Drafted {
  return { kind: 'refused', why };
}
