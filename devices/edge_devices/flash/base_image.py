"""A stock image of Raspberry Pi OS: what system is in it, and how its first boot is told things."""

from __future__ import annotations

import lzma
import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from edge_devices.flash.errors import FlashError, ImageError
from edge_devices.flash.ext4 import Ext4Volume
from edge_devices.flash.fat import FatVolume
from edge_devices.flash.partitions import LINUX, Partition, read_partitions

FirstBoot = Literal["cloud-init", "first-run"]

_XZ = b"\xfd7zXZ\0"
_FAT_KINDS = {0x0B, 0x0C, 0xEF}
_PYTHON = re.compile(r"python(3\.\d+)", re.ASCII)
_LOADER = "/lib/ld-linux-aarch64.so.1"
_OLDEST = (3, 11)
_CHUNK = 1 << 22


@dataclass(frozen=True)
class System:
    """The system in an image: its name, ``python`` as in ``3.11``, and who runs its first boot."""

    name: str
    python: str
    first_boot: FirstBoot
    boot: Partition


def copy_base(base: Path, out: Path) -> None:
    """Copy an image, unpacked if it is compressed with xz.

    Blocks of zeros become holes, so that the copy takes no more room than it has content.

    Raises:
        FlashError: it cannot be read or written, or is damaged.
    """
    try:
        with base.open("rb") as head:
            is_xz = head.read(len(_XZ)) == _XZ
        with lzma.open(base) if is_xz else base.open("rb") as source, out.open("wb") as target:
            done = 0
            while chunk := source.read(_CHUNK):
                if any(chunk):
                    target.write(chunk)
                else:
                    target.seek(len(chunk), 1)
                done += len(chunk)
            target.truncate(done)
    except (lzma.LZMAError, EOFError) as exc:
        out.unlink(missing_ok=True)
        raise ImageError(f"{base} is damaged: {exc}; load it down again") from exc
    except OSError as exc:
        out.unlink(missing_ok=True)
        raise FlashError(f"{base} cannot be copied to {out}: {exc.strerror}") from exc


def examine(image: BinaryIO) -> System:
    """Return what system is in an image.

    Raises:
        ImageError: it is none that can be prepared; the message says why.
    """
    partitions = read_partitions(image)
    boot = next((each for each in partitions if each.kind in _FAT_KINDS), None)
    root = next((each for each in partitions if each.kind == LINUX), None)
    if boot is None or root is None:
        raise ImageError("there is no boot partition with a root partition behind it")
    files = Ext4Volume(image, root.offset)
    if not files.exists("/boot/firmware"):
        raise ImageError("its boot partition is not at /boot/firmware: older than Debian 12")
    if not files.exists(_LOADER):
        raise ImageError("it is no 64-bit system for ARM; take the image that is named arm64")
    has_cloud_init = files.exists("/usr/bin/cloud-init")
    _check_is_fresh(FatVolume(image, boot.offset), has_cloud_init=has_cloud_init)
    return System(
        _name(files), _python(files), "cloud-init" if has_cloud_init else "first-run", boot
    )


def _name(files: Ext4Volume) -> str:
    release = files.read("/etc/os-release").decode("utf-8", "replace")
    found = re.search(r'^PRETTY_NAME="?([^"\n]+)', release, re.MULTILINE)
    return found.group(1) if found else "a system without a name"


def _python(files: Ext4Volume) -> str:
    found = _PYTHON.fullmatch(files.link("/usr/bin/python3") or "")
    if found is None:
        raise ImageError("there is no Python in it; take an image of Raspberry Pi OS")
    version = found.group(1)
    if tuple(map(int, version.split("."))) < _OLDEST:
        raise ImageError(f"its Python is {version}; edge-runtime needs 3.11 or newer")
    return version


def _check_is_fresh(boot: FatVolume, *, has_cloud_init: bool) -> None:
    """See that nobody has prepared the image before, whose settings would be lost."""
    if not boot.exists("cmdline.txt"):
        raise ImageError("there is no cmdline.txt on its boot partition: no Raspberry Pi OS")
    if "systemd.run=" in boot.read("cmdline.txt").decode("utf-8", "replace"):
        raise ImageError("it already has a script for the first boot; take the stock image")
    if has_cloud_init and boot.exists("user-data"):
        text = boot.read("user-data").decode("utf-8", "replace")
        lines = [line for line in text.splitlines() if line.strip() and line[0] != "#"]
        if lines:
            raise ImageError(f"its user-data is in use ({lines[0]!r}); take the stock image")
