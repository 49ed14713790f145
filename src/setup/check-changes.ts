import { VERBS } from '../remote/scripts.ts';
import { showHostText } from '../notice/host-text.ts';
import type { CheckedHost, Finding, HostFacts } from './finding.ts';
import { setupLine } from './fix-line.ts';

export interface HelperHello {
  version: number;
  min: number;
  max: number;
  /** root has CAP_SYS_RESOURCE: it can lower a value below where it was. */
  capability: boolean;
  writable: boolean;
  file: 'oom_score_adj' | 'oom_adj';
  /** The host runs systemd, so that a service can be given a drop-in. */
  units: boolean;
  /** It raises values above where it found them. null: an older one, which does, and does more. */
  raises: boolean | null;
  /** The host has a log for it to write to. */
  logs: boolean;
}

const VERSION = 1;
// ok oom-adj=1 min=-900 max=1000 capability=yes writable=yes file=oom_score_adj units=yes raise=no log=yes try=yes ref=yes
// Older ones end after units; newer ones may say more.
const HELLO =
  /^ok oom-adj=(\d{1,4}) min=(-?\d{1,4}) max=(-?\d{1,4}) capability=(yes|no) writable=(yes|no) file=(oom_score_adj|oom_adj) units=(yes|no)(?: raise=(yes|no) log=(yes|no)(?: [a-z]{1,12}=[a-z0-9]{1,12}){0,9})?$/;

/** The helper's answer to `v1 hello`. null: it is another one. */
export function readHelperHello(answer: string): HelperHello | null {
  const found = HELLO.exec(answer.trim());
  if (!found) return null;
  const [, version, min, max, capability, writable, file, units, raise, log] = found;
  return {
    version: Number(version),
    min: Number(min),
    max: Number(max),
    capability: capability === 'yes',
    writable: writable === 'yes',
    file: file === 'oom_adj' ? 'oom_adj' : 'oom_score_adj',
    units: units === 'yes',
    raises: raise === undefined ? null : raise === 'yes',
    logs: log !== 'no',
  };
}

/** The line that sets the host up again as it is, with what this version brings. */
export function setupAgainLine(host: CheckedHost, { setup }: HostFacts): string {
  const hello = setup.oomAdjSays === null ? null : readHelperHello(setup.oomAdjSays);
  return setupLine(host, {
    known: setup.options,
    writer: setup.writer,
    // An older helper's lowest was -1000 whether somebody wanted that or not.
    min: hello === null || (hello.raises === null && hello.min === -1000) ? null : hello.min,
    allowRaise: hello?.raises === true,
  });
}

