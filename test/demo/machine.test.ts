import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { openAdjHelper, type HelperAnswer } from '../../src/demo/adj-helper.ts';
import { openControls, type DemoControl } from '../../src/demo/controls.ts';
import { openJournal } from '../../src/demo/journal.ts';
import { openKernelRing, renderKmsg } from '../../src/demo/kernel-ring.ts';
import { openDemoMachine, type DemoMachine } from '../../src/demo/machine.ts';
import type { DemoProcess } from '../../src/demo/processes.ts';
import { rebootAfterStory, storyKills, writeStory } from '../../src/demo/story.ts';
import { openLogParser } from '../../src/oom/report/log-parser.ts';
import { realClock } from '../support/sshd.ts';

describe('the simulated machine', () => {
  let machine: DemoMachine;
  let controls: DemoControl[];
  let helper: (request: string) => HelperAnswer;
  beforeEach(() => {
    const nowMs = Date.now();
    machine = openDemoMachine({
      bootAtMs: rebootAfterStory(nowMs),
      journal: openJournal('demo-db01'),
      clock: realClock,
    });
    helper = openAdjHelper(machine);
    controls = openControls(machine, realClock, new AbortController().signal);
  });
  afterEach(() => machine.close());

  function processOf(name: string): DemoProcess {
    const found = machine.processes().find((one) => one.kind.name === name);
    if (found === undefined) throw new Error(`no ${name}`);
    return found;
  }

  function ask(process: DemoProcess, current: number, wanted: number): string {
    return `v1 ${machine.bootId} ${process.pid} ${process.startTicks} ${current} ${wanted}\n`;
  }

  async function run(id: string): Promise<string> {
    return (await controls.find((one) => one.id === id)?.run()) ?? '';
  }

  it('spares a protected mysqld, and the next in line dies instead', async () => {
    const mysqld = processOf('mysqld');
    const answer = helper(ask(mysqld, 0, -600));

    const sentence = await run('host');

    expect(answer).toEqual({
      line: expect.stringMatching(new RegExp(`^ok pid=${mysqld.pid} old=0 new=-600 oom_score=\\d+$`)),
      code: 0,
    });
    expect(sentence).toContain('killed java');
    expect(sentence).toContain('mysqld (adj -600) was spared');
    expect(processOf('mysqld').pid).toBe(mysqld.pid);
    const parser = openLogParser({ lastWordOnly: true });
    const lines = machine.ring.records().flatMap((record) => parser.line(renderKmsg(record).trimEnd(), record.seq));
    const [event] = [...lines, ...parser.end()];
    expect(event?.record).toMatchObject({ name: 'java', predictedVictim: { name: 'java', agrees: true } });
  });

  it.each([
    ['another boot', (one: DemoProcess) => ask(one, 0, -500).replace(/v1 ......../, 'v1 00000000'), 'refused boot', 3],
    ['a process that has gone', (one: DemoProcess) => ask({ ...one, pid: 999_999 }, 0, -500), 'refused gone', 3],
    ['a pid with another start', (one: DemoProcess) => ask({ ...one, startTicks: 1 }, 0, -500), 'refused reused', 3],
    ['a value that has changed', (one: DemoProcess) => ask(one, 100, -500), 'refused changed:0', 4],
    ['-1001', (one: DemoProcess) => ask(one, 0, -1001), 'refused range', 1],
    ['pid 1', (one: DemoProcess) => ask({ ...one, pid: 1 }, 0, -500), 'refused pid', 1],
    ['a second line', (one: DemoProcess) => `${ask(one, 0, -500)}x\n`, 'refused fields', 1],
    ['a line without its end', (one: DemoProcess) => ask(one, 0, -500).trimEnd(), 'refused incomplete', 1],
  ])('refuses %s as the helper does', (_, request, line, code) => {
    const before = machine.processes().map((one) => one.oomScoreAdj);

    const answer = helper(request(processOf('mysqld')));

    expect(answer).toEqual({ line, code });
    expect(machine.processes().map((one) => one.oomScoreAdj)).toEqual(before);
  });

  it('starts a service with what its drop-in says, until that is taken away', () => {
    function askUnit(unit: string, current: number | '-', wanted: number | '-'): string {
      return helper(`v1 unit ${machine.bootId} ${unit} ${current} ${wanted}\n`).line;
    }
    function startedWith(): number {
      return machine.start(processOf('mysqld').kind).oomScoreAdj;
    }
    const unit = processOf('mysqld').kind.cgroup.split('/').at(-1) ?? '';

    expect(askUnit(unit, '-', -600)).toBe(`ok unit=${unit} old=- new=-600`);
    expect(processOf('mysqld').oomScoreAdj).toBe(0);
    expect(startedWith()).toBe(-600);
    expect(askUnit(unit, '-', -500)).toBe('refused changed:-600');
    expect(askUnit(unit, -600, '-')).toBe(`ok unit=${unit} old=-600 new=-`);
    expect(startedWith()).toBe(0);
    expect(askUnit('nowhere.service', '-', -500)).toBe('refused unit');
    expect(askUnit('../x.service', '-', -500)).toBe('refused fields');
    expect(askUnit('systemd-journald.service', '-', 0)).toBe('refused no-raise');
    expect(askUnit(unit, '-', 1001)).toBe('refused range');
  });

  it('only lowers a value, or puts back what it lowered', () => {
    const dockerd = processOf('dockerd');

    const answers = [
      ask(dockerd, -500, 0),
      ask(dockerd, -500, -700),
      ask(dockerd, -700, -400),
      ask(dockerd, -700, -500),
    ].map((request) => helper(request).line);

    expect(answers).toEqual([
      'refused no-raise',
      expect.stringMatching(/^ok .* new=-700 /),
      'refused no-raise',
      expect.stringMatching(/^ok .* new=-500 /),
    ]);
  });

  it('forgets an adj with the process, as a restarted one has its unit’s', async () => {
    const redis = processOf('redis-server');
    helper(ask(redis, 0, -300));

    await run('container');

    expect(await run('container')).toContain('not back yet');
    await expect
      .poll(() => machine.processes().find((one) => one.kind.name === 'redis-server')?.oomScoreAdj, { timeout: 4_000 })
      .toBe(0);
  });

  it('leaves whole reports out after ten in five seconds, and says later how many', async () => {
    await run('storm');
    await run('container');
    const texts = machine.ring.records().map((record) => record.text);

    expect(texts.filter((text) => text.includes('invoked oom-killer'))).toHaveLength(10);
    expect(texts.filter((text) => text.includes('Killed process'))).toHaveLength(26);
    expect(machine.oomKills()).toBe(26);
  });

  it('lets one thing happen after the other, and refuses a crowd', async () => {
    const sentences = await Promise.all(Array.from({ length: 6 }, () => run('oomd')));

    expect(sentences.filter((sentence) => sentence.includes('killed nightly-import'))).toHaveLength(1);
    expect(sentences.filter((sentence) => sentence.includes('not back yet'))).toHaveLength(4);
    expect(sentences.filter((sentence) => sentence.includes('One thing after the other'))).toHaveLength(1);
  });
});

