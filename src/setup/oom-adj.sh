#!/bin/sh
# oom-adj - set one process's oom_score_adj for an unprivileged caller, through sudo, doas or an SSH forced command,
# or what a service of systemd starts with. Owned by root, mode 0755. No arguments. One request, one line on standard input:
#   v1 <boot_id> <pid> <starttime_ticks> <current_adj> <new_adj> [<ref>]
#   v1 unit <boot_id> <name.service> <current> <new> [<ref>]   OOMScoreAdjust= in 50-oombot.conf, its one drop-in here; "-": there is none
#   v1 try ...       either of the two: says whether it would be done; changes nothing, logs nothing
#   v1 hello         what this helper can do; changes nothing, logs nothing
#   v1 names         what Docker, nerdctl and Proxmox call their containers, a line each before the last; changes nothing, logs nothing
#   v1 drill <nonce> [<ref>]   lets the kernel kill one process of this script's own, in a memory group of its own that is gone
#                    afterwards; <nonce>: 32 hex digits in the group's name, oombot-drill-<nonce>. "v1 try drill <nonce>" as above
# One line back: "ok ..." (exit 0) or "refused <reason>" (exit 1 request, 3 process gone, 4 value changed, 5 not written).
# It lowers values and puts back what it lowered; it never raises one above where it was found, unless RAISE is yes.
# Every request is logged before anything is done, and its result after: journalctl -t oom-adj, or the log of the facility
# auth. What cannot be logged is refused. <ref>: 16 to 64 hex digits that go into the log as they are.
# shellcheck disable=SC2015 # "check || no": no() ends the script, so it cannot follow a check that held
# shellcheck disable=SC3045 # every shell that is /bin/sh somewhere has these options of ulimit
set -fu
PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C; export PATH LC_ALL
unset ENV BASH_ENV CDPATH IFS
umask 077
# Before anything of this script's own is set: a value of several lines looks like names of its own.
for name in $(env | sed -n 's/^\([A-Za-z][A-Za-z0-9_]*\)=.*/\1/p'); do
  case $name in PATH | LC_ALL | SUDO_USER | DOAS_USER | PWD | SHELLOPTS | BASHOPTS | UID | EUID | PPID) ;; *) unset "$name" ;; esac
done
VERSION=1
MIN=-900
MAX=1000
RAISE=no
INSTALLED=yes
KEPT=/run/oom-adj
NOTES_MAX=1024
UNITS=/etc/systemd/system
DROP_IN=50-oombot.conf

# The way in, the first process and what runs containers: never made more likely to be killed, by any of their names. A name
# is what the process calls itself: this guards against mistakes. Root's processes are never raised, whatever they are called.
keep() {
  case $1 in
    sshd | sshd-* | sshd:* | dropbear* | tinysshd* | systemd | systemd-* | '(sd-pam)' | dbus-daemon | dbus-broker* | init | openrc* | runit* | runsv* | s6-*) ;;
    containerd* | docker* | com.docker* | podman* | conmon* | crio* | cri-o* | cri-dockerd* | runc* | crun* | runsc* | youki* | kata-* | firecracker* | nerdctl* | buildkitd*) ;;
    kubelet* | kube-* | kubelite* | k3s* | k0s* | rke2* | microk8s* | snap.microk8s* | lxd* | snap.lxd* | lxc* | '[lxc'* | incus* | libvirt* | virt* | qemu-* | rkt* | isulad* | balena* | pouchd* | nomad*) ;;
    rootlesskit* | slirp4netns* | netavark* | aardvark-dns* | catatonit* | tini | dumb-init | pause) ;;
    *) return 1 ;;
  esac
}

