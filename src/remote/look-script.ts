// Unit and group come over standard input and are checked on the host too; both only ever stand inside double quotes.
// What may be slow (systemd, a package manager's log) comes last, so that an answer that is cut off still says the rest.
export const LOOK_SCRIPT = `
IFS= read -r unit; IFS= read -r group
case $unit in -*|*[!A-Za-z0-9:_.@\\\\-]*) unit=;; esac
case $group in /|*/..|*/../*) group=;; /*) ;; *) group=;; esac
echo '#look 1'
read -r up _ < /proc/uptime; echo "up $up"
while read -r k v _; do
  case $k in MemTotal:|MemAvailable:|SwapTotal:|SwapFree:|Committed_AS:|CommitLimit:|Shmem:|SUnreclaim:|SReclaimable:|PageTables:|Mlocked:|HardwareCorrupted:|Hugepagesize:|HugePages_*) echo "mem \${k%:} $v";; esac
done < /proc/meminfo
while read -r k v; do
  case $k in oom_kill|pswpin|pswpout|pgmajfault|compact_stall|compact_fail) echo "count $k $v";; esac
done < /proc/vmstat
[ -r /proc/pressure/memory ] && while read -r l; do echo "psi $l"; done < /proc/pressure/memory 2>/dev/null
cd /proc/sys/vm && grep -H . overcommit_memory overcommit_ratio swappiness min_free_kbytes vfs_cache_pressure zone_reclaim_mode \\
  oom_kill_allocating_task panic_on_oom watermark_scale_factor nr_hugepages dirty_ratio dirty_bytes 2>/dev/null | while IFS=: read -r k v; do echo "vm $k $v"; done
cd /
[ -r /proc/swaps ] && { read -r _; while read -r dev _ size used _; do echo "swap $size $used $dev"; done; } < /proc/swaps
set --
while read -r _ m t _; do
  case $t:$# in tmpfs:1[6-9]) ;; tmpfs:*) case $m in *\\\\*) ;; *) set -- "$@" "$m";; esac;; esac
done < /proc/mounts
[ $# -gt 0 ] && df -kP "$@" 2>/dev/null | while read -r _ size used _ _ path; do
  case $size in *[!0-9]*) ;; *) echo "tmpfs $size $used $path";; esac
done
[ -r /proc/modules ] && while read -r m _; do case $m in virtio_balloon|vmw_balloon|hv_balloon) echo "balloon $m";; esac; done < /proc/modules
for f in /sys/block/zram*/mm_stat; do [ -r "$f" ] && read -r _ _ v _ < "$f" && echo "zram $v"; done
[ -r /proc/spl/kstat/zfs/arcstats ] && while read -r k _ v; do [ "$k" = size ] && echo "arc $v"; done < /proc/spl/kstat/zfs/arcstats
stats() { while read -r k v; do case $k in anon|rss|file|cache|shmem|slab|sock|pagetables|kernel_stack|percpu|kernel|unevictable|file_dirty|dirty|file_writeback|writeback|swap) echo "stat $k $v";; esac; done < "$1"; }
value() { [ -r "$d/$1" ] && read -r v < "$d/$1" && echo "group $1 $v"; }
if [ -n "$group" ]; then
  d=/sys/fs/cgroup/memory$group
  if [ -r "$d/memory.limit_in_bytes" ]; then
    echo "group version 1"
    for f in memory.limit_in_bytes memory.usage_in_bytes memory.max_usage_in_bytes memory.memsw.limit_in_bytes; do value "$f"; done
    [ -r "$d/memory.failcnt" ] && read -r v < "$d/memory.failcnt" && echo "event failcnt $v"
    [ -r "$d/memory.oom_control" ] && while read -r k v; do echo "event $k $v"; done < "$d/memory.oom_control"
    [ -r "$d/memory.stat" ] && stats "$d/memory.stat"
  else
    d=/sys/fs/cgroup$group
    if [ -r "$d/memory.current" ]; then
      echo "group version 2"
      for f in memory.max memory.current memory.peak memory.high memory.swap.max memory.oom.group; do value "$f"; done
      [ -r "$d/memory.events" ] && while read -r k v; do echo "event $k $v"; done < "$d/memory.events"
      [ -r "$d/memory.stat" ] && stats "$d/memory.stat"
    fi
  fi
fi
now=$(date +%s)
for f in /var/log/dpkg.log /var/log/dnf.rpm.log /var/log/yum.log /var/log/zypp/history /lib/apk/db/installed /var/lib/rpm/rpmdb.sqlite; do
  [ -e "$f" ] || continue
  t=$(stat -L -c %Y "$f" 2>/dev/null) || continue
  l=; case $f in *.log) [ -r "$f" ] && l=$(tail -n 60 "$f" 2>/dev/null | grep -E ' (install|upgrade|remove|Installed:|Updated:|Upgraded:|Upgrade:|Erased:) ' | tail -n 1);; esac
  echo "package $((now - t)) \${l:-packages were changed}"
  break
done
if [ -n "$unit" ] && command -v systemctl >/dev/null 2>&1; then
  systemctl show -p ActiveState -p NRestarts -p Restart -p MemoryMax -p MemoryHigh -p MemoryLimit -p TasksMax -p OOMScoreAdjust -p OOMPolicy -p ActiveEnterTimestampMonotonic -- "$unit" </dev/null 2>/dev/null |
    while IFS= read -r l; do echo "unit $l"; done
fi
echo '#end'`;