describe('the story', () => {
  const NOON = new Date(2031, 4, 14, 12, 0, 0).getTime();

  it('is the same for everybody who comes later, but for what is new and what is old', () => {
    const today = storyKills(NOON);
    const tomorrow = storyKills(NOON + 24 * 3_600_000);
    const entries = [NOON, NOON + 24 * 3_600_000].map((nowMs) => {
      const journal = openJournal('demo-db01');
      writeStory(journal, nowMs);
      return journal.entries('all', { kind: 'last', count: 20_000 });
    });

    expect(today).toHaveLength(12);
    expect(tomorrow.slice(0, 9)).toEqual(today.slice(3));
    expect(entries[1]?.slice(0, 100)).toEqual(entries[0]?.slice(-(entries[1]?.length ?? 0) * 0.75).slice(0, 100));
  });

  it.each(Array.from({ length: 24 }, (_, hour) => hour))(
    'is past at %i o’clock, and the machine was started after it',
    (hour) => {
      const nowMs = NOON + hour * 3_600_000 + 617_000;
      const last = storyKills(nowMs).at(-1);
      const bootAtMs = rebootAfterStory(nowMs);

      expect(bootAtMs).toBeGreaterThan((last?.atUsec ?? Infinity) / 1000);
      expect(bootAtMs).toBeLessThan(nowMs - 4 * 60_000);
    },
  );
});

describe('the journal', () => {
  it('goes on from a cursor, that entry first, and from where a lost one would stand', () => {
    const journal = openJournal('demo-db01');
    writeStory(journal, Date.now());
    const all = journal.entries('all', { kind: 'last', count: 20_000 });
    const cursor = /"__CURSOR":"([^"]+)"/.exec(all[100] ?? '')?.[1] ?? '';

    expect(journal.entries('all', { kind: 'cursor', cursor })).toEqual(all.slice(100));
    expect(journal.entries('all', { kind: 'cursor', cursor: cursor.replace(/x=.*/, 'x=0') })).toEqual(all.slice(100));
    expect(journal.entries('killers', { kind: 'cursor', cursor })).toEqual([]);
  });

  it('and the ring are bounded', () => {
    const journal = openJournal('demo-db01');
    const ring = openKernelRing();
    for (let number = 0; number < 30_000; number++) {
      ring.append({ level: 6, text: `line ${number}` }, number);
      journal.append({ bootId: 'b', atUsec: number, monotonicUsec: number, from: 'kernel', level: 6, text: 'x' });
    }

    expect(ring.records().length).toBeLessThanOrEqual(8_192);
    expect(ring.records().at(-1)).toMatchObject({ seq: 29_999 });
    expect(journal.entries('all', { kind: 'last', count: 100_000 }).length).toBeLessThanOrEqual(20_000);
  });
});
