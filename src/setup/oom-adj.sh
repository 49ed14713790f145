#!/bin/sh
# oom-adj - set one process's oom_score_adj for an unprivileged caller, through sudo, doas or an SSH forced command,
# or what a service of systemd starts with. Owned by root, mode 0755. No arguments. One request, one line on standard input:
#   v1 <boot_id> <pid> <starttime_ticks> <current_adj> <new_adj>
#   v1 unit <boot_id> <name.service> <current> <new>   OOMScoreAdjust= in 50-oombot.conf, its one drop-in here; "-": there is none
#   v1 hello                                  what this helper can do; changes nothing, logs nothing
# One line back: "ok ..." (exit 0) or "refused <reason>" (exit 1 request, 3 process gone, 4 value changed, 5 not written).
# Every request is logged: journalctl -t oom-adj, or the log of the facility auth.
# shellcheck disable=SC2015 # "check || no": no() ends the script, so it cannot follow a check that held
set -fu
PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C; export PATH LC_ALL
unset ENV BASH_ENV CDPATH IFS
umask 077
VERSION=1
MIN=-1000
MAX=1000
KEPT=/run/oom-adj
UNITS=/etc/systemd/system
DROP_IN=50-oombot.conf

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
keep_unit() { case $1 in ssh | ssh@* | sshd@* | dbus | docker | user@*) ;; *) keep "$1" ;; esac }
has_systemd() { [ -d /run/systemd/system ] && command -v systemctl >/dev/null && command -v timeout >/dev/null && command -v flock >/dev/null; }
ctl() { timeout -k 5 30 env -i PATH="$PATH" LC_ALL=C systemctl --no-ask-password "$@" </dev/null 2>/dev/null; }
# shows PROPERTY: what systemd holds of the unit.
shows() { ctl show -p "$1" -- "$unit" | sed -n "s/^$1=//p"; }
# A directory that only root can change: nobody else has put a link or a file of his own into the way.
safe() { [ -n "$(find "$1" -prune -type d -user 0 ! -perm -020 ! -perm -002 2>/dev/null)" ]; }
# What the drop-in in the working directory sets; "-": there is none; "?": it holds other than what is written here.
dropped() {
  if [ ! -e "$DROP_IN" ] && [ ! -h "$DROP_IN" ]; then echo - && return; fi
  found='?' part=''
  if [ -f "$DROP_IN" ] && [ ! -h "$DROP_IN" ]; then
    while read -r l || [ -n "$l" ]; do
      case $part$l in
        '#'* | one'#'*) ;;
        '[Service]') part=one ;;
        oneOOMScoreAdjust=*) adj "${l#*=}" && [ "$found" = '?' ] && found=${l#*=} || { found='?' && break; } ;;
        *) found='?' && break ;;
      esac
    done <"$DROP_IN"
  fi
  printf '%s\n' "$found"
}
# drop VALUE: puts the drop-in into the working directory in one step, or takes it away, and tells systemd.
drop() {
  if [ "$1" = - ]; then
    rm -f "$DROP_IN" || return 1
  else
    rm -f ".$DROP_IN.new"
    printf '# By oombot, through /usr/local/sbin/oom-adj. To undo by hand: remove this file, then systemctl daemon-reload.\n[Service]\nOOMScoreAdjust=%s\n' "$1" \
      >".$DROP_IN.new" && chmod 644 ".$DROP_IN.new" && mv -f ".$DROP_IN.new" "$DROP_IN" || { rm -f ".$DROP_IN.new" && return 1; }
  fi
  ctl daemon-reload
}
change_unit() {
  [ "$cur" = - ] || adj "$cur" || no number
  if [ "$new" != - ]; then
    adj "$new" || no number
    [ "$new" -ge "$MIN" ] && [ "$new" -le "$MAX" ] || no range
  fi
  has_systemd || no no-systemd
  safe /etc && safe "${UNITS%/*}" && safe "$UNITS" || no unsafe 5
  # Tried before exec: a shell whose exec cannot open a file is gone, without an answer.
  { mkdir -p "$KEPT" && safe "$KEPT" && printf '' >>"$KEPT/lock"; } 2>/dev/null || no note 5
  exec 9>>"$KEPT/lock"
  flock -w 20 9 || no busy 5
  dir=$UNITS/$unit.d had=yes
  [ -e "$dir" ] || [ -h "$dir" ] || had=no
  old=-
  if [ "$had" = yes ]; then
    safe "$dir" && cd "$dir" || no unsafe 5
    old=$(dropped)
  fi
  [ "$old" = "$cur" ] || no "changed:$old" 4
  if [ "$new" != - ]; then
    [ "$(shows LoadState)" = loaded ] && [ "$(shows Id)" = "$unit" ] || no unit
    before=$(shows OOMScoreAdjust)
    adj "$before" || no unit
    if keep_unit "${unit%.service}" && [ "$new" -gt "$before" ]; then no protected; fi
    [ "$had" = yes ] || mkdir -m 755 "$dir" && cd "$dir" || no read-only 5
  fi 2>/dev/null
  why=''
  if [ "$new" != - ] || [ "$old" != - ]; then
    if ! drop "$new"; then
      why=reload
      [ "$(dropped)" = "$new" ] || why=read-only
    # Another drop-in may have the last word; then this one would be an empty promise.
    elif [ "$new" != - ] && now=$(shows OOMScoreAdjust) && [ "$now" != "$new" ]; then
      why=verify:$now
    fi
    if [ -n "$why" ]; then drop "$old" 2>/dev/null; fi
  fi
  cd / && if [ "$had" = no ] || [ "$new" = - ]; then rmdir "$dir" 2>/dev/null; fi
  [ -z "$why" ] || no "$why" 5
  log notice "set unit=$unit old=$old new=$new"
  printf 'ok unit=%s old=%s new=%s\n' "$unit" "$old" "$new"
}

[ "$#" -eq 0 ] || no args
# One write of at most 511 bytes, whole: a line cut in two must not be taken for a shorter number. NUL becomes a refused byte.
nl='
'
req=$(dd bs=512 count=1 2>/dev/null | tr '\000' '?'; echo .)
case $req in *"$nl".) req=${req%"$nl".} ;; *) no incomplete ;; esac
case $req in
  'v1 unit '*[!A-Za-z0-9\ ._@:\\-]*) no chars ;;
  'v1 unit '*) ;;
  *[!a-z0-9\ -]*) no chars ;;
esac
# shellcheck disable=SC2086 # the fields of the line, split at spaces; set -f keeps names from being expanded
set -- $req
v=${1-}
[ "$v" = v1 ] || no version
if [ "$#" -eq 2 ] && [ "$2" = hello ]; then
  can=no write=no units=no
  capable && can=yes
  [ -w "/proc/self/$file" ] && write=yes
  has_systemd && units=yes
  echo "ok oom-adj=$VERSION min=$MIN max=$MAX capability=$can writable=$write file=$file units=$units"
  exit 0
fi
[ "$#" -eq 6 ] || no fields
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