v='' pid='' new='' ref='' try='' group=''
by=${SUDO_USER:-${DOAS_USER:-$(id -un)}}
bound() { if command -v timeout >/dev/null; then timeout -s KILL "$@"; else shift && "$@"; fi; }
can_log() { [ -S /dev/log ] && command -v logger >/dev/null; }
# The logger of util-linux keeps quiet about a log that it cannot reach unless it is asked not to.
log() {
  can_log || return 1
  set -- "auth.$1" "$2${ref:+ ref=$ref} by=$by"
  case $(logger --help 2>&1) in *--socket-errors*) set -- "$@" --socket-errors=on ;; esac
  complaint=$(bound 5 logger ${3+"$3"} -t oom-adj -p "$1" -- "$2" 2>&1 </dev/null 9>&-) && [ -z "$complaint" ]
}
# say LINE: the answer. Whoever reads it slowly keeps nobody else waiting.
say() {
  exec 9>&-
  printf '%s\n' "$1"
}
no() {
  [ -z "$group" ] || leave_group
  [ -n "$try" ] || log warning "refused why=$1 req=$v $pid $new"
  say "refused $1"
  exit "${2:-1}"
}
# ready WORDS: the last thing before anything is changed.
ready() {
  if [ -n "$try" ]; then
    can_log || [ "$INSTALLED" = no ] || no log 5
    say 'ok try'
    exit 0
  fi
  log notice "asked $1" || [ "$INSTALLED" = no ] || no log 5
}
num() {
  case $1 in '' | *[!0-9]* | 0?*) return 1 ;; esac
  [ "${#1}" -le "$2" ]
}
adj() { case $1 in -0) return 1 ;; -*) num "${1#-}" 4 ;; *) num "$1" 4 ;; esac }
root() { [ "$(id -u)" = 0 ]; }

# Nothing of the caller's may stop this halfway: neither signals nor limits.
alone() {
  trap '' HUP INT QUIT ABRT PIPE ALRM TERM USR1 USR2 TSTP TTIN TTOU VTALRM PROF XCPU XFSZ
  { ulimit -n 256 || ulimit -S -n "$(ulimit -H -n)"; } 2>/dev/null
  for limit in t f d v; do
    { ulimit "-$limit" unlimited || ulimit -S "-$limit" "$(ulimit -H "-$limit")"; } 2>/dev/null
  done
  enough n 64 && enough f 64 && enough t 60 && enough d 65536 && enough v 262144 || no limits 5
}
enough() {
  least=$(ulimit "-$1" 2>/dev/null) || return 0
  [ "$least" = unlimited ] || [ "$least" -ge "$2" ]
}

# CAP_SYS_RESOURCE is bit 24 of CapEff. Containers often take it from root: then a value can only be raised and brought back.
capable() {
  while read -r k x; do
    [ "$k" = CapEff: ] || continue
    x=${x%??????}
    case ${x#"${x%?}"} in [13579bdf]) return 0 ;; esac
  done </proc/self/status
  return 1
}

# Kernels before 2.6.36 know only oom_adj, -17 (never) to 15. Their successors translate it as x * 1000 / 17, and 15 as 1000.
# To the nearest, so that every value read can be written back; the ends, which mean always and never, only when asked for.
from_legacy() { if [ "$1" -ge 15 ]; then echo 1000; else echo $(($1 * 1000 / 17)); fi; }
to_legacy() {
  case $1 in 1000) echo 15 && return ;; -1000) echo -17 && return ;; esac
  if [ "$1" -lt 0 ]; then n=$((0 - (499 - 17 * $1) / 1000)); else n=$(((499 + 17 * $1) / 1000)); fi
  if [ "$n" -lt -16 ]; then n=-16; fi
  if [ "$n" -gt 14 ]; then n=14; fi
  echo "$n"
}
file=oom_score_adj
[ -e "/proc/self/$file" ] || file=oom_adj
value() { if [ "$file" = oom_adj ]; then from_legacy "$1"; else echo "$1"; fi; }

