import { checkChanges } from './check-changes.ts';
import { checkLog } from './check-log.ts';
import type { LoginTrouble } from '../app/host-link.ts';
import type { CheckedHost, CheckFacts, Finding, HostFacts } from './finding.ts';
import { changedHostLine, knownHostLine, newKeyLine, quoted, setupLine } from './fix-line.ts';

/** Everything that is off on a host, the worst first: what it costs and the line that puts it right. Nothing off: empty. */
export function checkHost(facts: CheckFacts): Finding[] {
  if (facts.login !== null) return [loginFinding(facts.host, facts.login)];
  const { host, probe } = facts;
  const findings = [...checkLog(host, probe), ...checkScores(host, probe), ...checkChanges(host, probe)];
  return findings.toSorted((a, b) => RANK.indexOf(a.severity) - RANK.indexOf(b.severity));
}

const RANK = ['cannot-watch', 'unsafe', 'watches-worse', 'cannot-change', 'note'];

function loginFinding(host: CheckedHost, trouble: LoginTrouble): Finding {
  return {
    code: trouble.reason,
    about: 'login',
    severity: 'cannot-watch',
    what: trouble.sentence,
    cost: 'Kills on this host go unseen.',
    fix: loginFix(host, trouble),
  };
}

function loginFix(host: CheckedHost, trouble: LoginTrouble): Finding['fix'] {
  const line = trouble.hostKey?.line ?? null;
  switch (trouble.reason) {
    case 'authentication':
      return { where: 'bot', line: setupLine(host, { key: true }) };
    case 'no-key':
      return { where: 'bot', line: `${newKeyLine(host)} && ${setupLine(host, { key: true })}` };
    case 'locked-key':
      return { where: 'bot', line: 'export OOMBOT_SSH_PASSPHRASE=…' };
    case 'unknown-host-key':
      return line === null ? null : { where: 'bot', line: knownHostLine(host, line) };
    case 'changed-host-key':
      // A pinned key is put right in the configuration, as the sentence says.
      return line === null || host.fingerprints.length > 0 ? null : { where: 'bot', line: changedHostLine(host, line) };
    case 'revoked-host-key':
      return {
        where: 'host',
        line: 'rm /etc/ssh/ssh_host_*_key* && ssh-keygen -A && { systemctl restart sshd || systemctl restart ssh || service sshd restart; }',
      };
    case 'algorithms':
    case 'fido-key':
      return host.transport === 'openssh' ? null : { where: 'configuration', line: 'transport: openssh' };
    case 'no-ticket':
      return { where: 'bot', line: 'kinit' };
    case 'kerberos':
    case 'local-program':
    case 'no-ssh':
    case 'network':
    case 'unusable-key':
    case 'jump-host':
      return null;
  }
}

function checkScores(host: CheckedHost, probe: HostFacts): Finding[] {
  const { adjFiles, procOptions } = probe.setup;
  const found: Finding[] = [];
  if (!probe.procReadable) {
    // Somebody may have given the right to see all to a group already: that one is joined, not replaced.
    const gid = /(?:^|,)gid=(\d+)/.exec(procOptions)?.[1];
    const remount = `mount -o remount,gid=$(id -g ${quoted(host.user)}) /proc`;
    found.push({
      code: 'hidepid',
      about: 'scores',
      severity: 'watches-worse',
      what: `/proc is mounted with hidepid=${/^\w{1,12}$/.test(probe.hidepid) ? probe.hidepid : '?'}, so ${host.user} only sees its own processes.`,
      cost: 'Kills are still seen, but not who is next or what a victim was. (The line lasts until the next boot; put it in /etc/fstab to keep it.)',
      fix: {
        where: 'host',
        line:
          gid === undefined || gid === '0'
            ? remount
            : `usermod -aG "$(getent group ${gid} | cut -d: -f1)" ${quoted(host.user)}`,
      },
    });
  }
  if (!adjFiles.oomScoreAdj && adjFiles.oomAdj)
    found.push({
      code: 'legacy-oom-adj',
      about: 'scores',
      severity: 'watches-worse',
      what: 'This kernel is older than 2.6.36 and only has oom_adj, from -17 to 15.',
      cost: 'Values are mapped to the nearest of these, and who is next follows the old rules.',
      fix: null,
    });
  return found;
}
