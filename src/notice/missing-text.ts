import type { KillRecord, Missing } from '../oom/report.ts';

const WORDS: Record<Missing, string> = {
  beginning: 'its beginning',
  memory: 'part of the memory figures',
  tasks: 'part of the task table',
  end: 'its end',
};

/** What a cut took from a report, as one sentence; null: it is whole. */
export function missingText({ missing = [] }: Pick<KillRecord, 'missing'>): string | null {
  // A kill line alone is not a cut report: there may never have been more.
  if (missing.length === 0) return null;
  const parts = missing.map((part) => WORDS[part]);
  const last = parts.pop() ?? '';
  const all = parts.length === 0 ? last : `${parts.join(', ')} and ${last}`;
  const sums = missing.includes('end') ? ' Nothing is added up from what is left.' : '';
  return `This report is not whole: ${all} ${missing.length > 1 ? 'are' : 'is'} missing.${sums}`;
}
