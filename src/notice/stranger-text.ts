import type { Stranger } from '../change/account.ts';

const WHO: Record<Exclude<Stranger, 'unreadable'>, string> = {
  bot: 'a bot or workflow',
  deactivated: 'a deactivated account',
  guest: 'a guest (unless approvals.guests is true)',
  external: 'somebody of another organisation (unless approvals.external is true)',
};

/** `what`: who may do it only, as the beginning of a sentence. */
export function strangerWords(why: Stranger, what: string): string {
  return why === 'unreadable'
    ? `${what} by people of this workspace only, and Slack did not tell me who you are. Try again.`
    : `${what} by people of this workspace only, not by ${WHO[why]}.`;
}
