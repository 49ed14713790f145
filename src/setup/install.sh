changes=0
say() { printf '%s\n' "$1"; }
did() { changes=$((changes + 1)) && say "+ $1"; }
same() { say "= $1"; }
note() { say "! $1"; }
die() { say "! $1. Nothing more was done." >&2 && exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# put FILE MODE TEXT CHECK: the text becomes FILE, owned by root, in one step and only if CHECK accepts it.
# The name of the new file ends so that neither sudo nor sshd nor doas reads it.
put() {
  rm -f "$1.oombot-new"
  (umask 077 && say "$3" >"$1.oombot-new")
  chown 0:0 "$1.oombot-new" && chmod "$2" "$1.oombot-new"
  if ! "$4" "$1.oombot-new"; then
    rm -f "$1.oombot-new"
    die "$1 was not written: its new text does not pass its own check"
  fi
  if [ -f "$1" ] && [ ! -h "$1" ] && [ "$(rights "$1")" = "$(rights "$1.oombot-new")" ] &&
    [ "$(cat "$1" && echo .)" = "$(cat "$1.oombot-new" && echo .)" ]; then
    rm -f "$1.oombot-new"
    same "$1"
  else
    mv -f "$1.oombot-new" "$1"
    if have restorecon; then restorecon "$1" || true; fi
    did "$1"
  fi
}
# shellcheck disable=SC2012 # one file with a name of ours; stat is not everywhere
rights() { ls -lnd "$1" | awk '{ print substr($1, 1, 10), $3, $4 }'; }
folder() { [ -d "$1" ] || { mkdir -p "$1" && chmod 755 "$1" && did "$1"; }; }
# What FILE holds beside our block.
beside() { awk -v begin="$BEGIN" -v end="$END" '$0 == begin { skip = 1 } !skip { print } $0 == end { skip = 0 }' "$1"; }
any() { :; }
sudoers() { ! have visudo || visudo -cqf "$1"; }
doas_conf() { doas -C "$1"; }
sshd_config() { sshd -t -f "$1"; }
sshd_drop_in() {
  cat "$SSHD_CONFIG" "$1" >"$1-all" && fine=yes
  sshd -t -f "$1-all" || fine=no
  rm -f "$1-all"
  [ "$fine" = yes ]
}

[ "$(id -u)" = 0 ] || die 'This must be run as root'

# 2. Accounts: no password, /bin/sh, and nothing of their own that they could write to: the home and the key in it belong
# to root, so that whoever holds the key cannot lift what restricts it.
mark_of() { awk -F: -v user="$1" '$1 == user { print $5 }' /etc/passwd; }
account() {
  if id "$1" >/dev/null 2>&1; then
    same "account $1"
    return
  fi
  if have useradd; then
    if grep -q "^$1:" /etc/group; then set -- "$1" -g "$1"; else set -- "$1" -U; fi
    name=$1 && shift
    useradd -r -M "$@" -d "/home/$name" -s /bin/sh -c "$MARK" -p '*' "$name"
    set -- "$name"
  else
    grep -q "^$1:" /etc/group || addgroup -S "$1"
    adduser -D -H -S -G "$1" -h "/home/$1" -s /bin/sh -g "$MARK" "$1"
    # '*' is no password that could be right; '!' would be a locked account, which sshd refuses even with a key.
    say "$1:*" | chpasswd -e >/dev/null 2>&1
  fi
  did "account $1"
}
member() {
  grep -q "^$2:" /etc/group || return 0
  case " $(id -Gn "$1") " in
    *" $2 "*) same "$1 in group $2" ;;
    *)
      if have usermod; then usermod -aG "$2" "$1"; else addgroup "$1" "$2"; fi
      did "$1 in group $2"
      ;;
  esac
}
# leave USER GROUP
leave() {
  case " $(id -Gn "$1") " in
    *" $2 "*)
      if have gpasswd; then gpasswd -d "$1" "$2" >/dev/null; elif have delgroup; then delgroup "$1" "$2"; else
        note "$1 is in group $2, which it no longer needs: take it out"
        return
      fi
      did "$1 out of group $2"
      ;;
  esac
}
# key_lines KEYS FORCED JUMP_TO: the lines of authorized_keys. Before OpenSSH 7.2 "restrict" was not known.
key_lines() {
  limits=restrict${3:+,port-forwarding}
  case $(ssh -V 2>&1) in
    OpenSSH_[1-6].* | OpenSSH_7.[01]*) limits=no-pty,no-agent-forwarding,no-X11-forwarding,no-user-rc$([ -n "$3" ] || printf ',no-port-forwarding') ;;
  esac
  for target in $3; do limits=$limits,permitopen=\"$target\"; done
  say "$1" | while IFS= read -r key; do
    # Nobody is there to touch a FIDO key when the bot logs in.
    case $key in sk-*) touch=,no-touch-required ;; *) touch= ;; esac
    say "$limits$touch${FROM:+,from=\"$FROM\"},command=\"$2\" $key"
  done
}
# The keys of a file of ours, without what restricts them.
keys_in() { sed -n -E 's/^(.*[ ,"])?((ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp[0-9]*|sk-[a-z0-9-]*@openssh\.com) AAAA.*)$/\2/p' "$1"; }
check_keys() {
  if [ "$1" = "$PASTE" ]; then
    if [ ! -s "$2" ] || [ -z "$(keys_in "$2")" ]; then
      die "No key was given: put the public key of the bot in place of the line \"$PASTE\" and run this again"
    fi
    return 0
  fi
  say "$1" | while IFS= read -r key; do
    case $key in
      'ssh-ed25519 AAAA'* | 'ssh-rsa AAAA'* | 'ecdsa-sha2-nistp'*' AAAA'* | 'sk-'*'@openssh.com AAAA'*) ;;
      *) exit 1 ;;
    esac
  done || die 'The key is not a public key of OpenSSH, such as "ssh-ed25519 AAAA... oombot"'
}
# put_keys KEYS FILE FORCED JUMP_TO: none given leaves those that are there, restricted as they should be.
put_keys() {
  if [ "$1" = "$PASTE" ]; then set -- "$(keys_in "$2")" "$2" "$3" "$4"; fi
  put "$2" 644 "$(key_lines "$1" "$3" "$4")" any
}

