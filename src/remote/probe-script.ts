/** Userspace killers that log to the journal; and, for `$u`, whether it runs: a unit's control group is there as long as it does. */
export const KILLER_UNITS = ['systemd-oomd', 'earlyoom', 'nohang', 'nohang-desktop', 'oomd'];
export const HAS_GROUP =
  '{ [ -e "/sys/fs/cgroup/system.slice/$u.service" ] || [ -e "/sys/fs/cgroup/systemd/system.slice/$u.service" ]; }';

/** Looks at everything that matters once. In: log files to look at, a path a line. Out: `key value` lines between two marks. */
export const PROBE_SCRIPT = `
PATH=$PATH:/usr/sbin:/sbin:/usr/local/sbin; export PATH
echo "#oombot probe 1"
[ -z "\${OOMBOT_HOST-}" ] || { echo "dispatcher $OOMBOT_HOST"; echo "setup-options $OOMBOT_SETUP"; }
read -r up _ < /proc/uptime; echo "uptime $up"
echo "epoch $(date +%s)"
echo "user $(id -un)"; echo "uid $(id -u)"; echo "groups $(id -Gn)"
read -r k < /proc/sys/kernel/osrelease; echo "kernel $k"
read -r b < /proc/sys/kernel/random/boot_id; echo "boot $b"
[ -r /etc/os-release ] && ( . /etc/os-release; echo "os $PRETTY_NAME" )
while read -r name value; do [ "$name" = oom_kill ] && echo "oom-kill $value"; done < /proc/vmstat
h=0; po=; while read -r _ m _ o _; do [ "$m" = /proc ] && po=$o && case $o in *hidepid=*) h=\${o#*hidepid=}; h=\${h%%,*};; *) h=0;; esac; done < /proc/mounts
echo "hidepid $h"
echo "proc-options $po"
[ -r /proc/1/oom_score ] && [ -r /proc/1/status ] && echo "proc yes"
# dash reads byte by byte, and a number under /proc/sys ends after the first: cat.
[ -r /proc/sys/kernel/dmesg_restrict ] && echo "dmesg-restrict $(cat /proc/sys/kernel/dmesg_restrict)"
helper=/usr/local/sbin/oom-kmsg
[ -e "$helper" ] && echo "kmsg-helper yes"
e=$(dd if=/dev/kmsg of=/dev/null bs=8192 count=1 2>&1 </dev/null); rc=$?
if [ "$rc" = 0 ]; then echo "kmsg direct"
else
  echo "kmsg-error $(echo "$e" | head -n 1)"
  # The helper ends when its input does: this is one short try.
  if [ -e "$helper" ]; then
    for way in sudo doas; do
      command -v "$way" >/dev/null 2>&1 || continue
      e=$("$way" -n "$helper" </dev/null 2>&1 | head -n 1)
      case $e in "#kmsg 1 "*) echo "kmsg $way"; break;; *) echo "kmsg-helper-error $way $e";; esac
    done
  fi
fi
dmesg -r >/dev/null 2>&1 </dev/null && echo "dmesg yes"
if command -v journalctl >/dev/null 2>&1; then
  echo "journal yes"
  case $(journalctl -q --no-pager -n 1 _TRANSPORT=kernel -o json </dev/null 2>/dev/null) in *__CURSOR*) echo "journal-readable yes";; esac
  journalctl -q --no-pager -n 0 -o json --output-fields=MESSAGE </dev/null >/dev/null 2>&1 && echo "journal-fields yes"
  reader=/usr/local/sbin/oom-journal
  if [ -e "$reader" ]; then
    echo "journal-reader-helper yes"
    for way in sudo doas; do
      command -v "$way" >/dev/null 2>&1 || continue
      case $(echo probe | "$way" -n "$reader" 2>/dev/null) in
        *'#journal-reader 1 yes'*) echo "journal-reader $way"; break;;
        *'#journal-reader 1 no'*) echo "journal-reader-empty yes"; break;;
      esac
    done
  fi
  for d in /var/log/journal/*/; do [ -d "$d" ] && echo "journal-persistent yes"; done
fi
if command -v systemctl >/dev/null 2>&1; then
  for u in ${KILLER_UNITS.join(' ')}; do
    # Without a bus systemctl answers root alone: then its control group tells.
    if [ "$(systemctl is-active "$u.service" 2>/dev/null </dev/null)" = active ] || ${HAS_GROUP}; then echo "killer $u"; fi
  done
fi
adj=/usr/local/sbin/oom-adj
if [ -e "$adj" ]; then
  echo "oom-adj-helper yes"
  for way in root sudo doas; do
    if [ "$way" = root ]; then [ "$(id -u)" = 0 ] || continue; set --
    else command -v "$way" >/dev/null 2>&1 || continue; set -- "$way" -n
    fi
    # It answers what it can do, and changes nothing. sudo may warn on top.
    a=$(echo 'v1 hello' | "$@" "$adj" 2>&1)
    e=$(echo "$a" | grep -E '^(ok|refused) ' | head -n 1)
    if [ -n "$e" ]; then echo "oom-adj $way"; echo "oom-adj-says $e"; break; fi
    echo "oom-adj-error $way $(echo "$a" | tail -n 1)"
  done
fi
for f in "$helper" "$adj" /usr/local/sbin/oom-journal /usr/local/bin/oombot-host; do [ -e "$f" ] && stat -L -c "helper-rights %u %a %n" "$f"; done
[ -e "/etc/ssh/authorized_keys.d/$(id -un)-w" ] && echo "writer yes"
while read -r k x; do [ "$k" = CapBnd: ] && echo "cap-bnd $x"; done < /proc/self/status
[ -e /proc/self/oom_score_adj ] && echo "oom-score-adj yes"
[ -e /proc/self/oom_adj ] && echo "oom-adj-file yes"
for f in sudo doas usermod apt-get dnf yum zypper apk; do command -v "$f" >/dev/null 2>&1 && echo "tool $f"; done
for g in systemd-journal adm; do grep -q "^$g:" /etc/group && echo "has-group $g"; done
look() {
  [ -f "$1" ] || return 0
  s=$(stat -L -c %s -- "$1" 2>/dev/null) || s=0
  if [ -r "$1" ]; then echo "file yes $s $1"; else echo "file no $s $1"; fi
}
for f in /var/log/kern.log /var/log/messages /var/log/syslog; do look "$f"; done
nl='
'
while IFS= read -r f; do
  case \${OOMBOT_HOST:+$nl$OOMBOT_FILES$nl} in ''|*"$nl$f$nl"*) ;; *) echo "file-closed $f"; continue;; esac
  case $f in /var/log/kern.log|/var/log/messages|/var/log/syslog) ;; /*) look "$f";; esac
done
echo "#oombot end"
`;