# What engines call their containers. Their commands are fixed, they only list, and their texts come as JSON: a name or a label
# cannot look like a line of its own. A program in /usr/local/bin counts where only root can put it.
tool() {
  for one in "/usr/bin/$1" "/usr/sbin/$1" "/usr/local/bin/$1"; do
    [ -x "$one" ] && safe "${one%/*}" && tool=$one && return 0
  done
  return 1
}
# asks PROGRAM WORDS: never for long, and not where its user's settings would lead.
asks() { bound 5 env -i PATH="$PATH" LC_ALL=C HOME=/nonexistent DOCKER_HOST=unix:///var/run/docker.sock "$@" </dev/null 2>/dev/null; }
names() {
  t='{{"\t"}}' project='{{json (index .Config.Labels "com.docker.compose.project")}}' service='{{json (index .Config.Labels "com.docker.compose.service")}}'
  if [ -S /var/run/docker.sock ] && tool docker; then
    ids=$(asks "$tool" ps -aq --no-trunc | grep -x '[0-9a-f]*' | head -n 300)
    # shellcheck disable=SC2086 # ids of hex digits
    [ -z "$ids" ] || asks "$tool" inspect --type container --format \
      "name${t}docker${t}{{.Id}}${t}{{json .Name}}${t}{{json .Config.Image}}${t}$project${t}$service${t}{{json .HostConfig.RestartPolicy.Name}}${t}{{.HostConfig.Memory}}" $ids
  fi
  if tool nerdctl; then
    asks "$tool" ps -a --no-trunc --format "name${t}nerdctl${t}{{.ID}}${t}{{json .Names}}${t}{{json .Image}}" | head -n 300
  fi
  # VMID       Status     Lock         Name
  if tool pct; then
    asks "$tool" list | head -n 300 | while read -r id state rest; do
      last=${rest##* }
      case $id$last in *[!A-Za-z0-9.-]*) continue ;; esac
      num "$id" 9 && [ -n "$state" ] && printf 'name\tlxc\t%s\t"%s"\n' "$id" "$last"
    done
  fi
}

# A drill. The process that dies is this script's own, alone in a group at the top of the tree, where no limit of others can be
# reached, with 8 MiB and no swap. Whether the kernel kills it or not, it takes 32 MiB at most and 10 seconds.
DRILL_BYTES=8388608
ROOM_KIB=65536
top='' groups=''
memory_groups() {
  while read -r _ at type options _; do
    case $at in *\\*) continue ;; esac
    case $type,$options, in
      cgroup,*,memory,*) top=$at groups=v1 && return 0 ;;
      cgroup2,*)
        # Handed on by its top, as systemd has it.
        if { read -r l <"$at/cgroup.subtree_control"; } 2>/dev/null; then
          case " $l " in *' memory '*) top=$at groups=v2 ;; esac
        fi
        ;;
    esac
  done </proc/self/mounts
  [ -n "$top" ]
}
# has_room: what the group may hold comes from memory that nobody is short of.
has_room() {
  available='' idle=0
  while read -r k x _; do
    case $k in MemAvailable:) available=$x ;; MemFree: | Cached:) idle=$((idle + x)) ;; esac
  done </proc/meminfo
  [ "${available:-$idle}" -ge "$ROOM_KIB" ]
}
# fact FILE KEY: the number behind a word in a file of the group.
fact() {
  while read -r k x _; do
    [ "$k" != "$2" ] || { echo "$x" && return 0; }
  done <"$group/$1" 2>/dev/null
  return 1
}
set_to() { { printf '%s\n' "$2" >"$group/$1"; } 2>/dev/null; }
fence_v1() {
  # Without a limit above it: 2^63 less a page, or the sum of both on old kernels. In a container there may be one.
  most=$(fact memory.stat hierarchical_memory_limit)
  [ "${#most}" -ge 19 ] || no container 5
  set_to memory.limit_in_bytes "$DRILL_BYTES" && read -r x <"$group/memory.limit_in_bytes" && [ "$x" = "$DRILL_BYTES" ] || no group 5
  calm=no
  ! set_to memory.swappiness 0 || calm=yes
  ! set_to memory.memsw.limit_in_bytes "$DRILL_BYTES" || calm=yes
  [ "$calm" = yes ] || no swap 5
  # What is above may have it off, and then nothing is killed: all would wait.
  set_to memory.oom_control 0
  [ "$(fact memory.oom_control oom_kill_disable)" = 0 ] || no group 5
}
fence_v2() {
  set_to memory.max "$DRILL_BYTES" && read -r x <"$group/memory.max" && [ "$x" = "$DRILL_BYTES" ] || no group 5
  if [ -e "$group/memory.swap.max" ]; then set_to memory.swap.max 0 || no swap 5; else
    # Its first line is the heading.
    while read -r k _; do [ "$k" = Filename ] || no swap 5; done </proc/swaps
  fi
  [ ! -e "$group/memory.oom.group" ] || set_to memory.oom.group 0 || no group 5
}
# The process: it says so before anybody that it is the one to take, goes into the group, makes sure that it is alone there,
# and holds ever more. Exit 3: not there; 4: nobody killed it.
# shellcheck disable=SC2016 # expanded by the shell that runs it
DRILLED='
trap "" HUP INT QUIT TERM USR1 USR2 TSTP
ulimit -v 262144 2>/dev/null
{ echo 1000 >/proc/self/oom_score_adj || echo 15 >/proc/self/oom_adj; } 2>/dev/null || exit 3
{ printf oombot-drill >/proc/self/comm; } 2>/dev/null
list=cgroup.procs
[ "$2" = v2 ] || list=tasks
{ echo 0 >"$1/$list"; } 2>/dev/null || exit 3
inside=no
while read -r line; do case $line in *":/${1##*/}") inside=yes ;; esac; done </proc/self/cgroup
count=0
while read -r line; do count=$((count + 1)); done <"$1/$list"
[ "$inside$count" = yes1 ] || exit 3
held=0123456789abcdef count=0
while [ "$count" -lt 21 ]; do held=$held$held count=$((count + 1)); done
exit 4'
# The group is empty by then, or will be at once: its process is still leaving.
leave_group() {
  tries=0
  until rmdir "$group" 2>/dev/null; do
    tries=$((tries + 1))
    if [ "$tries" -gt 30 ] || [ ! -d "$group" ]; then break; fi
    sleep 0.1 2>/dev/null || sleep 1
  done
  trap - EXIT
  [ ! -d "$group" ]
}
drill() {
  root || no root 5
  cd /
  read -r x </proc/sys/vm/panic_on_oom
  [ "$x" != 2 ] || no panic 5
  memory_groups || no no-group 5
  # Only the very top of the tree has no limit of its own.
  [ "$groups" = v1 ] || [ ! -e "$top/memory.max" ] || no container 5
  has_room || no room 5
  if [ -z "$try" ]; then
    { mkdir -p "$KEPT" && safe "$KEPT" && printf '' >>"$KEPT/lock"; } 2>/dev/null || no note 5
    exec 9>>"$KEPT/lock"
    ! command -v flock >/dev/null || flock -n 9 || no busy 5
    # What kill -9 left of an earlier one is empty; and where there is no flock, another one is found here.
    (set +f && for one in "$top"/oombot-drill-*; do [ ! -d "$one" ] || rmdir "$one" 2>/dev/null || exit 1; done) || no busy 5
  fi
  ready "drill=$nonce"
  mkdir "$top/oombot-drill-$nonce" 2>/dev/null || no group 5
  group=$top/oombot-drill-$nonce
  # However this ends, and also where no process can be started any more.
  trap 'exec rmdir "$group"' EXIT
  "fence_$groups"
  bound 10 sh -c "$DRILLED" oombot-drill "$group" "$groups" </dev/null >/dev/null 2>&1
  end=$?
  # Kernels before 4.13 do not count them.
  if [ "$groups" = v1 ]; then killed=$(fact memory.oom_control oom_kill); else killed=$(fact memory.events oom_kill); fi
  leave_group || no left 5
  [ "$end" = 137 ] && [ "${killed:-1}" = 1 ] || no not-killed 5
  log notice "drilled=$nonce"
  say "ok drill=$nonce"
}

