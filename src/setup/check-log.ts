import { shellPath, showHostText } from '../notice/host-text.ts';
import type { CheckedHost, Finding, HostFacts } from './finding.ts';
import { groupLine, setupLine } from './fix-line.ts';

/** The kernel log, as the configuration or detection has it read, and what else tells of kills. */
export function checkLog(host: CheckedHost, probe: HostFacts): Finding[] {
  const sources = host.logFiles === null ? checkSources(host, probe) : checkFiles(host, probe, host.logFiles);
  return [...sources, ...checkCounters(probe), ...checkKillers(host, probe)];
}

/** The configured files, which are read and nothing else. */
function checkFiles(host: CheckedHost, probe: HostFacts, logFiles: readonly string[]): Finding[] {
  const known = new Map(probe.files.map((file) => [file.path, file.readable]));
  const unread = logFiles.filter((path) => known.get(path) !== true);
  const severity = unread.length < logFiles.length ? 'watches-worse' : 'cannot-watch';
  return unread.map((path) => {
    const isThere = known.has(path);
    if (probe.setup.closedFiles.includes(path))
      return {
        code: 'unreadable-file',
        about: 'log',
        severity,
        what: `/usr/local/bin/oombot-host does not read ${words(path)}. It is listed under logFiles in the configuration.`,
        cost: 'Whatever is only in this file goes unseen.',
        fix: { where: 'bot', line: setupLine(host, { known: probe.setup.options, logFile: path }) },
      };
    const wrong = isThere
      ? `${host.user} cannot read ${words(path)}`
      : `${host.user} cannot find ${words(path)}: it does not exist, or ${host.user} cannot open its folder`;
    return {
      code: 'unreadable-file',
      about: 'log',
      severity,
      what: `${wrong}. It is listed under logFiles in the configuration.`,
      cost:
        severity === 'cannot-watch'
          ? 'Kills go unseen: when logFiles is set, nothing else is read.'
          : 'Whatever is only in this file goes unseen.',
      fix: isThere ? fileFix(host, path, probe.setup.tools) : whereFix(path),
    };
  });
}

/** A fast source for news, a lasting one for the past. Without any nothing is seen. */
function checkSources(host: CheckedHost, probe: HostFacts): Finding[] {
  const { journal, files, setup } = probe;
  const fileReadable = files.some((file) => file.readable);
  const lasting = journal.readable || fileReadable;
  const severity = probe.kmsg !== null || lasting || probe.dmesg ? 'watches-worse' : 'cannot-watch';
  const found: Finding[] = [];
  const about = 'log' as const;

  if (probe.kmsg === null)
    found.push({
      code: 'no-kmsg',
      about,
      severity,
      what: `${host.user} cannot read /dev/kmsg${probe.dmesgRestrict ? ' (kernel.dmesg_restrict is 1)' : ''}, and ${whyNotThroughHelper(probe)}.`,
      cost:
        severity === 'cannot-watch'
          ? 'Kills go unseen.'
          : 'Kills are seen half a second late or more, and lost records go unnoticed.',
      fix: { where: 'bot', line: setupLine(host, { known: setup.options }) },
    });

  if (journal.present && !journal.readable)
    found.push({
      code: mayReadJournal(probe) ? 'no-kernel-entries' : isPrepared(probe) ? 'no-journal-reader' : 'no-group',
      about,
      severity,
      what: mayReadJournal(probe)
        ? 'The journal has no kernel entries: is systemd-journald running?'
        : isPrepared(probe)
          ? `${host.user} cannot read the journal: /usr/local/sbin/oom-journal is ${setup.journalReader === 'none' ? 'not there' : 'not allowed by sudo or doas'}.`
          : `${host.user} cannot read the journal: it is not in group ${groupOf(probe)}.`,
      cost: 'While the bot is away it depends on what the kernel ring still holds; userspace killers (systemd-oomd, earlyoom) go unseen.',
      fix: journalFix(host, probe),
    });

  if (journal.present && journal.readable && !journal.persistent && !fileReadable)
    found.push({
      code: 'volatile-journal',
      about,
      severity: 'watches-worse',
      what: 'The journal is kept in memory only (there is no /var/log/journal).',
      cost: 'A reboot loses the end of the log, so a kill that led to it stays unexplained.',
      fix: {
        where: 'host',
        line: "mkdir -p /var/log/journal /etc/systemd/journald.conf.d && printf '[Journal]\\nStorage=persistent\\n' > /etc/systemd/journald.conf.d/50-persistent.conf && systemctl restart systemd-journald && journalctl --flush",
      },
    });

  if (!lasting && !journal.present) {
    const file = files[0];
    if (file)
      found.push({
        code: 'unreadable-file',
        about,
        severity,
        what: `There is no journal, and ${host.user} cannot read ${words(file.path)}.`,
        cost: 'While the bot is away it depends on what the kernel ring still holds.',
        fix: fileFix(host, file.path, setup.tools),
      });
    else
      found.push({
        code: 'no-journald',
        about,
        severity,
        what: 'There is no journal and no kernel log file.',
        cost: 'While the bot is away it depends on what the kernel ring still holds, and everything before a reboot is lost.',
        fix: syslogFix(setup.tools),
      });
  }
  return found;
}

