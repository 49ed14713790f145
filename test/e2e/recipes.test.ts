import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { RULES } from '../../src/cause/cause.ts';
import type { Incident } from '../../src/incident/incident.ts';
import { recipeFor } from '../../src/notice/incident/advice.ts';
import type { Recipe } from '../../src/notice/incident/recipe.ts';
import type { KillRecord } from '../../src/oom/report.ts';
import { aKill, aRecord } from '../support/a-kill.ts';
import { anIncident } from '../support/an-incident.ts';
import { someHostFacts } from '../support/host-facts.ts';
import { HOSTILE_NAMES } from '../support/hostile-names.ts';
import { needs, skipWithout, type PartName } from '../support/needs.ts';

type Change = Extract<Recipe, { kind: 'change' }>;

const CODES = [...new Set(RULES.filter((rule) => rule.advice !== null).map((rule) => rule.code))];
const GROUP = `/oombot-recipe-${process.pid}`;
const WEIGHT = { kiB: 900_000, rssKiB: 900_000, swapKiB: 0, pageTablesKiB: 0, oomScoreAdj: -950 };

/** An incident with this very cause. */
function incidentOf(code: string, record: Partial<KillRecord> = {}, given: Partial<Incident> = {}): Incident {
  const numbers = { holderCount: 20, slopeKiBPerHour: 300_000 };
  const kills = [aKill({ record: aRecord(record) })];
  return anIncident({ kills, cause: { code, sure: 'likely', text: 'As the test says.', numbers }, ...given });
}

const IN_UNIT: Partial<KillRecord> = {};
const IN_GROUP: Partial<KillRecord> = {
  domain: 'memcg',
  memory: null,
  identity: null,
  oomMemcg: GROUP,
  taskMemcg: GROUP,
  memcgUsageKiB: 65_536,
  memcgLimitKiB: 65_536,
  memcg: {
    usageKiB: 65_536,
    limitKiB: 65_536,
    failcnt: 1,
    swapUsageKiB: null,
    swapLimitKiB: null,
    memswUsageKiB: null,
    memswLimitKiB: null,
    kmemUsageKiB: null,
    version: 1,
    statsKiB: {},
    events: {},
  },
};
const PROTECTED: Partial<KillRecord> = {
  tasks: {
    count: 2,
    largest: null,
    victim: null,
    largestUnshifted: null,
    largestProtected: { name: 'mariadbd', pid: 4_711, ...WEIGHT },
    protectedCount: 1,
    protectedKiB: 900_000,
    unkillableCount: 0,
    pageTablesKiB: 0,
    mostPageTables: null,
    rssKiB: 0,
    anonKiB: null,
    mostShmemKiB: null,
    swapKiB: null,
  },
};
const FACTS = someHostFacts({
  unit: 'mysql.service',
  vm: { vfs_cache_pressure: 5, min_free_kbytes: 900_000, zone_reclaim_mode: 1 },
  huge: { total: 512, free: 500, reserved: 4 },
  tmpfs: [{ path: '/dev/shm', sizeKiB: 9, usedKiB: 8 }],
});

/** Every recipe that there is: of each cause, with and without what a look at the host tells, for a unit and for a bare group. */
const ALL: { code: string; recipe: Recipe }[] = CODES.flatMap((code) =>
  [IN_UNIT, IN_GROUP, PROTECTED].flatMap((record) =>
    [null, FACTS].flatMap((hostFacts) => {
      const recipe = recipeFor(incidentOf(code, record, { hostFacts }));
      return recipe === null ? [] : [{ code, recipe }];
    }),
  ),
);

function sh(command: string): { status: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync('sh', ['-c', command], { encoding: 'utf8', timeout: 20_000 });
  return { status, out: stdout.trim(), err: stderr.trim() };
}

