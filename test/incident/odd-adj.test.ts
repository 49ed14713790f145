import { describe, expect, it } from 'vitest';
import { findOddAdj } from '../../src/incident/odd-adj.ts';
import { parseProcScan } from '../../src/oom/proc/proc-scan.ts';
import { aScan, type ScanRow } from '../support/a-scan.ts';

function oddIn(rows: ScanRow[]) {
  const scan = parseProcScan(aScan(rows));
  if (scan.kind !== 'scan') throw new Error('no scan');
  return findOddAdj(scan);
}

describe('odd values of oom_score_adj', () => {
  it('are a large process out of reach, and what can never be killed without being meant to', () => {
    const odd = oddIn([
      { pid: 10, name: 'mysqld', rssKiB: 2_000_000, adj: -950 },
      { pid: 11, name: 'bash', rssKiB: 9_000, adj: -1_000, cgroup: '/user.slice/user-0.slice/session-3.scope' },
      { pid: 12, name: 'bash', rssKiB: 12_000, adj: -1_000, cgroup: '/user.slice/user-0.slice/session-4.scope' },
    ]);

    expect(odd).toEqual([
      {
        kind: 'hog',
        service: 'mysqld.service',
        name: 'mysqld',
        pid: 10,
        oomScoreAdj: -950,
        sizeKiB: 2_000_000,
        count: 1,
      },
      { kind: 'immortal', service: 'bash', name: 'bash', pid: 12, oomScoreAdj: -1_000, sizeKiB: 21_000, count: 2 },
    ]);
  });

  it.each<[string, ScanRow]>([
    ['what logs people in', { pid: 5, name: 'sshd', rssKiB: 9_000, adj: -1_000 }],
    ['a small process that is only protected', { pid: 5, name: 'mysqld', rssKiB: 9_000, adj: -950 }],
    ['a large one that is protected mildly', { pid: 5, name: 'mysqld', rssKiB: 2_000_000, adj: -500 }],
    ['a keeper of containers', { pid: 5, name: 'containerd-shim', rssKiB: 9_000, adj: -1_000 }],
    [
      'a pod, whose value is the kubelet’s',
      {
        pid: 5,
        name: 'java',
        rssKiB: 2_000_000,
        adj: -997,
        cgroup:
          '/kubepods.slice/kubepods-pod11111111_2222_3333_4444_555555555555.slice/cri-containerd-' +
          `${'a'.repeat(64)}.scope`,
      },
    ],
    ['the first process', { pid: 1, name: 'init', rssKiB: 2_000_000, adj: -1_000 }],
  ])('are not: %s', (_, row) => {
    expect(oddIn([row])).toEqual([]);
  });

  it('are at most five, the largest', () => {
    const rows = Array.from({ length: 9 }, (_, at) => ({ pid: 20 + at, name: `tool${at}`, rssKiB: at, adj: -1_000 }));

    expect(oddIn(rows).map((odd) => odd.sizeKiB)).toEqual([8, 7, 6, 5, 4]);
  });
});
