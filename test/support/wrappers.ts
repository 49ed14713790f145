// The ways in which people hand a report on: what each writes before, behind and around the kernel's lines.

export interface Message {
  text: string;
  seconds: number;
}

/** What stays the same in one wrapped log. */
export interface Place {
  host: string;
  pod: string;
  id: string;
  /** A number below 1, another one each time. */
  random: () => number;
}

export interface Wrapper {
  name: string;
  /** One message, mostly as one line; the text is one character a byte, without line breaks. */
  line: (message: Message, place: Place, index: number) => string;
  /** Puts the lines together. */
  whole?: (lines: string[], place: Place) => string;
  /** Lines say which host they are of: logs of several can be mixed. */
  tellsHost?: boolean;
}

export const START = Date.UTC(2026, 10, 22, 19, 51, 13);
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

export function date(seconds: number): Date {
  return new Date(START + seconds * 1000);
}

export function iso(seconds: number, digits = 3): string {
  const text = date(seconds).toISOString();
  return digits === 0 ? text.slice(0, 19) : `${text.slice(0, 23)}000000`.slice(0, 20 + digits);
}

export function clock(seconds: number): string {
  return iso(seconds, 0).slice(11);
}

function day(seconds: number): string {
  return `Nov ${String(date(seconds).getUTCDate()).padStart(2)}`;
}

export function bsd(seconds: number): string {
  return `${day(seconds)} ${clock(seconds)}`;
}

export function weekday(seconds: number): string {
  return DAYS[date(seconds).getUTCDay()] ?? '';
}

export function ctime(seconds: number): string {
  return `${weekday(seconds)} ${bsd(seconds)} 2026`;
}

export function kernel(seconds: number): string {
  return `[${seconds.toFixed(6).padStart(12)}]`;
}

export function epoch(seconds: number, unit: number): string {
  return String(Math.round((START / 1000 + seconds) * unit));
}

export function level({ text }: Message): string {
  return text.includes('Killed process') ? 'err' : text.startsWith('[') || text.includes('oom-kill:') ? 'info' : 'warn';
}

function hex(random: () => number, length: number): string {
  return Array.from({ length }, () => Math.floor(random() * 16).toString(16)).join('');
}

export function json(value: unknown): string {
  return JSON.stringify(value);
}

export function syslog(m: Message, p: Place): string {
  return `${bsd(m.seconds)} ${p.host} kernel: ${kernel(m.seconds)} ${m.text}`;
}

export function dmesg(m: Message): string {
  return `${kernel(m.seconds)} ${m.text}`;
}

