/**
 * Reads one log file and those that it was rotated to. POSIX sh with stat, tail, head, sort, sha1sum of coreutils or busybox.
 *
 * In, a line each: a random word; the path; `dev:inode` read last, or -; the offset read up to; the length of the last line
 * before it and its SHA-1, by which the place is known again (0 and -: none); since when rotated files matter (epoch; 0: a
 * week); for how many seconds of following rotated files must not change; 1 to follow, 0 to stop at the end.
 * Out: the bytes of the segments, each headed by a line that starts with the random word, which no log can know:
 *
 *   WORD hello 1795400000
 *   WORD unknown                     the place is nowhere to be found; all since then follows
 *   WORD old 254:2049123 51200 0     bytes of a rotated file from this offset follow
 *   WORD live 254:2049177 0 812      bytes of the file itself follow, for as long as it stays that file; its size at first
 *   WORD rotated                     it is another file now, or was cut: ask again with the new offset
 *   WORD again                       it may have been cut between two looks: ask again with the place before the live bytes
 *
 * Rotated by rename, compressed or copied: the place is where the last line stands at the same offset. Of those files the
 * 10 newest are looked at, and 32 MiB of each are read at most.
 */
export const FILE_SCRIPT = `
IFS= read -r n; IFS= read -r f; IFS= read -r di; IFS= read -r off; IFS= read -r back; IFS= read -r hash; IFS= read -r since; IFS= read -r guard; IFS= read -r follow
case $n in ''|*[!a-f0-9]*) exit 64;; esac
case $hash in -) ;; ''|*[!a-f0-9]*) exit 64;; esac
for v in "$off" "$back" "$since" "$guard" "$follow"; do case $v in ''|*[!0-9]*) exit 64;; esac; done
case $di in -) ;; ''|*[!0-9:]*) exit 64;; esac
case $f in /*) ;; *) exit 64;; esac
# Where the key may read certain files only.
nl='
'
case \${OOMBOT_HOST:+$nl$OOMBOT_FILES$nl} in ''|*"$nl$f$nl"*) ;; *) echo "oombot-host does not read $f" >&2; exit 77;; esac
max=33554432
now=$(date +%s)
printf '%s hello %s\\n' "$n" "$now"
[ "$since" -gt 0 ] || since=$((now - 604800))
unpack() {
  case $1 in
    *.gz) gzip -dc <"$1";;
    *.xz) xz -dc <"$1";;
    *.zst) zstd -dc <"$1";;
    *) cat <"$1";;
  esac 2>/dev/null
}
is_place() {
  [ "$back" -gt 0 ] || return 0
  [ "$(tail -c +$((off - back + 1)) | head -c "$back" | sha1sum | head -c 40)" = "$hash" ]
}
rotated_files() {
  stat -c '%Y %y %d:%i %n' -- "$f".* "$f"-* 2>/dev/null | sort -n | tail -n 10 | while read -r m _ _ _ id c; do
    [ -f "$c" ] && [ -r "$c" ] && [ "$id" != "$lid" ] || continue
    [ "$m" -ge "$since" ] || [ "$id" = "$di" ] || continue
    printf '%s %s\\n' "$id" "$c"
  done
}
# From the file that holds the place on; $1=all: every file whole.
read_rotated() {
  rotated_files | {
    found=$1
    while read -r id c; do
      from=0
      if [ "$found" = no ]; then
        if [ "$back" -gt 0 ]; then unpack "$c" | is_place || continue; fi
        found=yes from=$off
      fi
      printf '%s old %s %s 0\\n' "$n" "$id" "$from"
      unpack "$c" | tail -c +$((from + 1)) | head -c "$max"
    done
    [ "$found" != no ]
  }
}
# Id and size of the file; which rotated one changed last, and when: a new copy shows in both, one that is compressed, removed or
# written to in one at most.
look() {
  id= now_size=0 sec=0 part=0 newest=
  if [ -e "$f" ]; then
    set -- $(stat -L -c '%d:%i %s %Y %y' -- "$f" "$f".* "$f"-* 2>/dev/null)
    [ "$#" -ge 6 ] || return 0
    id=$1 now_size=$2
    shift 6
  else
    set -- $(stat -L -c '%d:%i %s %Y %y' -- "$f".* "$f"-* 2>/dev/null)
  fi
  while [ "$#" -ge 6 ]; do
    frac=\${5##*.}
    case $frac in ''|*[!0-9]*) frac=0;; esac
    if [ "$3" -gt "$sec" ] || { [ "$3" -eq "$sec" ] && [ "$frac" -gt "$part" ]; }; then sec=$3 part=$frac newest=$1; fi
    shift 6
  done
}
is_new_copy() { [ "$newest" != "$copy" ] && [ "$sec.$part" != "$copied" ]; }
gnu=$(tail --version 2>/dev/null | grep GNU)
look
copy=$newest copied=$sec.$part
again=3 lid= size=0 start=0
if [ -r "$f" ] && [ -f "$f" ]; then
  exec 4<"$f"
  set -- $(stat -L -c '%d:%i %s' /proc/self/fd/4)
  lid=$1 size=$2
fi
if [ -n "$lid" ] && [ "$lid" = "$di" ] && [ "$size" -ge "$off" ] && [ "$off" -gt 0 ] && is_place <"$f"; then
  start=$off
elif [ "$off" = 0 ] && [ "$di" != - ]; then
  # Nothing was read of it yet: what was rotated since was written since.
  read_rotated all
elif [ "$di" = - ]; then
  read_rotated all
  [ "$size" -le "$max" ] || start=$((size - max))
# A file that is renamed or compressed at this moment is not found under either name.
elif ! read_rotated no && { sleep 1; ! read_rotated no; }; then
  # With no rotated file since, nothing was written to one either: the place was the end.
  if [ "$lid" = "$di" ] || [ -n "$(rotated_files)" ]; then printf '%s unknown\\n' "$n"; fi
  read_rotated all
fi
if [ -z "$lid" ]; then
  printf '%s absent\\n' "$n"
  [ "$follow" = 1 ] || exit 0
  # A rotated log comes back with its next line.
  exec 3<&0
  ( exec >/dev/null 2>&1; while read -r _ <&3; do :; done ) & a=$!
  while [ ! -r "$f" ] && kill -0 "$a" 2>/dev/null; do sleep 1; done
  kill "$a" 2>/dev/null
  printf '%s rotated\\n' "$n"
  exit 0
fi
printf '%s live %s %s %s\\n' "$n" "$lid" "$start" "$size"
if [ "$follow" != 1 ]; then
  tail -c +$((start + 1)) <&4 | head -c "$max"
  exit 0
fi
exec 3<&0
# GNU tail says on standard error when the file was cut, in order if both go one way. It looks at a descriptor's path as often as it is
# told to: inotify it uses for a file's own name alone, which may be another file by then. Others read on each second where they stopped.
if [ -n "$gnu" ]; then
  tail -s 0.1 -c +$((start + 1)) -f /proc/self/fd/4 </dev/null 2>&1 3<&- & p=$!
else
  ( tail -c +$((start + 1)); while sleep 1; do cat; done ) <&4 3<&- & p=$!
fi
( exec >/dev/null 2>&1; while read -r _ <&3; do :; done; kill "$p" ) & w=$!
(
  exec >/dev/null 2>&1 3<&-
  say=0 waited=
  while kill -0 "$$"; do
    look
    if [ -n "$id" ]; then
      # How far fd 4 was read is exact, where it is what is read.
      [ -n "$gnu" ] || read -r _ size < /proc/self/fdinfo/4
      [ "$id" = "$lid" ] && [ "$now_size" -ge "$size" ] || break
      size=$now_size
      # Copied: a cut will follow. When none is seen, it came before the file was opened or read: the copy holds what nobody saw.
      if [ "$guard" -gt 0 ] && is_new_copy; then
        if [ "$waited" = "$sec.$part" ]; then say=$again; break; fi
        waited=$sec.$part
      fi
    fi
    [ "$guard" = 0 ] || guard=$((guard - 1))
    sleep 1
  done
  kill -0 "$$" && kill "$p"
  exit "$say"
) & r=$!
wait "$p"
kill "$w" "$r" 2>/dev/null
wait "$r" 2>/dev/null
if [ "$?" = "$again" ]; then printf '%s again\\n' "$n"; else printf '%s rotated\\n' "$n"; fi
`;

/** What GNU tail says when the file became shorter than what it has read. */
export const CUT_NOTICE = 'tail: /proc/self/fd/4: file truncated';
