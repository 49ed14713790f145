#!/bin/sh
# oombot-host - the one command of the bot's key (command="..." in authorized_keys, with restrict in front). It runs the scripts
# below by their names and refuses everything else: no shell, no command of the caller's, no copying of files. Owned by root,
# mode 0755. Its arguments say what the key is for: watch, change, or both. `oombot setup` writes it.
#
# The command that the client asked for begins with ": oombot 1 NAME;". What follows is for hosts without this program.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C; export PATH LC_ALL
unset ENV BASH_ENV CDPATH IFS
umask 077
VERSION=1
# Log files that it reads, one a line.
OOMBOT_FILES='@FILES@'
# How it was set up, for the line that does so again.
OOMBOT_SETUP='@OPTIONS@'
asked=${SSH_ORIGINAL_COMMAND-}
unset SSH_ORIGINAL_COMMAND

refuse() {
  printf '\n#oombot-host %s refused %s\n' "$VERSION" "$1"
  exit 126
}
for purpose; do case $purpose in watch | change) ;; *) refuse purpose ;; esac done
case $asked in ': oombot 1 '*';'*) ;; *) refuse command ;; esac
name=${asked#': oombot 1 '}
name=${name%%;*}
case $name in
  hello) ;;
  adj) case " $* " in *' change '*) ;; *) refuse purpose ;; esac ;;
  *) case " $* " in *' watch '*) ;; *) refuse purpose ;; esac ;;
esac

# What one login may take of the host. Not every shell has each of these.
# shellcheck disable=SC3045
{
  ulimit -c 0
  ulimit -n 256
  ulimit -u 128 || ulimit -p 128
} 2>/dev/null
way=''
for one in sudo doas; do [ -n "$way" ] || ! command -v "$one" >/dev/null 2>&1 || way=$one; done
OOMBOT_HOST="$VERSION @VERBS@"
export OOMBOT_HOST OOMBOT_FILES OOMBOT_SETUP
set --
echo
case $name in
hello) echo "#oombot-host $OOMBOT_HOST" ;;
@SCRIPTS@
*) printf '#oombot-host %s refused name\n' "$VERSION" && exit 126 ;;
esac
