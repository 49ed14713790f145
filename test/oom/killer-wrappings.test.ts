// What a killer of userspace says is read by its name, wherever what wraps the line puts that.
import { describe, expect, it } from 'vitest';
import { HEAD_BYTES, openContainer } from '../../src/oom/framing/container.ts';
import type { KillRecord } from '../../src/oom/report.ts';
import { parseLines, toLines } from '../support/corpus.ts';

interface Said {
  killer: string;
  program: string;
  texts: string[];
}

const SAID: Said[] = [
  {
    killer: 'earlyoom',
    program: 'earlyoom',
    texts: [
      'low memory! at or below SIGTERM limits: mem  1.66%, swap 10.00%',
      'sending SIGTERM to process 906175 uid 1000 "java": oom_score 1170, VmRSS 43912 MiB, cmdline "java -jar x"',
      'process 906175 exited after 0.3 seconds',
    ],
  },
  {
    killer: 'earlyoom 1.2',
    program: 'earlyoom',
    texts: [
      'Low memory! mem: 2 MiB',
      "Killing process 'tail' with signal 15, pid: 24833, badness: 972, VmRSS: 3963 MiB",
    ],
  },
  {
    killer: 'systemd-oomd by pressure',
    program: 'systemd-oomd',
    texts: [
      'Killed /user.slice/app-x.scope due to memory pressure for /user.slice being 64.25% > 50.00% for > 20s with reclaim activity',
    ],
  },
  {
    killer: 'systemd-oomd by swap',
    program: 'systemd-oomd',
    texts: [
      'Killed /system.slice/a.service due to memory used (8027144192) / total (8197943296) and swap used (964685824) / total (1073741824) being more than 90.00%',
    ],
  },
  {
    killer: 'nohang',
    program: 'nohang',
    texts: [
      'Victim status (found in 1ms):',
      '  PID:       5677, name: tail, state: R, EUID: 1000, SID: 1234 (bash), lifetime: 12 s',
      '  badness:   572, oom_score:  572, oom_score_adj:  0',
      '  Vm, MiB: Size: 4000, RSS: 3963 (Anon: 3960, File: 3, Shmem: 0), Swap: 0',
      'Sending SIGTERM to the victim',
      'The victim died in 0.123s',
    ],
  },
  {
    killer: 'systemd about systemd-oomd',
    program: 'systemd',
    texts: ['app-x.scope: systemd-oomd killed 12 process(es) in this unit.'],
  },
  {
    killer: 'systemd about the kernel',
    program: 'systemd',
    texts: [
      'foo.service: A process of this unit has been killed by the OOM killer.',
      "foo.service: Failed with result 'oom-kill'.",
    ],
  },
  {
    killer: 'lmkd',
    program: 'lmkd',
    texts: [
      "Kill 'com.app' (4486), uid 10100, oom_score_adj 935 to free 46732kB rss, 34564kB swap; reason: low watermark is breached",
    ],
  },
  {
    killer: 'kubelet about the kernel',
    program: 'kubelet',
    texts: [
      'E1122 19:51:13.000000    1234 oom_watcher.go:1] System OOM encountered, victim process: mysqld, pid: 4711',
    ],
  },
];

interface Front {
  name: string;
  line: (text: string, program: string, at: number) => string;
  whole?: (lines: string[]) => string;
}

const json = JSON.stringify;
const TIME = '2026-11-22T19:51:13';

function unitOf(program: string): string {
  return program === 'systemd' ? 'init.scope' : `${program}.service`;
}