describe('recipes', () => {
  it('exist for every cause that names one', () => {
    expect([...new Set(ALL.map(({ code }) => code))].toSorted()).toEqual(CODES.toSorted());
  });

  it('tell looks from changes, and end a change with its undo', () => {
    for (const { code, recipe } of ALL) {
      const changes =
        /(?:^|[;&|] *)(?:sysctl -w|systemctl (?:set-property|stop)|choom|echo|rm|install|fallocate|mount)\b/;
      expect([code, recipe.kind, changes.test(recipe.command)]).toEqual([code, recipe.kind, recipe.kind === 'change']);
      if (recipe.kind === 'look') continue;
      if (recipe.undo === null) expect(recipe.words).toContain('nothing to undo');
      else expect(recipe.undo.includes('BEFORE')).toBe(recipe.before !== null);
    }
  });

  it.for<[string, ...PartName[]]>([['sh'], ['dash', 'dash'], ['bash', 'bash'], ['busybox sh', 'busybox']])(
    'are understood by %s',
    ([shell, ...parts], context) => {
      skipWithout(context, ...parts);
      for (const { code, recipe } of ALL) {
        const texts = [recipe.command, ...(recipe.kind === 'change' ? [recipe.undo ?? '', recipe.before ?? ''] : [])];
        for (const text of texts) {
          const { status, stderr } = spawnSync('sh', ['-c', `${shell} -n`], { input: `${text}\n`, encoding: 'utf8' });
          expect([code, text, stderr, status]).toEqual([code, text, '', 0]);
        }
      }
    },
  );

  it('hold no name that a shell would not take as it is', () => {
    for (const name of HOSTILE_NAMES.filter((one) => one.trim().length > 2 && !/^[\w.:@/-]+$/.test(one))) {
      const identity = { unit: name, slice: null, container: name, runtime: 'docker', pod: null, qos: null };
      const holders = [{ name, count: 12, rssPages: 9, anonPages: null, swapPages: 0, largestPid: 1 }];
      const hog = { name, pid: 9, ...WEIGHT };
      const tmpfs = [{ path: `/${name}`, sizeKiB: 9, usedKiB: 9 }];
      const records: Partial<KillRecord>[] = [
        { identity, holders, name, taskMemcg: `/x/${name}` },
        { ...IN_GROUP, holders, name, oomMemcg: `/${name}`, taskMemcg: `/${name}` },
        { holders, name, tasks: { ...(PROTECTED.tasks as NonNullable<KillRecord['tasks']>), largestProtected: hog } },
      ];
      for (const code of CODES)
        for (const record of records) {
          const recipe = recipeFor(incidentOf(code, record, { hostFacts: someHostFacts({ tmpfs }) }));
          expect(JSON.stringify(recipe)).not.toContain(JSON.stringify(name).slice(1, -1));
        }
    }
  });

  it('make the undo exact once the host was looked at', () => {
    const known = incidentOf('hog', {}, { hostFacts: someHostFacts({ unit: 'mysql.service' }) });

    expect(recipeFor(known)).toMatchObject({
      command: 'systemctl set-property mysql.service MemoryHigh=4798M',
      undo: 'systemctl set-property mysql.service MemoryHigh=infinity',
      before: null,
    });
    expect(recipeFor(incidentOf('huge-pages', {}, { hostFacts: FACTS }))).toMatchObject({
      command: 'sysctl -w vm.nr_hugepages=16',
      undo: 'sysctl -w vm.nr_hugepages=512',
    });
  });
});

describe('advice on a memory group', () => {
  it('names its file only once the host was looked at and still has it', () => {
    const gone = someHostFacts();
    const there = someHostFacts({ limitKiB: 65_536 });

    expect(recipeFor(incidentOf('memcg-limit', IN_GROUP, { hostFacts: there }))?.command).toContain(GROUP);
    for (const hostFacts of [null, gone])
      for (const code of ['memcg-limit', 'hog', 'kill-loop', 'holder'])
        expect([code, recipeFor(incidentOf(code, IN_GROUP, { hostFacts }))?.command]).not.toEqual([
          code,
          expect.stringContaining('/sys/fs/cgroup'),
        ]);
    for (const code of ['group-kernel', 'group-shmem', 'shmem'])
      expect(recipeFor(incidentOf(code, IN_GROUP, { hostFacts: gone }))?.command ?? '').not.toContain(GROUP);
  });

  it('goes to what starts the service where the group is gone, with the limit that it had', () => {
    expect(recipeFor(incidentOf('memcg-limit', IN_GROUP, { hostFacts: someHostFacts() }))).toMatchObject({
      kind: 'look',
      words: expect.stringMatching(
        /^Its memory group is gone, and the limit of 64 MiB with it\. Whatever starts mysqld sets the limit again: set 80 MiB there/,
      ),
      command: 'ps -o rss,pid,args --sort=-rss -C mysqld | head -20',
    });
  });

  it('sets nothing on a unit of systemd-run, which is gone with its process', () => {
    const unit = 'run-u17.service';
    const path = `/system.slice/${unit}`;
    const identity = { unit, slice: 'system.slice', container: null, runtime: null, pod: null, qos: null };
    const record = { ...IN_GROUP, identity, oomMemcg: path, taskMemcg: path };

    for (const code of ['memcg-limit', 'hog', 'leak', 'worker-pool', 'kill-loop'])
      expect(recipeFor(incidentOf(code, record as Partial<KillRecord>))?.command ?? '').not.toContain(unit);
  });
});

