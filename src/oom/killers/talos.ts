import { decodeText } from '../bytes.ts';
import { NO_KILL, type UserspaceLine } from './userspace-kill.ts';

// Talos' runtime.OOMController (1.12 on), in the kernel's log of the machine and in that of controller-runtime:
//   [talos] OOM controller triggered {"component": "controller-runtime", "controller": "runtime.OOMController"}
//   [talos] Sending SIGKILL to cgroup {"component": …, "cgroup": "/sys/fs/cgroup/kubepods/burstable/podc11937f9-…"}
//   [talos] victim processes: {"component": …, "processes": ["/usr/bin/app"]}
const FRONT = /^(?:.{0,80}?(?:\[talos\]|WARN|INFO|ERROR)\s)?\s{0,4}/s;
const CGROUP = /"cgroup": ?"(?:\/sys\/fs\/cgroup)?(\/[^"]{1,4000})"/;
const PROCESSES = /"processes": ?\[/;
const LIST_MAX = 2_000;

/** One line of Talos' controller; null: nothing about a kill. */
export function readTalos(given: string): UserspaceLine | null {
  const text = given.slice(FRONT.exec(given)?.[0].length ?? 0);
  if (text.startsWith('Sending SIGKILL to cgroup ')) {
    const path = CGROUP.exec(text)?.[1];
    if (path === undefined) return null;
    return { kind: 'kill', kill: { ...NO_KILL, killer: 'talos', cgroup: decodeText(path), signal: 'SIGKILL' } };
  }
  if (text.startsWith('victim processes: ')) {
    const front = PROCESSES.exec(text);
    if (front === null) return null;
    const start = front.index + front[0].length;
    const end = text.indexOf(']', start);
    const list = text.slice(start, Math.min(start + LIST_MAX, end < 0 ? text.length : end));
    // An empty list: there was nobody in the group.
    if (list.trim() === '') return { kind: 'after', text: 'no process was in the group', says: 'failed' };
    return { kind: 'after', text: `victim processes: ${list}` };
  }
  if (text.startsWith('cannot reap cgroup ')) return { kind: 'after', text: 'cannot reap cgroup', says: 'failed' };
  return text.startsWith('OOM controller triggered') ? { kind: 'before', text: 'OOM controller triggered' } : null;
}
