import { decodeText } from '../bytes.ts';
import type { UserspaceLine } from './userspace-kill.ts';

// Who saw a kill and did not do it: systemd as the manager of a unit, and the kubelet.
//   x.service: A process of this unit has been killed by the OOM killer.
//   x.service: The kernel OOM killer killed some processes in this unit.              258 on
//   x.scope: systemd-oomd killed 12 process(es) in this unit.
//   x.scope: systemd-oomd killed some process(es) in this unit.
//   x.service: Failed with result 'oom-kill'.
//   System OOM encountered, victim process: mysqld, pid: 4711
const UNIT =
  /^(\S{1,256}\.(?:service|scope|slice|mount|socket|swap)): (A process of this unit has been killed by the OOM killer\.|The kernel OOM killer killed |Failed with result 'oom-kill'\.?|systemd-oomd killed (?:\d{1,9}|some) process\(es\) in this unit\.)/;
//   21:03:39 Triggered by PID 3297 ("ntpd"), OOM kill of PID 22516 ("perl"), 3850642 pages, loadavg: …     oomkill of bcc and bpftrace
const OOMKILL =
  /(?:^|\s)Triggered by PID \d{1,10} \(".{0,64}"\), OOM kill of PID (\d{1,10}) \("(.{0,64})"\), \d{1,20} pages/s;
const KUBELET = /System OOM encountered, victim process: (.{0,64}), pid: (\d{1,10})/s;
const KUBELET_MAX = 4_000;

/** A line of systemd about a unit; null: nothing about a kill. */
export function readUnit(text: string): UserspaceLine | null {
  const unit = UNIT.exec(text);
  if (unit === null) return null;
  const said = unit[2] ?? '';
  const by = said.startsWith('systemd-oomd') ? 'systemd-oomd' : said.startsWith('Failed') ? null : 'kernel';
  return { kind: 'unit', unit: decodeText(unit[1] ?? ''), by, text: decodeText(text) };
}

/** A line of the kubelet, of an event of it, or of the tool oomkill about a kill of the kernel; null: nothing of that. */
export function readKubelet(text: string): UserspaceLine | null {
  const traced = text.includes('OOM kill of PID ') ? OOMKILL.exec(text.slice(0, KUBELET_MAX)) : null;
  if (traced !== null) {
    const victim = decodeText(traced[2] ?? '');
    return { kind: 'seen', by: 'oomkill', pid: Number(traced[1]), name: victim, text: decodeText(text.trim()) };
  }
  if (!text.includes('System OOM encountered, victim process: ')) return null;
  const seen = KUBELET.exec(text.slice(0, KUBELET_MAX));
  if (seen === null) return null;
  const name = decodeText(seen[1] ?? '');
  return {
    kind: 'seen',
    by: 'kubelet',
    pid: Number(seen[2]),
    name,
    text: `System OOM encountered, victim process: ${name}, pid: ${seen[2]}`,
  };
}