function checkCounters(probe: HostFacts): Finding[] {
  if (probe.oomKills !== null) return [];
  return [
    {
      code: 'no-counters',
      about: 'log',
      severity: 'watches-worse',
      what: 'This kernel does not count its kills (oom_kill in /proc/vmstat came with 4.13).',
      cost: 'The bot cannot tell whether it missed a kill.',
      fix: null,
    },
  ];
}

function checkKillers(host: CheckedHost, probe: HostFacts): Finding[] {
  const killers = probe.killers.filter((name) => /^[a-z-]{1,20}$/.test(name));
  if (killers.length === 0) return [];
  const finding = { code: 'userspace-killers', about: 'log' } as const;
  const also = `${killers.join(' and ')} kills here as well; ${killers.length > 1 ? 'their' : 'its'} kills`;
  const rules = 'They choose by their own rules, not by oom_score_adj alone.';
  if (host.logFiles !== null)
    return [
      {
        ...finding,
        severity: 'note',
        what: `${also} are seen only if the configured log files hold them.`,
        cost: rules,
        fix: null,
      },
    ];
  const what = `${also} are only in the journal.`;
  if (!probe.journal.readable)
    return [{ ...finding, severity: 'watches-worse', what, cost: 'They go unseen.', fix: journalFix(host, probe) }];
  const cost = `They arrive through the journal, up to half a second late. ${rules}`;
  return [{ ...finding, severity: 'note', what, cost, fix: null }];
}

function whyNotThroughHelper(probe: HostFacts): string {
  if (!probe.kmsgHelper) return 'the reader that "oombot setup" installs is missing';
  const said = probe.setup.kmsgHelperError;
  if (said === null) return 'there is no sudo or doas to run the reader';
  return said.endsWith('refused kmsg')
    ? 'even root cannot read it here'
    : `the reader is not permitted (${words(said)})`;
}

function groupOf(probe: HostFacts): string {
  return probe.setup.hostGroups.includes('systemd-journal') ? 'systemd-journal' : 'adm';
}

/** It has the right, so what it does not find is not there. */
function mayReadJournal(probe: HostFacts): boolean {
  return probe.uid === 0 || probe.groups.includes(groupOf(probe)) || probe.setup.journalReader === 'empty';
}

function journalFix(host: CheckedHost, probe: HostFacts): Finding['fix'] {
  if (mayReadJournal(probe)) return { where: 'host', line: 'systemctl restart systemd-journald' };
  return isPrepared(probe)
    ? { where: 'bot', line: setupLine(host, { known: probe.setup.options }) }
    : { where: 'host', line: groupLine(host, groupOf(probe), probe.setup.tools) };
}

/** By `oombot setup`, of this version or an older one. */
function isPrepared({ oomAdjHelper, kmsgHelper, setup }: HostFacts): boolean {
  return oomAdjHelper || kmsgHelper || setup.dispatcher !== null;
}

function fileFix(host: CheckedHost, path: string, tools: readonly string[]): Finding['fix'] {
  const safe = shellPath(path);
  if (safe === null) return null;
  return { where: 'host', line: `chgrp adm ${safe} && chmod g+r ${safe} && ${groupLine(host, 'adm', tools)}` };
}

/** A file of another name, or of none: only a person can tell, from what is there. */
function whereFix(path: string): Finding['fix'] {
  const safe = shellPath(path);
  return safe === null ? null : { where: 'host', line: `ls -l ${safe} || ls -l ${safe.replace(/[^/]*$/, '')}` };
}

function syslogFix(tools: readonly string[]): Finding['fix'] {
  const line = {
    'apt-get': 'apt-get install -y rsyslog',
    dnf: 'dnf install -y rsyslog && systemctl enable --now rsyslog',
    yum: 'yum install -y rsyslog && service rsyslog start',
    zypper: 'zypper install -y rsyslog && systemctl enable --now rsyslog',
    apk: 'apk add rsyslog && rc-update add rsyslog && rc-service rsyslog start',
  };
  const tool = (Object.keys(line) as (keyof typeof line)[]).find((name) => tools.includes(name));
  return tool ? { where: 'host', line: line[tool] } : null;
}

/** Words of the host inside a sentence of ours. */
function words(text: string): string {
  return showHostText(text, 120);
}
