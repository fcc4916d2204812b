#!/bin/sh
# Puts the node into the finished system, takes out what boots it, and makes the file system.
set -eu
root=$1

tar -xpf "$work/files.tar" -C "$root" --keep-directory-symlink --no-same-owner
for archive in "$work"/installation.tar.gz "$work"/overlay.tar; do
    [ -f "$archive" ] && tar -xpf "$archive" -C "$root" --keep-directory-symlink --no-same-owner
done
sed -i 's/^root:[^:]*:/root:*:/' "$root/etc/shadow"
rm -f "$root/usr/sbin/update-initramfs"
chroot "$root" dpkg-divert --local --rename --remove /usr/sbin/update-initramfs

mkdir "$work/boot"
cp "$root"/boot/vmlinuz-* "$work/boot/vmlinuz"
cp "$root/bin/busybox" "$root"/usr/lib/systemd/boot/efi/systemd-bootaa64.efi "$work/boot/"
cp -r "$root"/lib/modules/* "$work/boot/modules"
mke2fs -q -F -t ext4 -L edge-root -m 1 -d "$root" -E "offset=$offset" "$image" "$size"
