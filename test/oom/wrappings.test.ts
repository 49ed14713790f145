// A report says the same whatever it came through: each wrapper of test/support/wrappers.ts, and made-up ones.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { HEAD_BYTES, openContainer } from '../../src/oom/framing/container.ts';
import type { KillRecord } from '../../src/oom/report.ts';
import { parseLines, toLines } from '../support/corpus.ts';
import { HANDED_ON } from '../support/handed-on.ts';
import { openRandom, randomPlace, randomWrapper } from '../support/random-wrapper.ts';
import { joinLines, WRAPPERS, type Message, type Place, type Wrapper } from '../support/wrappers.ts';

/** More of them: WRAPPING_RUNS=2000 npx vitest run test/oom/wrappings.test.ts */
const runs = Number(process.env['WRAPPING_RUNS'] ?? 200);
const CORPUS = path.join(import.meta.dirname, '../corpus/own');

interface Report {
  messages: Message[];
  records: KillRecord[];
}

const reports = ['d12-global-mysqld', 'd12v1-memcg', 'd12-unit-java', 'd13-unit'].map((scenario): Report => {
  const messages = toLines(readFileSync(path.join(CORPUS, `${scenario}.dmesg.log`))).flatMap((line) => {
    const [, seconds, text] = /^\[ *(\d+\.\d+)\] ?(.*)$/.exec(line) ?? [];
    return text === undefined ? [] : [{ seconds: Number(seconds), text }];
  });
  const plain = messages.map(({ seconds, text }) => `[${seconds.toFixed(6).padStart(12)}] ${text}`);
  return { messages, records: parseLines(plain) };
});

function reportAt(at: number): Report {
  const report = reports[at % reports.length];
  if (report === undefined) throw new Error('the corpus is missing');
  return report;
}

/** As files are read: containers first, then lines. */
function read(bytes: string): KillRecord[] {
  const container = openContainer(bytes.slice(0, HEAD_BYTES));
  return parseLines(toLines(container === null ? bytes : container.push(bytes) + container.end()));
}

/** Of the wrapping: where and when it stood, and what hangs on the kernel's clock. */
const NOT_THE_KERNELS = [
  'line',
  'report',
  'timeText',
  'time',
  'kernelSeconds',
  'evidence',
  'warnings',
  'killedBefore',
  'host',
];

/** What the kernel said. */
function factsOf(record: KillRecord): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).filter(([key]) => !NOT_THE_KERNELS.includes(key)));
}

function sortedFacts(records: readonly KillRecord[]): string[] {
  return records.map((record) => JSON.stringify(factsOf(record))).sort();
}

function wrap(wrapper: Wrapper, messages: readonly Message[], place: Place): string[] {
  return messages.map((message, at) => wrapper.line(message, place, at));
}

function describeKill({ outcome, pid, name }: KillRecord): string {
  return `${outcome} ${pid} ${name}`;
}

const ALL: readonly Wrapper[] = [...WRAPPERS, ...HANDED_ON];

