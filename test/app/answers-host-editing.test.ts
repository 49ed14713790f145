import { describe, expect, it } from 'vitest';
import { NotPermitted } from '../../src/app/not-permitted.ts';
import type { AnswersWorld, HostEditing } from '../../src/app/answer/answers-world.ts';
import type { HostDraft } from '../../src/app/answer/handlers.ts';
import { plainText, renderText } from '../../src/notice/render-text.ts';
import { describeRefusal } from '../../src/notice/answer/refusal-text.ts';
import { anAnsweringBot, noticeOf, NOW_MS, refusalOf, textOf } from '../support/an-answering-bot.ts';

const ADMIN = { userId: 'UADMIN', channelId: null };
const MEMBER = { userId: 'UMEMBER', channelId: null };
const ANYBODY = { userId: 'U1', channelId: null };
const FINGERPRINT = `SHA256:${'a'.repeat(43)}`;
const DRAFT: HostDraft = { name: 'new1', address: '10.0.0.9', port: 22, user: null, tags: ['db', 'db'] };

function aWorld(given: Partial<HostEditing> = {}, more: Partial<AnswersWorld> = {}) {
  const changes: string[] = [];
  const editing: HostEditing = {
    readHostKey: () => Promise.resolve({ kind: 'key', key: { keyType: 'ssh-ed25519', fingerprint: FINGERPRINT } }),
    hostsChanged: () => Promise.resolve(void changes.push('changed')),
    ...given,
  };
  const world: Partial<AnswersWorld> = {
    editing,
    settings: () => ({ admins: ['UADMIN', 'SADMINS'], hosts: [{ name: 'db01', address: '10.0.0.11' }] }),
    groupMembers: (group) => Promise.resolve(group === 'SADMINS' ? ['UMEMBER'] : []),
    ...more,
  };
  return { world, changes };
}

describe('who may edit hosts', () => {
  it('is an admin or a member of an admins’ group, and nobody else', async () => {
    const bot = await anAnsweringBot(aWorld().world);

    expect(await bot.handlers.mayEditHosts(ADMIN)).toBeNull();
    expect(await bot.handlers.mayEditHosts(MEMBER)).toBeNull();
    expect(refusalOf((await bot.handlers.mayEditHosts(ANYBODY))!).kind).toBe('not-allowed');
  });

  it('is an admin under either id of an organisation (Enterprise Grid), and no guest or bot', async () => {
    const grid = await anAnsweringBot({
      ...aWorld().world,
      accountNow: (userId) =>
        Promise.resolve({ personId: userId === 'U2' ? 'UADMIN' : userId, teamId: 'T1', kind: 'member' }),
    });
    expect(await grid.handlers.mayEditHosts({ userId: 'U2', channelId: null })).toBeNull();

    for (const kind of ['guest', 'bot', 'external', 'deactivated'] as const) {
      const bot = await anAnsweringBot({
        ...aWorld().world,
        accountNow: (userId) => Promise.resolve({ personId: userId, teamId: 'T1', kind }),
      });
      expect(refusalOf((await bot.handlers.mayEditHosts(ADMIN))!).kind).toBe('stranger');
    }
  });

  it.each<[string, Partial<AnswersWorld>, string]>([
    [
      'no admins are named',
      { settings: () => ({ admins: [], hosts: [] }) },
      'You can’t add or remove hosts. Nobody may: the configuration names no one under “admins”.',
    ],
    [
      'there is no editing',
      { editing: null },
      'You can’t add or remove hosts. Hosts come from the configuration file here.',
    ],
    [
      'the group cannot be looked up',
      { groupMembers: () => Promise.reject(new Error('missing_scope')) },
      'You can’t add or remove hosts. I could not look up the admins’ user group; try again.',
    ],
    [
      'the group may not be looked up',
      { groupMembers: () => Promise.reject(new NotPermitted('usergroups:read')) },
      'You can’t add or remove hosts. The Slack app may not read who is in the admins’ user group (scope usergroups:read).',
    ],
  ])('is nobody when %s', async (_what, given, sentence) => {
    const bot = await anAnsweringBot(aWorld({}, given).world);

    const refusal = refusalOf((await bot.handlers.mayEditHosts(MEMBER))!);

    expect(plainText(describeRefusal(refusal).headline)).toBe(sentence);
  });

  it('is nobody when the group’s look-up hangs', async () => {
    const bot = await anAnsweringBot(aWorld({}, { groupMembers: () => new Promise(() => {}) }).world);

    const asking = bot.handlers.mayEditHosts(MEMBER);
    await bot.clock.advance(5_000);

    expect(refusalOf((await asking)!).kind).toBe('not-allowed');
    expect(bot.warnings).toHaveLength(1);
  });

  it('keeps a named admin in when another group cannot be looked up', async () => {
    const bot = await anAnsweringBot(aWorld({}, { groupMembers: () => Promise.reject(new Error('down')) }).world);

    expect(await bot.handlers.mayEditHosts(ADMIN)).toBeNull();
  });

  it('is asked again for every step', async () => {
    const { world, changes } = aWorld();
    const bot = await anAnsweringBot(world);

    const answers = [
      await bot.handlers.readHostKey(DRAFT, ANYBODY),
      await bot.handlers.addHost(DRAFT, FINGERPRINT, ANYBODY),
      await bot.handlers.removeHost({ host: 'new1' }, ANYBODY),
    ];

    expect(answers.map((answer) => refusalOf(answer).kind)).toEqual(['not-allowed', 'not-allowed', 'not-allowed']);
    expect(changes).toEqual([]);
  });

  it('decides which buttons the list of hosts has', async () => {
    const bot = await anAnsweringBot(aWorld().world);

    const forAdmin = noticeOf(await bot.handlers.answerHosts(ADMIN));
    const forOthers = noticeOf(await bot.handlers.answerHosts(ANYBODY));

    expect(forAdmin.buttons.map((button) => button.id)).toEqual(['run', 'hosts-add']);
    expect(forOthers.buttons.map((button) => button.id)).toEqual(['run']);
  });
});

