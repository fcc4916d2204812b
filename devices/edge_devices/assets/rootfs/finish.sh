#!/bin/sh
# Puts files into the finished system, takes out what boots it, and makes the file system.
set -eu
root=$1

rm -f "$root/usr/sbin/update-initramfs"
chroot "$root" dpkg-divert --local --rename --remove /usr/sbin/update-initramfs

for archive in "$work"/archives/*; do
    tar -xpf "$archive" -C "$root" --keep-directory-symlink --no-same-owner
done
sed -i 's/^root:[^:]*:/root:*:/' "$root/etc/shadow"

mkdir "$work/boot"
cp "$root"/boot/vmlinuz-* "$work/boot/vmlinuz"
cp "$root/bin/busybox" "$work/boot/"
cp "$root"/usr/lib/systemd/boot/efi/systemd-bootaa64.efi "$work/boot/" 2>/dev/null || true
cp -r "$root"/lib/modules/* "$work/boot/modules"
# without what is mounted in it meanwhile
mkdir "$work/plain"
mount --bind "$root" "$work/plain"
mke2fs -q -F -t ext4 -L edge-root -m 1 -d "$work/plain" -E "offset=$offset" "$image" "$size"
umount "$work/plain"
