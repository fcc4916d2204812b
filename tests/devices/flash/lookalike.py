"""Small images with the table, boot files and root file system that Raspberry Pi OS has."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from edge_devices.flash.fat import FatVolume
from edge_devices.flash.fat_format import format_fat32
from edge_devices.flash.partitions import FAT32, LINUX, Partition, write_partitions

MIB = 1 << 20
BOOT = Partition(1, FAT32, 4 * MIB, 64 * MIB)
ROOT = Partition(2, LINUX, 68 * MIB, 8 * MIB)
COMMAND = "console=tty1 root=PARTUUID=12345678-02 rootfstype=ext4 rootwait quiet"
TEMPLATE = b"#cloud-config\n# nothing is set yet\n"


def make(
    path: Path,
    *,
    python: str = "3.11",
    cloud_init: bool = False,
    loader: str = "ld-linux-aarch64.so.1",
    command: str = COMMAND,
    user_data: bytes = TEMPLATE,
) -> Path:
    """Make an image; skips the test where there is no mke2fs."""
    mke2fs = shutil.which("mke2fs", path="/usr/sbin:/sbin:/usr/bin:/opt/homebrew/sbin")
    if mke2fs is None:
        pytest.skip("mke2fs is not installed (e2fsprogs)")
    tree = path.with_name(f"{path.name}.tree")
    for directory in ("boot/firmware", "etc", "usr/bin", "usr/lib"):
        (tree / directory).mkdir(parents=True)
    (tree / "lib").symlink_to("usr/lib")
    (tree / "usr/lib" / loader).write_bytes(b"\x7fELF")
    (tree / "usr/lib/os-release").write_text('PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n')
    (tree / "etc/os-release").symlink_to("../usr/lib/os-release")
    (tree / "usr/bin/python3").symlink_to(f"python{python}")
    if cloud_init:
        (tree / "usr/bin/cloud-init").write_text("#!/usr/bin/python3\n")
    with path.open("wb") as image:
        image.truncate(ROOT.offset + ROOT.size)
        write_partitions(image, [BOOT, ROOT], 0x12345678)
    subprocess.run(
        [mke2fs, "-q", "-F", "-t", "ext4", "-d", tree, "-E", f"offset={ROOT.offset}", path,
         str(ROOT.size // 1024)], check=True, capture_output=True,
    )  # fmt: skip
    with path.open("r+b") as image:
        format_fat32(image, BOOT.offset, BOOT.size, "bootfs")
        boot = FatVolume(image, BOOT.offset)
        boot.write("cmdline.txt", f"{command}\n".encode())
        boot.write("config.txt", b"arm_64bit=1\n")
        boot.write("overlays/README", b"overlays\n")
        if cloud_init:
            boot.write("user-data", user_data)
            boot.write("meta-data", b"instance_id: rpios-image\n")
            boot.write("network-config", b"# nothing is set yet\n")
        boot.flush()
    shutil.rmtree(tree)
    return path


def boot_files(path: Path) -> dict[str, bytes]:
    """Return every file of the boot partition."""
    with path.open("r+b") as image:
        boot = FatVolume(image, BOOT.offset)
        return dict(_walk(boot, ""))


def _walk(boot: FatVolume, directory: str) -> list[tuple[str, bytes]]:
    found = []
    for name in boot.names(directory):
        path = f"{directory}/{name}".lstrip("/")
        try:
            found.append((path, boot.read(path)))
        except FileNotFoundError:
            found += _walk(boot, path)
    return found
