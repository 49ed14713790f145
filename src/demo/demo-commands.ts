import type { Clock } from '../app/ports.ts';
import { COMMANDS, helperCommand, VERBS } from '../remote/scripts.ts';
import { settingsText } from './settings-text.ts';
import { whyText } from './why-text.ts';
import { openAdjHelper, type HelperAnswer } from './adj-helper.ts';
import type { JournalFilter, JournalFrom } from './journal.ts';
import { renderKmsg } from './kernel-ring.ts';
import { endChannel, type CommandSession } from './loopback-server.ts';
import { KERNEL_RELEASE, TOTAL_PAGES, type DemoMachine, type DemoUnit } from './machine.ts';
import { REDIS_LIMIT_PAGES, WEB_LIMIT_PAGES } from './controls.ts';
import { REDIS_SCOPE, rssPagesOf, WEB_UNIT } from './processes.ts';
import { scoreOf } from './report-text.ts';

/** A client that does not read is left when so much waits for it. */
const UNREAD_BYTES_MAX = 8 * 1024 * 1024;
const INPUT_BYTES_MAX = 64 * 1024;
/** Memory groups that have a limit. */
const LIMITS = new Map([
  [REDIS_SCOPE, REDIS_LIMIT_PAGES],
  [WEB_UNIT, WEB_LIMIT_PAGES],
]);
/** What a shell says of a command ended by SIGTERM. */
const TERMINATED = 143;

interface Io {
  /** All input, once it has ended. */
  input: () => Promise<string>;
  /** Its first line, as soon as that is there; null: it ended before. */
  firstLine: () => Promise<string | null>;
  /** False: the client is gone or does not read. */
  write: (text: string) => boolean;
  /** Resolves when the input ends or the client is gone. */
  left: Promise<void>;
}

type Answer = (io: Io) => Promise<number>;

/**
 * Answers the bot's own commands, known by being the very same texts, from a simulated machine. Any other gets 127 and a
 * sentence: nothing is ever run.
 */
export function openDemoCommands(
  machine: DemoMachine,
  clock: Clock,
): (command: string, session: CommandSession) => Promise<void> {
  const helper = openAdjHelper(machine);
  const answers = new Map<string, Answer>([
    [COMMANDS.probe, answerInput(() => probeText(machine, clock, helper))],
    [COMMANDS.groups, answerInput(() => '#groups 1\n#end\n')],
    [COMMANDS.counters, answerInput(() => `#counters 1 ${machine.bootId} ${machine.oomKills()} no\n`)],
    [COMMANDS['oomd-kills'], answerInput(() => '#oomd-kills 1 off\n')],
    [COMMANDS.scan, answerInput(() => scanText(machine, clock, 0))],
    [COMMANDS['scan-light'], answerInput(() => scanText(machine, clock, 8_192))],
    [COMMANDS.sample, answerInput(() => sampleText(machine))],
    [COMMANDS.why, tellWhy],
    [COMMANDS.settings, answerInput(settingsText)],
    [COMMANDS.unit, showUnit],
    [COMMANDS.look, collectFacts],
    [helperCommand('oom-adj', 'sudo'), askHelper],
    [COMMANDS.limit, showLimit],
    [helperCommand('oom-kmsg', 'sudo'), followRing],
    [helperCommand('oom-journal', 'sudo'), readJournal],
  ]);

  async function askHelper(io: Io): Promise<number> {
    const { line, code } = helper(await io.input());
    io.write(`${line}\n`);
    return code;
  }

  async function showLimit(io: Io): Promise<number> {
    const group = await io.firstLine();
    const limitPages = group === null ? undefined : LIMITS.get(group);
    io.write(`#limit 1\n${limitPages === undefined ? '' : `limit ${limitPages * 4096} ${group}\n`}`);
    return 0;
  }

  async function showUnit(io: Io): Promise<number> {
    const name = await io.firstLine();
    if (name === null) return 2;
    const { activeState, mainPid, restarts, activeSinceUsec } = machine.unit(name);
    io.write(
      `#unit 1\nMainPID=${mainPid}\nNRestarts=${restarts}\nActiveState=${activeState}\nActiveEnterTimestampMonotonic=${activeSinceUsec}\n`,
    );
    return 0;
  }

  async function tellWhy(io: Io): Promise<number> {
    io.write(whyText(machine, uptimeOf(machine, clock), await io.firstLine()));
    return 0;
  }

  async function collectFacts(io: Io): Promise<number> {
    const name = await io.firstLine();
    const total = TOTAL_PAGES * 4;
    const lines = [
      '#look 1',
      `up ${uptimeOf(machine, clock)}`,
      `mem MemTotal ${total}`,
      'mem SwapTotal 0',
      'mem SwapFree 0',
      'mem HugePages_Total 0',
      'mem HugePages_Free 0',
      `count oom_kill ${machine.oomKills()}`,
      'vm overcommit_memory 0',
      'vm swappiness 60',
      'vm min_free_kbytes 67584',
      ...(name ? unitLines(machine.unit(name)) : []),
      '#end',
    ];
    io.write(`${lines.join('\n')}\n`);
    return 0;
  }

  async function followRing(io: Io): Promise<number> {
    io.write(`#kmsg 1 ${machine.bootId} ${epochOf(clock)} ${uptimeOf(machine, clock)}\n`);
    io.write(machine.ring.records().map(renderKmsg).join(''));
    return follow(io, (listener) => machine.ring.onRecord((record) => listener(renderKmsg(record))));
  }

  async function readJournal(io: Io): Promise<number> {
    const asked = /^(follow|past|since) (all|killers) (?:fields|plain) (\S+)$/.exec((await io.firstLine()) ?? '');
    const from = journalFrom(asked?.[3] ?? null, asked?.[1] === 'since');
    if (asked === null || from === null) return 64;
    const filter: JournalFilter = asked[2] === 'all' ? 'all' : 'killers';
    io.write(`#journal 1 ${epochOf(clock)}\n`);
    io.write(machine.journal.entries(filter, from).join(''));
    return asked[1] === 'follow' ? follow(io, (listener) => machine.journal.onEntry(filter, listener)) : 0;
  }

  return async (command, session) => {
    const answer = answers.get(command);
    if (answer === undefined) {
      session.channel.stderr.write('demo-db01 is simulated: it knows the commands of oombot and runs none.\n');
      session.channel.resume();
      endChannel(session.channel, 127);
      return;
    }
    endChannel(session.channel, await answer(openIo(session)));
  };
}