describe('adding a host', () => {
  it('shows its key, then keeps it with the fingerprint that was confirmed', async () => {
    const { world, changes } = aWorld();
    const bot = await anAnsweringBot(world);

    const seen = await bot.handlers.readHostKey(DRAFT, ADMIN);
    const nothingYet = await bot.store.addedHosts();
    const notice = noticeOf(await bot.handlers.addHost(DRAFT, FINGERPRINT, ADMIN));

    expect(seen).toEqual({ kind: 'key', key: { keyType: 'ssh-ed25519', fingerprint: FINGERPRINT } });
    expect(nothingYet).toEqual([]);
    expect(renderText(notice)).toBe('new1 was added by UADMIN');
    const kept = { ...DRAFT, tags: ['db'], fingerprint: FINGERPRINT, addedBy: 'UADMIN', addedAtMs: NOW_MS };
    expect(await bot.store.addedHosts()).toEqual([kept]);
    expect(changes).toEqual(['changed']);
    expect(await bot.store.audit('new1', 10)).toMatchObject([
      { actor: 'UADMIN', action: 'add-host', details: { fingerprint: FINGERPRINT } },
    ]);
  });

  it('is refused when the host shows another key than the one confirmed', async () => {
    const { world, changes } = aWorld();
    const bot = await anAnsweringBot(world);
    const confirmed = `SHA256:${'b'.repeat(43)}`;

    const refusal = refusalOf(await bot.handlers.addHost(DRAFT, confirmed, ADMIN));

    expect(refusal).toEqual({ kind: 'host-key-changed', host: 'new1', confirmed, found: FINGERPRINT });
    expect(await bot.store.addedHosts()).toEqual([]);
    expect(changes).toEqual([]);
  });

  it('is refused when its key cannot be read', async () => {
    const { world } = aWorld({ readHostKey: () => Promise.resolve({ kind: 'failed', sentence: 'nobody answers.' }) });
    const bot = await anAnsweringBot(world);

    expect(refusalOf(await bot.handlers.readHostKey({ ...DRAFT, port: 2222 }, ADMIN))).toEqual({
      kind: 'host-key-unread',
      address: '10.0.0.9 port 2222',
      reason: 'nobody answers.',
    });
  });

  it.each([
    ['db01', 'the configuration'],
    ['DB01', 'the configuration, in other letters'],
    ['web1', 'the fleet'],
  ])('is refused for %s, a name of %s', async (name) => {
    const bot = await anAnsweringBot(aWorld().world);

    expect(refusalOf(await bot.handlers.readHostKey({ ...DRAFT, name }, ADMIN))).toEqual({
      kind: 'host-exists',
      host: name,
    });
    expect(refusalOf(await bot.handlers.addHost({ ...DRAFT, name }, FINGERPRINT, ADMIN)).kind).toBe('host-exists');
  });

  it.each<[Partial<HostDraft>, string]>([
    [{ name: '-oProxyCommand=x' }, 'name'],
    [{ name: 'a b' }, 'name'],
    [{ name: 'a'.repeat(65) }, 'name'],
    [{ name: '' }, 'name'],
    [{ address: '-oProxyCommand=x' }, 'address'],
    [{ address: '10.0.0.1; reboot' }, 'address'],
    [{ address: '' }, 'address'],
    [{ port: 0 }, 'port'],
    [{ port: 65_536 }, 'port'],
    [{ port: 22.5 }, 'port'],
    [{ port: Number.NaN }, 'port'],
    [{ user: '-l' }, 'user'],
    [{ user: 'a b' }, 'user'],
    [{ tags: ['$(x)'] }, 'tag'],
    [{ tags: Array.from({ length: 21 }, (_, at) => `t${at}`) }, 'list of tags'],
  ])('is refused for %o', async (wrong, field) => {
    const bot = await anAnsweringBot(aWorld().world);
    const draft = { ...DRAFT, ...wrong };

    expect(refusalOf(await bot.handlers.readHostKey(draft, ADMIN))).toMatchObject({ kind: 'bad-value', name: field });
    expect(refusalOf(await bot.handlers.addHost(draft, FINGERPRINT, ADMIN)).kind).toBe('bad-value');
    expect(await bot.store.addedHosts()).toEqual([]);
  });

  it('is refused for a fingerprint that is none', async () => {
    const bot = await anAnsweringBot(aWorld().world);

    expect(refusalOf(await bot.handlers.addHost(DRAFT, 'MD5:aa:bb', ADMIN))).toMatchObject({ name: 'fingerprint' });
  });

  it('takes one of two admins who add the same name at once', async () => {
    const { world, changes } = aWorld();
    const bot = await anAnsweringBot(world);

    const answers = await Promise.all([
      bot.handlers.addHost(DRAFT, FINGERPRINT, ADMIN),
      bot.handlers.addHost({ ...DRAFT, address: '10.0.0.66' }, FINGERPRINT, MEMBER),
    ]);

    expect(answers.map((answer) => answer.kind)).toEqual(['notice', 'refused']);
    expect((await bot.store.addedHosts())[0]?.address).toBe('10.0.0.9');
    expect(changes).toEqual(['changed']);
  });

  it('goes on for the next after one that failed', async () => {
    let tries = 0;
    const { world } = aWorld({
      readHostKey: () => {
        tries += 1;
        if (tries === 1) return Promise.reject(new Error('a fault'));
        return Promise.resolve({ kind: 'key', key: { keyType: 'ssh-ed25519', fingerprint: FINGERPRINT } });
      },
    });
    const bot = await anAnsweringBot(world);

    const failing = bot.handlers.addHost(DRAFT, FINGERPRINT, ADMIN);
    const next = bot.handlers.addHost(DRAFT, FINGERPRINT, ADMIN);

    await expect(failing).rejects.toThrow('a fault');
    expect((await next).kind).toBe('notice');
  });
});

