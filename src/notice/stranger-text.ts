import type { Stranger } from '../change/account.ts';

const WHO: Record<Exclude<Stranger, 'unreadable' | 'not-permitted'>, string> = {
  bot: 'a bot or workflow',
  deactivated: 'a deactivated account',
  guest: 'a guest (unless approvals.guests is true)',
  external: 'somebody of another organisation (unless approvals.external is true)',
};

/** `what`: who may do it only, as the beginning of a sentence. */
export function strangerWords(why: Stranger, what: string): string {
  const by = `${what} by people of this workspace only`;
  if (why === 'unreadable') return `${by}, and Slack did not tell me who you are. Try again.`;
  if (why === 'not-permitted')
    return `${by}, and the Slack app may not look up who you are (scope users:read), so that I only watch. Grant it: oombot check slack says how.`;
  return `${by}, not by ${WHO[why]}.`;
}
