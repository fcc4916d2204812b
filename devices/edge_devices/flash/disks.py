"""Which device may be erased: a removable whole disk that nobody uses, as Linux tells in /sys."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from edge_devices.flash.errors import DiskError
from edge_devices.readings import read_text

_SECTOR = 512  # of /sys, whatever the disk's is
_ROOT = Path("/")


@dataclass(frozen=True)
class Part:
    """A partition of the disk; ``mounted_at`` is empty if it is not in use."""

    name: str
    size: int
    label: str
    mounted_at: tuple[str, ...]


@dataclass(frozen=True)
class Disk:
    """A whole disk that may be erased; ``size`` in bytes."""

    path: Path
    model: str
    size: int
    parts: tuple[Part, ...]

    def lines(self) -> list[str]:
        """Return what will be lost, for people."""
        lines = [f"{self.path}: {self.model}, {self.size / 1e9:.1f} GB"]
        for part in self.parts:
            label = f" {part.label!r}" if part.label else ""
            lines.append(f"  {part.name}: {part.size / 1e6:.0f} MB{label}")
        if not self.parts:
            lines.append("  no partitions")
        return lines


def find_disk(device: Path, root: Path = _ROOT) -> Disk:
    """Return the disk; ``root`` is where /sys and /proc lie.

    Raises:
        DiskError: it is none, a part of one, built in, or in use.
    """
    path = device.resolve()
    try:
        number = path.stat()
    except OSError as exc:
        raise DiskError(f"{device}: {exc.strerror}") from exc
    name = path.name
    known = root / "sys/class/block" / name
    if (known / "partition").exists():
        whole = known.resolve().parent.name
        raise DiskError(f"{device} is a partition; give the whole disk, /dev/{whole}")
    rdev = f"{os.major(number.st_rdev)}:{os.minor(number.st_rdev)}"
    if not known.is_dir() or read_text(known / "dev").strip() != rdev:
        raise DiskError(f"{device} is no disk; give the whole disk, as /dev/sdX")
    if not _is_removable(known):
        raise DiskError(
            f"{device} ({_model(known)}) is built in: only USB disks, SD cards and other media "
            "that can be taken out are written"
        )
    size = int(read_text(known / "size").strip() or 0) * _SECTOR
    if size == 0:
        raise DiskError(f"{device} is empty: put the card into its reader")
    parts = tuple(_parts(known, root))
    _check_unused(device, name, parts, known, root)
    return Disk(path, _model(known), size, parts)


def _is_removable(known: Path) -> bool:
    if read_text(known / "removable").strip() == "1":
        return True
    # a reader that is built in does not call its cards removable, a USB disk does not either
    is_card = read_text(known / "device/type").strip() == "SD"
    return is_card or any(part.startswith("usb") for part in known.resolve().parts)


def _model(known: Path) -> str:
    words = [read_text(known / "device" / each).strip() for each in ("vendor", "model", "name")]
    return " ".join(filter(None, words)) or "no name"


def _parts(known: Path, root: Path) -> list[Part]:
    labels = {
        each.resolve().name: each.name
        for directory in ("by-partlabel", "by-label")
        for each in sorted((root / "dev/disk" / directory).glob("*"))
    }
    found = []
    for path in sorted(known.glob(f"{known.name}*/partition")):
        part = path.parent
        size = int(read_text(part / "size").strip() or 0) * _SECTOR
        mounts = _mounts(read_text(part / "dev").strip(), part.name, root)
        found.append(Part(part.name, size, labels.get(part.name, ""), mounts))
    return found


def _mounts(number: str, name: str, root: Path) -> tuple[str, ...]:
    lines = read_text(root / "proc/self/mountinfo").splitlines()
    places = [fields[4] for fields in map(str.split, lines) if fields[2:3] == [number]]
    swaps = read_text(root / "proc/swaps").splitlines()
    return (*places, *("swap" for line in swaps if line.split()[:1] == [f"/dev/{name}"]))


def _check_unused(
    device: Path, name: str, parts: tuple[Part, ...], known: Path, root: Path
) -> None:
    whole = _mounts(read_text(known / "dev").strip(), name, root)
    used = [(part.name, part.mounted_at) for part in parts if part.mounted_at]
    for each, places in [*([(name, whole)] if whole else []), *used]:
        raise DiskError(
            f"{device} is in use: {each} at {', '.join(places)}; run: sudo umount /dev/{each}"
        )
    holders = [
        holder.name
        for directory in (known, *(known / part.name for part in parts))
        for holder in sorted((directory / "holders").glob("*"))
    ]
    if holders:
        raise DiskError(f"{device} is in use by {', '.join(holders)}")
