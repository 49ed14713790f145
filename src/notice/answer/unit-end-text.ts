import type { DeathFacts, UnitEnd } from '../../cause/death-facts.ts';
import { sayKiB } from '../../oom/units.ts';
import type { Text } from '../notice.ts';
import { sayCount, sayDuration, sayNumber } from '../units.ts';

/** signal(7), the same on all architectures that Linux has servers on (not mips). */
const SIGNALS: Readonly<Record<number, string>> = {
  1: 'SIGHUP',
  2: 'SIGINT',
  3: 'SIGQUIT',
  4: 'SIGILL',
  6: 'SIGABRT',
  7: 'SIGBUS',
  8: 'SIGFPE',
  9: 'SIGKILL',
  11: 'SIGSEGV',
  13: 'SIGPIPE',
  15: 'SIGTERM',
  24: 'SIGXCPU',
  31: 'SIGSYS',
};
const KILL = 9;

/** `SIGKILL (9)`. */
export function signalName(signal: number): string {
  const name = SIGNALS[signal];
  return name === undefined ? `signal ${signal}` : `${name} (${signal})`;
}

/** How a unit ended, in words: what systemd's `Result`, `ExecMainCode` and `ExecMainStatus` mean. null: it has not ended. */
export function unitEndText(unit: UnitEnd): Text | null {
  const words = endWords(unit);
  return words === null ? null : [{ words: 'systemd says of ' }, { hostText: unit.name }, { words: `: ${words}` }];
}

function endWords(unit: UnitEnd): string | null {
  switch (unit.result) {
    case 'oom-kill':
      return 'a process of it was killed by an OOM killer.';
    case 'watchdog':
      return `it did not report in time${unit.watchdogSeconds ? ` (WatchdogSec=${saySeconds(unit.watchdogSeconds)})` : ''}, so systemd ended it: the watchdog, not memory.`;
    case 'timeout':
      return timeoutWords(unit);
    case 'start-limit-hit':
      return 'it was started too often in a short time, so systemd gave up (StartLimitBurst=). See what ended it each time before.';
    case 'core-dump':
      return `it crashed with ${signalName(unit.status ?? 0)} and dumped core${crashWords(unit.status)}. See coredumpctl info.`;
    case 'signal':
      return `it was ended by ${signalName(unit.status ?? 0)}${signalWords(unit.status)}.`;
    case 'exit-code':
      return `it ended by itself with exit code ${unit.status ?? '?'}${codeWords(unit.status)}.`;
    case 'resources':
      return 'systemd could not start it for want of a resource (a file, a fork, a cgroup).';
    case 'protocol':
      return 'it did not keep to what its Type= promises, so systemd ended it.';
    case 'success':
      if (isActive(unit)) return null;
      return unit.endedSeconds === null ? 'it does not run, and no failure of it is noted.' : successWords(unit);
    default:
      return unit.result === '' ? null : `its result is ${unit.result.slice(0, 40)}.`;
  }
}

function isActive({ activeState }: UnitEnd): boolean {
  return activeState === 'active' || activeState === 'activating' || activeState === 'reloading';
}

function timeoutWords({
  startedSeconds,
  endedSeconds,
  runtimeMaxSeconds,
  stopTimeoutSeconds,
  status,
  how,
}: UnitEnd): string {
  const lived = startedSeconds === null || endedSeconds === null ? null : endedSeconds - startedSeconds;
  if (runtimeMaxSeconds !== null && lived !== null && lived >= runtimeMaxSeconds - 1)
    return `it had run for as long as it may (RuntimeMaxSec=${saySeconds(runtimeMaxSeconds)}), so systemd ended it.`;
  const limit = stopTimeoutSeconds === null ? '' : ` (TimeoutStopSec=${saySeconds(stopTimeoutSeconds)})`;
  return how === 'killed' && status === KILL
    ? `it did not stop in time${limit}, so systemd killed it with SIGKILL.`
    : `it did not start or stop in time${limit}, so systemd ended it.`;
}

function signalWords(signal: number | null): string {
  switch (signal) {
    case KILL:
      return ', which a shell or a container engine shows as exit status 137: sent by somebody, such as kill -9, docker kill or a script; an OOM kill would be counted';
    case 15:
      return ', which shows as exit status 143: somebody asked it to end';
    case 1:
    case 2:
      return ': somebody asked it to end, or its terminal went away';
    default:
      return crashWords(signal);
  }
}

function crashWords(signal: number | null): string {
  switch (signal) {
    case 11:
      return ', which shows as exit status 139: it touched memory that is not its own, a bug of the program or a library';
    case 6:
      return ', which shows as exit status 134: it gave up by itself (abort), as after a failed check or an allocation that was refused';
    case 7:
      return ': it touched a file or device memory that is not there, often a full disk or /dev/shm';
    case 4:
    case 8:
      return ': a bug of the program, or built for another processor';
    case 31:
      return ': a system call that it may not make (seccomp)';
    default:
      return '';
  }
}

function codeWords(code: number | null): string {
  switch (code) {
    case 137:
      return ' (128 + 9): it passes on that a child of it was ended by SIGKILL';
    case 139:
      return ' (128 + 11): it passes on that a child of it crashed with SIGSEGV';
    case 143:
      return ' (128 + 15): it ended because it was asked to';
    case 134:
      return ' (128 + 6): it passes on that a child of it aborted';
    case 203:
      return ' (EXEC): systemd could not run its program';
    default:
      return ': its own decision, also after an allocation that was refused; its own log says why';
  }
}

function successWords({ how, status }: UnitEnd): string {
  return how === 'killed'
    ? `it ended in order after ${signalName(status ?? 0)}: somebody stopped it.`
    : 'it ended in order, with exit code 0.';
}

/** As exact as it was set: 90 s are not 2 min. */
function saySeconds(seconds: number): string {
  return seconds % 60 === 0 && seconds >= 600 ? sayDuration(seconds * 1_000) : `${seconds} s`;
}

/** Limits of the unit that end things in other ways. */
export function limitTexts({ unit, forksRefused }: DeathFacts): Text[] {
  return [
    ...(forksRefused !== null && forksRefused > 0
      ? [
          [
            {
              words: `${sayCount(forksRefused, 'fork was', 'forks were')} refused in its group: the limit of tasks was reached${unit?.tasksMax == null ? '' : ` (TasksMax=${unit.tasksMax})`}, not one of memory.`,
            },
          ],
        ]
      : []),
    ...(unit?.limitAddressBytes == null
      ? []
      : [
          [
            {
              words: `Its processes may have ${sayKiB(Math.floor(unit.limitAddressBytes / 1_024))} of address space (LimitAS=, ulimit -v): beyond that an allocation fails, and nobody is killed.`,
            },
          ],
        ]),
  ];
}

export function restartTexts({ unit }: DeathFacts): Text[] {
  if (unit === null || unit.restarts === 0) return [];
  const times = unit.restarts === 1 ? 'once' : `${sayNumber(unit.restarts)} times`;
  // In systemd 252 a start limit leaves the result of the last run as it was.
  const then = unit.activeState === 'failed' ? ', and then no more (its Restart= or StartLimitBurst=)' : '';
  return [
    [
      { words: 'systemd restarted ' },
      { hostText: unit.name },
      { words: ` ${times} by itself${then}; what it shows is about the last run only.` },
    ],
  ];
}