const FRONTS: Front[] = [
  { name: 'syslog, ISO', line: (t, p) => `${TIME}.123456+00:00 db01 ${p}[123]: ${t}` },
  { name: 'RFC 5424', line: (t, p) => `<30>1 ${TIME}.123Z db01 ${p} 123 - - ${t}` },
  { name: 'RFC 5424 with data', line: (t, p) => `<30>1 ${TIME}.123Z db01 ${p} 123 - [meta x="1"] ${t}` },
  { name: 'no host', line: (t, p) => `Nov 22 19:51:13 ${p}[123]: ${t}` },
  { name: 'journalctl -o with-unit', line: (t, p) => `Sun 2026-11-22 19:51:13 UTC db01 ${unitOf(p)}[123]: ${t}` },
  { name: 'journalctl -o short-full', line: (t, p) => `Sun 2026-11-22 19:51:13 UTC db01 ${p}[123]: ${t}` },
  { name: 'journalctl -o short-unix', line: (t, p) => `1795377173.123456 db01 ${p}[123]: ${t}` },
  { name: 'journalctl -o short-monotonic', line: (t, p) => `[  107.123456] db01 ${p}[123]: ${t}` },
  { name: 'kernel log', line: (t, p) => `[  107.123456] ${p}[123]: ${t}` },
  { name: 'kernel log, raw', line: (t, p) => `<14>[  107.123456] ${p}[123]: ${t}` },
  { name: '/dev/kmsg', line: (t, p, at) => `14,${at + 100},${107_000_000 + at},-;${p}[123]: ${t}` },
  { name: 'busybox', line: (t, p) => `Nov 22 19:51:13 db01 daemon.info ${p}[123]: ${t}` },
  { name: 'program alone', line: (t, p) => `${p}[123]: ${t}` },
  { name: 'metalog', line: (t, p) => `Nov 22 19:51:13 [${p}] ${t}` },
  { name: 'logcat', line: (t, p) => `11-22 19:51:13.123   670   670 I ${p}: ${t}` },
  {
    name: 'journalctl -o json',
    line: (t, p) => json({ _HOSTNAME: 'db01', SYSLOG_IDENTIFIER: p, _TRANSPORT: 'stdout', MESSAGE: t }),
  },
  {
    name: 'journalctl -o export',
    line: (t, p) => `__CURSOR=s\n_HOSTNAME=db01\n_TRANSPORT=stdout\nSYSLOG_IDENTIFIER=${p}\nMESSAGE=${t}\n`,
  },
  {
    name: 'journalctl -o verbose',
    line: (t, p, at) =>
      `Sun 2026-11-22 19:51:13.12345${at} UTC [s=184d;i=5ef;b=1;m=1;t=1;x=1]\n    _HOSTNAME=db01\n    _TRANSPORT=stdout\n    SYSLOG_IDENTIFIER=${p}\n    MESSAGE=${t}`,
  },
  { name: 'Vector', line: (t, p) => json({ appname: p, hostname: 'db01', message: t, timestamp: TIME }) },
  {
    name: "rsyslog's JSON",
    line: (t, p) => json({ timestamp: TIME, host: 'db01', tag: `${p}[123]:`, programname: p, message: t }),
  },
  { name: "syslog-ng's JSON", line: (t, p) => json({ PROGRAM: p, PID: '123', MESSAGE: t, HOST: 'db01' }) },
  { name: 'Fluent Bit', line: (t, p) => json({ date: 1_795_377_173.1, ident: p, host: 'db01', message: t }) },
  {
    name: 'ECS',
    line: (t, p) => json({ '@timestamp': TIME, host: { name: 'db01' }, process: { name: p, pid: 123 }, message: t }),
  },
  {
    name: 'journalbeat',
    line: (t, p) => json({ '@timestamp': TIME, host: { name: 'db01' }, syslog: { identifier: p }, message: t }),
  },
  {
    name: 'Filebeat',
    line: (t, p) => json({ host: { hostname: 'db01' }, log: { syslog: { appname: p } }, message: t }),
  },
  {
    name: 'Google Cloud',
    line: (t, p) => json({ jsonPayload: { MESSAGE: t, SYSLOG_IDENTIFIER: p, _HOSTNAME: 'db01' } }),
  },
  {
    name: 'logcli -o jsonl',
    line: (t, p) => json({ labels: { host: 'db01', unit: unitOf(p) }, line: t, timestamp: `${TIME}Z` }),
  },
  { name: 'logcli', line: (t, p) => `${TIME}Z {host="db01", unit="${unitOf(p)}"} ${t}` },
  { name: 'docker compose', line: (t, p) => `db01-1  | ${p}[123]: ${t}` },
  { name: 'aws logs tail', line: (t, p) => `${TIME}.000000+00:00 db01 Nov 22 19:51:13 db01 ${p}[123]: ${t}` },
  { name: 'quoted', line: (t, p) => `> Nov 22 19:51:13 db01 ${p}[123]: ${t}` },
  { name: 'bullets', line: (t, p) => `* Nov 22 19:51:13 db01 ${p}[123]: ${t}` },
  { name: 'grep -H', line: (t, p) => `/var/log/syslog:Nov 22 19:51:13 db01 ${p}[123]: ${t}` },
  { name: 'grep -n', line: (t, p, at) => `${at + 12}:Nov 22 19:51:13 db01 ${p}[123]: ${t}` },
  { name: 'cat -n', line: (t, p, at) => `${String(at + 1).padStart(6)}\tNov 22 19:51:13 db01 ${p}[123]: ${t}` },
  { name: 'indented', line: (t, p) => `    Nov 22 19:51:13 db01 ${p}[123]: ${t}` },
  {
    name: 'CSV',
    line: (t, p) => `${TIME}Z,db01,${p},"${t.replaceAll('"', '""')}"`,
    whole: (lines) => `time,host,program,message\n${lines.join('\n')}\n`,
  },
  {
    name: 'Splunk CSV',
    line: (t, p) => `"Nov 22 19:51:13 db01 ${p}[123]: ${t.replaceAll('"', '""')}","2026-11-22",db01`,
    whole: (lines) => `"_raw","_time",host\n${lines.join('\n')}\n`,
  },
  {
    name: 'HTML',
    line: (t, p) =>
      `Nov 22 19:51:13 db01 ${p}[123]: ${t.replaceAll('"', '&quot;').replaceAll('>', '&gt;').replaceAll("'", '&#39;')}`,
    whole: (lines) => `<pre>${lines.join('\n')}</pre>`,
  },
  { name: 'German month', line: (t, p) => `Dez 22 19:51:13 db01 ${p}[123]: ${t}` },
  { name: 'French month', line: (t, p) => `d\xc3\xa9c. 22 19:51:13 db01 ${p}[123]: ${t}` },
  { name: 'colours', line: (t, p) => `\x1b[32mNov 22 19:51:13\x1b[0m db01 \x1b[33m${p}[123]\x1b[0m: ${t}` },
  { name: 'CR LF', line: (t, p) => `Nov 22 19:51:13 db01 ${p}[123]: ${t}`, whole: (lines) => lines.join('\r\n') },
  {
    name: 'systemctl status',
    line: (t, p) => `Nov 22 19:51:13 db01 ${p}[123]: ${t}`,
    whole: (lines) => `\xe2\x97\x8f x.service - Early OOM Daemon\n     Loaded: loaded\n\n${lines.join('\n')}\n`,
  },
];

