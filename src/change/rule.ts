/** A standing protection, made by an approved change: put right again whenever it is not so. It never widens by itself. */
export interface Rule {
  id: string;
  /** Goes up by one with each saved step. */
  revision: number;
  /** Where it holds: on these hosts, each of which was approved. */
  hosts: string[];
  /** Hosts that get this tag later are proposed; null: it is about its hosts alone. */
  tag: string | null;
  /** Processes of this name, or with `unit` all processes of that unit. */
  name: string | null;
  unit: string | null;
  adj: number;
  state: 'active' | 'paused' | 'ended';
  madeBy: string;
  madeAtMs: number;
  changeId: string;
  /** Where drift is told. */
  channel: string;
}

/** What a rule is about, as people say it. */
export function ruleSubject({ unit, name }: Rule): string {
  return unit ?? name ?? '';
}
