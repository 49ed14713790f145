/** `wrong`: oombot cannot do its work. `limited`: a part of it. `note`: nothing is off, but good to know. */
export interface SlackFinding {
  severity: 'wrong' | 'limited' | 'note';
  what: string;
  /** What to do about it. null: nothing. */
  fix: string | null;
}

export function wrong(what: string, fix: string): SlackFinding {
  return { severity: 'wrong', what, fix };
}

export function limited(what: string, fix: string): SlackFinding {
  return { severity: 'limited', what, fix };
}

export function note(what: string, fix: string | null = null): SlackFinding {
  return { severity: 'note', what, fix };
}
