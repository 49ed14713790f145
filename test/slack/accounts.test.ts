import { describe, expect, it } from 'vitest';
import { accountOf } from '../../src/slack/accounts.ts';

const OWN = { team_id: 'T1', enterprise_id: null };
const GRID = { team_id: 'T1', enterprise_id: 'E1' };
const ORG_WIDE = { team_id: 'E1', enterprise_id: 'E1' };

describe('what Slack’s user object says of a person', () => {
  it.each([
    ['a member', { team_id: 'T1' }, OWN, 'member'],
    ['a bot user', { team_id: 'T1', is_bot: true }, OWN, 'bot'],
    ['a workflow', { team_id: 'T1', is_workflow_bot: true }, OWN, 'bot'],
    ['Slackbot', { id: 'USLACKBOT', team_id: 'T1', is_bot: false }, OWN, 'bot'],
    ['a deactivated account', { team_id: 'T1', deleted: true }, OWN, 'deactivated'],
    ['a guest', { team_id: 'T1', is_restricted: true }, OWN, 'guest'],
    ['a single-channel guest', { team_id: 'T1', is_restricted: true, is_ultra_restricted: true }, OWN, 'guest'],
    ['a person of Slack Connect', { team_id: 'T2', is_stranger: true }, OWN, 'external'],
    ['a person of another team', { team_id: 'T2' }, OWN, 'external'],
    ['a guest of another team', { team_id: 'T2', is_restricted: true }, OWN, 'external'],
    ['somebody without a team', {}, OWN, 'external'],
    ['Grid: of this workspace', aGridUser(['T0', 'T1']), GRID, 'member'],
    ['Grid: of the organisation, not of this workspace', aGridUser(['T0']), GRID, 'external'],
    ['Grid: of another organisation', { ...aGridUser(['T1']), ...anotherOrganisation() }, GRID, 'external'],
    ['Grid: installed for the whole organisation', aGridUser(['T0']), ORG_WIDE, 'member'],
    ['Grid: no organisation of our own', aGridUser(['T1']), OWN, 'external'],
  ])('%s', (_who, user, own, kind) => {
    expect(accountOf({ id: 'U1', ...user }, own).kind).toBe(kind);
  });

  it('one person of an organisation is one, under each id', () => {
    const inTeam = accountOf({ id: 'U1', ...aGridUser(['T1']) }, GRID);
    const inOrganisation = accountOf({ id: 'W1', ...aGridUser(['T1']) }, GRID);

    expect(inTeam.personId).toBe(inOrganisation.personId);
  });
});

function aGridUser(teams: string[]) {
  return { team_id: 'T0', enterprise_user: { id: 'W1', enterprise_id: 'E1', teams } };
}

function anotherOrganisation() {
  return { enterprise_user: { id: 'W1', enterprise_id: 'E2', teams: ['T1'] } };
}
