import type { Sure } from '../oom/report.ts';
import type { CauseFacts } from './cause-facts.ts';

/**
 * Where a finding stands among others. `decides`: nothing else need be asked. `pattern`: several kills say it. `shape`: the kind of
 * shortage. `victim`: why this one died. `memory`: who or what held it; the larger share leads. `fallback`: what ran out, when nothing
 * says why. `aside`: never leads, only accompanies.
 */
export type Place = 'decides' | 'pattern' | 'shape' | 'victim' | 'memory' | 'fallback' | 'aside';

export interface Finding {
  /** One sentence with its numbers. Names in it are those of `sayName`. */
  text: string;
  numbers: Record<string, number>;
  /** For `memory`: the share that it explains, 0 to 1. */
  share?: number;
  /** Where the facts allow less certainty than the rule has. */
  sure?: Sure;
  /** Where they do not allow it to lead. */
  place?: Place;
}

/** One rule of diagnosis: condition, certainty, what it means, what to do, and where that is known from. */
export interface Rule {
  code: string;
  /** Number of the rule in the books: S kind, M host memory, W swap, N zones and nodes, C groups, P scores, L history. */
  id: string;
  place: Place;
  sure: Sure;
  meaning: string;
  /** Key of the recipe; null: nothing to do beyond the headline's. */
  advice: string | null;
  source: string;
  find: (facts: CauseFacts) => Finding | null;
}