describe.each(ALL.map((wrapper, at) => ({ ...wrapper, at })))('$name', (wrapper) => {
  const random = openRandom(wrapper.at);
  const place = randomPlace(random);

  it('hides nothing of a report', () => {
    const { messages, records } = reportAt(wrapper.at);

    const found = read(joinLines(wrapper, wrap(wrapper, messages, place), place));

    expect(found.map(factsOf)).toEqual(records.map(factsOf));
  });

  it('keeps two reports in a row apart', () => {
    const [first, second] = [reportAt(wrapper.at + 1), reportAt(wrapper.at + 2)];
    const laterBy = (first.messages.at(-1)?.seconds ?? 0) + 500;
    const later = second.messages.map(({ seconds, text }) => ({ seconds: seconds + laterBy, text }));

    const found = read(joinLines(wrapper, wrap(wrapper, [...first.messages, ...later], place), place));

    expect(found.map(factsOf)).toEqual([...first.records, ...second.records].map(factsOf));
  });

  it('invents nothing where it is torn', () => {
    const { messages, records } = reportAt(wrapper.at + 3);
    const lines = wrap(wrapper, messages, place);
    const from = Math.floor(random() * lines.length);
    const rest = joinLines(wrapper, lines.slice(from), place);
    const torn = rest.slice(0, Math.floor(random() * rest.length));

    const killed = read(torn).filter(({ outcome }) => outcome === 'killed');

    expect(records.map(({ pid }) => pid)).toEqual(expect.arrayContaining(killed.map(({ pid }) => pid)));
    expect(new Set(killed.map(({ pid }) => pid)).size).toBe(killed.length);
  });

  it.runIf(wrapper.tellsHost === true)('keeps three hosts apart whose lines are mixed', () => {
    const hosts = [0, 1, 2].map((host) => ({ ...reportAt(wrapper.at + host), place: randomPlace(random) }));
    const queues = hosts.map((host) => wrap(wrapper, host.messages, host.place));
    const mixed: string[] = [];
    while (queues.some((queue) => queue.length > 0))
      mixed.push(...(queues[Math.floor(random() * 3)]?.splice(0, 1 + Math.floor(random() * 4)) ?? []));

    const found = read(joinLines(wrapper, mixed, place));

    expect(sortedFacts(found)).toEqual(sortedFacts(hosts.flatMap(({ records }) => records)));
  });

  it.runIf(wrapper.whole === undefined && !wrapper.name.includes('YAML'))(
    'counts a death once where each line stands twice',
    () => {
      const { messages, records } = reportAt(wrapper.at);
      const lines = wrap(wrapper, messages, place).flatMap((line) => [line, line]);

      expect(read(joinLines(wrapper, lines, place)).map(describeKill)).toEqual(records.map(describeKill));
    },
  );
});

/** What stays of a report where only its last lines are handed on, from 2.6 on. */
const SHORT: [string, string[]][] = [
  [
    'a kill line',
    [
      'Out of memory: Killed process 1234 (java) total-vm:8000000kB, anon-rss:4000000kB, file-rss:0kB, shmem-rss:0kB, UID:1000 pgtables:9000kB oom_score_adj:0',
    ],
  ],
  [
    'a kill line of a group, and who was chosen',
    [
      'oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/a,task_memcg=/a/b,task=java,pid=1234,uid=1000',
      'Memory cgroup out of memory: Killed process 1234 (java) total-vm:8000000kB, anon-rss:4000000kB, file-rss:0kB, shmem-rss:0kB, UID:1000 pgtables:9000kB oom_score_adj:0',
      'oom_reaper: reaped process 1234 (java), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB',
    ],
  ],
  [
    'a score line and a kill line',
    [
      'Out of memory: Kill process 1234 (java) score 900 or sacrifice child',
      'Killed process 1234 (java) total-vm:8000000kB, anon-rss:4000000kB, file-rss:0kB',
    ],
  ],
  ['a kill line of 2.6', ['Out of Memory: Killed process 1234 (java).']],
];
/** Broken where a whole line could as well end, and no other line shows that lines are broken; or a program that may only quote. */
const TOO_SHORT = /^(?:blanks at 72 syslog|wrapped iso syslog|container by syslog|logger -t) /;

describe.each(SHORT)('%s alone', (what, texts) => {
  const messages = texts.map((text, at) => ({ text, seconds: 100 + at / 1e6 }));
  const whole = parseLines(messages.map(({ seconds, text }) => `[${seconds.toFixed(6).padStart(12)}] ${text}`));

  it.each(ALL.map((wrapper, at) => [wrapper.name, wrapper, at] as const))('is read whole: %s', (name, wrapper, at) => {
    if (TOO_SHORT.test(`${name} ${what}`)) return;
    const place = randomPlace(openRandom(at));

    const found = read(joinLines(wrapper, wrap(wrapper, messages, place), place));

    expect(found.map(factsOf)).toEqual(whole.map(factsOf));
  });
});

it('keeps a name with a line feed whole where other lines end in blanks', () => {
  const blank = ['Mem-Info: ', '5 total pagecache pages ', 'Tasks state (memory values in pages): '];
  const front = blank.map((text, at) => `[   36.${100_000 + at}] ${text}`);
  const lines = toLines(readFileSync(path.join(CORPUS, 'k510-names.dmesg.log')));

  const named = parseLines([...front, ...lines]).filter(({ outcome }) => outcome === 'killed');

  expect(named.map(describeKill)).toEqual(
    parseLines(lines)
      .filter(({ outcome }) => outcome === 'killed')
      .map(describeKill),
  );
  expect(named.map(({ name }) => name)).toContain('a\nb');
});

