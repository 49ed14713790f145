import type { Cause, KillRecord, Sure } from '../oom/report.ts';
import { gatherFacts, ownShare, type CauseContext, type CauseFacts } from './cause-facts.ts';
import type { Finding, Place, Rule } from './cause-rule.ts';
import { GROUP_RULES } from './rules-group.ts';
import { HISTORY_RULES } from './rules-history.ts';
import { HOLDER_RULES } from './rules-holders.ts';
import { KIND_RULES } from './rules-kind.ts';
import { SHORTAGE_RULES } from './rules-shortage.ts';
import { USERSPACE_RULES } from './rules-userspace.ts';
import { MEMORY_RULES } from './rules-memory.ts';
import { SWAP_RULES } from './rules-swap.ts';
import { ZONE_RULES } from './rules-zones.ts';
import { THRESHOLDS } from './thresholds.ts';

/** All rules of diagnosis. Of one place, those that stand first lead. */
export const RULES: readonly Rule[] = [
  ...USERSPACE_RULES,
  ...KIND_RULES,
  ...SHORTAGE_RULES,
  ...HISTORY_RULES,
  ...MEMORY_RULES,
  ...ZONE_RULES,
  ...GROUP_RULES,
  ...HOLDER_RULES,
  ...SWAP_RULES,
];

const ORDER: readonly Place[] = ['decides', 'pattern', 'shape', 'victim', 'memory', 'fallback', 'aside'];
const SURENESS: Record<Sure, number> = { certain: 0, likely: 1, hint: 2 };
/** Accompanying sentences: a message is one screen. */
const ALSO_MAX = 4;
/** Memory of processes that hold it for themselves; everything else says more than who holds it. */
const HOLDERS: ReadonlySet<string> = new Set(['victim-not-cause', 'several-services', 'worker-pool', 'hog']);

/** A part larger than the whole is a report that was torn; a little more is what moved while it was printed. */
const SHARE_MAX = 1.05;

interface Found {
  rule: Rule;
  finding: Finding;
  place: Place;
  sure: Sure;
  weight: number;
}

/** Why somebody had to die, by one report and what is known around it; null: the report says nothing at all. */
export function judgeRecord(record: KillRecord, context: CauseContext = {}): Cause | null {
  const facts = gatherFacts(record, context);
  const found = RULES.map((rule) => apply(rule, facts)).filter((one) => one !== null);
  const ranked = found.toSorted(compare);
  const [first, ...others] = ranked;
  if (first === undefined || first.place === 'aside') return null;
  const also =
    first.place === 'decides'
      ? []
      : others.filter(({ rule, place }) => place !== 'fallback' && rule.code !== first.rule.code);
  return {
    ...told(first),
    ...(also.length === 0 ? {} : { also: also.slice(0, ALSO_MAX).map(told) }),
  };
}

/** The same record with its cause, where the parser left that open. */
export function withCause(record: KillRecord): KillRecord {
  return record.cause === null ? { ...record, cause: judgeRecord(record) } : record;
}

/** The recipe of a cause; null: none. */
export function adviceKeyOf(code: string): string | null {
  return RULES.find((rule) => rule.code === code)?.advice ?? null;
}

/** Whether this cause is read from several kills, not from one report. */
export function isOfSeveralKills(code: string): boolean {
  return RULES.find((rule) => rule.code === code)?.place === 'pattern';
}

function apply(rule: Rule, facts: CauseFacts): Found | null {
  const finding = rule.find(facts);
  if (finding === null || (finding.share ?? 0) > SHARE_MAX) return null;
  const place = finding.place ?? (isSmall(rule, finding) ? 'aside' : rule.place);
  const share = HOLDERS.has(rule.code) ? Math.min(finding.share ?? 0, ownShare(facts)) : (finding.share ?? 0);
  const sure = finding.sure ?? rule.sure;
  return {
    rule,
    finding,
    place,
    // What a sentence quotes may be of any day, and of any host.
    sure: facts.record.isTold === true && sure === 'certain' && rule.code !== 'not-shown' ? 'likely' : sure,
    weight: place === 'memory' ? share * weightOf(rule) : 0,
  };
}

function isSmall(rule: Rule, finding: Finding): boolean {
  return rule.place === 'memory' && (finding.share ?? 0) < THRESHOLDS.leadShare;
}

function told({ rule, finding, sure }: Found): Omit<Cause, 'also'> {
  const numbers = Object.fromEntries(
    Object.entries(finding.numbers).map(([key, value]) => [key, Math.round(value * 1_000) / 1_000]),
  );
  return { code: rule.code, sure, text: finding.text, numbers };
}

function compare(a: Found, b: Found): number {
  return rankOf(a) - rankOf(b) || b.weight - a.weight;
}

/** A hint about memory stands behind what is likely, and before what ran out. */
function rankOf({ place, sure }: Found): number {
  if (place === 'aside') return ORDER.length + SURENESS[sure];
  return ORDER.indexOf(place) + (place === 'memory' && sure === 'hint' ? 0.5 : 0);
}

function weightOf(rule: Rule): number {
  return HOLDERS.has(rule.code) ? 1 : THRESHOLDS.specific;
}
