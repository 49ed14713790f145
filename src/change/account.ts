/** What the chat says of an account, at the moment it is asked. */
export interface Account {
  /** One person has one, whatever ids it acts under (Enterprise Grid: W… for the organisation, U… in a workspace). */
  personId: string;
  teamId: string | null;
  /** `not-permitted`: the bot was not given the right to ask (Slack’s scope users:read). */
  kind: 'member' | 'guest' | 'external' | 'bot' | 'deactivated' | 'not-permitted';
}

/** Why an account does not count as a person of this workspace; `unreadable`: the chat did not say. */
export type Stranger = Exclude<Account['kind'], 'member'> | 'unreadable';

export interface AccountPolicy {
  guests: boolean;
  external: boolean;
}

/** null: it counts. What could not be asked counts as no. */
export function strangerOf(account: Account | null, policy: AccountPolicy): Stranger | null {
  if (account === null) return 'unreadable';
  const { kind } = account;
  if (kind === 'member' || (kind === 'guest' && policy.guests) || (kind === 'external' && policy.external)) return null;
  return kind;
}