/** Commands that this machine can run without harm; the others need systemd, kubectl, NUMA or swap space. */
describe('recipes on this machine', needs('cgroup'), () => {
  const looks = [...new Set(ALL.flatMap(({ recipe }) => (recipe.kind === 'look' ? [recipe.command] : [])))];
  const programs = /\b(?:systemctl|kubectl|docker|oomctl|slabtop|crontab|dpkg|rpm)\b/;

  it.each(looks.filter((command) => !programs.test(command) && !command.includes(GROUP)))('%s looks', (command) => {
    const { err, status } = sh(command);

    // What this machine does not have (zram, cron) is said, the command itself is right.
    expect(
      err
        .replaceAll(/^.*(?:No such file or directory|can't open|cannot access|no file systems processed).*$/gim, '')
        .trim(),
    ).toBe('');
    // 2: a process that grep was about to read has gone.
    expect([0, 1, 2]).toContain(status);
  });

  it('raise the limit of a group, and take it back', () => {
    const dir = `/sys/fs/cgroup/memory${GROUP}`;
    const facts = someHostFacts({ limitKiB: 65_536 });
    const hostFacts = { ...facts, group: facts.group && { ...facts.group, version: 1 as const } };
    const recipe = recipeFor(incidentOf('memcg-limit', IN_GROUP, { hostFacts })) as Change;
    mkdirSync(dir);
    try {
      const file = `${dir}/memory.limit_in_bytes`;
      sh(`echo 67108864 > ${file}`);
      expect(sh(recipe.command)).toEqual({ status: 0, out: '', err: '' });
      expect(readFileSync(file, 'utf8').trim()).toBe('83886080');
      expect(sh(recipe.undo ?? '')).toEqual({ status: 0, out: '', err: '' });
      expect(readFileSync(file, 'utf8').trim()).toBe('67108864');

      const look = recipeFor(incidentOf('group-kernel', IN_GROUP));
      expect(sh(look?.command ?? '').status).toBeLessThan(2);
      expect(recipeFor(incidentOf('group-shmem', IN_GROUP)) ?? look).not.toBeNull();
      const shmem = recipeFor(incidentOf('shmem', IN_GROUP));
      expect(sh(shmem?.command ?? '').out).toMatch(/^shmem 0$/m);
    } finally {
      rmdirSync(dir);
    }
  });

  it.each(['slab-cache', 'min-free', 'overcommit-always', 'allocating-task'])(
    'set the sysctl of %s, and take it back',
    (code) => {
      const asked = recipeFor(incidentOf(code)) as Change;
      const [key = ''] = /vm\.\w+/.exec(asked.command) ?? [];
      const before = sh(`sysctl -n ${key}`).out;
      if (asked.before !== null) expect(sh(asked.before).out).toContain(key);
      const undo = (asked.undo ?? '').replace('BEFORE', before);
      try {
        expect(sh(asked.command).status).toBe(0);
        expect(`sysctl -w ${key}=${sh(`sysctl -n ${key}`).out}`).toBe(asked.command);
        expect(sh(undo).status).toBe(0);
        expect(`sysctl -w ${key}=${sh(`sysctl -n ${key}`).out}`).toBe(undo);
      } finally {
        sh(`sysctl -w ${key}=${before}`);
      }
    },
  );

  it('put memory together once', () => {
    expect(sh((recipeFor(incidentOf('fragmentation')) as Change).command).status).toBe(0);
  });

  it('lower a protection, and restore it', needs('choom'), () => {
    const held = spawnSync('sh', ['-c', 'sleep 30 >/dev/null 2>&1 & echo $!'], { encoding: 'utf8' });
    const pid = Number(held.stdout);
    try {
      // Below 0 needs a capability that root in a container may lack; the commands are the same.
      const adj = sh(`choom -p ${pid} -n -950`).status === 0 ? -950 : 300;
      sh(`choom -p ${pid} -n ${adj}`);
      const hog = { name: 'sleep', pid, ...WEIGHT, oomScoreAdj: adj };
      const tasks = { ...(PROTECTED.tasks as NonNullable<KillRecord['tasks']>), largestProtected: hog };
      const recipe = recipeFor(incidentOf('protected-hog', { tasks })) as Change;
      expect(sh(recipe.command).status).toBe(0);
      expect(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8').trim()).toBe('0');
      expect(sh(recipe.undo ?? '').status).toBe(0);
      expect(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8').trim()).toBe(String(adj));
    } finally {
      process.kill(pid, 'SIGKILL');
    }
  });

  it('write and remove the drop-in against a leak', needs('systemd'), () => {
    const recipe = recipeFor(incidentOf('leak')) as Change;
    const root = `/tmp/oombot-recipe-${process.pid}`;
    // systemd itself does not run here: its part is left out, and the folder is another.
    function elsewhere(command: string): string {
      return command.replaceAll('/etc/systemd/system', root).replace(' && systemctl daemon-reload', '');
    }
    expect(sh(elsewhere(recipe.command)).status).toBe(0);
    const file = `${root}/mysql.service.d/50-memory-restart.conf`;
    expect(readFileSync(file, 'utf8')).toMatch(/^\[Service\]\nRuntimeMaxSec=\d+\nRestart=always\n$/);
    expect(sh(elsewhere(recipe.undo ?? '')).status).toBe(0);
    expect(existsSync(file)).toBe(false);
    sh(`rmdir ${root}/mysql.service.d ${root}`);
  });
});
