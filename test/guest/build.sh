#!/bin/sh
# Makes a small Debian 12 to boot in qemu, once, and prints its folder. As root; needs debootstrap, mke2fs and, the first time, the network.
# In it: kernel, initrd, disk.img (root on ext4), id (a key that logs in as root), host_key.pub. It is there whole or not at all.
set -eu
folder=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/oombot-guest/$(sha256sum <"$0" | cut -c 1-12)
if [ -d "$folder" ]; then echo "$folder" && exit 0; fi
mkdir -p "${folder%/*}"
work=$(mktemp -d "$folder.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
root=$work/root

# ForceCommand and sudoers rules are tried in it, so it has both sudo and doas, and two killers of user space, which
# stand still until a test starts them; nothing else that Debian's base has not.
debootstrap --variant=minbase \
  --include=systemd,systemd-sysv,udev,kmod,openssh-server,sudo,opendoas,procps,busybox,initramfs-tools,linux-image-cloud-amd64,earlyoom,systemd-oomd \
  bookworm "$root" ${OOMBOT_DEBIAN_MIRROR:+"$OOMBOT_DEBIAN_MIRROR"} >"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; exit 1; }

echo guest >"$root/etc/hostname"
echo '127.0.0.1 localhost guest' >"$root/etc/hosts"
echo '/dev/vda / ext4 noatime 0 1' >"$root/etc/fstab"
printf '[Match]\nType=ether\n[Network]\nAddress=10.0.2.15/24\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n' >"$root/etc/systemd/network/10-only.network"
ssh-keygen -q -t ed25519 -N '' -C guest -f "$work/id"
mkdir -p "$root/root/.ssh"
chmod 700 "$root/root/.ssh"
cp "$work/id.pub" "$root/root/.ssh/authorized_keys"
cp "$root/etc/ssh/ssh_host_ed25519_key.pub" "$work/host_key.pub"
# Many logins one after another, on a slow machine.
printf 'MaxStartups 100\nLoginGraceTime 300\n' >"$root/etc/ssh/sshd_config.d/10-guest.conf"
mkdir -p "$root/var/log/journal"
chroot "$root" sh -c 'systemctl enable systemd-networkd.service ssh.service &&
  systemctl disable earlyoom.service systemd-oomd.service systemd-oomd.socket' >>"$work/log" 2>&1
chroot "$root" systemctl mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
  fstrim.timer systemd-networkd-wait-online.service systemd-timesyncd.service getty@tty1.service console-getty.service serial-getty@ttyS0.service >>"$work/log" 2>&1

# Only what finds the disk: a small initrd is unpacked sooner where the processor is emulated.
echo 'MODULES=list' >"$root/etc/initramfs-tools/conf.d/small"
printf '%s\n' virtio_pci virtio_blk ext4 >"$root/etc/initramfs-tools/modules"
chroot "$root" update-initramfs -u -k all >>"$work/log" 2>&1
cp "$root"/boot/vmlinuz-* "$work/kernel"
cp "$root"/boot/initrd.img-* "$work/initrd"
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/doc "$root"/usr/share/locale "$work"/root/boot/*
mke2fs -q -t ext4 -d "$root" "$work/disk.img" 1500M >>"$work/log" 2>&1
rm -rf "$root"
chmod 755 "$work"
mv -T "$work" "$folder" || [ -d "$folder" ]
echo "$folder"