# Services. A name as systemd has them, without a path in it and without pattern characters; no template, which is many.
unit_name() {
  case $1 in [!A-Za-z0-9_:]* | *@.service | *[!A-Za-z0-9._@:\\-]*) return 1 ;; ?*.service) ;; *) return 1 ;; esac
  [ "${#1}" -le 200 ] || return 1
  u=$1
  while :; do
    case $u in *\\*) u=${u#*\\} ;; *) return 0 ;; esac
    case $u in x[0-9a-f][0-9a-f]*) ;; *) return 1 ;; esac
  done
}
keep_unit() { case $1 in ssh | ssh@* | sshd@* | dbus | user@*) ;; *) keep "$1" ;; esac }
has_systemd() { [ -d /run/systemd/system ] && command -v systemctl >/dev/null && command -v timeout >/dev/null && command -v flock >/dev/null; }
ctl() { timeout -s KILL 30 env -i PATH="$PATH" LC_ALL=C systemctl --no-ask-password "$@" </dev/null 2>/dev/null 9>&-; }
# shows PROPERTY: what systemd holds of the unit.
shows() { ctl show -p "$1" -- "$unit" | sed -n "s/^$1=//p"; }
# A directory that only root can change: nobody else has put a link or a file of his own into the way.
safe() { [ -n "$(find "$1" -prune -type d -user 0 ! -perm -020 ! -perm -002 2>/dev/null)" ]; }
# One at a time. Tried before exec: a shell whose exec cannot open a file is gone, without an answer.
lock() {
  [ -z "$try" ] || return 0
  { mkdir -p "$KEPT" && safe "$KEPT" && printf '' >>"$KEPT/lock"; } 2>/dev/null || no note 5
  exec 9>>"$KEPT/lock"
  command -v flock >/dev/null || return 0
  # busybox has no -w.
  flock -n 9 || flock -w 20 9 2>/dev/null || { sleep 1 && flock -n 9; } || no busy 5
}
# What the drop-in in the working directory sets ("-": there is none; "?": it holds other than what is written here), and the
# earlier value that it keeps ("-": it keeps none, as those of older helpers).
dropped() {
  if [ ! -e "$DROP_IN" ] && [ ! -h "$DROP_IN" ]; then echo - - && return; fi
  found='?' part='' kept=-
  if [ -f "$DROP_IN" ] && [ ! -h "$DROP_IN" ]; then
    while read -r l || [ -n "$l" ]; do
      case $part$l in
        '# Earlier value: '*) adj "${l#'# Earlier value: '}" && kept=${l#'# Earlier value: '} ;;
        '#'* | one'#'*) ;;
        '[Service]') part=one ;;
        oneOOMScoreAdjust=*) adj "${l#*=}" && [ "$found" = '?' ] && found=${l#*=} || { found='?' && break; } ;;
        *) found='?' && break ;;
      esac
    done <"$DROP_IN"
  fi
  printf '%s %s\n' "$found" "$kept"
}
# drop VALUE EARLIER: puts the drop-in into the working directory in one step, or takes it away, and tells systemd.
drop() {
  if [ "$1" = - ]; then
    rm -f "$DROP_IN" || return 1
  else
    rm -f ".$DROP_IN.new"
    {
      echo '# By oombot, through /usr/local/sbin/oom-adj. To undo by hand: remove this file, then systemctl daemon-reload.'
      [ "$2" = - ] || printf '# Earlier value: %s\n' "$2"
      printf '[Service]\nOOMScoreAdjust=%s\n' "$1"
    } >".$DROP_IN.new" && chmod 644 ".$DROP_IN.new" && mv -f ".$DROP_IN.new" "$DROP_IN" || { rm -f ".$DROP_IN.new" && return 1; }
  fi
  ctl daemon-reload
}
# Whether the unit's value may be raised: where that was allowed, and it runs as somebody else than root, and its names are none of those above.
may_raise_unit() {
  [ "$RAISE" = yes ] || no no-raise
  keep_unit "${unit%.service}" && no protected
  if [ "$(shows DynamicUser)" != yes ]; then
    user=$(shows User)
    [ -n "$user" ] && user=$(id -u -- "$user" 2>/dev/null) && [ "$user" -gt 0 ] || no protected
  fi
  main=$(shows MainPID)
  if num "$main" 7 && [ "$main" -gt 0 ] && read -r comm <"/proc/$main/comm" && keep "$comm"; then no protected; fi 2>/dev/null
}
change_unit() {
  [ "$cur" = - ] || adj "$cur" || no number
  if [ "$new" != - ]; then
    adj "$new" || no number
    [ "$new" -ge "$MIN" ] && [ "$new" -le "$MAX" ] || no range
  fi
  has_systemd || no no-systemd
  safe /etc && safe "${UNITS%/*}" && safe "$UNITS" || no unsafe 5
  lock
  dir=$UNITS/$unit.d had=yes
  [ -e "$dir" ] || [ -h "$dir" ] || had=no
  old=- earlier=-
  if [ "$had" = yes ]; then
    safe "$dir" && cd "$dir" || no unsafe 5
    old=$(dropped)
    earlier=${old#* } old=${old% *}
  fi
  [ "$old" = "$cur" ] || no "changed:$old" 4
  if [ "$new" = - ] && [ "$old" = - ]; then
    say "ok unit=$unit old=- new=-"
    exit 0
  fi
  kept=$earlier
  if [ "$new" != - ]; then
    [ "$(shows LoadState)" = loaded ] && [ "$(shows Id)" = "$unit" ] || no unit
    # Never above the value without this drop-in; one by an older helper does not tell, so from there it goes down only.
    most=$(shows OOMScoreAdjust)
    adj "$most" || no unit
    if [ "$old" = - ]; then earlier=$most; elif [ "$earlier" != - ]; then most=$earlier; else most=$old; fi
    [ "$new" -le "$most" ] || may_raise_unit
  fi
  ready "unit=$unit old=$old new=$new"
  if [ "$new" != - ]; then
    [ "$had" = yes ] || mkdir -m 755 "$dir" 2>/dev/null && cd "$dir" 2>/dev/null || no read-only 5
  fi
  why=''
  if ! drop "$new" "$earlier" 2>/dev/null; then
    why=reload
    now=$(dropped)
    [ "${now% *}" = "$new" ] || why=read-only
  # Another drop-in may have the last word; then this one would be an empty promise.
  elif [ "$new" != - ] && now=$(shows OOMScoreAdjust) && [ "$now" != "$new" ]; then
    why=verify:$now
  fi
  if [ -n "$why" ]; then drop "$old" "$kept" 2>/dev/null; fi
  cd / && if [ "$had" = no ] || [ "$new" = - ]; then rmdir "$dir" 2>/dev/null; fi
  # For what was started by it, as dropped() gives it of one that is there.
  if [ -z "$why" ] && [ "$kept" != - ]; then printf '%s %s\n' "$kept" "$old" >"$KEPT/unit:$unit"; fi 2>/dev/null
  [ -z "$why" ] || no "$why" 5
  log notice "set unit=$unit old=$old new=$new"
  say "ok unit=$unit old=$old new=$new"
}

# Processes. A note lasts as long as its process: "<found> <from> <to>", where the value was found and the last step that was
# made. Only what still has a value of that step goes back. Older helpers noted <found> alone.
stat_of() {
  st=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  # shellcheck disable=SC2086 # after the last ") " there are numbers only: $1 state, $2 ppid ... ${20} starttime
  set -- ${st##*\) }
  echo "${2-} ${20-}"
}
ticks_of() { st=$(stat_of "$1") && echo "${st#* }"; }
prune() (
  set +f
  count=0
  for one in "$KEPT"/*.*.*; do
    [ -e "$one" ] || continue
    name=${one##*/}
    case $name in unit:*) continue ;; esac
    of=${name#*.} && of=${of%%.*}
    if [ -e "/proc/$of" ] && [ "$boot.$of.$(ticks_of "$of")" = "$name" ]; then count=$((count + 1)); else rm -f "$one"; fi
  done
  find "$KEPT" -name 'unit:*' -mmin +1440 -exec rm -f {} +
  [ "$count" -lt "$NOTES_MAX" ]
)
# Whether "<found> <from> <to>" lets a process go from the present value to the one that is asked for.
allows() {
  # shellcheck disable=SC2086 # numbers
  set -- $1
  [ "$#" -gt 0 ] && adj "$1" && [ "$new" -le "$1" ] || return 1
  [ "$#" -eq 1 ] || [ "$old" = "$2" ] || [ "$old" = "${3-}" ]
}
# A child has the value that its parent had when it was forked.
ancestor_allows() {
  of=$pid depth=0
  while [ "$depth" -lt 16 ] && st=$(stat_of "$of") && of=${st% *} && num "$of" 7 && [ "$of" -gt 1 ]; do
    depth=$((depth + 1))
    { read -r line <"$KEPT/$boot.$of.$(ticks_of "$of")"; } 2>/dev/null || continue
    case $line in *\ *) allows "$line" && return 0 ;; esac
  done
  return 1
}
# What systemd started has the value of the unit's drop-in, also for a while after that was taken away.
unit_allows() {
  unit=$(sed -n -e 's/^0:://p' -e 's/^[0-9]*:name=systemd://p' cgroup 2>/dev/null | tr '/' '\n' | grep -m 1 '\.service$')
  unit_name "$unit" || return 1
  if { read -r line <"$KEPT/unit:$unit"; } 2>/dev/null && allows "$line"; then return 0; fi
  safe "$UNITS" && safe "$UNITS/$unit.d" || return 1
  line=$(cd "$UNITS/$unit.d" && dropped) || return 1
  case $line in '?'* | *-) return 1 ;; esac
  allows "${line#* } ${line% *}"
}
# note WORDS: none takes it away.
note() {
  if [ -z "$1" ]; then rm -f "$note"; else
    printf '%s\n' "$1" >"$note.new" && mv -f "$note.new" "$note" || { rm -f "$note.new" && return 1; }
  fi
}