it.each(['dmesg', 'dmesg-T', 'journal-k-cat', 'journal-k-verbose', 'journal-k-export'])(
  'takes a line break in a name for none of a terminal (%s)',
  (form) => {
    const log = readFileSync(path.join(CORPUS, `k510-names.${form}.log`), 'latin1');

    expect(read(log).map(({ name }) => name)).toContain('a\nb');
  },
);

it.each(['verbose', 'export'])(
  'counts a death once where the first fields of a journal entry are lost (%s)',
  (form) => {
    const lines = toLines(readFileSync(path.join(CORPUS, `k72-names.journal-k-${form}.log`)));
    const chosen = lines.findIndex((line) => line.includes('MESSAGE=oom-kill:') && line.includes('pid=1125,'));

    for (let from = chosen; from > chosen - 6; from -= 1)
      for (const length of [32, 60])
        expect(
          parseLines(lines.slice(from, from + length))
            .filter(({ outcome }) => outcome === 'killed')
            .map(describeKill),
        ).toEqual(['killed 1125 Isolated Web Co']);
  },
);

it('takes the last figures of a kill line that is cut for no tail', () => {
  const torn = '[  238.324946] Out of memory: Killed process 537 (login) total-vm:27584kB, file-rss:0kB, shmem-rss:00';
  const killed = '[  239.864883] Killed process 10596 (a.out) total-vm:4176kB, file-rss:0kB, shmem-rss:0kB';
  const score = '[  239.860676] Out of memory: Kill process 10595 (a.out) score 0 or sacrifice child';
  const header = '[  239.758667] a.out invoked oom-killer: gfp_mask=0x24280ca(GFP_KERNEL), order=0, oom_score_adj=0';
  const reaped =
    '[  239.868483] oom_reaper: reaped process 10596 (a.out), now anon-rss:0kB, file-rss:0kB, shmem-rss:0lB';

  expect(parseLines([torn, header, score, killed, reaped]).map(describeKill)).toEqual([
    'killed 537 login',
    'killed 10596 a.out',
  ]);
});

it('leaves the first line of a log to its own host where another host is named further down', () => {
  const dmesg = toLines(readFileSync(path.join(CORPUS, 'd12v1-memcg.dmesg.log')));
  const header = dmesg.findIndex((line) => line.includes('invoked oom-killer'));
  const report = dmesg.slice(header).map((line) => `${line} `);
  const other = toLines(readFileSync(path.join(CORPUS, 'd12-shmem.journal-k-json.log')));

  const mixed = [...report.slice(0, 4), ...other.slice(0, 60), ...report.slice(4), ...other.slice(60)];

  expect(parseLines(mixed).map(describeKill).sort()).toEqual(
    [...parseLines(report), ...parseLines(other)].map(describeKill).sort(),
  );
});

it('knows many wrappings by their kind', () => {
  expect(ALL.length).toBeGreaterThanOrEqual(400);
  expect(new Set(ALL.map(({ name }) => name)).size).toBe(ALL.length);
});

it('reads at least 99 of 100 made-up wrappings whole, and invents nothing in the others', { timeout: 600_000 }, () => {
  const wrong: string[] = [];
  for (let seed = 0; seed < runs; seed += 1) {
    const { messages, records } = reportAt(seed);
    const wrapper = randomWrapper(seed);
    const place = randomPlace(openRandom(seed + 1_000_000));

    const found = read(joinLines(wrapper, wrap(wrapper, messages, place), place));

    if (JSON.stringify(found.map(factsOf)) !== JSON.stringify(records.map(factsOf)))
      wrong.push(`${wrapper.name}: ${wrapper.line({ text: 'TEXT', seconds: 1 }, place, 0)}`);
    const pids = records.map(({ pid }) => pid);
    expect(pids).toEqual(
      expect.arrayContaining(found.filter(({ outcome }) => outcome === 'killed').map(({ pid }) => pid)),
    );
  }

  expect(wrong.length, wrong.join('\n')).toBeLessThanOrEqual(runs / 100);
});
