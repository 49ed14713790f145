#!/bin/sh
# oom-kmsg - stream /dev/kmsg to an unprivileged caller, through sudo or doas, where only root may read it.
# Owned by root, mode 0755. No arguments. First a header, "#kmsg 1 <boot_id> <epoch_s> <uptime_s>", then the records.
# Ends when standard input closes, so that a lost SSH session leaves nothing behind. Exit 1: this reader was too slow and
# records were overwritten; start it again.
set -fu
PATH=/usr/bin:/bin LC_ALL=C; export PATH LC_ALL
unset ENV BASH_ENV CDPATH IFS
[ "$#" -eq 0 ] || exit 2
if ! { : </dev/kmsg; } 2>/dev/null; then
  echo 'refused kmsg'
  exit 5
fi
read -r boot </proc/sys/kernel/random/boot_id
read -r up _ </proc/uptime
echo "#kmsg 1 $boot $(date +%s) $up"
exec 3<&0 </dev/null
cat /dev/kmsg 3<&- & records=$!
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
