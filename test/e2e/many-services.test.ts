import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Message } from '../../src/local/message.ts';
import { headlineOf } from '../../src/notice/incident/headline.ts';
import { plainText } from '../../src/notice/render-text.ts';
import { openKillGroup, type KillGroup } from '../support/kill-group.ts';
import { hostYaml, openSshd, type Sshd } from '../support/sshd.ts';
import { eventually, openWholeBot, type WholeBot } from '../support/whole-bot.ts';
import { needs } from '../support/needs.ts';

const WAIT_MS = 60_000;
/** The kernel prints ten reports in 5 s: of the others there are only short lines. */
const SERVICES = Array.from({ length: 18 }, (_, at) => `s${at}-${process.pid}`);
const KILL_EVERY_MS = 250;
const NOT_KNOWN = /a memory limit was reached; the log does not say whose/;

describe('18 services killed in 18 groups on one host', needs('sshd', 'kills'), () => {
  let sshd: Sshd;
  let bot: WholeBot;
  const groups: KillGroup[] = [];

  beforeAll(async () => {
    sshd = await openSshd();
    for (const _ of SERVICES) groups.push(openKillGroup());
    bot = await openWholeBot({
      channels: ['#oom'],
      yaml: ['workspace: { channel: "#oom" }', hostYaml(sshd, { name: 'shop01' })].join('\n'),
    });
    await eventually(() => bot.running.fleet.watchState('shop01')?.kind === 'watching', 'a watch on shop01', WAIT_MS);
  }, 120_000);
  afterAll(async () => {
    await bot.close();
    for (const group of groups) await group.close();
    await sshd.close();
  });

  it('are all named in the channel, and none is said to have died of a limit that was not its own', async () => {
    const startedAtMs = Date.now();
    await Promise.all(
      SERVICES.map(async (name, at) => {
        await sleep(at * KILL_EVERY_MS);
        await groups[at]!.kill(name);
      }),
    );
    expect(Date.now() - startedAtMs).toBeLessThan(20_000);

    const messages = await eventually(() => everyNameIn(allMessages()), 'every name in the channel', WAIT_MS);

    // One headline of several services never speaks of one limit.
    const ours = messages.filter(({ text }) => SERVICES.some((name) => text.includes(name)));
    for (const { text } of ours)
      if (SERVICES.filter((name) => text.includes(name)).length > 1) expect(text).not.toMatch(/\bits memory limit\b/);
    const incidents = (await bot.running.store.incidents('shop01', 200)).filter(({ service }) =>
      SERVICES.includes(service),
    );
    expect(incidents.map(({ service }) => service).toSorted()).toEqual(SERVICES.toSorted());
    for (const incident of incidents) {
      const group = groups[SERVICES.indexOf(incident.service)]!;
      const { record } = incident.kills[0]!;
      const says = plainText(headlineOf(incident));
      if (record.oomMemcg === null) expect(says).toMatch(NOT_KNOWN);
      else expect([record.oomMemcg, says]).toEqual([group.memcg, expect.stringMatching(/its memory limit of 8 MiB/)]);
    }
    // The kernel left some reports out, or this has shown nothing of short lines.
    expect(incidents.some(({ kills }) => kills[0]?.record.trigger === null)).toBe(true);
  }, 120_000);

  /** The channel, and all its threads. */
  function allMessages(): Message[] {
    const top = bot.workspace.messages('#oom');
    return [...top, ...top.flatMap(({ ts }) => bot.workspace.messages('#oom', ts))];
  }
});

function everyNameIn(messages: Message[]): Message[] | null {
  const said = messages.map((message) => JSON.stringify(message)).join('\n');
  return SERVICES.every((name) => new RegExp(`\\b${name}\\b`).test(said)) ? messages : null;
}
