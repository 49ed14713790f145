import fc from 'fast-check';
import type { Kill } from '../../src/incident/incident.ts';
import type { KillRecord } from '../../src/oom/report.ts';
import { aKill, aRecord } from './a-kill.ts';
import { HOSTILE_NAMES } from './hostile-names.ts';

const name = fc.oneof(fc.constantFrom(...HOSTILE_NAMES), fc.string({ unit: 'binary', maxLength: 80 }));
const path = name.map((one) => `/system.slice/${one}`);
const size = fc.oneof(fc.nat(), fc.integer({ min: 0, max: 2 ** 45 }), fc.constant(0));
const code = fc.constantFrom(
  'host',
  'memcg-limit',
  'oom-group',
  'sysrq',
  'kernel-slab',
  'allocating-task',
  'cpuset',
  'unheard-of',
);

function maybe<T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null> {
  return fc.option(value, { nil: null, freq: 3 });
}

/** Any record that a parser could give for any log: every fact may be missing, every text may be hostile. */
export const anyRecord: fc.Arbitrary<KillRecord> = fc
  .record({
    killer: fc.constantFrom(
      'kernel' as const,
      'systemd-oomd' as const,
      'earlyoom' as const,
      'nohang' as const,
      'oomd' as const,
    ),
    domain: maybe(fc.constantFrom('host' as const, 'memcg' as const, 'cpuset' as const, 'mempolicy' as const)),
    outcome: fc.constantFrom(
      'killed' as const,
      'panic' as const,
      'no-killable' as const,
      'truncated' as const,
      'suppressed' as const,
    ),
    pid: maybe(fc.nat()),
    name: maybe(name),
    uid: maybe(fc.nat()),
    oomScoreAdj: maybe(fc.integer({ min: -1000, max: 1000 })),
    score: maybe(fc.nat()),
    anonRssKiB: maybe(size),
    fileRssKiB: maybe(size),
    shmemRssKiB: maybe(size),
    oomMemcg: maybe(path),
    taskMemcg: maybe(path),
    memcgUsageKiB: maybe(size),
    memcgLimitKiB: maybe(size),
    ramPages: maybe(size),
    pageSizeKiB: maybe(fc.constantFrom(4, 16, 64)),
    oomGroup: maybe(path),
    reaped: fc.boolean(),
    kernelRelease: maybe(name),
    reason: maybe(name),
    trigger: maybe(
      fc.record({
        name: maybe(name),
        pid: maybe(fc.nat()),
        gfpMask: maybe(name),
        gfpFlags: maybe(name),
        order: maybe(fc.integer({ min: -1, max: 10 })),
        oomScoreAdj: maybe(fc.integer()),
      }),
    ),
    identity: maybe(
      fc.record({
        unit: maybe(name),
        slice: maybe(name),
        container: maybe(name),
        runtime: maybe(fc.constantFrom('docker', 'containerd')),
        pod: maybe(name),
        qos: fc.constant(null),
      }),
    ),
    cause: maybe(
      fc.record({
        code,
        sure: fc.constantFrom('certain' as const, 'likely' as const, 'hint' as const),
        text: fc.oneof(
          name,
          fc.string({ unit: 'grapheme', maxLength: 200 }).map((part) => part.repeat(20)),
        ),
        numbers: fc.constant({}),
      }),
    ),
    holders: fc.array(
      fc.record({
        name,
        count: fc.nat(),
        rssPages: size,
        anonPages: maybe(size),
        swapPages: maybe(size),
        largestPid: fc.nat(),
      }),
      { maxLength: 20 },
    ),
    slabs: fc.array(fc.record({ name, usedKiB: size, totalKiB: size }), { maxLength: 20 }),
    aftermath: fc.array(name, { maxLength: 20 }),
    evidence: fc.array(
      fc.record({
        line: fc.nat(),
        text: fc.oneof(
          name,
          fc.string({ unit: 'binary', maxLength: 300 }).map((part) => part.repeat(12)),
        ),
      }),
      { maxLength: 45 },
    ),
    warnings: fc.array(
      fc.oneof(
        name,
        fc.string({ maxLength: 200 }).map((part) => part.repeat(8)),
      ),
      { maxLength: 12 },
    ),
    memory: maybe(
      fc.record({
        managedKiB: maybe(size),
        activeAnonKiB: maybe(size),
        inactiveAnonKiB: maybe(size),
        freeKiB: maybe(size),
        slabUnreclaimableKiB: maybe(size),
        pageTablesKiB: maybe(size),
      }),
    ),
  })
  .map(({ memory, ...given }) => {
    const whole = aRecord();
    return { ...whole, ...given, memory: memory && whole.memory ? { ...whole.memory, ...memory } : null };
  });

/** Any kill of such a record, with who it was. */
export const anyKill: fc.Arbitrary<Kill> = fc
  .record({
    record: anyRecord,
    host: name,
    source: fc.constantFrom('kmsg', 'counter', 'file:/var/log/kern.log'),
    verified: fc.boolean(),
    atErrorMs: fc.nat({ max: 86_400_000 }),
    atMs: fc.oneof(fc.integer({ min: 0, max: 4_000_000_000_000 }), fc.integer({ min: -1e15, max: 1e16 })),
    commandLine: maybe(fc.string({ unit: 'binary', maxLength: 200 }).map((part) => part.repeat(8))),
  })
  .map(({ commandLine, ...given }) => ({
    ...aKill({ atMs: 0 }),
    ...given,
    key: `${given.host}:${given.atMs}`,
    who:
      commandLine === null
        ? null
        : {
            pid: 1,
            ppid: 1,
            startTicks: 1,
            uid: 0,
            name: commandLine,
            commandLine,
            cgroup: null,
            parentName: commandLine,
            ageMs: 5_000,
          },
  }));
