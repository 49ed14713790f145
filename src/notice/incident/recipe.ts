import type { Incident, Kill } from '../../incident/incident.ts';
import type { Cause, KillRecord } from '../../oom/report.ts';
import { shellPath, shellWord } from '../host-text.ts';

/** One thing to do. A look only reads; a change needs root, and says how it is undone. */
export type Recipe =
  | { kind: 'look'; words: string; command: string }
  | {
      kind: 'change';
      words: string;
      command: string;
      /** null: it happens once and leaves nothing behind. */
      undo: string | null;
      /** Shows the value that the undo asks for as BEFORE; null: the undo is exact. */
      before: string | null;
    };

/** What a recipe is made for. */
export interface Case {
  incident: Incident;
  kill: Kill;
  record: KillRecord;
  cause: Cause;
}

/** Makes the recipe of one cause; null: nothing sensible with what is known. */
export type RecipeMaker = (given: Case) => Recipe | null;

/** A limit should be this much above what was too little. */
export const LIMIT_MARGIN = 1.25;

export function look(words: string, command: string): Recipe {
  return { kind: 'look', words, command };
}

/** Sets a property of a unit, lastingly. With what is set now the undo is exact; undefined: not known. */
export function setProperty(
  given: { unit: string; property: string; value: string; words: string },
  now: string | undefined,
): Recipe {
  const { unit, property, value, words } = given;
  return {
    kind: 'change',
    words,
    command: `systemctl set-property ${unit} ${property}=${value}`,
    undo: `systemctl set-property ${unit} ${property}=${now ?? 'BEFORE'}`,
    before: now === undefined ? `systemctl show -p ${property} ${unit}` : null,
  };
}

/** Sets a sysctl until the next boot. */
export function setSysctl(words: string, key: string, value: number, now: number | undefined): Recipe {
  return {
    kind: 'change',
    words,
    command: `sysctl -w ${key}=${value}`,
    undo: `sysctl -w ${key}=${now ?? 'BEFORE'}`,
    before: now === undefined ? `sysctl ${key}` : null,
  };
}

// A limit on one of these can lock people out, or takes down more than it saves. Kept beside the list of the helper oom-adj.
const KEPT_UNIT =
  /^(?:sshd?(?:@.*)?|systemd-.*|dbus.*|docker|containerd|kubelet|crond?|user@.*|getty@.*)\.service$|\.scope$/;
const KEPT_NAME =
  /^(?:sshd(?:-.*)?|systemd(?:-.*)?|\(sd-pam\)|dbus-daemon|dbus-broker.*|init|containerd|dockerd|kubelet)$/;

/** One that `systemd-run` made up a name for: it goes with its process, and no command finds it again. */
export function isTransient(unit: string | null): boolean {
  return unit !== null && /^run-[a-z]?[0-9a-f]+\.(?:service|scope)$/.test(unit);
}

/** The victim's service if a command may change its limits at all, by the name that a shell takes as it is; else null. */
export function limitableUnit(record: KillRecord): string | null {
  const unit = shellWord(record.identity?.unit ?? null);
  if (unit === null || !unit.endsWith('.service') || !isSystemUnit(record, unit)) return null;
  return isTransient(unit) || KEPT_UNIT.test(unit) || KEPT_NAME.test(record.name ?? '') ? null : unit;
}

/** Whether `systemctl` means this very unit: nothing but slices stands above it, no user's manager and no container. */
export function isSystemUnit({ taskMemcg }: KillRecord, unit: string): boolean {
  const parts = (taskMemcg ?? '').split('/').slice(1);
  const at = parts.indexOf(unit);
  return at >= 0 && parts.slice(0, at).every((part) => part.endsWith('.slice'));
}

/** A size of the victim's unit as it is set now, in systemd's words; undefined: not looked at. */
export function unitSize({ incident }: Case, unit: string, key: 'memoryMaxKiB' | 'memoryHighKiB'): string | undefined {
  const facts = incident.hostFacts?.unit ?? null;
  if (facts === null || facts.name !== unit) return undefined;
  const kiB = facts[key];
  return kiB === null ? 'infinity' : `${kiB}K`;
}

/** Where the full group's files are; null: not known, gone by the time the host was looked at, or not a path for a shell. */
export function groupDirectory({ incident, record }: Case): { path: string; version: 1 | 2 } | null {
  const path = shellPath(record.oomMemcg);
  if (incident.hostFacts != null && incident.hostFacts.group === null) return null;
  const version = incident.hostFacts?.group?.version ?? record.memcg?.version ?? null;
  if (path === null || version === null) return null;
  return { path: version === 1 ? `/sys/fs/cgroup/memory${path}` : `/sys/fs/cgroup${path}`, version };
}
