import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { openChangeExecutor, type ChangeExecutor } from '../../src/app/change/change-executor.ts';
import type { ChangeWorld } from '../../src/app/change/change-world.ts';
import { openLiveScans } from '../../src/app/live-scan.ts';
import type { Requester } from '../../src/app/answer/handlers.ts';
import type { Account } from '../../src/change/account.ts';
import type { Change } from '../../src/change/change.ts';
import type { ApprovalPolicy } from '../../src/change/policy.ts';
import { anAnsweringBot, type AnsweringBot } from './an-answering-bot.ts';
import { makeChangeable, type ChangeableHost } from './a-changeable-host.ts';
import type { ScanRow } from './a-scan.ts';
import { scriptedFleet } from './scripted-host.ts';

const GIB = 1024 * 1024;

export const ANN: Requester = { userId: 'UANN', channelId: 'C0000001' };
export const BEN: Requester = { userId: 'UBEN', channelId: 'C0000001' };
export const CAT: Requester = { userId: 'UCAT', channelId: 'C0000001' };

export interface ChangingBot extends AnsweringBot {
  db: ChangeableHost;
  world: ChangeWorld;
  work: ChangeExecutor;
  policy: ApprovalPolicy & { channel: string | null };
  /** What the chat says of people who are not simply members; an error: it does not say. */
  accounts: Map<string, Partial<Account> | Error>;
  /** Hosts whose values are only looked at. */
  readOnly: Set<string>;
  groups: { members: (group: string) => Promise<string[]> };
  /** The newest change. */
  newest: () => Promise<Change>;
  /** Waits until the newest change is in that state, moving the clock. */
  until: (kind: Change['state']['kind'], id?: string) => Promise<Change>;
  actions: () => Promise<string[]>;
}

export function dbRows(): ScanRow[] {
  return [
    { pid: 1, name: 'systemd' },
    { pid: 512, name: 'mysqld', rssKiB: 3 * GIB, cgroup: '/system.slice/mysql.service', uid: 111 },
    { pid: 600, name: 'java', rssKiB: 1.5 * GIB },
    { pid: 700, name: 'worker', rssKiB: GIB / 4, cgroup: '/system.slice/app.service' },
    { pid: 701, name: 'worker', rssKiB: GIB / 8, cgroup: '/system.slice/app.service' },
  ];
}

/** A bot that proposes, decides and carries out on db01, whose processes and helper the test has in hand. */
export async function aChangingBot(): Promise<ChangingBot> {
  const policy: ChangingBot['policy'] = {
    approvers: 'anyone',
    quorum: 1,
    selfApproval: false,
    directMessages: true,
    guests: false,
    external: false,
    expireAfterMs: 30 * 60_000,
    channel: null,
  };
  const accounts: ChangingBot['accounts'] = new Map();
  const groups: ChangingBot['groups'] = { members: () => Promise.resolve([]) };
  let work: ChangeExecutor | null = null;
  const given = {
    owner: 'first',
    shared: false,
    isMine: () => true,
    isReadOnly: (host: string) => bot.readOnly.has(host),
    newId: () => randomUUID().slice(0, 8),
    approvals: () => bot.policy,
    groupMembersNow: (group: string) => groups.members(group),
    accountNow: async (userId: string): Promise<Account> => {
      const said = accounts.get(userId);
      if (said instanceof Error) throw said;
      return { personId: userId, teamId: 'T1', kind: 'member', ...said };
    },
  };
  const answering = await anAnsweringBot({
    changes: given,
    accountNow: given.accountNow,
    channelOf: () => '#oom',
    wake: () => work?.wake(),
  });
  const fleet = scriptedFleet(answering.hosts);
  const world: ChangeWorld = {
    ...given,
    store: answering.store,
    fleet,
    scans: openLiveScans(fleet, answering.clock),
    clock: answering.clock,
    log: { info: () => {}, warn: () => {}, error: (_, message) => void answering.warnings.push(message) },
    channelOf: () => '#oom',
    wake: () => {},
  };
  work = openChangeExecutor(world);
  const bot: ChangingBot = {
    ...answering,
    db: makeChangeable(answering.host('db01'), dbRows()),
    world,
    work,
    policy,
    accounts,
    readOnly: new Set(),
    groups,
    newest: async () => (await answering.store.changes(null, 1))[0]!,
    until: (kind, id) => until(bot, kind, id),
    actions: async () => (await answering.store.audit(null, 100)).map((row) => row.action).toReversed(),
  };
  onTestFinished(() => work?.close());
  return bot;
}

async function until(bot: ChangingBot, kind: Change['state']['kind'], id?: string): Promise<Change> {
  for (let tries = 0; tries < 400; tries += 1) {
    const change = id === undefined ? await bot.newest() : await bot.store.change(id);
    if (change?.state.kind === kind) return change;
    await bot.clock.advance(500);
    await sleep(1);
  }
  throw new Error(`it is ${JSON.stringify((await bot.newest()).state)}, not ${kind}: ${bot.warnings.join()}`);
}