/** No limits are set there. */
function unitLines({ activeState, restarts, activeSinceUsec }: DemoUnit): string[] {
  return [
    `ActiveState=${activeState}`,
    `NRestarts=${restarts}`,
    'Restart=on-failure',
    'MemoryMax=infinity',
    'MemoryHigh=infinity',
    'TasksMax=14417',
    'OOMScoreAdjust=0',
    `ActiveEnterTimestampMonotonic=${activeSinceUsec}`,
  ].map((line) => `unit ${line}`);
}

/** Passes on what comes until nobody listens any more. */
async function follow(io: Io, subscribe: (listener: (text: string) => void) => () => void): Promise<number> {
  const over = Promise.withResolvers<void>();
  const stop = subscribe((text) => {
    if (!io.write(text)) over.resolve();
  });
  await Promise.race([io.left, over.promise]);
  stop();
  return TERMINATED;
}

/** A text once the input has ended; as the dispatcher of a host does, none runs what comes there. */
function answerInput(text: (input: string) => string): Answer {
  return async (io) => {
    io.write(text(await io.input()));
    return 0;
  };
}

function openIo({ channel, signal }: CommandSession): Io {
  const line = Promise.withResolvers<string | null>();
  const whole = Promise.withResolvers<string>();
  const left = Promise.withResolvers<void>();
  let text = '';
  function onOver(): void {
    line.resolve(null);
    whole.resolve(text);
    left.resolve();
  }
  channel.on('data', (chunk: Buffer) => {
    if (text.length < INPUT_BYTES_MAX) text += chunk.toString('latin1');
    const end = text.indexOf('\n');
    if (end >= 0) line.resolve(text.slice(0, end));
  });
  channel.once('end', onOver);
  if (signal.aborted) onOver();
  else signal.addEventListener('abort', onOver, { once: true });
  return {
    input: () => whole.promise,
    firstLine: () => line.promise,
    write: (out) => {
      if (signal.aborted || channel.writableLength > UNREAD_BYTES_MAX) return false;
      channel.write(out);
      return true;
    },
    left: left.promise,
  };
}

function journalFrom(line: string | null, isSince: boolean): JournalFrom | null {
  if (isSince) return line !== null && /^\d{1,12}$/.test(line) ? { kind: 'since', atUsec: Number(line) * 1e6 } : null;
  if (line === '-') return { kind: 'last', count: 20_000 };
  return line !== null && /^[A-Za-z0-9=;_-]{1,400}$/.test(line) ? { kind: 'cursor', cursor: line } : null;
}