KEY_FILE=/home/$READER/.ssh/authorized_keys
WRITER_KEY_FILE=/etc/ssh/authorized_keys.d/$WRITER
DISPATCHER=/usr/local/bin/oombot-host
reader_keys=$(reader_keys) && writer_keys=$(writer_keys)
if [ -n "$WRITER" ]; then PURPOSE=watch; else PURPOSE='watch change'; fi
if ! id "$READER" >/dev/null 2>&1 || [ "$(mark_of "$READER")" = "$MARK" ]; then
  check_keys "$reader_keys" "$KEY_FILE"
  ours=yes
else
  ours=no
fi
if [ -n "$WRITER" ]; then check_keys "$writer_keys" "$WRITER_KEY_FILE"; fi
SSHD_CONFIG=''
for file in /usr/etc/ssh/sshd_config /etc/ssh/sshd_config; do [ ! -f "$file" ] || SSHD_CONFIG=$file; done
ROOT_BY=''
if have sudo; then ROOT_BY=sudo; elif have doas; then ROOT_BY=doas; fi
if [ -n "$JUMP_TO" ] && { [ -z "$SSHD_CONFIG" ] || ! have sshd; }; then die 'A bastion (--jump-to) needs the sshd of OpenSSH'; fi

# 1. The programs, before a key that runs one of them. The helpers take no arguments, so that there is nothing a rule could
# match wrongly.
folder /usr/local/bin
folder /usr/local/sbin
put "$DISPATCHER" 755 "$(oombot_host)" any
put /usr/local/sbin/oom-kmsg 755 "$(oom_kmsg)" any
put /usr/local/sbin/oom-journal 755 "$(oom_journal)" any
put /usr/local/sbin/oom-adj 755 "$(oom_adj)" any
for dir in /usr/local/bin /usr/local/sbin; do
  if [ -n "$(find /usr/local "$dir" -prune \( -perm -020 -o -perm -002 -o ! -user 0 \))" ]; then
    note "Others than root may write to $dir, and so become root through the helpers. Fix it: chown root /usr/local $dir && chmod go-w /usr/local $dir"
  fi
done

