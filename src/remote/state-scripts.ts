import { HAS_GROUP, KILLER_UNITS } from './probe-script.ts';

// The unit's name comes over standard input and is checked on the host too: systemd.unit(5) allows these characters.
export const UNIT_SCRIPT = `
IFS= read -r unit
case $unit in ''|-*|*[!A-Za-z0-9:_.@\\\\-]*) exit 2;; esac
echo '#unit 1'
exec systemctl show -p ActiveState -p MainPID -p NRestarts -p ActiveEnterTimestampMonotonic -- "$unit"`;

// The kernel counts a kill in the victim's own group. `memory.events` sums up those below only on kernels that have
// `memory.events.local` too (5.2), cgroup v1 never does. From inside a container paths are not the ones in the kernel's log:
// the top group, known by its files, must be in sight. No path ever comes into shell text: `find` hands them to `grep`.
export const GROUPS_SCRIPT = `
if [ -e /sys/fs/cgroup/memory/memory.oom_control ]; then
  cd /sys/fs/cgroup/memory && [ -e cgroup.sane_behavior ] || exit 1
  f=memory.oom_control
else
  cd /sys/fs/cgroup && [ ! -e cgroup.events ] || exit 1
  f=memory.events
  set -- */memory.events.local
  [ -e "$1" ] && f=memory.events.local
fi
echo '#groups 1'
find . -name "$f" -exec grep -H '^oom_kill [1-9]' {} + 2>/dev/null | head -n 1000
echo '#end'`;

// A group without a limit holds "max" (v2) or a number near 2^63 (v1). The path comes over standard input, quoted everywhere.
export const LIMIT_SCRIPT = `
IFS= read -r p
case $p in /*) ;; *) exit 2;; esac
case $p in */../*|*/..) exit 2;; esac
echo '#limit 1'
n=0
while [ -n "$p" ] && [ "$p" != / ] && [ $n -lt 40 ]; do
  for f in "/sys/fs/cgroup/memory$p/memory.limit_in_bytes" "/sys/fs/cgroup$p/memory.max" "/sys/fs/cgroup/unified$p/memory.max"; do
    [ -r "$f" ] || continue
    IFS= read -r v < "$f" || continue
    case $v in ''|*[!0-9]*) continue;; esac
    [ "\${#v}" -lt 19 ] || continue
    echo "limit $v $p"
    exit 0
  done
  p=\${p%/*}; n=$((n + 1))
done`;

/** The kernel's count of its kills, and whether somebody kills beside it. */
export const COUNTERS_SCRIPT = `
read -r b < /proc/sys/kernel/random/boot_id
k=-
while read -r name value; do [ "$name" = oom_kill ] && k=$value; done < /proc/vmstat
killers=no
for u in ${KILLER_UNITS.join(' ')}; do ${HAS_GROUP} && killers=yes; done
echo "#counters 1 $b $k $killers"`;

/**
 * How often systemd-oomd killed in each unit, as systemd tells it (ManagedOOMKills, systemd 259 and newer). `unknown`: this systemd does
 * not know; `off`: no systemd-oomd runs. Properties come in any order, an empty line ends a unit.
 */
export const OOMD_KILLS_SCRIPT = `
u=systemd-oomd
${HAS_GROUP} && command -v systemctl >/dev/null 2>&1 || { echo '#oomd-kills 1 off'; exit 0; }
systemctl show -p Id -p ManagedOOMKills -- '*.service' '*.scope' '*.slice' </dev/null 2>/dev/null | awk -F= '
function done() { if (kills > 0) { sum += kills; if (shown++ < 200) print "unit " kills " " id }; kills = 0; id = "" }
$1 == "" { done() }
$1 == "Id" { id = $2 }
$1 == "ManagedOOMKills" { isKnown = 1; kills = $2 ~ /^[0-9]+$/ && length($2) < 10 ? $2 + 0 : 0 }
END { done(); print "#oomd-kills 1 " (isKnown ? sum + 0 : "unknown") }'`;