describe('removing a host', () => {
  it('that was added stops watching it', async () => {
    const { world, changes } = aWorld();
    const bot = await anAnsweringBot(world);
    await bot.handlers.addHost(DRAFT, FINGERPRINT, ADMIN);

    const text = textOf(await bot.handlers.removeHost({ host: 'new1' }, MEMBER));

    expect(text).toBe('new1 was removed by UMEMBER');
    expect(await bot.store.addedHosts()).toEqual([]);
    expect(changes).toEqual(['changed', 'changed']);
    expect((await bot.store.audit('new1', 10)).map((row) => row.action)).toEqual(['remove-host', 'add-host']);
  });

  it('of the configuration says how to do it', async () => {
    const bot = await anAnsweringBot(aWorld().world);

    const refusal = refusalOf(await bot.handlers.removeHost({ host: 'db01' }, ADMIN));

    expect(plainText(describeRefusal(refusal).headline)).toBe(
      'db01 comes from the configuration file: remove it there, then reload with SIGHUP.',
    );
  });

  it('that is unknown asks which was meant', async () => {
    const bot = await anAnsweringBot(aWorld().world);
    await bot.handlers.addHost(DRAFT, FINGERPRINT, ADMIN);

    expect(refusalOf(await bot.handlers.removeHost({ host: 'new2' }, ADMIN))).toMatchObject({
      kind: 'unknown-host',
      nearest: 'new1',
      known: ['new1'],
    });
  });
});
