"""An image like those of Raspberry Pi OS, made of Debian: no official one can be had everywhere.

Same partition table, boot files, mount points, and the same way of the first boot; the kernel is
Debian's, since nothing emulates a whole board.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from benchmarks.boot.build import shell_overlay
from benchmarks.boot.guest import Kernel
from edge_devices.flash.archive import archive_files, archive_tree
from edge_devices.flash.base_image import examine
from edge_devices.flash.debian import Debian, build_debian
from edge_devices.flash.fat import FatVolume
from edge_devices.flash.fat_format import format_fat32
from edge_devices.flash.partitions import FAT32, LINUX, Partition, write_partitions
from edge_devices.services.plan import File

SUITES = ("bookworm", "trixie")
TEMPLATES = {
    "user-data": b"#cloud-config\n\n# What this system is told at its first boot; nothing yet.\n",
    "network-config": b"# Networks at the first boot; nothing yet.\n",
}

_MIB = 1 << 20
_DISK_ID = 0x2FAB0001
_BOOT = Partition(1, FAT32, 4 * _MIB, 512 * _MIB)
_ROOT = Partition(2, LINUX, 516 * _MIB, 1400 * _MIB)
_COMMAND = (
    f"console=ttyAMA0 root=PARTUUID={_DISK_ID:08x}-02 rootfstype=ext4 fsck.repair=yes rootwait "
    "quiet net.ifnames=0\n"
)
_FSTAB = (
    f"PARTUUID={_DISK_ID:08x}-01 /boot/firmware vfat defaults 0 2\n"
    f"PARTUUID={_DISK_ID:08x}-02 / ext4 defaults,noatime 0 1\n"
)
_SEED = (
    "datasource_list: [NoCloud, None]\n"
    "datasource:\n  NoCloud:\n    seedfrom: file:///boot/firmware\n"
    # of the network itself, which in the emulator has a wire only
    "system_info:\n  network:\n    renderers: [netplan, networkd]\n"
)
_NETWORK = "[Match]\nType=ether\n\n[Network]\nDHCP=yes\n\n[Link]\nRequiredForOnline=no\n"
_WANTS = Path("/etc/systemd/system/multi-user.target.wants")
_PACKAGES = {"bookworm": ("passwd",), "trixie": ("cloud-init", "netplan.io", "sudo")}


def make_lookalike(suite: str, out: Path, work: Path, say: Callable[[str], None]) -> None:
    """Write the image.

    Raises:
        FlashError: a program is missing or fails.
    """
    say(f"building what looks like Raspberry Pi OS {suite}: minutes under an emulator")
    with out.open("wb") as image:
        image.truncate(_ROOT.offset + _ROOT.size)
        write_partitions(image, [_BOOT, _ROOT], _DISK_ID)
    archives = {
        "1-files.tar": archive_files(_files(suite)),
        "2-shell.tar.gz": archive_tree(shell_overlay(work / "overlay"), (), {}),
    }
    (work / "debian").mkdir()
    debian = Debian(suite, "linux-image-cloud-arm64", _PACKAGES[suite])
    kernel = build_debian(debian, out, _ROOT, archives, work / "debian")
    boot_files = {
        "cmdline.txt": _COMMAND.encode(),
        "config.txt": b"arm_64bit=1\nauto_initramfs=1\n",
        "kernel8.img": kernel.image,
        "initramfs8": kernel.initramfs,
    }
    if suite != "bookworm":
        boot_files |= {"meta-data": b"instance_id: rpios-image\n", **TEMPLATES}
    with out.open("r+b") as image:
        format_fat32(image, _BOOT.offset, _BOOT.size, "bootfs")
        boot = FatVolume(image, _BOOT.offset)
        for name, content in boot_files.items():
            boot.write(name, content)
        boot.flush()


def as_firmware(image: Path, work: Path) -> Kernel:
    """Read from the boot partition what the firmware of a Pi starts."""
    with image.open("r+b") as file:
        boot = FatVolume(file, _BOOT.offset)
        (work / "kernel").write_bytes(boot.read("kernel8.img"))
        (work / "initramfs").write_bytes(boot.read("initramfs8"))
        command = boot.read("cmdline.txt").decode().strip()
    return Kernel(work / "kernel", work / "initramfs", command)


def boot_partition(image: Path) -> bytes:
    """Return every byte of the boot partition, also those that no file has any more."""
    with image.open("rb") as file:
        file.seek(_BOOT.offset)
        return file.read(_BOOT.size)


def boot_files(image: Path, names: Iterable[str]) -> dict[str, bytes]:
    """Return those of these files that the boot partition has."""
    with image.open("r+b") as file:
        boot = FatVolume(file, _BOOT.offset)
        return {name: boot.read(name) for name in names if boot.exists(name)}


def system_in(image: Path) -> str:
    """Return how ``edge-flash`` describes the system, in one line."""
    with image.open("r+b") as file:
        found = examine(file)
    return f"{found.name}, Python {found.python}, {found.first_boot}"


def _files(suite: str) -> list[File]:
    files = [
        File(Path("/etc/fstab"), _FSTAB),
        File(Path("/etc/hostname"), "raspberrypi\n"),
        File(Path("/etc/hosts"), "127.0.0.1\tlocalhost\n127.0.1.1\traspberrypi\n"),
        File(Path("/etc/machine-id")),
        File(Path("/boot/firmware/.keep")),
        File(Path("/etc/systemd/network/80-ethernet.network"), _NETWORK),
        File(
            _WANTS / "systemd-networkd.service",
            target="/lib/systemd/system/systemd-networkd.service",
        ),
    ]
    if suite != "bookworm":
        files.append(File(Path("/etc/cloud/cloud.cfg.d/99_raspberry-pi.cfg"), _SEED))
    return files
