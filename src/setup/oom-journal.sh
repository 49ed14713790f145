#!/bin/sh
# oom-journal - show an unprivileged caller, through sudo or doas, what the journal has of the kernel and of userspace killers of
# processes, and nothing else of it. Owned by root, mode 0755. No arguments. One request, one line on standard input:
#   probe                                                   whether a kernel entry can be read
#   follow|past|since all|killers fields|plain <from>       <from>: a cursor, "-" for the last 20,000 entries, or for since an epoch
# Ends when standard input closes, so that a lost SSH session leaves nothing behind.
set -fu
PATH=/usr/bin:/bin LC_ALL=C; export PATH LC_ALL
unset ENV BASH_ENV CDPATH IFS
[ "$#" -eq 0 ] || exit 2
nl='
'
req=$(dd bs=512 count=1 2>/dev/null | tr '\000' '?'; echo .)
case $req in *"$nl".) req=${req%"$nl".} ;; *) exit 64 ;; esac
case $req in *[!A-Za-z0-9=\;\ _-]*) exit 64 ;; esac
# shellcheck disable=SC2086 # the fields of the line, split at spaces
set -- $req
if [ "$#" -eq 1 ] && [ "$1" = probe ]; then
  case $(env -i PATH="$PATH" journalctl -q --no-pager -n 1 _TRANSPORT=kernel -o json </dev/null 2>/dev/null) in
    *__CURSOR*) echo '#journal-reader 1 yes' ;;
    *) echo '#journal-reader 1 no' ;;
  esac
  exit 0
fi
[ "$#" -eq 4 ] || exit 64
kind=$1 filter=$2 fields=$3 from=$4
# @REQUEST@
exec 3<&0 </dev/null
env -i PATH="$PATH" LC_ALL=C journalctl -q --no-pager -o json "$@" 3<&- & records=$!
(
  exec >/dev/null 2>&1
  input=''
  trap '[ -z "$input" ] || kill "$input"; exit' TERM
  cat <&3 & input=$!
  wait "$input"
  kill "$records"
) & watcher=$!
trap 'kill "$records" 2>/dev/null' HUP INT TERM
wait "$records"
end=$?
kill "$watcher" 2>/dev/null
exit "$end"
