changes=0
say() { printf '%s\n' "$1"; }
did() { changes=$((changes + 1)) && say "- $1"; }
have() { command -v "$1" >/dev/null 2>&1; }
mark_of() { awk -F: -v user="$1" '$1 == user { print $5 }' /etc/passwd; }
gone() { if [ -e "$1" ]; then rm -rf "$1" && did "$1"; fi; }
# Takes our block out of FILE, in one step, keeping its rights.
without_block() {
  if grep -qsxF "$BEGIN" "$1"; then
    rm -f "$1.oombot-new" && cp -p "$1" "$1.oombot-new"
    awk -v begin="$BEGIN" -v end="$END" '$0 == begin { skip = 1 } !skip { print } $0 == end { skip = 0 }' "$1" >"$1.oombot-new"
    mv -f "$1.oombot-new" "$1"
    did "our lines in $1"
  fi
}
# Its logins end first, however busy the bot is: userdel leaves an account alone that has processes.
account_gone() {
  [ "$(mark_of "$1")" = "$MARK" ] || return 0
  uid=$(id -u "$1")
  gone "/home/$1/.ssh"
  gone "/etc/systemd/system/user-$uid.slice.d/50-oombot.conf"
  rmdir "/etc/systemd/system/user-$uid.slice.d" 2>/dev/null || true
  tries=0
  while [ "$tries" -lt 50 ] && end_processes "$uid"; do
    tries=$((tries + 1))
    sleep 0.2 2>/dev/null || sleep 1
  done
  if have userdel; then userdel "$1" 2>/dev/null || userdel -f "$1"; else deluser "$1"; fi
  did "account $1"
  gone "/home/$1"
}
# Ends what runs as that uid; false: nothing does.
end_processes() {
  any=1
  for dir in /proc/[0-9]*; do
    key='' real=''
    { while read -r key real _; do [ "$key" != Uid: ] || break; done <"$dir/status"; } 2>/dev/null || continue
    if [ "$key" = Uid: ] && [ "$real" = "$1" ] && kill -KILL "${dir#/proc/}" 2>/dev/null; then any=0; fi
  done
  return "$any"
}

if [ "$(id -u)" != 0 ]; then say '! This must be run as root. Nothing was done.' >&2 && exit 1; fi

# The rules first: from here on nothing can be called any more.
gone "/etc/sudoers.d/$READER"
gone "/etc/doas.d/$READER.conf"
without_block /etc/doas.conf
gone /usr/local/sbin/oom-adj
gone /usr/local/sbin/oom-kmsg
gone /usr/local/sbin/oom-journal
gone /usr/local/bin/oombot-host
gone /run/oom-adj
for file in /etc/systemd/system/*.service.d/50-oombot.conf; do
  if [ -e "$file" ]; then say "! $file stays: a service was protected by it. To end that: rm '$file' && systemctl daemon-reload"; fi
done

before=$changes
gone "/etc/ssh/sshd_config.d/50-$READER.conf"
without_block /etc/ssh/sshd_config
if [ "$changes" -gt "$before" ]; then
  for again in 'systemctl reload sshd' 'systemctl reload ssh' 'rc-service sshd reload' 'service ssh reload' 'service sshd reload'; do
    if have "${again%% *}" && $again >/dev/null 2>&1; then break; fi
  done
fi
gone "/etc/ssh/authorized_keys.d/$WRITER"

# Accounts that this set-up made; others are left as they are, with their groups.
account_gone "$WRITER"
account_gone "$READER"
if [ "$changes" = 0 ]; then say 'Nothing was removed: nothing was there.'; else say "$changes removed."; fi
