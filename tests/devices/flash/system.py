"""A tree like /sys, /proc and /dev, with disks that are files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

_BUS = "pci0000:00/ahci/host0"


class System:
    """Below ``root`` lie the disks that ``disk`` adds; a file has the device number 0:0."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("sys/class/block", "proc/self", "dev/disk/by-label"):
            (root / name).mkdir(parents=True)
        (root / "proc/self/mountinfo").write_text("")

    def disk(  # noqa: PLR0913 - all but the name are keywords
        self,
        name: str,
        *,
        size: int = 1_000_000_000,
        removable: str = "1",
        kind: str = "",
        bus: str = _BUS,
        number: str = "0:0",
        parts: Sequence[tuple[str, int, str]] = (),
    ) -> Path:
        known = self.root / "sys/devices" / bus / "block" / name
        write(known, {"dev": number, "size": size // 512, "removable": removable})
        write(known / "device", {"vendor": "Generic ", "model": "STORAGE DEVICE", "type": kind})
        (self.root / "sys/class/block" / name).symlink_to(known)
        device = self.root / "dev" / name
        device.write_bytes(b"")
        for at, (part, part_size, label) in enumerate(parts, start=1):
            write(known / part, {"partition": at, "size": part_size // 512, "dev": f"259:{at}"})
            # as the kernel shows partitions beside disks
            (self.root / "sys/class/block" / part).symlink_to(known / part)
            (self.root / "dev" / part).write_bytes(b"")
            if label:
                (self.root / "dev/disk/by-label" / label).symlink_to(self.root / "dev" / part)
        return device

    def mount(self, part: str, place: str) -> None:
        number = (self.root / "sys/class/block" / part / "dev").read_text().strip()
        line = f"30 25 {number} / {place} rw,relatime shared:1 - vfat /dev/{part} rw\n"
        (self.root / "proc/self/mountinfo").write_text(line)


def write(directory: Path, files: dict[str, object]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, value in files.items():
        (directory / name).write_text(f"{value}\n")
