import { shellPath, showHostText } from '../notice/host-text.ts';
import type { CheckedHost, Finding, HostFacts } from './finding.ts';
import { groupLine, setupLine } from './fix-line.ts';

/** The kernel log: a fast source for news, a lasting one for the past. Without any nothing is seen. */
export function checkLog(host: CheckedHost, probe: HostFacts): Finding[] {
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
      what: `${host.user} may not read /dev/kmsg${probe.dmesgRestrict ? ' (kernel.dmesg_restrict is 1)' : ''}, and ${whyNotThroughHelper(probe)}.`,
      cost:
        severity === 'cannot-watch'
          ? 'No kill is seen.'
          : 'Kills are seen up to half a second late or more, and lost records are not noticed.',
      fix: { where: 'bot', line: setupLine(host) },
    });

  if (journal.present && !journal.readable)
    found.push({
      code: 'no-group',
      about,
      severity,
      what: `${host.user} may not read the journal${hasGroup(probe) ? '' : `: it is not in the group ${groupOf(probe)}`}.`,
      cost: 'What happened while the bot was away is known only as far as the kernel still holds it; userspace killers (systemd-oomd, earlyoom) are not seen.',
      fix: { where: 'host', line: groupLine(host, groupOf(probe), setup.tools) },
    });

  if (journal.present && journal.readable && !journal.persistent && !fileReadable)
    found.push({
      code: 'volatile-journal',
      about,
      severity: 'watches-worse',
      what: 'The journal is kept in memory only (there is no /var/log/journal).',
      cost: 'A restart of the host takes the end of its log along: the kill that led to it stays unexplained.',
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
        what: `There is no journal, and ${host.user} may not read ${words(file.path)}.`,
        cost: 'What happened while the bot was away is known only as far as the kernel still holds it.',
        fix: fileFix(host, file.path, setup.tools),
      });
    else
      found.push({
        code: 'no-journald',
        about,
        severity,
        what: 'There is no journal and no file with the kernel log.',
        cost: 'What happened while the bot was away is known only as far as the kernel still holds it, and nothing of the time before a restart.',
        fix: syslogFix(setup.tools),
      });
  }

  if (probe.oomKills === null)
    found.push({
      code: 'no-counters',
      about,
      severity: 'watches-worse',
      what: 'This kernel does not count its kills (oom_kill in /proc/vmstat came with 4.13).',
      cost: 'Whether a kill was missed cannot be told.',
      fix: null,
    });

  const killers = probe.killers.filter((name) => /^[a-z-]{1,20}$/.test(name));
  if (killers.length > 0)
    found.push({
      code: 'userspace-killers',
      about,
      severity: journal.readable ? 'note' : 'watches-worse',
      what: `${killers.join(' and ')} kills here as well; ${killers.length > 1 ? 'their' : 'its'} kills stand in the journal only.`,
      cost: journal.readable
        ? 'They come with the journal, up to half a second late. They choose by rules of their own, not by oom_score_adj alone.'
        : 'They are not seen.',
      fix: journal.readable ? null : { where: 'host', line: groupLine(host, groupOf(probe), setup.tools) },
    });
  return found;
}

function whyNotThroughHelper(probe: HostFacts): string {
  if (!probe.kmsgHelper) return 'the reader that "oombot setup" installs is not there';
  const said = probe.setup.kmsgHelperError;
  if (said === null) return 'there is neither sudo nor doas to call the reader';
  return said.endsWith('refused kmsg')
    ? 'root itself may not read it here'
    : `the reader may not be called (${words(said)})`;
}

function groupOf(probe: HostFacts): string {
  return probe.setup.hostGroups.includes('systemd-journal') ? 'systemd-journal' : 'adm';
}

function hasGroup(probe: HostFacts): boolean {
  return probe.groups.includes('systemd-journal') || probe.groups.includes('adm');
}

function fileFix(host: CheckedHost, path: string, tools: readonly string[]): Finding['fix'] {
  const safe = shellPath(path);
  if (safe === null) return null;
  return { where: 'host', line: `chgrp adm ${safe} && chmod g+r ${safe} && ${groupLine(host, 'adm', tools)}` };
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