[ "$#" -eq 0 ] || no args
# One write of at most 511 bytes, whole: a line cut in two must not be taken for a shorter number. NUL becomes a refused byte.
nl='
'
req=$(dd bs=512 count=1 2>/dev/null | tr '\000' '?'; echo .)
case $req in *"$nl".) req=${req%"$nl".} ;; *) no incomplete ;; esac
case $req in
  'v1 unit '*[!A-Za-z0-9\ ._@:\\-]* | 'v1 try unit '*[!A-Za-z0-9\ ._@:\\-]*) no chars ;;
  'v1 unit '* | 'v1 try unit '*) ;;
  *[!a-z0-9\ -]*) no chars ;;
esac
# shellcheck disable=SC2086 # the fields of the line, split at spaces; set -f keeps names from being expanded
set -- $req
v=${1-}
[ "$v" = v1 ] || no version
alone
if [ "$#" -eq 2 ] && [ "$2" = hello ]; then
  can=no write=no units=no logs=no
  capable && can=yes
  [ -w "/proc/self/$file" ] && write=yes
  has_systemd && units=yes
  can_log && logs=yes
  say "ok oom-adj=$VERSION min=$MIN max=$MAX capability=$can writable=$write file=$file units=$units raise=$RAISE log=$logs try=yes ref=yes names=yes drill=yes"
  exit 0
