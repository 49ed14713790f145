#!/bin/sh
# oom-adj - set one process's oom_score_adj for an unprivileged caller, through sudo, doas or an SSH forced command.
# Owned by root, mode 0755. No arguments. One request, one line on standard input:
#   v1 <boot_id> <pid> <starttime_ticks> <current_adj> <new_adj>
#   v1 hello                                  what this helper can do; changes nothing, logs nothing
# One line back: "ok ..." (exit 0) or "refused <reason>" (exit 1 request, 3 process gone, 4 value changed, 5 not written).
# Every request is logged: journalctl -t oom-adj, or the log of the facility auth.
# shellcheck disable=SC2015 # "check || no": no() ends the script, so it cannot follow a check that held
set -fu
PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C; export PATH LC_ALL
unset ENV BASH_ENV CDPATH IFS
umask 077
VERSION=1
MIN=-900
MAX=1000
KEPT=/run/oom-adj

# Never made likelier to die than they were found. A name is what the process calls itself: this guards against mistakes.
keep() {
  case $1 in
    sshd | sshd-* | systemd | systemd-* | '(sd-pam)' | dbus-daemon | dbus-broker* | init | containerd | dockerd | kubelet) ;;
    *) return 1 ;;
  esac
}

v='' pid='' new=''
by=${SUDO_USER:-${DOAS_USER:-$(id -un)}}
log() { logger -t oom-adj -p "auth.$1" "$2 by=$by" >/dev/null 2>&1 </dev/null; }
no() {
  printf 'refused %s\n' "$1"
  log warning "refused why=$1 req=$v $pid $new"
  exit "${2:-1}"
}
num() {
  case $1 in '' | *[!0-9]* | 0?*) return 1 ;; esac
  [ "${#1}" -le "$2" ]
}
adj() { case $1 in -0) return 1 ;; -*) num "${1#-}" 4 ;; *) num "$1" 4 ;; esac }

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

[ "$#" -eq 0 ] || no args
# One write of at most 255 bytes, whole: a line cut in two must not be taken for a shorter number. NUL becomes a refused byte.
nl='
'
req=$(dd bs=256 count=1 2>/dev/null | tr '\000' '?'; echo .)
case $req in *"$nl".) req=${req%"$nl".} ;; *) no incomplete ;; esac
case $req in *[!a-z0-9\ -]*) no chars ;; esac
# shellcheck disable=SC2086 # the fields of the line, split at spaces; set -f keeps names from being expanded
set -- $req
v=${1-}
[ "$v" = v1 ] || no version
if [ "$#" -eq 2 ] && [ "$2" = hello ]; then
  can=no write=no
  capable && can=yes
  [ -w "/proc/self/$file" ] && write=yes
  echo "ok oom-adj=$VERSION min=$MIN max=$MAX capability=$can writable=$write file=$file"
  exit 0
fi
[ "$#" -eq 6 ] || no fields
boot=$2 pid=$3 start=$4 cur=$5 new=$6
num "$pid" 7 && [ "$pid" -gt 1 ] || no pid
num "$start" 18 || no starttime
adj "$cur" && adj "$new" || no number
[ "$new" -ge "$MIN" ] && [ "$new" -le "$MAX" ] || no range
read -r b </proc/sys/kernel/random/boot_id
[ "$b" = "$boot" ] || no boot 3

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
tgid='' kthread=yes
{ while read -r k x _; do case $k in Tgid:) tgid=$x ;; VmRSS:) kthread=no ;; esac done <status; } 2>/dev/null
[ -n "$tgid" ] || no gone 3
[ "$tgid" = "$pid" ] || no thread
[ "$kthread" = no ] || no kthread
{ read -r was <"$file"; } 2>/dev/null || no gone 3
old=$(value "$was")
[ "$old" = "$cur" ] || no "changed:$old" 4

# A kept one that was lowered here may go back to where it was, which is noted until the next boot.
note=$KEPT/$boot.$pid.$start
if keep "$comm"; then
  if [ "$new" -gt "$old" ]; then
    { read -r limit <"$note"; } 2>/dev/null || no protected
    [ "$new" -le "$limit" ] || no protected
  elif [ "$new" -lt "$old" ] && [ ! -e "$note" ]; then
    mkdir -p "$KEPT" && printf '%s\n' "$old" >"$note" || no note 5
  fi
fi 2>/dev/null

put=$new
[ "$file" = oom_adj ] && put=$(to_legacy "$new")
if ! { printf '%s\n' "$put" >"$file"; } 2>/dev/null; then
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
log notice "set pid=$pid start=$start comm=$(printf %s "$comm" | tr -c 'A-Za-z0-9._:/-' '?') old=$old new=$now$legacy"
echo "ok pid=$pid old=$old new=$now oom_score=$score$legacy"
