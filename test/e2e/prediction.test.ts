import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { rankNext, type ProcessFacts, type ProcScan } from '../../src/oom/proc/proc-scan.ts';
import { ownHelper } from '../../src/setup/setup-script.ts';
import { openFullGroup, SLACK_KIB, valueThatTurns, type FullGroup } from '../support/predicted-kill.ts';
import { needs } from '../support/needs.ts';

/** What can change between the look and the kill: the slack, and what the trigger grows by. */
const CLEAR_KIB = SLACK_KIB + 3 * 1024;

// Sizes in MiB and oom_score_adj of each. Each row dies three times: as it is, with one raised and with one lowered again.
const GROUPS: { holds: [number, number][]; trigger: number }[] = [
  { holds: [[40, 0], [20, 0], [10, 0], [5, 0]], trigger: 0 }, // prettier-ignore
  { holds: [[40, 0], [12, 500], [12, 100], [6, 800]], trigger: 0 }, // prettier-ignore
  { holds: [[60, 0], [30, 250], [4, 700], [8, 350]], trigger: 0 }, // prettier-ignore
  { holds: [[4, 800], [25, 900], [50, 450], [3, 700]], trigger: 0 }, // prettier-ignore
  { holds: [[30, 10], [24, 20], [12, 400], [18, 30]], trigger: 0 }, // prettier-ignore
  { holds: [[85, 0], [80, 100], [60, 250], [20, 300]], trigger: 0 }, // prettier-ignore
  { holds: [[16, 300], [10, 300], [22, 300], [4, 300]], trigger: 200 }, // prettier-ignore
  { holds: [[35, 50], [45, 0], [15, 100], [25, 450]], trigger: 1000 }, // prettier-ignore
];

describe('who dies next, and who did', needs('kills'), () => {
  let group: FullGroup | null = null;
  let kills = 0;
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'oombot-prediction-'));
    writeFileSync(path.join(folder, 'oom-adj.sh'), ownHelper());
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  afterEach(() => {
    group?.close();
    group = null;
  });

  function run(script: string, input = ''): string {
    const { status, stdout, stderr } = spawnSync('sh', ['-c', script], { input, encoding: 'utf8', timeout: 60_000 });
    if (status !== 0) throw new Error(`${script}: ${stderr}`);
    return stdout;
  }

  /** Lowers through the helper, as the bot would. It raises no process of root, so that is done as root would by hand. */
  function change(scan: ProcScan, { pid, startTicks, oomScoreAdj }: ProcessFacts, wanted: number): void {
    if (wanted > oomScoreAdj) return void run(`echo ${wanted} > /proc/${pid}/oom_score_adj`);
    const request = `v1 ${scan.bootId} ${pid} ${startTicks} ${oomScoreAdj} ${wanted}\n`;
    expect(run(`sh '${folder}/oom-adj.sh' || :`, request)).toMatch(
      new RegExp(`^ok pid=${pid} old=${oomScoreAdj} new=${wanted} `),
    );
  }

  function expectPredicted(trigger: number, meant: number | null): void {
    const { predicted, marginKiB, victims } = group!.kill(trigger);
    if (meant !== null) expect(predicted.pid).toBe(meant);
    expect(marginKiB).toBeGreaterThan(CLEAR_KIB);
    expect(victims[0]).toBe(predicted.pid);
    kills += 1;
  }

  it.each(GROUPS)('is the same: $holds, asked by one of $trigger', ({ holds, trigger }) => {
    group = openFullGroup(run);
    for (const [holdsMiB, oomScoreAdj] of holds) group.start(holdsMiB, oomScoreAdj);

    expectPredicted(trigger, null);

    // One of those behind is put first. What the proof says before must be what is there after.
    group.weigh();
    const asItIs = group.scan();
    const raised = [...rankNext(asItIs).ranking].reverse().flatMap(({ task }) => {
      const value = valueThatTurns(asItIs, task.pid, true, CLEAR_KIB + 2048);
      return value === null ? [] : [{ task, value }];
    })[0]!;
    const promised = rankNext(asItIs, new Map([[raised.task.pid, raised.value]])).ranking.map(({ task }) => task.pid);
    change(asItIs, raised.task, raised.value);
    expect(rankNext(group.scan()).ranking.map(({ task }) => task.pid)).toEqual(promised);
    expectPredicted(0, raised.task.pid);

    // The first, started likelier to die than others, is protected as far as a root without CAP_SYS_RESOURCE may.
    const first = group.start(24, 1000);
    group.start(30, 600);
    group.weigh();
    const exposed = group.scan();
    expect(rankNext(exposed).ranking[0]?.task.pid).toBe(first);
    const lowered = valueThatTurns(exposed, first, false, CLEAR_KIB + 2048)!;
    change(
      exposed,
      exposed.processes.find(({ pid }) => pid === first)!,
      lowered,
    );
    const spared = rankNext(group.scan()).ranking[0]?.task.pid;
    expect(spared).not.toBe(first);
    expectPredicted(0, spared ?? 0);
  });

  it('was so more than twenty times', () => {
    expect(kills).toBe(3 * GROUPS.length);
  });
});
