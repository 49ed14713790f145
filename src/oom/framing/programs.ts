// The names by which lines of userspace are read: who kills, and who tells of a kill. A report of the kernel counts whoever hands it on.

const NAMES =
  'earlyoom|nohang(?:-desktop)?|systemd-oomd|oomd|kubelet|lmkd|lowmemorykiller|talos|controller-runtime|node-problem-detector[\\w.-]{0,40}';
const KNOWN = new RegExp(`^(?:${NAMES}|systemd)$`);
const WITHIN = new RegExp(`(?<![\\w./-])(?:(${NAMES})(?:\\.service)?|(systemd)(?=\\[\\d)|init\\.scope)(?![\\w.-])`);
const PID = /\[\d{1,10}\]:?$|:$/;

/** A program by what a field calls it: a name, a syslog tag, or the unit that `journalctl -o with-unit` names. */
export function programOf(name: string): string {
  const bare = name.replace(PID, '');
  if (bare === 'init.scope' || bare.startsWith('user@')) return 'systemd';
  return bare.endsWith('.service') ? bare.slice(0, -8) : bare;
}

/** The same where lines of that program are read as such, else null. */
export function knownProgram(name: string): string | null {
  const program = programOf(name);
  return KNOWN.test(program) ? program : null;
}

/** A known program that a front names anywhere, as in `{host="db01", unit="earlyoom.service"}`. */
export function programWithin(front: string): string | null {
  const found = WITHIN.exec(front);
  return found === null ? null : (found[1] ?? 'systemd');
}