account "$READER"
if [ "$ours" = yes ]; then
  folder "/home/$READER"
  folder "/home/$READER/.ssh"
  if [ "$(rights "/home/$READER") $(rights "/home/$READER/.ssh")" != 'drwxr-xr-x 0 0 drwxr-xr-x 0 0' ]; then
    chown 0:0 "/home/$READER" "/home/$READER/.ssh" && chmod 755 "/home/$READER" "/home/$READER/.ssh"
    did "/home/$READER belongs to root"
  fi
  if have restorecon; then restorecon -R "/home/$READER" || true; fi
  put_keys "$reader_keys" "$KEY_FILE" "$DISPATCHER $PURPOSE" "$JUMP_TO"
else
  note "$READER is an account of your own, so its keys are left alone. The line for its authorized_keys: $(key_lines "$reader_keys" "$DISPATCHER $PURPOSE" "$JUMP_TO")"
fi
# The groups that may read the whole journal and, on Debian, /var/log/kern.log: the readers below show what is needed of it.
for group in systemd-journal adm; do
  if [ "$LOG_GROUPS" = yes ]; then member "$READER" "$group"; elif [ "$ours" = yes ]; then leave "$READER" "$group"; fi
done
# What its logins may take of the host together.
if [ "$ours" = yes ] && [ -d /etc/systemd/system ]; then
  slice=/etc/systemd/system/user-$(id -u "$READER").slice.d
  folder "$slice"
  put "$slice/50-oombot.conf" 644 "# Written by \"oombot setup\".
[Slice]
TasksMax=256
MemoryMax=512M" any
fi

# 3. The rules: exactly these commands, without arguments.
ADJ_BY=${WRITER:-$READER}
if [ -n "$WRITER" ]; then account "$WRITER"; fi
if [ "$ROOT_BY" = sudo ]; then
  folder /etc/sudoers.d
  rules="# Written by \"oombot setup\". The two quotes mean: without any argument.