function read(bytes: string): KillRecord[] {
  const container = openContainer(bytes.slice(0, HEAD_BYTES));
  return parseLines(toLines(container === null ? bytes : container.push(bytes) + container.end()));
}

function factsOf({ killer, outcome, pid, name, uid, taskMemcg, identity, aftermath }: KillRecord): unknown {
  return { killer, outcome, pid, name, uid, taskMemcg, unit: identity?.unit, aftermath };
}

describe.each(SAID)('$killer', ({ program, texts }) => {
  const plain = parseLines(texts.map((text) => `Nov 22 19:51:13 db01 ${program}[123]: ${text}`)).map(factsOf);

  it('tells of one kill', () => {
    expect(plain).toHaveLength(1);
  });

  it.each(FRONTS)('is read behind $name', ({ line, whole }) => {
    const lines = texts.map((text, at) => line(text, program, at));

    expect(read(whole === undefined ? `${lines.join('\n')}\n` : whole(lines)).map(factsOf)).toEqual(plain);
  });
});

it('reads a report of the kernel under whatever name a collector gives itself', () => {
  const killed =
    '[  107.500000] Out of memory: Killed process 1234 (java) total-vm:8000kB, anon-rss:4000kB, file-rss:0kB';
  for (const name of ['filebeat', 'fluent-bit', 'rsyslogd', 'vector', 'journal'])
    expect(read(`${json({ host: 'db01', process: { name }, message: killed })}\n`).map(({ pid }) => pid)).toEqual([
      1234,
    ]);
});
