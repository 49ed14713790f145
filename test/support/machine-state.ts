import { globSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** What of a machine must be the same before and after a run: names and what they hold, in short. */
export type MachineState = ReadonlyMap<string, string>;

const ENTRIES_MAX = 50_000;
/** They change by themselves, or say what was done last. */
const RESTLESS = /\/(?:ns_last_pid|drop_caches|compact_memory|stat_refresh|perf_event_max_sample_rate|tainted)$/;

/**
 * Reads `/etc`, `/usr/local`, the homes (what is in them, and in their `.ssh`), the sysctls of `vm` and `kernel`, and our memory groups
 * and processes that nobody looks after any more. What may not be read is left out. `mark`: `NAME=value` in the environment of our processes.
 */
export function readMachineState(mark: string, root = '/'): MachineState {
  const state = new Map<string, string>();
  for (const folder of ['etc', 'usr/local']) addTree(state, path.join(root, folder));
  for (const home of ['root', ...globSync('home/*', { cwd: root })]) {
    addTree(state, path.join(root, home, '.ssh'));
    for (const name of namesIn(path.join(root, home))) state.set(path.join(root, home, name), 'is there');
  }
  for (const file of globSync('proc/sys/{vm,kernel}/*', { cwd: root })) {
    const at = path.join(root, file);
    if (!RESTLESS.test(at)) attempt(() => state.set(at, readFileSync(at, 'latin1').trim()));
  }
  for (const group of globSync('sys/fs/cgroup/{memory/,}oombot-*', { cwd: root })) {
    // The name holds the pid of the process that made it; while that lives, another run may be at work.
    const maker = /-(\d+)/.exec(group)?.[1];
    if (!namesIn(path.join(root, 'proc')).includes(maker ?? '')) state.set(path.join(root, group), 'is there');
  }
  for (const pid of namesIn(path.join(root, 'proc')).filter((name) => /^\d+$/.test(name)))
    addProcess(state, root, pid, mark);
  return state;
}

/** One sentence for each difference. */
export function differences(before: MachineState, after: MachineState): string[] {
  return [...new Set([...before.keys(), ...after.keys()])].toSorted().flatMap((name) => {
    const [was, is] = [before.get(name), after.get(name)];
    if (was === is) return [];
    if (was === undefined) return [`${name} is new: ${is}`];
    return [is === undefined ? `${name} is gone` : `${name} was ${was}, is ${is}`];
  });
}

function addTree(state: Map<string, string>, folder: string): void {
  for (const name of namesIn(folder)) {
    const at = path.join(folder, name);
    if (state.size >= ENTRIES_MAX) return;
    attempt(() => {
      const { mode, size, mtimeMs, uid, gid } = lstatSync(at);
      const isFolder = (mode & 0o170000) === 0o040000;
      state.set(
        at,
        `${mode.toString(8)} ${uid}:${gid}${isFolder ? '' : ` ${size} bytes of ${new Date(mtimeMs).toISOString()}`}`,
      );
      if (isFolder) addTree(state, at);
    });
  }
}

function addProcess(state: Map<string, string>, root: string, pid: string, mark: string): void {
  if (Number(pid) === process.pid) return;
  attempt(() => {
    const folder = path.join(root, 'proc', pid);
    if (!readFileSync(path.join(folder, 'environ'), 'latin1').split('\0').includes(mark)) return;
    state.set(folder, readFileSync(path.join(folder, 'cmdline'), 'latin1').replaceAll('\0', ' ').trim());
  });
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function attempt(read: () => void): void {
  try {
    read();
  } catch {
    // It is gone, or not ours to read.
  }
}
