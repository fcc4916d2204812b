#!/bin/sh
# Builds the root file system; run in name spaces of its own, where it is root without being it.
# Arguments: emulator, image, offset in bytes, size in KiB, directory to work in, suite, mirror,
# packages.
set -eu
emulator=$1 image=$2 offset=$3 size=$4 work=$5 suite=$6 mirror=$7 packages=$8

if [ "$(uname -m)" != aarch64 ] && [ ! -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ]; then
    # a table of interpreters of its own: Linux 6.7 and later
    mount -t binfmt_misc none /proc/sys/fs/binfmt_misc 2>/dev/null || {
        echo "this kernel needs the emulator set up for all: apt install qemu-user-static" >&2
        exit 1
    }
    magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
    mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
    printf '%s' ":qemu-aarch64:M::$magic:$mask:$emulator:OCF" >/proc/sys/fs/binfmt_misc/register
fi

# an initramfs is made apart: here, under the emulator, it would take twenty minutes
no_initramfs='chroot "$1" dpkg-divert --local --rename --add /usr/sbin/update-initramfs
printf "#!/bin/sh\nexit 0\n" >"$1/usr/sbin/update-initramfs"
chmod 755 "$1/usr/sbin/update-initramfs"'

export image offset size work
exec mmdebstrap --mode=root --format=null --architectures=arm64 --variant=minbase \
    --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt=force-confold --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --include="$packages" --essential-hook="$no_initramfs" \
    --customize-hook='sh "$work/finish.sh" "$1"' \
    "$suite" /dev/null $mirror
