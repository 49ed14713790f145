/**
 * What a host still knows of a process, service or container that is gone: what systemd says of the unit, what was counted in its group,
 * and which lines of the kernel's log tell of crashes. In, one line: the unit or nothing. POSIX sh; nothing is written. What comes in only ever
 * stands inside double quotes, and is checked here too.
 *
 *   #why 1
 *   boot <id>   up <seconds>   oomkill <number or ->   killers <units>
 *   unit Result=signal        systemctl show, for the unit that was asked for
 *   unit-unread yes           systemd did not answer: without D-Bus it answers root alone
 *   group memory oom_kill 2   counters of its group, as long as that is there
 *   group pids max 7
 *   ring <first> <last>       seconds since boot of the oldest and the newest line of the kernel's log; none: it cannot be read
 *   line 79.853960 mysqld[77]: segfault at 0 ip …     at most 60, newest last
 *   said 1795400000.12 mysql.service: Main process exited, code=killed, status=9/KILL      PID 1 in the journal, if that can be read
 *   #end
 */
export const WHY_SCRIPT = `
IFS= read -r unit
case $unit in -*|*[!A-Za-z0-9:_.@\\\\-]*) unit=;; esac
PATH=$PATH:/usr/sbin:/sbin; export PATH
echo '#why 1'
read -r b < /proc/sys/kernel/random/boot_id; echo "boot $b"
read -r up _ < /proc/uptime; echo "up $up"
k=-; while read -r n v; do [ "$n" = oom_kill ] && k=$v; done < /proc/vmstat; echo "oomkill $k"
g= nl='
'
if [ -n "$unit" ] && command -v systemctl >/dev/null 2>&1; then
  for p in Id LoadState ActiveState SubState Result ExecMainPID ExecMainCode ExecMainStatus ExecMainStartTimestampMonotonic ExecMainExitTimestampMonotonic \\
    InactiveEnterTimestampMonotonic NRestarts ControlGroup OOMPolicy OOMKills ManagedOOMKills WatchdogUSec TimeoutStopUSec RuntimeMaxUSec TasksMax LimitAS; do
    set -- "$@" -p "$p"
  done
  s=$(systemctl show "$@" -- "$unit" </dev/null 2>/dev/null) || echo 'unit-unread yes'
  printf '%s\\n' "$s" | while IFS= read -r l; do [ -z "$l" ] || echo "unit $l"; done
  case $nl$s in *"\${nl}ControlGroup="*) g=$nl$s; g=\${g#*"\${nl}ControlGroup="}; g=\${g%%"$nl"*};; esac
fi
case $g in /|*/..|*/../*) g=;; /*) ;; *) g=;; esac
if [ -n "$g" ]; then
  for d in "/sys/fs/cgroup$g" "/sys/fs/cgroup/memory$g" "/sys/fs/cgroup/pids$g"; do
    for f in memory.events memory.oom_control; do [ -r "$d/$f" ] && while read -r n v; do case $n in oom_kill|oom_group_kill) echo "group memory $n $v";; esac; done < "$d/$f"; done
    [ -r "$d/pids.events" ] && while read -r n v; do echo "group pids $n $v"; done < "$d/pids.events"
  done
fi
# The helper streams the ring and ends when its input does: half a second after its first line, or when that does not come.
ring() {
  if dmesg -r >/dev/null 2>&1 </dev/null; then echo '#dmesg'; dmesg -r </dev/null; return; fi
  for way in sudo doas; do
    [ -e /usr/local/sbin/oom-kmsg ] && command -v "$way" >/dev/null 2>&1 || continue
    sh -c 'echo $$; exec sleep 1.5' | { read -r p; echo "#input $p"; "$way" -n /usr/local/sbin/oom-kmsg; r=$?; kill "$p"; [ "$r" = 143 ]; } && return
  done
}
ring 2>/dev/null | awk '
NR == 1 && /^#dmesg$/ { whole = 1 }
/^#input [0-9]+$/ && first == "" && !whole { input = $2 }
/^#kmsg 1 / && input { system("{ sleep 0.5; kill " input "; } </dev/null >/dev/null 2>&1 &"); input = "" }
/^#/ { next }
{
  if (match($0, /^<[0-9]+>\\[ *[0-9]+\\.[0-9]+\\] /)) { t = substr($0, 1, RLENGTH); sub(/^<[0-9]+>\\[ */, "", t); sub(/\\].*/, "", t); l = substr($0, RLENGTH + 1) }
  else if (match($0, /^[0-9]+,[0-9]+,[0-9]+,[^;]*;/)) { split($0, a, ","); t = sprintf("%.6f", a[3] / 1000000); l = substr($0, RLENGTH + 1) }
  else next
  if (first == "") first = t
  last = t
  if (l ~ /segfault at|general protection|trap invalid opcode|trap divide error|traps: |bad frame in|cgroup: fork rejected/) {
    n++; kept[n % 60] = "line " t " " substr(l, 1, 300)
  }
}
END {
  if (first != "") print "ring " first " " last
  for (i = (n > 60 ? n - 59 : 1); i <= n; i++) print kept[i % 60]
}'
if [ -n "$unit" ] && command -v journalctl >/dev/null 2>&1; then
  journalctl -q --no-pager -b -n 30 -o short-unix _PID=1 "UNIT=$unit" </dev/null 2>/dev/null | while read -r t _ _ l; do echo "said $t $l"; done
fi
for u in systemd-oomd earlyoom nohang nohang-desktop oomd; do
  { [ -e "/sys/fs/cgroup/system.slice/$u.service" ] || [ -e "/sys/fs/cgroup/systemd/system.slice/$u.service" ]; } && echo "killer $u"
done
echo '#end'`;