fi
if [ "$#" -eq 2 ] && [ "$2" = names ]; then
  list=$(names | head -c 57344)
  [ -z "$list" ] || printf '%s\n' "$list"
  say "ok names=$(printf '%s\n' "$list" | grep -c '^name')"
  exit 0
fi
if [ "${2-}" = try ]; then
  try=yes
  shift 2
  set -- "$v" "$@"
fi
take_ref() {
  case $1 in *[!0-9a-f]*) no ref ;; ????????????????*) ;; *) no ref ;; esac
  [ "${#1}" -le 64 ] || no ref
  ref=$1
}
if [ "${2-}" = drill ]; then
  case $# in 3) ;; 4) take_ref "$4" ;; *) no fields ;; esac
  case $3 in *[!0-9a-f]*) no nonce ;; esac
  [ "${#3}" -eq 32 ] || no nonce
  nonce=$3 pid=drill new=$3
  drill
  exit 0
fi
if [ "$#" -eq 7 ]; then
  take_ref "$7"
else
  [ "$#" -eq 6 ] || no fields
fi
read -r b </proc/sys/kernel/random/boot_id
if [ "$2" = unit ]; then
  boot=$3 cur=$5 new=$6
  unit_name "$4" || no unit
  unit=$4 pid=$4
  [ "$b" = "$boot" ] || no boot 3
  change_unit
  exit 0