export function html(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

export function csv(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}

function quotedPrintable(text: string): string {
  const bytes = text.replace(
    /[=\x80-\xff]/g,
    (byte) => `=${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
  const lines: string[] = [];
  for (let rest = bytes; ;) {
    if (rest.length <= 76) return [...lines, rest].join('\n');
    let cut = 75;
    if (rest[cut - 1] === '=') cut -= 1;
    else if (rest[cut - 2] === '=') cut -= 2;
    lines.push(`${rest.slice(0, cut)}=`);
    rest = rest.slice(cut);
  }
}

function utf16(text: string, order: 'le' | 'be', mark: boolean): string {
  const bytes = Buffer.from(`${mark ? '\ufeff' : ''}${Buffer.from(text, 'latin1').toString('utf8')}`, 'utf16le');
  return (order === 'be' ? bytes.swap16() : bytes).toString('latin1');
}

const simple: [string, Wrapper['line']][] = [
  ['dmesg', dmesg],
  ['dmesg with callers', (m) => `${kernel(m.seconds)}[ T6736] ${m.text}`],
  ['dmesg -T', (m) => `[${ctime(m.seconds)}] ${m.text}`],
  [
    'dmesg -T, Japanese',
    (m) => `[\xe6\x97\xa5 11\xe6\x9c\x88 ${day(m.seconds).slice(4)} ${clock(m.seconds)} 2026] ${m.text}`,
  ],
  ['dmesg -x', (m) => `kern  :${level(m).padEnd(6)}: ${kernel(m.seconds)} ${m.text}`],
  ['dmesg -xT', (m) => `kern  :${level(m).padEnd(6)}: [${ctime(m.seconds)}] ${m.text}`],
  ['dmesg -r', (m) => `<4>${kernel(m.seconds)} ${m.text}`],
  ['dmesg -d', (m) => `[${m.seconds.toFixed(6).padStart(12)} <    0.000010>] ${m.text}`],
  ['dmesg -td', (m) => `[<    0.000010>] ${m.text}`],
  ['dmesg -e', (m, _, at) => (at === 0 ? `[Nov22 19:51] ${m.text}` : `[  +0.000010] ${m.text}`)],
  ['dmesg --time-format iso', (m) => `${iso(m.seconds, 6).replace('.', ',')}+00:00 ${m.text}`],
  ['dmesg -t', (m) => m.text],
  ['/dev/kmsg', (m) => `4,${Math.round(m.seconds * 1000)},${Math.round(m.seconds * 1e6)},-;${m.text}`],
  [
    'netconsole, extended',
    (m) => `6.1.0-21-amd64,4,${Math.round(m.seconds * 1000)},${Math.round(m.seconds * 1e6)},-;${m.text}`,
  ],
  ['crash log', dmesg],
  ['crash log -m', (m) => `${kernel(m.seconds)} <4>${m.text}`],
  ['crash log -T', (m) => `[${ctime(m.seconds)}] ${m.text}`],
  ['crash prompt before each line', (m) => `crash> ${kernel(m.seconds)} ${m.text}`],
  ['minicom with times', (m) => `[${iso(m.seconds, 3).replace('T', ' ')}] ${kernel(m.seconds)} ${m.text}`],
  ['moreutils ts', (m) => `${bsd(m.seconds)} ${kernel(m.seconds)} ${m.text}`],
  ['moreutils ts -i, no kernel time', (m) => `${clock(m.seconds)} ${m.text}`],
  ['klogd without a host', (m) => `${bsd(m.seconds)} kernel: ${kernel(m.seconds)} ${m.text}`],
  ['syslog with a second colon', (m) => `${bsd(m.seconds)} 2026 kernel: : ${kernel(m.seconds)} ${m.text}`],
  ['OpenWrt logread', (m) => `${ctime(m.seconds)} kern.${level(m)} kernel: ${kernel(m.seconds)} ${m.text}`],
  ['metalog', (m) => `${bsd(m.seconds)} [kernel] ${kernel(m.seconds)} ${m.text}`],
  ['Talos', (m) => `kern: ${level(m).padStart(8)}: [${iso(m.seconds)}Z]: ${m.text}`],
  ['journalctl --no-hostname', (m) => `${bsd(m.seconds)} kernel: ${m.text}`],
  ['journalctl -o cat', (m) => m.text],
  ['CRI log file', (m) => `${iso(m.seconds, 9)}Z stdout F ${kernel(m.seconds)} ${m.text}`],
  ['docker logs -t', (m) => `${iso(m.seconds, 9)}Z ${kernel(m.seconds)} ${m.text}`],
  ['kubectl logs --timestamps', (m) => `${iso(m.seconds, 9)}Z ${m.text}`],
  ['CloudWatch console copy', (m) => `${iso(m.seconds)}Z\t${kernel(m.seconds)} ${m.text}`],
  ['Grafana text download', (m) => `${iso(m.seconds)}Z\t${m.text}`],
  ['cat -n', (m, _, at) => `${String(at + 1).padStart(6)}\t${dmesg(m)}`],
  ['less -N', (m, _, at) => `${String(at + 1).padStart(7)} ${dmesg(m)}`],
  ['grep -n', (m, _, at) => `${at + 1234}:${dmesg(m)}`],
  ['grep -H', (m) => `/var/log/kern.log:${dmesg(m)}`],
  ['grep -Hn', (m, _, at) => `kern.log.1:${at + 1}:${dmesg(m)}`],
  ['zgrep of plain text', (m) => `kern.log.2.gz:${m.text}`],
  ['nl with a colon, no stamps', (m, _, at) => `${String(at + 1).padStart(3, '0')}: ${m.text}`],
  ['bullets', (m) => `* ${dmesg(m)}`],
  ['dashes', (m) => `- ${m.text}`],
  ['bullets of a chat', (m) => `\xe2\x80\xa2 ${dmesg(m)}`],
  ['numbered list', (m, _, at) => `${at + 1}. ${dmesg(m)}`],
  ['quoted', (m) => `> ${dmesg(m)}`],
  ['quoted twice', (m) => `> > ${dmesg(m)}`],
  ['quoted thrice, tight', (m) => `>>> ${m.text}`],
  ['quoted by initials', (m) => `AB> ${dmesg(m)}`],
  ['pipes', (m) => `| ${dmesg(m)}`],
  ['table of markdown', (m, _, at) => `| ${at + 1} | ${dmesg(m)} |`],
  ['inline code', (m) => `\`${dmesg(m)}\``],
  ['a diff', (m) => `+${dmesg(m)}`],
  ['a comment', (m) => `# ${dmesg(m)}`],
  ['a comment in C', (m) => ` * ${dmesg(m)}`],
  ['indented by four', (m) => `    ${dmesg(m)}`],
  ['indented by a tab', (m) => `\t${m.text}`],
  ['colours', (m) => `\x1b[32m${kernel(m.seconds)} \x1b[0m\x1b[33m${m.text}\x1b[0m`],
  ['colours in the middle', (m) => `\x1b[1;31m${m.text}\x1b[0m\x1b[K`],
  ['trailing blanks', (m) => `${dmesg(m)}   `],
  ['trailing backslash', (m) => `${dmesg(m)} \\`],
  ['double quotes', (m) => `"${dmesg(m)}"`],
  ['a list of strings', (m) => `    '${dmesg(m)}',`],
  ['a YAML list', (m) => `  - "${dmesg(m)}"`],
  [
    'log4j',
    (m) => `${iso(m.seconds).replace('T', ' ').replace('.', ',')} WARN  [kernel-pump-1] c.e.KernelPump - ${dmesg(m)}`,
  ],
  [
    'log4j without kernel times',
    (m) => `${iso(m.seconds).replace('T', ' ')} ${level(m).toUpperCase().padEnd(5)} [main] --- ${m.text}`,
  ],
  ['Python logging', (m) => `WARNING:kern:${dmesg(m)}`],
  [
    'glog',
    (m, p, at) =>
      `W1122 ${clock(m.seconds)}.${String(Math.floor(p.random() * 1e6)).padStart(6, '0')}    ${at + 700} watch.go:61] ${m.text}`,
  ],
  ['chat of IRC', (m) => `${clock(m.seconds).slice(0, 5)} < ana> ${dmesg(m)}`],
  ['chat with names', (m) => `[${clock(m.seconds)}] ana: ${m.text}`],
  ['VMware guest log', (m) => `${iso(m.seconds)}Z In(05) vcpu-0 - Guest: ${m.text}`],
  ['vmware.log of older hosts', (m) => `${iso(m.seconds)}Z| vcpu-0| I125: Guest: ${dmesg(m)}`],
  ['serial log of a cloud', (m, p) => `${p.id.slice(0, 8)} ttyS0 ${dmesg(m)}`],
  ['GitHub Actions', (m) => `${iso(m.seconds, 7)}Z ${dmesg(m)}`],
  ['GitLab job', (m) => `${iso(m.seconds, 6)}Z 00O ${dmesg(m)}`],
  ['Jenkins', (m) => `[${iso(m.seconds)}Z] ${dmesg(m)}`],
  ['adb logcat', (m) => `11-22 ${clock(m.seconds)}.123     0     0 W KERNEL  : ${dmesg(m)}`],
  ['adb logcat -v brief', (m) => `W/KERNEL  (    0): ${dmesg(m)}`],
  ['pstore', (m) => `<4>${kernel(m.seconds)} ${m.text}`],
  [
    'strace of a reader',
    (m) => `read(3, "4,1,${Math.round(m.seconds * 1e6)},-;${m.text}\\n", 8191) = ${m.text.length + 20}`,
  ],
  ['day before month', (m) => `22/Nov/2026:${clock(m.seconds)} +0000 ${m.text}`],
  ['day and month in numbers', (m) => `22.11.2026 ${clock(m.seconds)} ${m.text}`],
  ['epoch of ten digits', (m) => `${epoch(m.seconds, 1)} ${m.text}`],
  ['epoch of milliseconds', (m) => `${epoch(m.seconds, 1000)} ${dmesg(m)}`],
  ['epoch of nanoseconds', (m) => `${epoch(m.seconds, 1000)}000000: ${m.text}`],
  ['compact time', (m) => `${iso(m.seconds, 0).replaceAll(/[-:]/g, '')}Z ${m.text}`],
  ['an id for each line', (m, p) => `${hex(p.random, 8)} ${m.text}`],
  [
    'an id for each line and a stamp',
    (m, p) => `${iso(m.seconds)}Z [${hex(p.random, 8)}-${hex(p.random, 4)}] ${dmesg(m)}`,
  ],
  ['a tail of ids', (m, p) => `${dmesg(m)} {${hex(p.random, 12)}}`],
  ['a tail of keys', (m) => `${dmesg(m)} source=kern facility=0`],
  ['a tail in brackets, no stamps', (m) => `${m.text} [kern.log]`],
];

const hosted: [string, Wrapper['line']][] = [
  ['syslog', syslog],
  ['syslog without the kernel time', (m, p) => `${bsd(m.seconds)} ${p.host} kernel: ${m.text}`],
  [
    'syslog with a year',
    (m, p) => `${bsd(m.seconds).replace(' 19', ' 2026 19')} ${p.host} kernel: ${kernel(m.seconds)} ${m.text}`,
  ],
  ['syslog, ISO', (m, p) => `${iso(m.seconds, 6)}+00:00 ${p.host} kernel: ${kernel(m.seconds)} ${m.text}`],
  ['syslog with priority', (m, p) => `<4>${syslog(m, p)}`],
  ['syslog, RFC 5424', (m, p) => `<4>1 ${iso(m.seconds)}Z ${p.host} kernel - - - ${kernel(m.seconds)} ${m.text}`],
  ['busybox syslogd', (m, p) => `${bsd(m.seconds)} ${p.host} kern.${level(m)} kernel: ${kernel(m.seconds)} ${m.text}`],
  ['journalctl -o short', (m, p) => `${bsd(m.seconds)} ${p.host} kernel: ${m.text}`],
  ['journalctl -o short-iso', (m, p) => `${iso(m.seconds, 0)}+0000 ${p.host} kernel: ${m.text}`],
  ['journalctl -o short-iso-precise', (m, p) => `${iso(m.seconds, 6)}+00:00 ${p.host} kernel: ${m.text}`],
  [
    'journalctl -o short-full',
    (m, p) => `${weekday(m.seconds)} ${iso(m.seconds, 0).replace('T', ' ')} UTC ${p.host} kernel: ${m.text}`,
  ],
  ['journalctl -o short-precise', (m, p) => `${bsd(m.seconds)}.123456 ${p.host} kernel: ${m.text}`],
  ['journalctl -o short-monotonic', (m, p) => `${kernel(m.seconds)} ${p.host} kernel: ${m.text}`],
  ['journalctl -o short-unix', (m, p) => `${epoch(m.seconds, 1)}.123456 ${p.host} kernel: ${m.text}`],
  [
    'journalctl -o short-delta',
    (m, p) => `[${m.seconds.toFixed(6).padStart(12)} <    0.010000 >] ${p.host} kernel: ${m.text}`,
  ],
  ['kubectl logs --prefix', (m, p) => `[pod/${p.pod}/dmesg] ${dmesg(m)}`],
  ['kubectl logs --prefix, no stamps', (m, p) => `[pod/${p.pod}/dmesg] ${m.text}`],
  ['stern', (m, p) => `${p.pod} dmesg ${dmesg(m)}`],
  [
    'stern with a namespace and times',
    (m, p) => `monitoring ${p.pod} \xe2\x80\xba dmesg ${iso(m.seconds, 9)}Z ${m.text}`,
  ],
  ['docker compose', (m, p) => `${p.host}-1  | ${dmesg(m)}`],
  ['aws logs tail', (m, p) => `${iso(m.seconds, 6)}+00:00 ${p.host} ${syslog(m, p)}`],
  ['aws logs tail, streams', (m, p) => `${iso(m.seconds, 6)}+00:00 i-${p.id.slice(0, 12)}/kern ${dmesg(m)}`],
  ['logcli', (m, p) => `${iso(m.seconds, 0)}Z {host="${p.host}", job="systemd-journal"} ${m.text}`],
  [
    'logcli with many labels',
    (m, p) => `${iso(m.seconds, 0)}+01:00 {filename="/var/log/kern.log",host="${p.host}",level="warn"} ${syslog(m, p)}`,
  ],
  ['pdsh', (m, p) => `${p.host}: ${dmesg(m)}`],
  ['pdsh, no stamps', (m, p) => `${p.host}: ${m.text}`],
  ['ansible, one host a line', (m, p) => `${p.host} | ${dmesg(m)}`],
  ['Papertrail', (m, p) => `${bsd(m.seconds)} ${p.host} kernel ${m.text}`],
  ['Heroku', (m, p) => `${iso(m.seconds, 6)}+00:00 ${p.host}[kern]: ${dmesg(m)}`],
  ['logfmt', (m, p) => `time=${iso(m.seconds)}Z level=${level(m)} host=${p.host} msg="${dmesg(m)}"`],
  ['logfmt, message first', (m, p) => `msg="${m.text}" host=${p.host} ts=${iso(m.seconds)}Z`],
  ['a front of keys', (m, p) => `host=${p.host} source=kern ${m.text}`],
  ['a tail with the host', (m, p) => `${m.text} (${p.host})`],
  [
    'fluentd file',
    (m, p) => `${iso(m.seconds, 0)}+00:00\tkern.${p.host}\t${json({ message: dmesg(m), host: p.host })}`,
  ],
  [
    "Docker's json-file, host in attrs",
    (m, p) =>
      json({
        log: `${dmesg(m)}\n`,
        stream: 'stdout',
        attrs: { host: p.host },
        hostname: p.host,
        time: `${iso(m.seconds, 9)}Z`,
      }),
  ],
  [
    'journalctl -o json',
    (m, p) =>
      json({
        _HOSTNAME: p.host,
        _TRANSPORT: 'kernel',
        _SOURCE_MONOTONIC_TIMESTAMP: String(Math.round(m.seconds * 1e6)),
        MESSAGE: m.text,
      }),
  ],
  ['Fluent Bit', (m, p) => json({ date: START / 1000 + m.seconds, hostname: p.host, log: dmesg(m) })],
  [
    'Vector',
    (m, p) => json({ host: p.host, message: m.text, source_type: 'journald', timestamp: `${iso(m.seconds, 6)}Z` }),
  ],
  [
    'Filebeat',
    (m, p) =>
      json({
        '@timestamp': `${iso(m.seconds)}Z`,
        host: { name: p.host },
        agent: { type: 'filebeat' },
        message: syslog(m, p),
      }),
  ],
  [
    'Elasticsearch hits, one a line',
    (m, p) =>
      json({
        _index: 'logs',
        _source: { '@timestamp': `${iso(m.seconds)}Z`, host: { hostname: p.host }, message: m.text },
      }),
  ],
  [
    'Splunk export',
    (m, p) => json({ preview: false, result: { _raw: syslog(m, p), _time: iso(m.seconds), host: p.host } }),
  ],
  [
    'Google Cloud, one entry a line',
    (m, p) =>
      json({
        textPayload: dmesg(m),
        resource: { labels: { instance_id: p.host } },
        timestamp: `${iso(m.seconds, 6)}Z`,
      }),
  ],
  [
    'GELF',
    (m, p) => json({ version: '1.1', host: p.host, short_message: m.text, timestamp: START / 1000 + m.seconds }),
  ],
  ['zap', (m, p) => json({ level: level(m), ts: START / 1000 + m.seconds, host: p.host, msg: m.text })],
  ['New Relic', (m, p) => json({ timestamp: Number(epoch(m.seconds, 1000)), message: m.text, hostname: p.host })],
  ['Logstash rubydebug', (m, p) => `{"host" => "${p.host}", "message" => "${m.text}", "@version" => "1"}`],
  [
    'Fluent Bit on standard output',
    (m, p, at) =>
      `[${at}] kern.${p.host}: [${START / 1000 + m.seconds}.000000000, {"message"=>"${dmesg(m)}", "host"=>"${p.host}"}]`,
  ],
];

const documents: Wrapper[] = [
  {
    name: 'dmesg --json',
    line: (m) =>
      `      {\n         "pri": 4,\n         "time": ${m.seconds.toFixed(6).padStart(12)},\n         "msg": ${json(m.text)}\n      }`,
    whole: (lines) => `{\n   "dmesg": [\n${lines.join(',')}\n   ]\n}\n`,
  },
  {
    name: 'journalctl -o json-pretty',
    line: (m, p) =>
      JSON.stringify({ _HOSTNAME: p.host, _TRANSPORT: 'kernel', MESSAGE: m.text }, null, '\t').replaceAll(
        '": ',
        '" : ',
      ),
    tellsHost: true,
  },
  {
    name: 'journalctl -o json-seq',
    line: (m, p) => `\x1e${json({ _HOSTNAME: p.host, _TRANSPORT: 'kernel', MESSAGE: m.text })}`,
    tellsHost: true,
  },
  {
    name: 'journalctl -o json-sse',
    line: (m, p) => `data: ${json({ _HOSTNAME: p.host, _TRANSPORT: 'kernel', MESSAGE: m.text })}\n`,
    tellsHost: true,
  },
  {
    name: 'journalctl -o export',
    line: (m, p) => `__CURSOR=s=1;i=${p.id}\n_HOSTNAME=${p.host}\n_TRANSPORT=kernel\nMESSAGE=${m.text}\n`,
    tellsHost: true,
  },
  {
    name: 'journalctl -o verbose',
    line: (m, p) =>
      `${weekday(m.seconds)} ${iso(m.seconds, 6).replace('T', ' ')} UTC [s=184d;i=5ef;b=1;m=1;t=1;x=1]\n    _HOSTNAME=${p.host}\n    _TRANSPORT=kernel\n    MESSAGE=${m.text}`,
    tellsHost: true,
  },
  {
    name: 'Loki query',
    line: (m) => json([`${epoch(m.seconds, 1000)}000000`, m.text]),
    whole: (lines, p) =>
      `{"status":"success","data":{"resultType":"streams","result":[{"stream":{"host":"${p.host}"},"values":[${lines.join(',')}]}]}}`,
  },
  {
    name: 'logcli -o jsonl',
    line: (m, p) => json({ labels: { host: p.host }, line: m.text, timestamp: `${iso(m.seconds, 9)}Z` }),
    tellsHost: true,
  },
  {
    name: 'aws logs get-log-events',
    line: (m) =>
      JSON.stringify({ timestamp: Number(epoch(m.seconds, 1000)), message: dmesg(m), ingestionTime: 1 }, null, 4),
    whole: (lines) => `{\n    "events": [\n${lines.join(',\n')}\n    ],\n    "nextForwardToken": "f/1"\n}\n`,
  },
  {
    name: 'aws logs filter-log-events',
    line: (m, p) => json({ logStreamName: p.host, timestamp: Number(epoch(m.seconds, 1000)), message: syslog(m, p) }),
    whole: (lines) => `{"events": [${lines.join(', ')}]}`,
    tellsHost: true,
  },
  {
    name: 'ec2 get-console-output',
    line: dmesg,
    whole: (lines, p) =>
      JSON.stringify(
        {
          InstanceId: `i-${p.id}`,
          Output: lines.map((line) => `${line}\r\n`).join(''),
          Timestamp: '2026-11-22T19:55:00.000Z',
        },
        null,
        4,
      ),
  },
  { name: 'one JSON string', line: (m) => m.text, whole: (lines) => json({ text: lines.join('\n') }) },
  {
    name: 'gcloud logging read --format json',
    line: (m, p) =>
      JSON.stringify(
        { insertId: p.id, jsonPayload: { message: m.text, hostname: p.host }, timestamp: `${iso(m.seconds, 6)}Z` },
        null,
        2,
      ),
    whole: (lines) => `[\n${lines.join(',\n')}\n]\n`,
    tellsHost: true,
  },
  {
    name: 'Elasticsearch answer',
    line: (m, p) =>
      json({ _id: p.id, _source: { '@timestamp': `${iso(m.seconds)}Z`, host: { name: p.host }, message: m.text } }),
    whole: (lines) => `{"took":3,"hits":{"total":{"value":9},"hits":[${lines.join(',')}]}}`,
    tellsHost: true,
  },
  {
    name: 'JSON array on many lines',
    line: (m, p) => JSON.stringify({ host: p.host, log: { original: m.text } }, null, 2),
    whole: (lines) => `[${lines.join(',\n')}]`,
    tellsHost: true,
  },
  { name: 'JSON array of strings', line: (m) => json(dmesg(m)), whole: (lines) => `[\n  ${lines.join(',\n  ')}\n]` },
  { name: 'JSON under an unusual key', line: (m, p) => json({ srv: p.host, payload: { kmsg: m.text } }) },
  {
    name: 'Azure Log Analytics, tables',
    line: (m, p) => json([`${iso(m.seconds)}Z`, p.host, m.text]),
    whole: (lines) =>
      `{"tables":[{"name":"PrimaryResult","columns":[{"name":"TimeGenerated"},{"name":"Computer"},{"name":"SyslogMessage"}],"rows":[${lines.join(',')}]}]}`,
  },
  {
    name: 'ansible result',
    line: (m) => `            "${dmesg(m)}",`,
    whole: (lines, p) => `ok: [${p.host}] => {\n    "msg": [\n${lines.join('\n')}\n            "end"\n    ]\n}\n`,
  },
  {
    name: 'Splunk CSV',
    line: (m, p) => `${csv(syslog(m, p))},${csv(iso(m.seconds))},${p.host}`,
    whole: (lines) => `"_raw","_time",host\n${lines.join('\n')}\n`,
    tellsHost: true,
  },
  { name: 'CSV without a heading', line: (m, p) => `${csv(syslog(m, p))},"2026-11-22",${p.host}` },
  {
    name: 'CSV, message last',
    line: (m, p) => `${iso(m.seconds)}Z,${p.host},${csv(m.text)}`,
    whole: (lines) => `timestamp,host,message\n${lines.join('\n')}\n`,
    tellsHost: true,
  },
  {
    name: 'CSV with CR LF',
    line: (m, p) => `${csv(iso(m.seconds))},${csv(p.host)},${csv(dmesg(m))}`,
    whole: (lines) => `"@timestamp","@logStream","@message"\r\n${lines.join('\r\n')}\r\n`,
    tellsHost: true,
  },
  {
    name: 'CSV with semicolons',
    line: (m, p) => `${iso(m.seconds)};${csv(m.text)};${p.host}`,
    whole: (lines) => `Date;Message;Host\n${lines.join('\n')}\n`,
    tellsHost: true,
  },
  {
    name: 'CSV, all in one value',
    line: (m) => m.text,
    whole: (lines, p) => `time,host,message\n2026-11-22,${p.host},${csv(lines.join('\n'))}\n`,
  },
  {
    name: 'TSV',
    line: (m, p) => `${iso(m.seconds)}Z\t${p.host}\t${m.text}`,
    whole: (lines) => `time\thost\tmessage\n${lines.join('\n')}\n`,
    tellsHost: true,
  },
  {
    name: 'Azure CSV',
    line: (m, p) => `"11/22/2026, 7:51:13 PM",${p.host},${csv(m.text)},kern`,
    whole: (lines) => `"TimeGenerated [UTC]",Computer,SyslogMessage,Facility\n${lines.join('\n')}\n`,
    tellsHost: true,
  },
  {
    name: 'mail, quoted-printable',
    line: dmesg,
    whole: (lines) =>
      `From: ana@example.org\nSubject: [Bug] oom\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\nHello,\n${lines.map(quotedPrintable).join('\n')}\n`,
  },
  { name: 'quoted-printable without a head', line: dmesg, whole: (lines) => lines.map(quotedPrintable).join('\n') },
  {
    name: 'mail, base64',
    line: dmesg,
    whole: (lines) =>
      `From: ana@example.org\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="b0undary123"\n\n--b0undary123\nContent-Type: text/plain\nContent-Transfer-Encoding: base64\n\n${Buffer.from(
        `Hello,\n\n${lines.join('\n')}\n`,
        'latin1',
      )
        .toString('base64')
        .replaceAll(/.{76}/g, '$&\n')}\n--b0undary123--\n`,
  },
  {
    name: 'mail of two parts',
    line: dmesg,
    whole: (lines) =>
      `MIME-Version: 1.0\nContent-Type: multipart/alternative; boundary="=_b0undary"\nFrom: a@example.org\n\n--=_b0undary\nContent-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\n${lines.map(quotedPrintable).join('\n')}\n--=_b0undary\nContent-Type: text/html\nContent-Transfer-Encoding: quoted-printable\n\n<pre>${lines.map(html).map(quotedPrintable).join('\n')}</pre>\n--=_b0undary--\n`,
  },
  {
    name: 'base64 without a head',
    line: dmesg,
    whole: (lines) => Buffer.from(lines.join('\n'), 'latin1').toString('base64').replaceAll(/.{76}/g, '$&\n'),
  },
  {
    name: 'HTML, pre',
    line: (m) => html(`<4>${dmesg(m)}`),
    whole: (lines) => `<!DOCTYPE html>\n<html><body><p>Hello</p><pre>${lines.join('\n')}</pre></body></html>\n`,
  },
  {
    name: 'HTML, br and hard blanks',
    line: (m) => html(dmesg(m)).replaceAll(' ', '&nbsp;'),
    whole: (lines) => `<div>${lines.join('<br>')}</div>`,
  },
  { name: 'HTML, a line each with br', line: (m) => `${html(dmesg(m))}<br/>` },
  { name: 'HTML, hard blanks as bytes', line: (m) => dmesg(m).replaceAll(' ', '\xc2\xa0') },
  {
    name: 'HTML table',
    line: (m, _, at) => `<tr><td>${at}</td><td class="x">${html(dmesg(m))}</td></tr>`,
    whole: (lines) => `<table>\n${lines.join('\n')}\n</table>`,
  },
  {
    name: 'HTML, coloured spans',
    line: (m) => `<span class="t">${kernel(m.seconds)}</span> <span>${html(m.text)}</span>`,
    whole: (lines) => `<pre>${lines.join('\n')}</pre>`,
  },
  { name: 'entities in a paste', line: (m) => html(`<4>${dmesg(m)}`) },
  { name: 'UTF-16 with a mark', line: dmesg, whole: (lines) => utf16(`${lines.join('\r\n')}\r\n`, 'le', true) },
  { name: 'UTF-16 without a mark', line: syslog, whole: (lines) => utf16(`${lines.join('\n')}\n`, 'le', false) },
  { name: 'UTF-16, big end first', line: dmesg, whole: (lines) => utf16(`${lines.join('\n')}\n`, 'be', true) },
  {
    name: 'UTF-16, big end first, no mark',
    line: dmesg,
    whole: (lines) => utf16(`${lines.join('\n')}\n`, 'be', false),
  },
  { name: 'CR', line: dmesg, whole: (lines) => lines.join('\r') },
  { name: 'CR LF', line: syslog, whole: (lines) => lines.join('\r\n') },
  { name: 'CR CR LF', line: dmesg, whole: (lines) => `${lines.join('\r\r\n')}\r\r\n` },
  { name: 'CR CR LF, no stamps', line: (m) => m.text, whole: (lines) => `${lines.join('\r\r\n')}\r\r\n` },
  { name: 'empty lines between', line: dmesg, whole: (lines) => lines.join('\n\n') },
  { name: 'a byte order mark', line: syslog, whole: (lines) => `\xef\xbb\xbf${lines.join('\n')}` },
  {
    name: 'a code block',
    line: dmesg,
    whole: (lines) => `Hello, what is this?\n\n\`\`\`\n${lines.join('\n')}\n\`\`\`\n`,
  },
  {
    name: 'a code block in a quote',
    line: (m) => `> ${dmesg(m)}`,
    whole: (lines) => `> \`\`\`text\n${lines.join('\n')}\n> \`\`\`\n`,
  },
  { name: 'Jira', line: dmesg, whole: (lines) => `h2. Log\n{noformat}\n${lines.join('\n')}\n{noformat}\n` },
  {
    name: 'folded in a page',
    line: dmesg,
    whole: (lines) => `<details><summary>dmesg</summary>\n\n<pre>\n${lines.map(html).join('\n')}\n</pre>\n</details>\n`,
  },
  {
    name: 'XML events',
    line: (m, p) => `<event><host>${p.host}</host><raw>${html(syslog(m, p))}</raw></event>`,
    whole: (lines) => `<?xml version="1.0"?>\n<events>\n${lines.join('\n')}\n</events>`,
  },
  { name: 'CDATA', line: (m) => `<line><![CDATA[${dmesg(m)}]]></line>` },
  {
    name: 'gcloud YAML',
    line: (m, p) => `---\ninsertId: ${p.id}\ntextPayload: '${dmesg(m)}'\ntimestamp: '${iso(m.seconds, 6)}Z'`,
  },
  { name: 'newest first', line: syslog, whole: (lines) => lines.toReversed().join('\n') },
  { name: 'newest first, no stamps', line: (m) => m.text, whole: (lines) => lines.toReversed().join('\n') },
  {
    name: 'newest first, CSV',
    line: (m, p) => `${iso(m.seconds)}Z,${p.host},${csv(m.text)}`,
    whole: (lines) => `timestamp,host,message\n${lines.toReversed().join('\n')}\n`,
  },
  {
    name: 'wrapped by a mail client',
    line: dmesg,
    whole: (lines) => lines.map((line) => wrapAtBlanks(line, 76)).join('\n'),
  },
  {
    name: 'wrapped and quoted',
    line: dmesg,
    whole: (lines) =>
      lines
        .map((line) =>
          wrapAtBlanks(line, 72)
            .split('\n')
            .map((part) => `> ${part}`)
            .join('\n'),
        )
        .join('\n'),
  },
  {
    name: 'wrapped by a terminal of 80',
    line: dmesg,
    whole: (lines) => lines.map((line) => line.replaceAll(/.{80}(?=.)/g, '$&\n')).join('\n'),
  },
  {
    name: 'wrapped by a terminal of 120',
    line: syslog,
    whole: (lines) => lines.map((line) => line.replaceAll(/.{120}(?=.)/g, '$&\n')).join('\n'),
  },
];

function wrapAtBlanks(line: string, width: number): string {
  const parts: string[] = [];
  for (let rest = line; ;) {
    const cut = rest.length > width ? rest.lastIndexOf(' ', width) : -1;
    if (cut < 20) return [...parts, rest].join('\n');
    parts.push(rest.slice(0, cut));
    rest = rest.slice(cut + 1);
  }
}

export const WRAPPERS: readonly Wrapper[] = [
  ...simple.map(([name, line]): Wrapper => ({ name, line })),
  ...hosted.map(([name, line]): Wrapper => ({ name, line, tellsHost: true })),
  ...documents,
];

/** A log of these lines, as the wrapper writes it. */
export function joinLines(wrapper: Wrapper, lines: string[], place: Place): string {
  return wrapper.whole === undefined ? `${lines.join('\n')}\n` : wrapper.whole(lines, place);
}