$READER ALL=(root) NOPASSWD: /usr/local/sbin/oom-kmsg \"\", /usr/local/sbin/oom-journal \"\"
$ADJ_BY ALL=(root) NOPASSWD: /usr/local/sbin/oom-adj \"\""
  # Old RHEL wants a terminal for sudo, which the bot has not. What stands for a command comes after all else.
  if grep -qs '^[^#]*requiretty' /etc/sudoers /etc/sudoers.d/*; then
    rules="$rules
Defaults!/usr/local/sbin/oom-kmsg,/usr/local/sbin/oom-journal,/usr/local/sbin/oom-adj !requiretty"
  fi
  put "/etc/sudoers.d/$READER" 440 "$rules" sudoers
elif [ "$ROOT_BY" = doas ]; then
  rules="# Written by \"oombot setup\". Nothing after args means: without any argument.
permit nopass $READER as root cmd /usr/local/sbin/oom-kmsg args
permit nopass $READER as root cmd /usr/local/sbin/oom-journal args
permit nopass $ADJ_BY as root cmd /usr/local/sbin/oom-adj args"
  if [ -d /etc/doas.d ]; then
    put "/etc/doas.d/$READER.conf" 600 "$rules" doas_conf
  else
    [ -e /etc/doas.conf ] || (umask 077 && : >/etc/doas.conf)
    put /etc/doas.conf 600 "$(beside /etc/doas.conf)
$BEGIN
$rules
$END" doas_conf
  fi
else
  note 'Neither sudo nor doas is here: the bot can read what its groups may read, and change nothing. Install one (apt-get install sudo, dnf install sudo, zypper install sudo, apk add doas) and run this again.'
fi

# 4. The second account, for writing alone: its key runs oom-adj and nothing else, and the account cannot change that. And what
# a bastion lets through: sshd, not only the key, keeps it to these targets.
block=''
if [ -n "$JUMP_TO" ]; then
  block="Match User $READER
  AllowTcpForwarding local
  PermitOpen $JUMP_TO
  AllowStreamLocalForwarding no
  AllowAgentForwarding no
  X11Forwarding no
  PermitTunnel no
  PermitTTY no"
fi
if [ -n "$WRITER" ]; then
  [ -n "$ROOT_BY" ] || die 'A separate account for writing needs sudo or doas'
  if [ -z "$SSHD_CONFIG" ] || ! have sshd; then die 'A separate account for writing needs the sshd of OpenSSH'; fi
  forced="$DISPATCHER change"
  folder /etc/ssh/authorized_keys.d
  put_keys "$writer_keys" "$WRITER_KEY_FILE" "$forced" ''
  block="${block:+$block
}Match User $WRITER
  AuthorizedKeysFile /etc/ssh/authorized_keys.d/%u
  AuthenticationMethods publickey
  ForceCommand $forced
  PermitTTY no
  PermitUserRC no
  AllowTcpForwarding no
  AllowAgentForwarding no
  AllowStreamLocalForwarding no
  X11Forwarding no
  PermitTunnel no
  MaxSessions 2
  ClientAliveInterval 30
  ClientAliveCountMax 3"
fi
if [ -n "$block" ]; then
  before=$changes
  if grep -Eiq '^[[:space:]]*Include[[:space:]]+"?/etc/ssh/sshd_config\.d/' "$SSHD_CONFIG"; then
    folder /etc/ssh/sshd_config.d
    put "/etc/ssh/sshd_config.d/50-$READER.conf" 600 "$block" sshd_drop_in
  else
    # At the end: a Match block goes on to the end of the file.
    put "$SSHD_CONFIG" 600 "$(beside "$SSHD_CONFIG")
$BEGIN
$block
$END" sshd_config
  fi
  if [ "$changes" -gt "$before" ]; then
    for again in 'systemctl reload sshd' 'systemctl reload ssh' 'rc-service sshd reload' 'service ssh reload' 'service sshd reload'; do
      if have "${again%% *}" && $again >/dev/null 2>&1; then
        did "$again"
        again=''
        break
      fi
    done
    if [ -n "$again" ]; then note 'sshd could not be told: make it read its configuration again, by kill -HUP of its first process'; fi
  fi
fi

# What else sshd asks of the account.
if have sshd; then
  sshd -T -C "user=$READER,host=localhost,addr=127.0.0.1" 2>/dev/null | while read -r word value; do
    case $word in
      allowusers | allowgroups | denyusers | denygroups) note "sshd has a list of its own that must let $READER${WRITER:+ and $WRITER} in: $word $value" ;;
      authorizedkeysfile)
        case " $value" in
          *.ssh/authorized_keys*) ;;
          *) note "sshd looks for keys in $value and not in $KEY_FILE: put the line of that file there" ;;
        esac
        ;;
    esac
  done
fi

# 5. A try of everything, as the accounts. SELinux: who logs in by ssh is unconfined unless you mapped it otherwise
# (semanage login -l); a confined user may be kept from sudo, which shows here.
answer() { printf '%s' "$3" | su -s /bin/sh "$1" -c "$ROOT_BY -n /usr/local/sbin/$2" 2>/dev/null | head -n 1; }
if [ -n "$ROOT_BY" ]; then
  case $(SSH_ORIGINAL_COMMAND=': oombot 1 hello;' su -s /bin/sh "$READER" -c "$DISPATCHER $PURPOSE" 2>/dev/null) in
    *'#oombot-host '*) say "  $READER can run oombot-host" ;;
    *) note "$READER cannot run $DISPATCHER, which its key is for" ;;
  esac
  if have journalctl; then
    case $(answer "$READER" oom-journal 'probe
') in
      '#journal-reader 1 yes') say "  $READER can read the kernel's part of the journal through oom-journal" ;;
      '#journal-reader 1 no') note 'The journal holds no kernel entry: is systemd-journald running?' ;;
      *) note "$READER cannot read the journal through $ROOT_BY: a later rule may take back what ours gives" ;;
    esac
  fi
  case $(answer "$READER" oom-kmsg '') in
    '#kmsg '*) say "  $READER can read the kernel log through oom-kmsg" ;;
    *) note "$READER cannot read the kernel log through $ROOT_BY: a later rule may take back what ours gives, or root itself may not read /dev/kmsg here" ;;
  esac
  said=$(answer "$ADJ_BY" oom-adj 'v1 hello
')
  case $said in
    'ok oom-adj='*' capability=no '*) note "$ADJ_BY can raise values through oom-adj and bring them back; lowering them further needs CAP_SYS_RESOURCE, which root lacks here (a container?)" ;;
    'ok oom-adj='*) say "  $ADJ_BY can change values through oom-adj" ;;
    *) note "$ADJ_BY cannot change values through $ROOT_BY: a later rule may take back what ours gives" ;;
  esac
fi
if [ "$changes" = 0 ]; then say 'Nothing was changed: all was there.'; else say "$changes changed. Now on the bot: oombot check"; fi
