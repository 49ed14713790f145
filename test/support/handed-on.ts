// More ways in which people hand a report on: consoles and their recordings, pagers, phones, foreign calendars, exports of log services,
// what forums, chats and mail clients make of a paste, and lines broken at any width.
import {
  bsd,
  clock,
  csv,
  ctime,
  date,
  dmesg,
  epoch,
  html,
  iso,
  json,
  kernel,
  level,
  START,
  syslog,
  weekday,
  type Wrapper,
} from './wrappers.ts';

function clock12(seconds: number): string {
  const hours = date(seconds).getUTCHours();
  return `${hours % 12 === 0 ? 12 : hours % 12}${clock(seconds).slice(2)} ${hours < 12 ? 'AM' : 'PM'}`;
}

function blankDay(seconds: number): string {
  return String(date(seconds).getUTCDate()).padStart(2);
}

function zeroDay(seconds: number): string {
  return String(date(seconds).getUTCDate()).padStart(2, '0');
}

/** As one character a byte. */
function utf8(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** Broken at the edge of a terminal. */
function atEdge(width: number, lineEnd = '\n'): (lines: string[]) => string {
  return (lines) =>
    lines.map((line) => line.replaceAll(new RegExp(`.{${width}}(?=.)`, 'g'), `$&${lineEnd}`)).join(lineEnd);
}

/** Broken at blanks; what goes on is set in by `indent`, and `kept` stays at the end of what was broken. */
function atBlanks(line: string, width: number, indent = '', kept = ''): string {
  const parts: string[] = [];
  for (let rest = line; ;) {
    const cut = rest.length > width ? rest.lastIndexOf(' ', width) : -1;
    if (cut < 20) return [...parts, rest].join('\n');
    parts.push(rest.slice(0, cut) + kept);
    rest = indent + rest.slice(cut + 1);
  }
}

const simple: [string, Wrapper['line']][] = [
  ['escaped tab', (m) => `${iso(m.seconds)}Z\\t${m.text}`],
  ['escaped tab alone', (m) => `\\t${dmesg(m)}`],
  ['a stamp, then the line', (m) => `${iso(m.seconds).replace('T', ' ')}\n${m.text}`],
  ['empty quotation between', (m) => `>${dmesg(m)}\n>`],
  ['a name and a time between', (m) => `Ana\n  7:51 PM\n${dmesg(m)}`],
  ['blanks collapsed', (m) => dmesg(m).replaceAll(/ +/g, ' ')],
  ['container by syslog', (m) => `${bsd(m.seconds)} db01 5f3b2c1d0e9f[123]: ${dmesg(m)}`],
  ['logger -t', (m) => `${bsd(m.seconds)} db01 oomlog: ${dmesg(m)}`],
  ['smart quotes around', (m) => utf8(`“`) + dmesg(m) + utf8('”')],
  ['teams stamp', (m) => `[${clock12(m.seconds).replace(/:\d\d /, ' ')}] Ana Example: ${dmesg(m)}`],
  ['otel debug', (m) => `Body: Str(${dmesg(m)})`],
  ['xl dmesg', (m) => `(XEN) [${iso(m.seconds, 0).replace('T', ' ')}] ${m.text}`],
  ['xen guest console', (m) => `(d1) ${dmesg(m)}`],
  ['xen guest stamp', (m) => `(d12) [${iso(m.seconds, 0).replace('T', ' ')}] ${dmesg(m)}`],
  ['MTK', (m) => `<4>[${m.seconds.toFixed(6).padStart(12)}] (1)[${Math.floor(m.seconds)}:kworker/u8:1]${m.text}`],
  ['MTK 2', (m) => `<6>[${m.seconds.toFixed(6).padStart(12)}]  (0)[77:kswapd0]${m.text}`],
  ['Samsung', (m) => `<4>[${m.seconds.toFixed(6).padStart(12)}]  [0:        kswapd0:   77] ${m.text}`],
  ['Samsung 2', (m) => `[${m.seconds.toFixed(6).padStart(12)}] I[1:    kworker/1:2: 4321] ${m.text}`],
  ['Qualcomm', (m) => `[${m.seconds.toFixed(6).padStart(12)} / 11-22 ${clock(m.seconds)}.123] ${m.text}`],
  ['LG', (m) => `[${m.seconds.toFixed(6).padStart(12)} / 11-22 ${clock(m.seconds)}.123][0] ${m.text}`],
  ['HTC', (m) => `[${m.seconds.toFixed(6).padStart(12)}] c0     77 ${m.text}`],
  ['logcat epoch', (m) => `       ${epoch(m.seconds, 1)}.123     0     0 W KERNEL  : ${m.text}`],
  ['logcat year', (m) => `2026-11-22 ${clock(m.seconds)}.123     0     0 W KERNEL  : ${dmesg(m)}`],
  ['logcat uid', (m) => `11-22 ${clock(m.seconds)}.123  root     0     0 W KERNEL  : ${dmesg(m)}`],
  ['logcat time', (m) => `11-22 ${clock(m.seconds)}.123 W/KERNEL  (    0): ${dmesg(m)}`],
  ['logcat tag', (m) => `W/KERNEL  : ${dmesg(m)}`],
  ['docker buildkit', (m) => `#12 ${m.seconds.toFixed(3)} ${dmesg(m)}`],
  ['vagrant', (m) => `    default: ${dmesg(m)}`],
  ['vagrant 2', (m) => `==> default: ${m.text}`],
  ['terraform', (m) => `aws_instance.web[0] (remote-exec): ${dmesg(m)}`],
  ['packer', (m) => `    amazon-ebs: ${m.text}`],
  ['fabric', (m) => `[10.0.0.5] out: ${dmesg(m)}`],
  ['capistrano', (m) => ` DEBUG [8f4e4c4b] \t${dmesg(m)}`],
  ['buildkite', (m) => `\x1b_bk;t=${epoch(m.seconds, 1000)}\x07${dmesg(m)}`],
  ['teamcity', (m) => `[${clock(m.seconds)}]W:\t [Step 1/2] ${dmesg(m)}`],
  ['drone', (m, _, at) => `[dmesg:${at}] ${dmesg(m)}`],
  ['azure pipelines', (m) => `${iso(m.seconds, 7)}Z ##[error]${dmesg(m)}`],
  ['pytest E', (m) => `E       ${dmesg(m)}`],
  ['pytest assertion', (m) => `E         + ${dmesg(m)}`],
  ['pytest captured', (m) => `WARNING  kern:watch.py:61 ${dmesg(m)}`],
  ['rust test', (m) => `thread 'main' stdout: ${dmesg(m)}`],
  ['python bytes list', (m) => `b'${dmesg(m)}\\n'`],
  ['python tuple', (m) => `('${iso(m.seconds)}', '${dmesg(m)}'),`],
  ['C strings', (m) => `  "${dmesg(m)}\\n"`],
  ['LAVA', (m) => `- {"dt": "${iso(m.seconds, 6)}", "lvl": "target", "msg": ${json(dmesg(m))}}`],
  ['LKP', (m) => `kern  :warn  : ${kernel(m.seconds)} ${m.text}`],
  [
    'kmsg dump with newline',
    (m) => `4,${Math.round(m.seconds * 1000)},${Math.round(m.seconds * 1e6)},-,caller=T123;${m.text}`,
  ],
  ['conserver', (m) => `[${ctime(m.seconds)}]${dmesg(m)}`],
  ['picocom ts', (m) => `[${clock(m.seconds)}.123] ${dmesg(m)}`],
  ['tio', (m) => `[${clock(m.seconds)}.123] ${m.text}`],
  ['moreutils ts 2', (m) => `Nov ${blankDay(m.seconds)} ${clock(m.seconds)} ${m.text}`],
  ['moreutils ts %s', (m) => `${epoch(m.seconds, 1)}.123456 ${m.text}`],
  ['moreutils ts ISO', (m) => `${iso(m.seconds, 0)}+0000 ${dmesg(m)}`],
  ['multilog', (m) => `@40000000${Number(epoch(m.seconds, 1)).toString(16)}1d2a3b4c ${dmesg(m)}`],
  ['svlogd', (m) => `${iso(m.seconds, 0).replace('T', '_')}.12345 kern.warn: ${kernel(m.seconds)} ${m.text}`],
  ['German month', (m) => `Dez ${blankDay(m.seconds)} ${clock(m.seconds)} web kernel: ${m.text}`],
  ['German month 2', (m) => utf8(`Mär ${blankDay(m.seconds)} ${clock(m.seconds)} web kernel: `) + dmesg(m)],
  ['German dmesg -T', (m) => `[So Nov ${blankDay(m.seconds)} ${clock(m.seconds)} 2026] ${m.text}`],
  ['German dmesg -T Okt', (m) => `[Mi Okt ${blankDay(m.seconds)} ${clock(m.seconds)} 2026] ${m.text}`],
  ['French journal', (m) => utf8(`déc. ${zeroDay(m.seconds)} ${clock(m.seconds)} web1 kernel: `) + m.text],
  ['French journal aout', (m) => utf8(`août ${zeroDay(m.seconds)} ${clock(m.seconds)} web1 kernel: `) + m.text],
  ['French dmesg -T', (m) => `[dim. nov. ${blankDay(m.seconds)} ${clock(m.seconds)} 2026] ${m.text}`],
  ['French day first', (m) => `${zeroDay(m.seconds)} nov. 2026 ${clock(m.seconds)} web1 kernel: ${m.text}`],
  ['Russian journal', (m) => utf8(`ноя ${zeroDay(m.seconds)} ${clock(m.seconds)} web1 kernel: `) + m.text],
  ['Russian dmesg', (m) => utf8(`[Вс ноя ${zeroDay(m.seconds)} ${clock(m.seconds)} 2026] `) + m.text],
  ['Chinese journal', (m) => utf8(`11月 ${zeroDay(m.seconds)} ${clock(m.seconds)} web1 kernel: `) + m.text],
  ['Chinese dmesg', (m) => utf8(`[日 11月 ${zeroDay(m.seconds)} ${clock(m.seconds)} 2026] `) + m.text],
  ['12 hour US', (m) => `11/22/2026 ${clock12(m.seconds)} ${m.text}`],
  ['12 hour US dmesg', (m) => `11/22/26, ${clock12(m.seconds)} - ${dmesg(m)}`],
  [
    '12 hour with host',
    (m) => `Nov ${blankDay(m.seconds)}, 2026 ${clock12(m.seconds)} web1 kernel: ${kernel(m.seconds)} ${m.text}`,
  ],
  ['12 hour journal', (m) => `Sun ${zeroDay(m.seconds)} Nov 2026 0${clock12(m.seconds)} UTC web1 kernel: ${m.text}`],
  ['kibana stamp', (m) => `Nov ${zeroDay(m.seconds)}, 2026 @ ${clock(m.seconds)}.000\t${dmesg(m)}`],
  ['kibana stream', (m) => `${clock(m.seconds)}.000\tkernel\t${m.text}`],
  [
    'Nexus',
    (m) =>
      `2026 Nov ${blankDay(m.seconds)} ${clock(m.seconds)} sw1 %KERN-3-SYSTEM_MSG: ${kernel(m.seconds)} ${m.text} - kernel`,
  ],
  [
    'IOS',
    (m) =>
      `Nov ${blankDay(m.seconds)} 2026 ${clock(m.seconds)} IST: %KERNEL-3-SYSTEM_MSG: ${kernel(m.seconds)} ${m.text} - kernel`,
  ],
  ['ChromeOS', (m) => `${iso(m.seconds, 6)}Z WARNING kernel: ${kernel(m.seconds)} ${m.text}`],
  ['UniFi', (m) => `<4>Nov ${blankDay(m.seconds)} ${clock(m.seconds)} U7PG2,788a20,v4.3.20 kernel: ${m.text}`],
  [
    'UniFi 2',
    (m) =>
      `Nov ${blankDay(m.seconds)} ${clock(m.seconds)} ("U7PG2,788a20fa,v4.3.20.11298") kernel: ${kernel(m.seconds)} ${m.text}`,
  ],
  ['QNAP', (m) => `<4>${dmesg(m)}`],
  [
    'OSSEC',
    (m) =>
      `2026 Nov ${blankDay(m.seconds)} ${clock(m.seconds)} (db01) 10.0.0.5->/var/log/messages Nov ${blankDay(m.seconds)} ${clock(m.seconds)} db01 kernel: ${m.text}`,
  ],
  ['CEF', (m) => `CEF:0|Linux|kernel|1.0|100|kern|5|rt=${epoch(m.seconds, 1000)} msg=${dmesg(m)}`],
  ['PowerShell Select-String', (m, _, at) => `kern.log:${at + 1}:${dmesg(m)}`],
  ['ripgrep heading off', (m, _, at) => `var/log/kern.log:${at + 1}:17:${dmesg(m)}`],
  [
    'grep -C context',
    (m, _, at) =>
      `kern.log${m.text.includes('oom') ? ':' : '-'}${at + 1}${m.text.includes('oom') ? ':' : '-'}${dmesg(m)}`,
  ],
  ['grep -n context', (m, _, at) => `${at + 1}${m.text.includes('oom') ? ':' : '-'}${dmesg(m)}`],
  ['git diff minus', (m) => `-${dmesg(m)}`],
  ['vim list', (m) => `${dmesg(m)}$`],
  ['cat -A', (m) => `${dmesg(m)}^M$`],
  ['bat', (m, _, at) => utf8(`${String(at + 1).padStart(4)}   │ `) + dmesg(m)],
  ['ascii frame', (m) => `| ${dmesg(m).padEnd(160)} |`],
  ['unicode frame', (m) => utf8('│ ') + dmesg(m).padEnd(160) + utf8(' │')],
  ['double bar frame', (m) => utf8('║ ') + m.text.padEnd(160) + utf8(' ║')],
  ['org mode', (m) => `: ${dmesg(m)}`],
  ['rst literal', (m) => `   ${dmesg(m)}`],
  ['LaTeX', (m) => `\\texttt{${dmesg(m)}}\\\\`],
  ['wiki blank', (m) => ` ${dmesg(m)}`],
  ['wiki tt', (m) => `<code><nowiki>${dmesg(m)}</nowiki></code>`],
  ['markdown quote list', (m) => `> - ${dmesg(m)}`],
  ['markdown bold', (m) => `**${dmesg(m)}**`],
  ['hash-comment yaml', (m) => `## ${m.text}`],
  ['SQL comment', (m) => `-- ${m.text}`],
  [
    'mysql output',
    (m, _, at) =>
      `| ${String(at + 1).padStart(5)} | ${iso(m.seconds, 0).replace('T', ' ')} | ${dmesg(m).padEnd(150)} |`,
  ],
  [
    'psql output',
    (m, _, at) => ` ${String(at + 1).padStart(5)} | ${iso(m.seconds, 6).replace('T', ' ')}+00 | ${dmesg(m)}`,
  ],
  ['kafka console', (m) => `CreateTime:${epoch(m.seconds, 1000)}\tnull\t${dmesg(m)}`],
  ['redis list', (m, _, at) => `${at + 1}) "${dmesg(m)}"`],
  ['XML attribute', (m, _, at) => `<log id="${at}" msg="${html(dmesg(m))}"/>`],
  [
    'ansi dmesg -L',
    (m) => `\x1b[32m${kernel(m.seconds)} \x1b[0m${m.text.replace(/^([a-z_]+: )/, '\x1b[33m$1\x1b[0m')}`,
  ],
  ['ansi title', (m) => `\x1b]0;root@web: ~\x07${dmesg(m)}`],
  ['ansi charset', (m) => `\x1b(B\x1b[m${dmesg(m)}\x1b[K\x1b(B`],
  ['ansi cursor', (m) => `\x1b[1;1H\x1b[2K${dmesg(m)}`],
  ['ansi 256', (m) => `\x1b[38;5;244m${kernel(m.seconds)}\x1b[39m \x1b[1m${m.text}\x1b[22m`],
  ['ansi true colon', (m) => `\x1b[38:2::1:2:3m${dmesg(m)}\x1b[0m`],
  ['caret escapes', (m) => `^[[32m${kernel(m.seconds)}^[[0m ${m.text}`],
  ['esc word', (m) => `#033[32m${kernel(m.seconds)} #033[0m${m.text}`],
  ['lost escapes', (m) => `[32m${kernel(m.seconds)} [0m[33m${m.text}[0m`],
  ['u241b escapes', (m) => utf8('␛[32m') + kernel(m.seconds) + utf8(' ␛[0m') + m.text],
  ['backspaces', (m) => `x\x08${dmesg(m)}`],
  ['NUL tail', (m) => `${dmesg(m)}\0`],
  ['leading CR', (m) => `\r${dmesg(m)}`],
  ['progress before CR', (m) => `Copying 3 % ...\rCopying 4 %\r${dmesg(m)}`],
  ['zero width', (m) => utf8('\u200b') + dmesg(m)],
  ['zero width tail', (m) => dmesg(m) + utf8('\u200b')],
  ['soft LRM', (m) => utf8('\u200e') + m.text],
  ['nbsp indent', (m) => utf8('\u00a0\u00a0\u00a0\u00a0') + dmesg(m)],
  ['figure spaces', (m) => dmesg(m).replace(/ {2}/g, utf8('\u00a0 '))],
  ['em spaces', (m) => utf8('\u2003') + dmesg(m)],
  ['ideographic space', (m) => utf8('\u3000') + dmesg(m)],
  ['line separator tail', (m) => dmesg(m) + utf8('\u2028')],
  ['arrow', (m) => utf8('→ ') + dmesg(m)],
  ['guillemet', (m) => utf8('» ') + dmesg(m)],
  ['tree', (m) => utf8('├── ') + dmesg(m)],
  ['emoji', (m) => utf8('⚠️ ') + dmesg(m)],
  ['checkbox', (m) => `- [ ] ${dmesg(m)}`],
  ['roman', (m) => `(iv) ${dmesg(m)}`],
  ['footnote', (m, _, at) => `[${at + 1}] ${m.text}`],
  ['line no. bracket', (m, _, at) => `[${at + 1}/900] ${dmesg(m)}`],
  ['hex dump front', (m, _, at) => `${(at * 80).toString(16).padStart(8, '0')}: ${dmesg(m)}`],
  ['telegram', (m) => `Ana, [${zeroDay(m.seconds)}.11.2026 ${clock(m.seconds).slice(0, 5)}]: ${dmesg(m)}`],
  ['whatsapp', (m) => `[22/11/2026, ${clock(m.seconds)}] Ana Example: ${dmesg(m)}`],
  ['irssi', (m) => `${clock(m.seconds).slice(0, 5)} <@ana> ${m.text}`],
  ['weechat', (m) => `${iso(m.seconds, 0).replace('T', ' ')}\tana\t${dmesg(m)}`],
  ['IRC asterisk', (m) => `<ana> ${dmesg(m)}`],
  ['GELF text', (m) => `<4>1 ${iso(m.seconds)}Z web1 kernel - - [meta sequenceId="12"] ${m.text}`],
  [
    'sd with brackets',
    (m) =>
      `<4>1 ${iso(m.seconds, 6)}+01:00 web1.example.org kernel - - [timeQuality tzKnown="1" isSynced="1" syncAccuracy="1500"][origin ip="1.2.3.4"] ${kernel(m.seconds)} ${m.text}`,
  ],
  [
    'octet counted',
    (m) => {
      const t = `<4>1 ${iso(m.seconds)}Z web1 kernel - - - ${m.text}`;
      return `${t.length} ${t}`;
    },
  ],
  [
    'syslog-ng src',
    (m) => `Nov ${blankDay(m.seconds)} ${clock(m.seconds)} src@web1/web1 kernel: ${kernel(m.seconds)} ${m.text}`,
  ],
  [
    'relayed syslog',
    (m) =>
      `Nov ${blankDay(m.seconds)} ${clock(m.seconds)} loghost Nov ${blankDay(m.seconds)} ${clock(m.seconds)} web1 kernel: ${kernel(m.seconds)} ${m.text}`,
  ],
  [
    'relayed by ip',
    (m) => `Nov ${blankDay(m.seconds)} ${clock(m.seconds)} 10.1.2.3 kernel: kernel: ${kernel(m.seconds)} ${m.text}`,
  ],
  [
    'netconsole by syslog',
    (m) => `Nov ${blankDay(m.seconds)} ${clock(m.seconds)} 10.1.2.3 ${kernel(m.seconds)} ${m.text}`,
  ],
  ['netconsole by syslog no stamp', (m) => `Nov ${blankDay(m.seconds)} ${clock(m.seconds)} 10.1.2.3 ${m.text}`],
  ['IPv6 host', (m) => `${bsd(m.seconds)} fe80::5054:ff:fe12:3456 kernel: ${kernel(m.seconds)} ${m.text}`],
  ['tag with blank', (m) => `${bsd(m.seconds)} web1 kernel : ${kernel(m.seconds)} ${m.text}`],
  ['kernel pid', (m) => `${bsd(m.seconds)} web1 kernel[0]: ${kernel(m.seconds)} ${m.text}`],
  ['kernel[1234]', (m) => `${bsd(m.seconds)} web1 kernel[1234]: ${m.text}`],
  ['kern upper', (m) => `${bsd(m.seconds)} WEB1 KERNEL: ${m.text}`],
  ['klogd imklog', (m) => `${bsd(m.seconds)} web1 klogd: ${kernel(m.seconds)} ${m.text}`],
  ['user.warn', (m) => `${bsd(m.seconds)} web1 user.warn kernel: ${kernel(m.seconds)} ${m.text}`],
  ['levels in brackets', (m) => `${bsd(m.seconds)} web1 [kern.warning] kernel: ${kernel(m.seconds)} ${m.text}`],
  ['Solaris msgid', (m) => `${bsd(m.seconds)} web1 kernel: [ID 702911 kern.warning] ${m.text}`],
  ['journal unit', (m) => `${bsd(m.seconds)} web1 kernel[]: ${m.text}`],
  ['short-iso with T comma', (m) => `${iso(m.seconds, 6).replace('.', ',')}+00:00 web1 kernel: ${m.text}`],
  ['journal with delta', (m) => `[${m.seconds.toFixed(6).padStart(12)} <    0.000012 >] web1 kernel: ${m.text}`],
  [
    'dmesg ratio',
    (m) => `[${Math.floor(m.seconds)}.${String(Math.round((m.seconds % 1) * 1e3)).padStart(3, '0')}] ${m.text}`,
  ],
  ['dmesg no decimals', (m) => `[${Math.floor(m.seconds)}] ${m.text}`],
  ['timestamps ns', (m) => `[${m.seconds.toFixed(9).padStart(15)}] ${m.text}`],
  ['printk cpu', (m) => `[${m.seconds.toFixed(6).padStart(12)}@1] ${m.text}`],
  ['printk cpu 2', (m) => `[${m.seconds.toFixed(6).padStart(12)}@0]- ${m.text}`],
];
const hosted: [string, Wrapper['line']][] = [
  [
    'rsyslog debug format',
    (m, p) =>
      `Debug line with all properties:\nFROMHOST: '${p.host}', fromhost-ip: '10.0.0.1', HOSTNAME: '${p.host}', PRI: 4,\nsyslogtag 'kernel:', programname: 'kernel', APP-NAME: 'kernel', PROCID: '-', MSGID: '-',\nTIMESTAMP: '${bsd(m.seconds)}', STRUCTURED-DATA: '-',\nmsg: ' ${dmesg(m)}'\nescaped msg: ' ${dmesg(m)}'\ninputname: imklog rawmsg: '<4>${dmesg(m)}'\n$!:\n$.:\n$/:\n`,
  ],
  ['a blotted-out host', (m, p) => `${bsd(m.seconds)} <${p.host}> kernel: ${dmesg(m)}`],
  [
    'HTML, a row a line, no blanks',
    (m, p) => `<tr><td>${iso(m.seconds)}</td><td>host=${p.host}</td><td>${html(m.text)}</td></tr>`,
  ],
  ['docker compose -t', (m, p) => `${p.host}-1  | ${iso(m.seconds, 9)}Z ${dmesg(m)}`],
  ['docker compose colours', (m, p) => `\x1b[36m${p.host}-1  | \x1b[0m${dmesg(m)}`],
  ['docker service logs', (m, p) => `kern.1.${p.id.slice(0, 12)}@${p.host}    | ${dmesg(m)}`],
  ['kubectl multi', (m, p) => `[${p.pod}] ${m.text}`],
  ['kubetail', (m, p) => `[${p.pod} dmesg] ${dmesg(m)}`],
  ['nerdctl', (m, p) => `${p.host} | ${iso(m.seconds, 9)}Z | ${dmesg(m)}`],
  [
    'oc adm node-logs',
    (m, p) => `${p.host}.example.org Nov ${blankDay(m.seconds)} ${clock(m.seconds)}.123456 ${p.host} kernel: ${m.text}`,
  ],
  ['talosctl nodes', (m, p) => `${p.host}: kern: ${level(m).padStart(7)}: [${iso(m.seconds, 6)}Z]: ${m.text}`],
  ['clush', (m, p) => `${p.host}: ${m.text}`],
  ['parallel tag', (m, p) => `${p.host}\t${dmesg(m)}`],
  ['salt inline', (m, p) => `[${p.host}] ${m.text}`],
  ['puppet', (m, p) => `Notice: ${p.host}: ${dmesg(m)}`],
  ['graylog search copy', (m, p) => `${iso(m.seconds).replace('T', ' ')} +00:00 ${p.host} ${dmesg(m)}`],
  ['logfmt quoted escapes', (m, p) => `ts=${iso(m.seconds)}Z lvl=${level(m)} hostname=${p.host} msg=${json(dmesg(m))}`],
  ['logfmt tail', (m, p) => `level=${level(m)} msg=${json(m.text)} node=${p.host}`],
  ['logstash plain', (m, p) => `${iso(m.seconds)}Z {name=${p.host}} ${m.text}`],
  ['logstash plain 2', (m, p) => `${iso(m.seconds)}Z ${p.host} ${dmesg(m)}`],
  ['papertrail web copy', (m, p) => `Nov ${zeroDay(m.seconds)} ${clock(m.seconds)} ${p.host} kernel:  ${m.text}`],
  ['datadog live tail', (m, p) => `Nov ${blankDay(m.seconds)} ${clock(m.seconds)}.123 ${p.host} kernel ${dmesg(m)}`],
  [
    'wazuh',
    (m, p) =>
      json({
        timestamp: `${iso(m.seconds)}+0000`,
        agent: { name: p.host },
        predecoder: { hostname: p.host, program_name: 'kernel' },
        full_log: syslog(m, p),
        location: '/var/log/kern.log',
      }),
  ],
  [
    'bunyan',
    (m, p) =>
      json({ name: 'kern', hostname: p.host, pid: 1, level: 40, msg: m.text, time: `${iso(m.seconds)}Z`, v: 0 }),
  ],
  ['CLEF', (m, p) => json({ '@t': `${iso(m.seconds)}Z`, '@m': dmesg(m), '@l': 'Warning', Host: p.host })],
  [
    'logtail',
    (m, p) =>
      json({
        dt: `${iso(m.seconds, 6)}Z`,
        message: m.text,
        syslog: { host: p.host, appname: 'kernel', facility: 'kern' },
        level: 'warn',
      }),
  ],
  [
    'datadog json',
    (m, p) =>
      json({
        id: p.id,
        content: {
          timestamp: `${iso(m.seconds)}Z`,
          tags: ['env:prod'],
          host: p.host,
          service: 'kernel',
          message: dmesg(m),
        },
      }),
  ],
  [
    'rsyslog json',
    (m, p) =>
      json({
        timestamp: `${iso(m.seconds, 6)}+00:00`,
        host: p.host,
        severity: 'warning',
        facility: 'kern',
        tag: 'kernel:',
        message: ` ${dmesg(m)}`,
      }),
  ],
  [
    'syslog-ng format-json',
    (m, p) =>
      json({
        SOURCE: 's_src',
        PROGRAM: 'kernel',
        PRIORITY: 'warning',
        MESSAGE: dmesg(m),
        HOST_FROM: p.host,
        HOST: p.host,
        FACILITY: 'kern',
        DATE: bsd(m.seconds),
      }),
  ],
  [
    'kibana fields arrays',
    (m, p) =>
      json({
        _index: 'x',
        _id: p.id,
        fields: { message: [dmesg(m)], 'host.name': [p.host], '@timestamp': [`${iso(m.seconds)}Z`] },
      }),
  ],
  [
    'otel json',
    (m, p) =>
      json({
        resourceLogs: [
          {
            resource: { attributes: [{ key: 'host.name', value: { stringValue: p.host } }] },
            scopeLogs: [
              {
                scope: {},
                logRecords: [
                  {
                    timeUnixNano: `${epoch(m.seconds, 1000)}000000`,
                    severityText: 'WARN',
                    body: { stringValue: dmesg(m) },
                  },
                ],
              },
            ],
          },
        ],
      }),
  ],
  [
    'gcp konlet',
    (m, p) =>
      json({
        insertId: p.id,
        jsonPayload: { MESSAGE: m.text, _HOSTNAME: p.host, SYSLOG_IDENTIFIER: 'kernel', _TRANSPORT: 'kernel' },
        resource: { type: 'k8s_node', labels: { node_name: p.host } },
        timestamp: `${iso(m.seconds, 6)}Z`,
      }),
  ],
  [
    'azure diag jsonl',
    (m, p) =>
      json({
        time: `${iso(m.seconds)}Z`,
        category: 'Syslog',
        properties: { computer: p.host, Facility: 'kern', SyslogMessage: dmesg(m) },
      }),
  ],
  ['sumo json', (m, p) => json({ map: { _raw: dmesg(m), _sourcehost: p.host, _messagetime: epoch(m.seconds, 1000) } })],
  [
    'humio',
    (m, p) => json({ '@rawstring': syslog(m, p), '@timestamp': Number(epoch(m.seconds, 1000)), '@host': p.host }),
  ],
  [
    'journald-remote json pascal',
    (m, p) => json({ Message: m.text, Hostname: p.host, Timestamp: `${iso(m.seconds)}Z` }),
  ],
  [
    'kafka json',
    (m, p) => json({ topic: 'kern', partition: 0, offset: 12, value: json({ host: p.host, message: dmesg(m) }) }),
  ],
  ['sentry', (m, p) => json({ event_id: p.id, server_name: p.host, logentry: { message: dmesg(m) } })],
  ['winston', (m, p) => json({ level: 'warn', hostname: p.host, message: dmesg(m), timestamp: iso(m.seconds) })],
  [
    'docker fluentd driver',
    (m, p) => json({ container_id: p.id, container_name: '/dmesg', source: 'stdout', log: dmesg(m), host: p.host }),
  ],
];
const docs: Wrapper[] = [
  {
    name: 'HTML, all in one line',
    line: (m) =>
      `<div class="line"><span class="ts">${iso(m.seconds)}Z</span><span class="app">kernel</span> ${html(m.text)}</div>`,
    whole: (l) => l.join(''),
  },
  { name: 'vertical tabs', line: dmesg, whole: (l) => l.join('\v') },
  { name: 'U+2028', line: dmesg, whole: (l) => l.join('\xe2\x80\xa8') },
  {
    name: 'JSON behind prose',
    line: (m) => m.text,
    whole: (l, p) =>
      `The query gave:\n\n${JSON.stringify({ hits: l.map((message) => ({ host: { name: p.host }, message })) }, null, 1)}\n`,
  },
  {
    name: 'Word',
    line: (m) =>
      `<w:p w:rsidR="00A"><w:pPr><w:pStyle w:val="Code"/></w:pPr><w:r><w:t xml:space="preserve">${html(dmesg(m))}</w:t></w:r></w:p>`,
    whole: (l) => `<?xml version="1.0"?>\n<w:document xmlns:w="x"><w:body>${l.join('')}</w:body></w:document>`,
  },
  {
    name: 'Excel',
    line: (m) => `<si><t>${html(dmesg(m))}</t></si>`,
    whole: (l) => `<?xml version="1.0"?>\n<sst count="9">${l.join('')}</sst>`,
  },
  {
    name: 'OpenDocument',
    line: (m) => `<text:p text:style-name="P1">${html(dmesg(m)).replaceAll('  ', ' <text:s/>')}</text:p>`,
    whole: (l) =>
      `<?xml version="1.0"?>\n<office:document-content><office:body><office:text>${l.join('')}</office:text></office:body></office:document-content>`,
  },
  {
    name: 'letters list',
    line: (m, _, at) => `${String.fromCharCode(97 + (at % 26))}) ${dmesg(m)}`,
    whole: (l) => l.join('\n'),
  },
  {
    name: 'asciinema',
    line: (m) => `[${m.seconds.toFixed(6)}, "o", ${json(`${dmesg(m)}\r\n`)}]`,
    whole: (l) =>
      `{"version": 2, "width": 80, "height": 24, "timestamp": 1700000000, "env": {"SHELL": "/bin/bash", "TERM": "xterm"}}\n[0.1, "o", "\\u001b[?2004hroot@db:~# dmesg\\r\\n"]\n${l.join('\n')}\n`,
  },
  {
    name: 'asciinema chunks',
    line: (m) => `${dmesg(m)}\r\n`,
    whole: (l) =>
      `{"version": 2, "width": 80, "height": 24}\n${(l.join('').match(/[^]{1,700}/g) ?? []).map((c, i) => `[${(i * 0.01).toFixed(6)}, "o", ${json(c)}]`).join('\n')}\n`,
  },
  {
    name: 'typescript',
    line: dmesg,
    whole: (l) =>
      `Script started on 2026-11-22 19:55:00+00:00 [TERM="xterm-256color" TTY="/dev/pts/0" COLUMNS="200" LINES="50"]\n\x1b[?2004h\x1b]0;root@web: ~\x07root@web:~# dmesg\r\n\x1b[?2004l\r${l.join('\r\n')}\r\n\x1b[?2004hroot@web:~# exit\r\n\nScript done on 2026-11-22 19:56:00+00:00 [COMMAND_EXIT_CODE="0"]\n`,
  },
  {
    name: 'PuTTY log',
    line: dmesg,
    whole: (l) =>
      `=~=~=~=~=~=~=~=~=~=~=~= PuTTY log 2026.11.22 19:51:13 =~=~=~=~=~=~=~=~=~=~=~=\r\nroot@web:~# dmesg | tail -200\r\r\n${l.join('\r\n')}\r\n`,
  },
  {
    name: 'IPMI SOL',
    line: dmesg,
    whole: (l) =>
      `[SOL Session operational.  Use ~? for help]\r\n\r\nDebian GNU/Linux 12 web ttyS1\r\n\r\nweb login: ${l.join('\r\n')}\r\n`,
  },
  { name: 'LF CR', line: dmesg, whole: (l) => l.join('\n\r') },
  { name: 'literal \\n', line: dmesg, whole: (l) => l.join('\\n') },
  { name: 'literal \\r\\n in quotes', line: dmesg, whole: (l) => `"Output": "${l.join('\\r\\n')}"` },
  {
    name: 'rsyslog #012',
    line: (m) => m.text,
    whole: (l, p) => `Nov 22 19:51:13 ${p.host} dump[12]: x\nNov 22 19:51:13 ${p.host} kernel: ${l.join('#012')}\n`,
  },
  {
    name: 'slack export',
    line: dmesg,
    whole: (l) =>
      json([
        {
          type: 'message',
          user: 'U1',
          text: `look:\n\`\`\`${l.join('\n').replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')}\`\`\``,
          ts: '1700000000.1',
        },
      ]),
  },
  {
    name: 'slack paste',
    line: dmesg,
    whole: (l) => `Ana Example  [7:51 PM]\nlook at this\n\`\`\`${l.join('\n')}\`\`\`\n(edited)\n`,
  },
  {
    name: 'github issue json',
    line: dmesg,
    whole: (l) =>
      json({
        number: 1,
        title: 'oom',
        body: `Hello\r\n\r\n\`\`\`\r\n${l.join('\r\n')}\r\n\`\`\`\r\n`,
        user: { login: 'ana' },
      }),
  },
  { name: 'jira code', line: dmesg, whole: (l) => `{code:title=dmesg|borderStyle=solid}${l.join('\n')}{code}\n` },
  { name: 'bbcode', line: dmesg, whole: (l) => `[code]${l.join('\n')}[/code]\n` },
  {
    name: 'bbcode quote',
    line: dmesg,
    whole: (l) => `[QUOTE="ana, post: 12"]\n[CODE]\n${l.join('\n')}\n[/CODE]\n[/QUOTE]\n`,
  },
  {
    name: 'confluence',
    line: dmesg,
    whole: (l) =>
      `<ac:structured-macro ac:name="code"><ac:plain-text-body><![CDATA[${l.join('\n')}]]></ac:plain-text-body></ac:structured-macro>`,
  },
  {
    name: 'reddit',
    line: (m) => `    ${dmesg(m)}`,
    whole: (l) => `Help, my server died:\n\n${l.join('\n')}\n\nWhat can I do?\n`,
  },
  { name: 'reddit without indent, double lines', line: dmesg, whole: (l) => l.join('  \n') },
  { name: 'askubuntu blockquote', line: (m) => `> ${dmesg(m)}  `, whole: (l) => `I get\n\n${l.join('\n')}\n` },
  {
    name: 'stackoverflow html',
    line: (m) => html(dmesg(m)),
    whole: (l) => `<blockquote>\n<p>${l.join('<br />\n')}</p>\n</blockquote>\n`,
  },
  { name: 'p each', line: (m) => `<p>${html(dmesg(m))}</p>`, whole: (l) => l.join('') },
  {
    name: 'outlook html',
    line: (m) =>
      `<p class=MsoNormal><span style='font-family:Consolas'>${html(dmesg(m)).replaceAll('  ', '&nbsp; ')}<o:p></o:p></span></p>`,
    whole: (l) =>
      `<html xmlns:o="urn:schemas-microsoft-com:office:office"><body lang=EN-GB>${l.join('\r\n')}</body></html>`,
  },
  {
    name: 'teams paste',
    line: (m) => dmesg(m).replaceAll('  ', utf8('\u00a0 ')),
    whole: (l) => l.join(`\r\n${utf8('\u00a0')}\r\n`),
  },
  {
    name: 'ansible stdout + stdout_lines',
    line: dmesg,
    whole: (l, p) =>
      `ok: [${p.host}] => ${JSON.stringify({ out: { changed: true, cmd: 'dmesg', rc: 0, stdout: l.join('\n'), stdout_lines: l } }, null, 4)}\n`,
  },
  { name: 'ansible ad hoc', line: dmesg, whole: (l, p) => `${p.host} | CHANGED | rc=0 >>\n${l.join('\n')}\n` },
  {
    name: 'ansible yaml',
    line: (m) => `    ${dmesg(m)}`,
    whole: (l, p) => `ok: [${p.host}] =>\n  msg: |-\n${l.join('\n')}\n`,
  },
  {
    name: 'ansible yaml list',
    line: (m) => `  - '${dmesg(m)}'`,
    whole: (l, p) => `ok: [${p.host}] =>\n  msg:\n${l.join('\n')}\n`,
  },
  { name: 'salt', line: (m) => `    ${dmesg(m)}`, whole: (l, p) => `${p.host}:\n${l.join('\n')}\n` },
  { name: 'pssh', line: dmesg, whole: (l, p) => `[1] 19:51:13 [SUCCESS] ${p.host}\n${l.join('\n')}\n` },
  {
    name: 'loki with metadata',
    line: (m) => json([`${epoch(m.seconds, 1000)}000000`, m.text, { detected_level: 'warn' }]),
    whole: (l, p) =>
      `{"status":"success","data":{"resultType":"streams","result":[{"stream":{"host":"${p.host}"},"values":[${l.join(',')}]}]}}`,
  },
  {
    name: 'loki newest first',
    line: (m) => json([`${epoch(m.seconds, 1000)}000000`, m.text]),
    whole: (l, p) =>
      `{"status":"success","data":{"resultType":"streams","result":[{"stream":{"host":"${p.host}"},"values":[${l.toReversed().join(',')}]}]}}`,
  },
  {
    name: 'loki stamps shuffled streams',
    line: (m) => json([`${epoch(m.seconds, 1000)}000000`, m.text]),
    whole: (l, p) =>
      `{"status":"success","data":{"resultType":"streams","result":[{"stream":{"host":"${p.host}","level":"info"},"values":[]},{"stream":{"host":"${p.host}"},"values":[${l.join(',\n')}]}]}}`,
  },
  {
    name: 'grafana json download',
    line: (m, p) =>
      json({
        line: dmesg(m),
        timestamp: `${epoch(m.seconds, 1000)}000000`,
        date: `${iso(m.seconds)}Z`,
        fields: { host: p.host, job: 'kern' },
      }),
    whole: (l) => `[${l.join(',')}]`,
    tellsHost: true,
  },
  {
    name: 'grafana csv',
    line: (m, p) =>
      `${csv(json({ host: p.host, job: 'kern' }))},${epoch(m.seconds, 1000)},${csv(dmesg(m))},${epoch(m.seconds, 1000)}000000,${csv(p.id)}`,
    whole: (l) => `"labels","Time","Line","tsNs","id"\n${l.join('\n')}\n`,
  },
  {
    name: 'graylog csv',
    line: (m, p) => `${csv(`${iso(m.seconds)}Z`)},${csv(p.host)},${csv(dmesg(m))}`,
    whole: (l) => `"timestamp","source","message"\n${l.join('\n')}\n`,
    tellsHost: true,
  },
  {
    name: 'graylog api',
    line: (m, p) =>
      json({
        highlight_ranges: {},
        message: { timestamp: `${iso(m.seconds)}Z`, source: p.host, message: dmesg(m), facility: 'kernel', level: 4 },
        index: 'graylog_0',
      }),
    whole: (l) => `{"messages":[${l.join(',')}],"total_results":99}`,
    tellsHost: true,
  },
  {
    name: 'graylog full_message',
    line: (m, p) =>
      json({
        version: '1.1',
        host: p.host,
        short_message: m.text.slice(0, 20),
        full_message: m.text,
        timestamp: START / 1000 + m.seconds,
        level: 4,
        _facility: 'kern',
      }),
    tellsHost: true,
  },
  {
    name: 'graylog null separated',
    line: (m, p) => json({ version: '1.1', host: p.host, short_message: m.text, timestamp: START / 1000 + m.seconds }),
    whole: (l) => l.join('\0'),
  },
  {
    name: 'splunk csv full',
    line: (m, p) =>
      `${csv(syslog(m, p))},${csv(`${iso(m.seconds)}+0000`)},${epoch(m.seconds, 1)},${p.host},main,1,"/var/log/kern.log",syslog,splunk1`,
    whole: (l) =>
      `"_raw","_time","_indextime",host,index,linecount,source,sourcetype,"splunk_server"\n${l.join('\n')}\n`,
    tellsHost: true,
  },
  {
    name: 'splunk xml',
    line: (m, p) =>
      `<result offset='1'>\n<field k='_raw'><v xml:space='preserve' trim='0'>${html(syslog(m, p))}</v></field>\n<field k='host'><value><text>${p.host}</text></value></field>\n</result>`,
    whole: (l) => `<?xml version='1.0' encoding='UTF-8'?>\n<results preview='0'>\n${l.join('\n')}\n</results>\n`,
  },
  {
    name: 'splunk rows json',
    line: (m, p) => json([syslog(m, p), iso(m.seconds), p.host]),
    whole: (l) => `{"preview":false,"fields":["_raw","_time","host"],"rows":[${l.join(',')}]}`,
  },
  {
    name: 'splunk columns json',
    line: (m) => json(dmesg(m)),
    whole: (l) => `{"preview":false,"fields":["_raw"],"columns":[[${l.join(',')}]]}`,
  },
  {
    name: 'datadog csv',
    line: (m, p) => `${csv(`${iso(m.seconds)}Z`)},${csv(p.host)},"kernel",${csv(dmesg(m))}`,
    whole: (l) => `Date,Host,Service,Content\n${l.join('\n')}\n`,
    tellsHost: true,
  },
  {
    name: 'datadog csv unquoted',
    line: (m, p) => `${iso(m.seconds)}Z,${p.host},kernel,${m.text.includes(',') ? csv(m.text) : m.text}`,
    whole: (l) => `Date,Host,Service,Message\n${l.join('\n')}\n`,
    tellsHost: true,
  },
  {
    name: 'insights csv',
    line: (m) =>
      `${iso(m.seconds).replace('T', ' ')},${m.text.includes(',') || m.text.includes('"') ? csv(dmesg(m)) : dmesg(m)}`,
    whole: (l) => `@timestamp,@message\n${l.join('\n')}\n`,
  },
  {
    name: 'insights json',
    line: (m, p) =>
      json([
        { field: '@timestamp', value: iso(m.seconds).replace('T', ' ') },
        { field: '@message', value: dmesg(m) },
        { field: '@logStream', value: p.host },
        { field: '@ptr', value: 'CmEKJgo' },
      ]),
    whole: (l) => `{"results": [${l.join(', ')}], "status": "Complete"}`,
    tellsHost: true,
  },
  {
    name: 'insights markdown',
    line: (m, p) => `| ${iso(m.seconds).replace('T', ' ')} | ${dmesg(m)} | ${p.host} |`,
    whole: (l) => `| @timestamp | @message | @logStream |\n| --- | --- | --- |\n${l.join('\n')}\n`,
  },
  { name: 'aws output text', line: (m) => `EVENTS\t${epoch(m.seconds, 1000)}\t${dmesg(m)}\t${epoch(m.seconds, 1000)}` },
  {
    name: 'aws output yaml',
    line: (m) =>
      `- ingestionTime: ${epoch(m.seconds, 1000)}\n  message: '${dmesg(m)}'\n  timestamp: ${epoch(m.seconds, 1000)}`,
    whole: (l) => `events:\n${l.join('\n')}\n`,
  },
  { name: 'aws output table', line: (m) => `||  message   |  ${dmesg(m).padEnd(150)}  ||` },
  {
    name: 'pve syslog api',
    line: (m, p) => json({ n: Math.floor(m.seconds), t: syslog(m, p) }),
    whole: (l) => `{"data":[${l.join(',')}],"total":900}`,
    tellsHost: true,
  },
  {
    name: 'pve task',
    line: (m) => `INFO: ${dmesg(m)}`,
    whole: (l) => `INFO: starting new backup job\n${l.join('\n')}\nTASK OK\n`,
  },
  {
    name: 'logcat long',
    line: (m) => `[ 11-22 ${clock(m.seconds)}.123     0:    0 W/KERNEL   ]\n${dmesg(m)}\n`,
    whole: (l) => l.join('\n'),
  },
  {
    name: 'pstore parts',
    line: (m) => `<4>${kernel(m.seconds)} ${m.text}`,
    whole: (l) => `Panic#1 Part1\n${l.join('\n')}\n`,
  },
  {
    name: 'netconsole frags',
    line: (m) => {
      const h = `6.1.0-21-amd64,4,${Math.round(m.seconds * 1000)},${Math.round(m.seconds * 1e6)},-`;
      if (m.text.length < 60) return `${h};${m.text}`;
      const c = 50;
      return `${h},ncfrag=0/${m.text.length};${m.text.slice(0, c)}\n${h},ncfrag=${c}/${m.text.length};${m.text.slice(c)}`;
    },
  },
  { name: 'wrapped at 72 hard', line: dmesg, whole: atEdge(72) },
  { name: 'wrapped at 100 hard, syslog', line: syslog, whole: atEdge(100) },
  { name: 'wrapped at 132 hard', line: dmesg, whole: atEdge(132) },
  { name: 'wrapped at 132 hard syslog', line: syslog, whole: atEdge(132) },
  { name: 'wrapped at 80 hard syslog', line: syslog, whole: atEdge(80) },
  { name: 'wrapped at 80 bare', line: (m) => m.text, whole: atEdge(80) },
  { name: 'wrapped at 100 bare', line: (m) => m.text, whole: atEdge(100) },
  { name: 'wrapped at 80 journal', line: (m, p) => `${bsd(m.seconds)} ${p.host} kernel: ${m.text}`, whole: atEdge(80) },
  { name: 'wrapped at 80 CRLF', line: dmesg, whole: atEdge(80, '\r\n') },
  {
    name: 'wrapped at 80, quoted after',
    line: dmesg,
    whole: (l) =>
      atEdge(80)(l)
        .split('\n')
        .map((x) => `> ${x}`)
        .join('\n'),
  },
  { name: 'wrapped at 80 dmesg -T', line: (m) => `[${ctime(m.seconds)}] ${m.text}`, whole: atEdge(80) },
  {
    name: 'wrapped at 80, trimmed ends',
    line: dmesg,
    whole: (l) =>
      atEdge(80)(l)
        .split('\n')
        .map((x) => x.trimEnd())
        .join('\n'),
  },
  { name: 'fold -s 80', line: dmesg, whole: (l) => l.map((x) => atBlanks(x, 79, '', ' ')).join('\n') },
  { name: 'blanks at 72', line: dmesg, whole: (l) => l.map((x) => atBlanks(x, 72)).join('\n') },
  { name: 'blanks at 100 syslog', line: syslog, whole: (l) => l.map((x) => atBlanks(x, 100)).join('\n') },
  { name: 'blanks at 72 syslog', line: syslog, whole: (l) => l.map((x) => atBlanks(x, 72)).join('\n') },
  { name: 'blanks at 80 bare', line: (m) => m.text, whole: (l) => l.map((x) => atBlanks(x, 80)).join('\n') },
  { name: 'blanks at 78 indent', line: dmesg, whole: (l) => l.map((x) => atBlanks(x, 78, '    ')).join('\n') },
  { name: 'blanks at 78 indent 2 syslog', line: syslog, whole: (l) => l.map((x) => atBlanks(x, 78, '  ')).join('\n') },
  {
    name: 'flowed',
    line: dmesg,
    whole: (l) =>
      `From: a@b.c\nContent-Type: text/plain; format=flowed\n\nhello\n\n${l.map((x) => atBlanks(x, 72, '', ' ')).join('\n')}\n`,
  },
  {
    name: 'blanks at 72 dmesg -T',
    line: (m) => `[${ctime(m.seconds)}] ${m.text}`,
    whole: (l) => l.map((x) => atBlanks(x, 72)).join('\n'),
  },
  {
    name: 'quoted twice wrapped',
    line: dmesg,
    whole: (l) =>
      l
        .map((x) =>
          atBlanks(x, 70)
            .split('\n')
            .map((y) => `> > ${y}`)
            .join('\n'),
        )
        .join('\n'),
  },
  { name: 'quoted then rewrapped', line: dmesg, whole: (l) => l.map((x) => atBlanks(`> ${x}`, 76)).join('\n') },
  {
    name: 'wrapped iso syslog',
    line: (m, p) => `${iso(m.seconds, 6)}+00:00 ${p.host} kernel: ${kernel(m.seconds)} ${m.text}`,
    whole: (l) => l.map((x) => atBlanks(x, 78)).join('\n'),
  },
  {
    name: 'tmux copy trailing blanks',
    line: dmesg,
    whole: (l) =>
      atEdge(120)(l)
        .split('\n')
        .map((x) => x.padEnd(120))
        .join('\n'),
  },
  { name: 'newest first dmesg', line: dmesg, whole: (l) => l.toReversed().join('\n') },
  {
    name: 'newest first dmesg -T',
    line: (m) => `[${ctime(m.seconds)}] ${m.text}`,
    whole: (l) => l.toReversed().join('\n'),
  },
  {
    name: 'newest first journal',
    line: (m, p) => `${bsd(m.seconds)} ${p.host} kernel: ${m.text}`,
    whole: (l) => l.toReversed().join('\n'),
  },
  {
    name: 'newest first json',
    line: (m, p) => json({ host: p.host, message: m.text, timestamp: `${iso(m.seconds)}Z` }),
    whole: (l) => l.toReversed().join('\n'),
    tellsHost: true,
  },
  {
    name: 'newest first JSON array',
    line: (m, p) => json({ host: p.host, message: m.text, timestamp: `${iso(m.seconds)}Z` }),
    whole: (l) => `[${l.toReversed().join(',')}]`,
    tellsHost: true,
  },
  {
    name: 'newest first learned',
    line: (m, p) => `${iso(m.seconds)}Z {host="${p.host}"} ${m.text}`,
    whole: (l) => l.toReversed().join('\n'),
  },
  {
    name: 'newest first gcloud',
    line: (m, p) =>
      JSON.stringify(
        { insertId: p.id, jsonPayload: { message: m.text, hostname: p.host }, timestamp: `${iso(m.seconds, 6)}Z` },
        null,
        2,
      ),
    whole: (l) => `[\n${l.toReversed().join(',\n')}\n]\n`,
    tellsHost: true,
  },
  {
    name: 'UTF-16 CRLF csv',
    line: (m, p) => `${csv(iso(m.seconds))},${csv(p.host)},${csv(dmesg(m))}`,
    whole: (l) => Buffer.from(`\ufeff"time","host","message"\r\n${l.join('\r\n')}\r\n`, 'utf16le').toString('latin1'),
  },
  { name: 'UTF-7-ish percent', line: (m) => encodeURIComponent(dmesg(m)), whole: (l) => l.join('%0A') },
  {
    name: 'form urlencoded',
    line: (m) => encodeURIComponent(dmesg(m)).replaceAll('%20', '+'),
    whole: (l) => `text=${l.join('%0A')}`,
  },
  {
    name: 'mail html only',
    line: (m) => html(dmesg(m)),
    whole: (l) =>
      `From: a@b.c\nMIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n<html><body><pre>${l.join('\n').replaceAll('=', '=3D')}</pre></body></html>\n`,
  },
  {
    name: 'mail 7bit',
    line: dmesg,
    whole: (l) =>
      `Return-Path: <a@b.c>\nFrom: a@b.c\nSubject: oom\nContent-Type: text/plain; charset=us-ascii\nContent-Transfer-Encoding: 7bit\n\n${l.join('\n')}\n`,
  },
  {
    name: 'mail flowed quoted',
    line: (m) => `> ${dmesg(m)}`,
    whole: (l) =>
      `From: a@b.c\nSubject: oom\nContent-Type: text/plain; charset=us-ascii; format=flowed\nContent-Transfer-Encoding: 8bit\n\nOn Sunday Ana wrote:\n${l.join('\n')}\n`,
  },
  {
    name: 'mail attachment base64 crlf',
    line: dmesg,
    whole: (l) =>
      `From: a@b.c\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="xx--yy12"\r\n\r\n--xx--yy12\r\nContent-Type: text/plain\r\n\r\nsee attachment\r\n--xx--yy12\r\nContent-Type: text/x-log; name="dmesg.log"\r\nContent-Disposition: attachment; filename="dmesg.log"\r\nContent-Transfer-Encoding: base64\r\n\r\n${Buffer.from(l.join('\r\n'), 'latin1').toString('base64').replaceAll(/.{76}/g, '$&\r\n')}\r\n--xx--yy12--\r\n`,
  },
  {
    name: 'RTF',
    line: (m) => `${dmesg(m).replace(/[\\{}]/g, '\\$&')}\\par`,
    whole: (l) => `{\\rtf1\\ansi\\deff0{\\fonttbl{\\f0 Courier New;}}\\f0\\fs20\n${l.join('\n')}\n}`,
  },
  {
    name: 'YAML block literal',
    line: (m) => `    ${dmesg(m)}`,
    whole: (l) => `apiVersion: v1\ndata:\n  dmesg: |\n${l.join('\n')}\n`,
  },
  { name: 'YAML folded double quotes', line: dmesg, whole: (l) => `dmesg: "${l.join('\\n')}"\n` },
  { name: 'TOML multi', line: dmesg, whole: (l) => `log = '''\n${l.join('\n')}\n'''\n` },
  { name: 'here doc', line: dmesg, whole: (l) => `cat <<'EOF' > x\n${l.join('\n')}\nEOF\n` },
  { name: 'JS array', line: (m) => `  ${json(dmesg(m))},`, whole: (l) => `const log = [\n${l.join('\n')}\n];\n` },
  { name: 'python repr list', line: (m) => `'${dmesg(m)}'`, whole: (l) => `[${l.join(', ')}]\n` },
  {
    name: 'json nested string twice',
    line: dmesg,
    whole: (l) => json({ Records: [{ Sns: { Message: json({ log: l.join('\n') }) } }] }),
  },
  {
    name: 'pagerduty',
    line: dmesg,
    whole: (l) => json({ incident: { id: 'Q1', body: { details: { custom_details: { output: l.join('\r\n') } } } } }),
  },
  {
    name: 'alertmanager',
    line: dmesg,
    whole: (l, p) =>
      json({ alerts: [{ labels: { instance: p.host }, annotations: { description: `log:\n${l.join('\n')}` } }] }),
  },
  {
    name: 'k8s configmap json',
    line: dmesg,
    whole: (l) => json({ kind: 'ConfigMap', data: { 'dmesg.log': l.join('\n') } }),
  },
  {
    name: 'jsonl with tabs & CRLF',
    line: (m, p) => json({ t: iso(m.seconds), h: p.host, m: dmesg(m) }),
    whole: (l) => `${l.join('\r\n')}\r\n`,
  },
  {
    name: 'ndjson with bulk actions',
    line: (m, p) =>
      `{"index":{"_index":"x"}}\n${json({ '@timestamp': `${iso(m.seconds)}Z`, host: { name: p.host }, message: m.text })}`,
    tellsHost: true,
  },
  {
    name: 'otel one record array',
    line: (m) => json({ timeUnixNano: `${epoch(m.seconds, 1000)}000000`, body: { stringValue: dmesg(m) } }),
    whole: (l, p) =>
      json({
        resourceLogs: [
          {
            resource: { attributes: [{ key: 'host.name', value: { stringValue: p.host } }] },
            scopeLogs: [{ logRecords: JSON.parse(`[${l.join(',')}]`) }],
          },
        ],
      }),
  },
  {
    name: 'azure tables objects',
    line: (m, p) =>
      json({
        TimeGenerated: `${iso(m.seconds)}Z`,
        Computer: p.host,
        SyslogMessage: m.text,
        Facility: 'kern',
        SeverityLevel: 'warning',
      }),
    whole: (l) => `[${l.join(',\n')}]`,
    tellsHost: true,
  },
  { name: 'azure serial log', line: dmesg, whole: (l) => `\xef\xbb\xbf${l.join('\r\n')}\r\n\0\0\0\0` },
  {
    name: 'gcp serial',
    line: (m, p) => `Nov ${blankDay(m.seconds)} ${clock(m.seconds)} ${p.host} kernel: ${kernel(m.seconds)} ${m.text}`,
    whole: (l) => `${l.join('\r\r\n')}\r\n`,
  },
  {
    name: 'gcp serial json',
    line: (m, p) =>
      json({
        textPayload: `${syslog(m, p)}\r\n`,
        resource: { type: 'gce_instance', labels: { instance_id: '12345', zone: 'x' } },
        logName: 'projects/x/logs/serialconsole.googleapis.com%2Fserial_port_1_output',
        timestamp: `${iso(m.seconds, 9)}Z`,
        receiveTimestamp: `${iso(m.seconds, 9)}Z`,
      }),
    whole: (l) => `[${l.join(',\n')}]`,
  },
  {
    name: 'CSV pipe',
    line: (m, p) => `${iso(m.seconds)}|${p.host}|kern|${m.text}`,
    whole: (l) => `time|host|facility|message\n${l.join('\n')}\n`,
    tellsHost: true,
  },
  {
    name: 'CSV excel sep',
    line: (m, p) => `${csv(iso(m.seconds))};${csv(p.host)};${csv(dmesg(m))}`,
    whole: (l) => `sep=;\r\n"time";"host";"message"\r\n${l.join('\r\n')}\r\n`,
    tellsHost: true,
  },
  {
    name: 'CSV odd header',
    line: (m, p) => `${csv(p.id)},${csv(p.host)},${csv(dmesg(m))},${csv('x')}`,
    whole: (l) => `"Event ID","Device","Log Entry","Tags"\n${l.join('\n')}\n`,
  },
  {
    name: 'CSV reversed BOM',
    line: (m, p) => `${csv(iso(m.seconds))},${csv(p.host)},${csv(dmesg(m))}`,
    whole: (l) => `\xef\xbb\xbftime,host,message\n${l.toReversed().join('\n')}\n`,
  },
  {
    name: 'papertrail tsv',
    line: (m, p, at) =>
      `${at + 700}\t${iso(m.seconds, 0)}\t${iso(m.seconds, 0)}\t31\t${p.host}\t10.0.0.1\tKern\tWarning\tkernel\t${m.text}`,
  },
  {
    name: 'sumo csv',
    line: (m, p) => `"-9223","${epoch(m.seconds, 1000)}",${csv(dmesg(m))},${csv(p.host)}`,
    whole: (l) => `"_messageid","_messagetime","_raw","_sourcehost"\n${l.join('\n')}\n`,
  },
  {
    name: 'kibana csv',
    line: (m, p) => `"Nov 22, 2026 @ ${clock(m.seconds)}.000",${csv(p.host)},${csv(m.text)}`,
    whole: (l) => `"@timestamp","host.name",message\n${l.join('\n')}\n`,
    tellsHost: true,
  },
  {
    name: 'journal verbose CRLF',
    line: (m, p) =>
      `${weekday(m.seconds)} ${iso(m.seconds, 6).replace('T', ' ')} UTC [s=184d;i=5ef;b=1;m=1;t=1;x=1]\r\n    _HOSTNAME=${p.host}\r\n    _TRANSPORT=kernel\r\n    MESSAGE=${m.text}`,
    whole: (l) => l.join('\r\n'),
  },
  {
    name: 'journal export CRLF',
    line: (m, p) => `__CURSOR=s=1;i=${p.id}\r\n_HOSTNAME=${p.host}\r\n_TRANSPORT=kernel\r\nMESSAGE=${m.text}\r\n`,
    whole: (l) => l.join('\r\n'),
  },
  {
    name: 'json-pretty CRLF',
    line: (m, p) =>
      JSON.stringify({ _HOSTNAME: p.host, _TRANSPORT: 'kernel', MESSAGE: m.text }, null, '\t')
        .replaceAll('": ', '" : ')
        .replaceAll('\n', '\r\n'),
    whole: (l) => l.join('\r\n'),
  },
  {
    name: 'json-pretty quoted',
    line: (m, p) =>
      JSON.stringify({ _HOSTNAME: p.host, _TRANSPORT: 'kernel', MESSAGE: m.text }, null, '\t')
        .split('\n')
        .map((x) => `> ${x}`)
        .join('\n'),
    whole: (l) => l.join('\n'),
  },
  { name: 'jq -r message', line: (m) => m.text },
  {
    name: 'jq . coloured',
    line: (m) => `  \x1b[0m\x1b[34;1m"message"\x1b[0m\x1b[1;39m:\x1b[0m \x1b[0;32m${json(dmesg(m))}\x1b[0m`,
  },
  {
    name: 'json two-space pretty fields',
    line: (m, p) => JSON.stringify({ host: p.host, message: dmesg(m) }, null, 2),
    tellsHost: true,
  },
  {
    name: 'jsonl behind syslog',
    line: (m, p) => `${bsd(m.seconds)} ${p.host} vector[12]: ${json({ host: p.host, message: dmesg(m) })}`,
    tellsHost: true,
  },
  {
    name: 'docker json-file in CRI',
    line: (m) => `${iso(m.seconds, 9)}Z stdout F ${json({ log: dmesg(m), level: 'warn' })}`,
  },
  {
    name: 'CRI with P/F',
    line: (m) =>
      m.text.length > 60
        ? `${iso(m.seconds, 9)}Z stderr P ${dmesg(m).slice(0, 50)}\n${iso(m.seconds, 9)}Z stderr F ${dmesg(m).slice(50)}`
        : `${iso(m.seconds, 9)}Z stderr F ${dmesg(m)}`,
  },
];
export const HANDED_ON: readonly Wrapper[] = [
  ...simple.map(([name, line]) => ({ name, line })),
  ...hosted.map(([name, line]) => ({ name, line, tellsHost: true })),
  ...docs,
];