// A host as `oombot setup` leaves it: Debian 12, no rsyslog, the kernel's log and the journal through the readers.
function probeText(machine: DemoMachine, clock: Clock, helper: (request: string) => HelperAnswer): string {
  return `#oombot probe 1
uptime ${uptimeOf(machine, clock)}
epoch ${epochOf(clock)}
user oombot
uid 994
groups oombot
kernel ${KERNEL_RELEASE}
boot ${machine.bootId}
os Debian GNU/Linux 12 (bookworm)
oom-kill ${machine.oomKills()}
hidepid 0
proc-options rw,nosuid,nodev,noexec,relatime
proc yes
dmesg-restrict 1
kmsg-helper yes
kmsg-error dd: failed to open '/dev/kmsg': Operation not permitted
kmsg sudo
journal yes
journal-reader sudo
journal-reader-helper yes
journal-fields yes
journal-persistent yes
killer systemd-oomd
oom-adj-helper yes
oom-adj sudo
oom-adj-says ${helper('v1 hello\n').line}
helper-rights 0 755 /usr/local/sbin/oom-kmsg
helper-rights 0 755 /usr/local/sbin/oom-adj
dispatcher 1 ${VERBS.join(' ')}
cap-bnd 000001ffffffffff
oom-score-adj yes
oom-adj-file yes
tool sudo
tool usermod
tool apt-get
has-group systemd-journal
has-group adm
#oombot end
`;
}

function sampleText(machine: DemoMachine): string {
  const groups = Map.groupBy(machine.processes(), ({ kind }) => `${kind.name}\t${kind.cgroup}`);
  const rows = [...groups]
    .map(([key, all]) => ({
      sizeKiB: all.reduce((sum, one) => sum + one.anonPages * 4, 0),
      line: [all.length, all[0]?.pid ?? 0, key].join('\t'),
    }))
    .toSorted((a, b) => b.sizeKiB - a.sizeKiB)
    .slice(0, 16);
  return [
    `#memsample 1\ttotal=${TOTAL_PAGES * 4}\tavailable=${availableKiB(machine)}\tswap=0\tswapfree=0\tfullavg10=0.00`,
    ...rows.map(({ sizeKiB, line }) => `${sizeKiB}\t${line}`),
    `#end\t${rows.length}`,
    '',
  ].join('\n');
}

function availableKiB(machine: DemoMachine): number {
  const heldPages = machine.processes().reduce((sofar, one) => sofar + one.anonPages + one.pageTablePages, 0);
  // Some 70,000 pages are the kernel's own.
  return Math.max(0, TOTAL_PAGES - 70_000 - heldPages) * 4;
}

function scanText(machine: DemoMachine, clock: Clock, leastKiB: number): string {
  const processes = machine.processes();
  const head = {
    boot: machine.bootId,
    kernel: KERNEL_RELEASE,
    uptime: uptimeOf(machine, clock),
    hz: 100,
    page: 4096,
    total: TOTAL_PAGES * 4,
    available: availableKiB(machine),
    swap: 0,
    swapfree: 0,
    oomkills: machine.oomKills(),
    fullavg10: '0.00',
    hidepid: 0,
    seesall: 1,
    allocating: 0,
    panic: 0,
  };
  const rows = processes
    .filter((one) => rssPagesOf(one) * 4 >= leastKiB)
    .map((one) => {
      const { kind, pid, parentPid, oomScoreAdj, pageTablePages, startTicks } = one;
      const score = scoreOf(one, TOTAL_PAGES);
      const numbers = [
        pid,
        parentPid,
        kind.uid,
        score,
        oomScoreAdj,
        rssPagesOf(one) * 4,
        0,
        pageTablePages * 4,
        kind.threads,
        startTicks,
      ];
      return [...numbers, kind.name, kind.cgroup, kind.commandLine ?? ''].join('\t');
    });
  const fields = Object.entries(head).map(([key, value]) => `${key}=${value}`);
  return [['#oomscan 2', ...fields].join('\t'), ...rows, `#end\t${rows.length}`, ''].join('\n');
}

function epochOf(clock: Clock): number {
  return Math.floor(clock.nowMs() / 1000);
}

function uptimeOf(machine: DemoMachine, clock: Clock): string {
  return ((clock.nowMs() - machine.bootAtMs) / 1000).toFixed(2);
}