fi
boot=$2 pid=$3 start=$4 cur=$5 new=$6
num "$pid" 7 && [ "$pid" -gt 1 ] || no pid
num "$start" 18 || no starttime
adj "$cur" && adj "$new" || no number
[ "$new" -ge "$MIN" ] && [ "$new" -le "$MAX" ] || no range
[ "$b" = "$boot" ] || no boot 3
if root; then lock; fi

# From here on all is relative to /proc/PID: the working directory stays bound to that very process, so when it exits and
# the number is given to another, reading and writing fail with ESRCH.
cd "/proc/$pid" 2>/dev/null || no gone 3
st=$(cat stat 2>/dev/null) || no gone 3
comm=${st#*\(}
comm=${comm%)*}
# shellcheck disable=SC2086 # after the last ") " there are numbers only: $1 state, $2 ppid ... ${20} starttime
set -- ${st##*\) }
[ "$#" -ge 20 ] || no gone 3
[ "$1" != Z ] && [ "$1" != X ] || no gone 3
[ "${20}" = "$start" ] || no reused 3
tgid='' kthread=yes uids=0
{ while read -r k x; do case $k in Tgid:) tgid=$x ;; Uid:) uids=$x ;; VmRSS:) kthread=no ;; esac done <status; } 2>/dev/null
[ -n "$tgid" ] || no gone 3
[ "$tgid" = "$pid" ] || no thread
[ "$kthread" = no ] || no kthread
{ read -r was <"$file"; } 2>/dev/null || no gone 3
old=$(value "$was")
[ "$old" = "$cur" ] || no "changed:$old" 4

