#!/bin/sh
# Makes a Debian 13 with OpenSSH in a folder, once, and prints it. As root; needs debootstrap and, the first time, the network.
# It is there whole or not at all.
set -eu
folder=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/oombot-trixie/$(sha256sum <"$0" | cut -c 1-12)
if [ -d "$folder" ]; then echo "$folder" && exit 0; fi
mkdir -p "${folder%/*}"
work=$(mktemp -d "$folder.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
debootstrap --variant=minbase --include=openssh-server,openssh-client trixie "$work/root" ${OOMBOT_DEBIAN_MIRROR:+"$OOMBOT_DEBIAN_MIRROR"} \
  >"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; exit 1; }
mv -T "$work/root" "$folder" || [ -d "$folder" ]
echo "$folder"