/** Whether a change can be applied: the helper, the rule that lets us call it, and what root itself may do on the host. */
export function checkChanges(host: CheckedHost, probe: HostFacts): Finding[] {
  const { setup } = probe;
  const found: Finding[] = [];
  const about = 'changes' as const;
  const hello = setup.oomAdjSays === null ? null : readHelperHello(setup.oomAdjSays);
  const again = { where: 'bot', line: setupAgainLine(host, probe) } as const;

  // Prepared, but the key is not kept to one command.
  const isWide = setup.dispatcher === null && probe.uid !== 0 && (probe.oomAdjHelper || probe.kmsgHelper);
  if (isWide)
    found.push({
      code: 'wide-setup',
      about: 'login',
      severity: 'note',
      what: `The bot’s key may run any command as ${host.user}: the host was set up by an older version.`,
      cost: `Whoever steals the key can read all that ${host.user} can read, copy files and connect to other hosts from there.`,
      fix: again,
    });
  const missing = VERBS.filter((verb) => setup.dispatcher?.verbs.includes(verb) === false);
  if (missing.length > 0)
    found.push({
      code: 'old-dispatcher',
      about: 'login',
      severity: 'note',
      what: `/usr/local/bin/oombot-host is too old for this version: it does not know ${missing.join(', ')}.`,
      cost: 'What the bot asks by these names gets no answer.',
      fix: again,
    });

  for (const { path, uid, mode } of setup.helperRights)
    if (uid !== 0 || (Number.parseInt(mode, 8) & 0o022) !== 0)
      found.push({
        code: 'unsafe-helper',
        about,
        severity: 'unsafe',
        what: `${showHostText(path, 60)} belongs to uid ${uid} with mode ${mode}: someone other than root can change what runs as root.`,
        cost: 'Whoever can write to it can become root.',
        fix: again,
      });

  // A separate account cannot be tried from this one; its own setting-up tried it.
  const callable = probe.oomAdj !== null || setup.writer;
  if (!probe.oomAdjHelper) {
    found.push({
      code: 'no-helper',
      about,
      severity: 'cannot-change',
      what: 'The helper /usr/local/sbin/oom-adj is missing.',
      cost: 'oom_score_adj cannot be changed on this host.',
      fix: again,
    });
  } else if (!callable) {
    const said = setup.oomAdjError ?? '';
    const tty = said.includes('must have a tty');
    found.push({
      code: tty ? 'requiretty' : 'helper-refused',
      about,
      severity: 'cannot-change',
      what: tty
        ? `sudo requires a terminal (requiretty), and the bot has none.`
        : `${host.user} cannot run the helper: ${said === '' ? 'there is no sudo or doas' : `the host says "${showHostText(said, 120)}"`}.`,
      cost: 'oom_score_adj cannot be changed on this host.',
      fix: said === '' ? installSudo(setup.tools) : again,
    });
  } else if (probe.oomAdj !== null && hello?.version !== VERSION) {
    found.push({
      code: 'stale-helper',
      about,
      severity: 'cannot-change',
      what: `The helper /usr/local/sbin/oom-adj has a different version${hello ? ` (${hello.version}, not ${VERSION})` : ''}.`,
      cost: 'The bot does not use it to change oom_score_adj.',
      fix: again,
    });
  } else if (hello?.raises === null && !isWide) {
    found.push({
      code: 'old-helper',
      about,
      severity: 'note',
      what: 'The helper /usr/local/sbin/oom-adj is an older one: it raises any value, and changes things even when it cannot log them.',
      cost: 'Whoever gets hold of the bot’s key can choose what is killed next.',
      fix: again,
    });
  } else if (hello?.logs === false) {
    found.push({
      code: 'no-host-log',
      about,
      severity: 'cannot-change',
      what: 'There is no system log (/dev/log) on the host, and the helper changes nothing that it cannot log.',
      cost: 'oom_score_adj cannot be changed on this host.',
      fix: logFix(setup.tools),
    });
  }

  if (!setup.adjFiles.oomScoreAdj && !setup.adjFiles.oomAdj)
    found.push({
      code: 'no-oom-adj',
      about,
      severity: 'cannot-change',
      what: '/proc has neither oom_score_adj nor oom_adj.',
      cost: 'There is nothing to change.',
      fix: null,
    });
  if (setup.procOptions.split(',').includes('ro') || hello?.writable === false)
    found.push({
      code: 'read-only-proc',
      about,
      severity: 'cannot-change',
      what: '/proc is mounted read-only.',
      cost: 'oom_score_adj cannot be changed on this host.',
      fix: { where: 'host', line: 'mount -o remount,rw /proc' },
    });
  if (setup.capSysResource === false || hello?.capability === false)
    found.push({
      code: 'no-capability',
      about,
      severity: 'cannot-change',
      what: 'Root lacks CAP_SYS_RESOURCE here, as in many containers and some virtual machines.',
      cost: 'Values can be raised and restored, but not lowered further. Give the container or the sshd service this capability.',
      fix: null,
    });
  return found;
}

function logFix(tools: readonly string[]): Finding['fix'] {
  const line = {
    'apt-get': 'apt-get install -y rsyslog',
    dnf: 'dnf install -y rsyslog && systemctl enable --now rsyslog',
    yum: 'yum install -y rsyslog && service rsyslog start',
    zypper: 'zypper install -y rsyslog && systemctl enable --now rsyslog',
    apk: 'rc-update add syslog boot && rc-service syslog start',
  };
  const tool = (Object.keys(line) as (keyof typeof line)[]).find((name) => tools.includes(name));
  return tool ? { where: 'host', line: line[tool] } : null;
}

function installSudo(tools: readonly string[]): Finding['fix'] {
  const line = {
    'apt-get': 'apt-get install -y sudo',
    dnf: 'dnf install -y sudo',
    yum: 'yum install -y sudo',
    zypper: 'zypper install -y sudo',
    apk: 'apk add doas',
  };
  const tool = (Object.keys(line) as (keyof typeof line)[]).find((name) => tools.includes(name));
  return tool ? { where: 'host', line: line[tool] } : null;
}
