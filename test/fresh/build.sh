#!/bin/sh
# Makes a minimal Debian 12 with npm's Node 20, npm and an account `ann`, once, and prints its folder. As root; needs debootstrap, npm and,
# the first time, the network. It is there whole or not at all.
set -eu
folder=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/oombot-fresh/$(sha256sum <"$0" | cut -c 1-12)
if [ -d "$folder" ]; then echo "$folder" && exit 0; fi
mkdir -p "${folder%/*}"
work=$(mktemp -d "$folder.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
root=$work/root

debootstrap --variant=minbase bookworm "$root" ${OOMBOT_DEBIAN_MIRROR:+"$OOMBOT_DEBIAN_MIRROR"} >"$work/log" 2>&1 ||
  { tail -n 20 "$work/log" >&2; exit 1; }
mkdir "$work/node"
# Its install script brings the executable.
echo '{ "private": true, "allowScripts": { "node": true } }' >"$work/node/package.json"
npm install --prefix "$work/node" --no-audit --no-fund node@20 npm@10 >>"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; exit 1; }
cp "$work/node/node_modules/node/bin/node" "$root/usr/local/bin/node"
mkdir -p "$root/usr/local/lib/node_modules"
cp -R "$work/node/node_modules/npm" "$root/usr/local/lib/node_modules/npm"
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
ln -s ../lib/node_modules/npm/bin/npx-cli.js "$root/usr/local/bin/npx"
chroot "$root" useradd --create-home --shell /bin/sh ann
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$work/node"
chmod 755 "$work" "$root"
mv -T "$work" "$folder" || [ -d "$folder" ]
echo "$folder"
