import { untilInputEnds } from './command.ts';
import { KILLER_UNITS } from './probe-script.ts';

export const KMSG_SCRIPT = `
read -r b < /proc/sys/kernel/random/boot_id; read -r up _ < /proc/uptime
echo "#kmsg 1 $b $(date +%s) $up"
${untilInputEnds('cat /dev/kmsg')}`;

const KILLERS = KILLER_UNITS.map((unit) => `_SYSTEMD_UNIT=${unit}.service`).join(' + ');
/**
 * What systemd says of a unit, and no other of its lines: "A process of this unit has been killed by the OOM killer" and
 * "systemd-oomd killed …" (sd-messages.h: SD_MESSAGE_UNIT_OUT_OF_MEMORY, SD_MESSAGE_UNIT_OOMD_KILL). Anybody may send such an id;
 * the path of the program is journald's own word. Managers of users run the same program.
 */
const OUT_OF_MEMORY = 'fe6faa94e7774663a0da52717891d8ef';
const OOMD_KILL = 'd989611b15e44c9dbf31e3c81256e4ed';
const MANAGERS = ['/usr/lib/systemd/systemd', '/lib/systemd/systemd'];

function saidByManagers(ids: readonly string[]): string {
  return [...MANAGERS.map((exe) => `_EXE=${exe}`), ...ids.map((id) => `MESSAGE_ID=${id}`)].join(' ');
}

const FIELDS =
  '--output-fields=MESSAGE,PRIORITY,SYSLOG_FACILITY,SYSLOG_IDENTIFIER,_TRANSPORT,_SYSTEMD_UNIT,_BOOT_ID,_SOURCE_MONOTONIC_TIMESTAMP';

/**
 * What journalctl is asked, as "$@", from $kind (follow, past or since), $filter (all or killers), $fields (fields or plain) and
 * $from (a cursor, "-" for the last 20,000 entries, or for since an epoch). Anything else: exit 64.
 */
export const JOURNAL_REQUEST = `
set --
case $filter in
  all) set -- _TRANSPORT=kernel + ${KILLERS} + ${saidByManagers([OUT_OF_MEMORY, OOMD_KILL])};;
  # Beside /dev/kmsg the kernel's kills need no witness, and would be told twice.
  killers) set -- ${KILLERS} + ${saidByManagers([OOMD_KILL])};;
  *) exit 64;;
esac
case $fields in
  fields) set -- "$@" ${FIELDS};;
  plain) ;;
  *) exit 64;;
esac
case $kind in
  since) case $from in ''|*[!0-9]*) exit 64;; esac; set -- "$@" "--since=@$from";;
  follow|past) case $from in -) set -- "$@" -n 20000;; ''|-*|*[!A-Za-z0-9=\\;_-]*) exit 64;; *) set -- "$@" "--cursor=$from";; esac;;
  *) exit 64;;
esac
[ "$kind" != follow ] || set -- "$@" -f --no-tail
read -r b < /proc/sys/kernel/random/boot_id; read -r up _ < /proc/uptime
echo "#journal 1 $(date +%s) $b $up"`;

export const JOURNAL_SCRIPT = `
read -r kind filter fields from${JOURNAL_REQUEST}
${untilInputEnds('journalctl -q --no-pager -o json "$@"')}`;

export const DMESG_SCRIPT = `
read -r b < /proc/sys/kernel/random/boot_id
echo "#dmesg 1 $b"
dmesg -r`;