note=$KEPT/$boot.$pid.$start found='' from='' to=''
{ read -r found from to <"$note"; } 2>/dev/null
noted=${found:+$found${from:+ $from $to}}
# Somebody else changed it since: where it is now is where it was found.
if [ -n "$from" ] && [ "$old" != "$from" ] && [ "$old" != "$to" ]; then found=''; fi
if [ "$new" -gt "$old" ]; then
  if ! allows "${found:+$noted}" && ! ancestor_allows && ! unit_allows; then
    [ "$RAISE" = yes ] || [ "$INSTALLED" = no ] || no no-raise
    # shellcheck disable=SC2086 # real, effective, saved and file system uid
    for uid in $uids; do [ "$uid" != 0 ] || no protected; done
    exe=$(readlink exe 2>/dev/null)
    exe=${exe% (deleted)}
    if keep "$comm" || keep "${exe##*/}"; then no protected; fi
  fi
elif [ -n "$try" ] && [ "$new" -lt "$old" ] && [ "$new" -lt 0 ]; then
  capable || no capability 5
fi
put=$new
[ "$file" = oom_adj ] && put=$(to_legacy "$new")
shown=$(printf %s "$comm" | tr -c 'A-Za-z0-9._:/-' '?')
ready "pid=$pid start=$start comm=$shown old=$old new=$new"
if root && [ "$new" != "$old" ]; then
  if [ "$new" -lt "$old" ] || [ -n "$found" ]; then
    { [ -n "$noted" ] || prune; } && note "${found:-$old} $old $(value "$put")" || no note 5
  fi
fi 2>/dev/null

if ! { printf '%s\n' "$put" >"$file"; } 2>/dev/null; then
  if root; then note "$noted" 2>/dev/null; fi
  [ -e stat ] || no gone 3
  [ -w "$file" ] || no read-only 5
  capable || no capability 5
  no write 5
fi
{ read -r is <"$file"; } 2>/dev/null || no gone 3
[ "$is" = "$put" ] || no "verify:$(value "$is")" 5
now=$(value "$is") legacy=''
[ "$file" = oom_adj ] && legacy=" oom_adj=$is"
{ read -r score <oom_score; } 2>/dev/null || score=-
log notice "set pid=$pid start=$start comm=$shown old=$old new=$now$legacy"
say "ok pid=$pid old=$old new=$now oom_score=$score$legacy"
