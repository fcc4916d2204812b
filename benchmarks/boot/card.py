"""``edge-flash write`` under a real kernel: on a card in a reader, and on what it has to refuse."""

from __future__ import annotations

import hashlib
from pathlib import Path

from benchmarks.boot.guest import Guest

_MIB = 1 << 20
_IMAGE_MIB, _CARD_MIB = 24, 64
_IMAGE = "/var/tmp/card.img"  # noqa: S108 - in the guest
_FLASH = "/opt/edge-runtime/bin/python3 -m edge_devices.flash.cli"
_WRITE = f"{_FLASH} write {_IMAGE} /dev/sda --yes"
_TIMEOUT_S = 180.0
# what is run -> what it has to say
_EXPECTED = {
    f"{_FLASH} write {_IMAGE} /dev/vda --yes": "is built in",
    f"{_FLASH} write {_IMAGE} /dev/vda1 --yes": "is a partition; give the whole disk, /dev/vda",
    f"{_FLASH} write {_IMAGE} /dev/sda </dev/null": "nothing was written",
    "mkfs.ext4 -q -F /dev/sda && mount /dev/sda /mnt && findmnt -no SOURCE /mnt": "/dev/sda",
    f"{_WRITE} ": "is in use: sda at /mnt; run: sudo umount /dev/sda",
    f"umount /mnt; {_WRITE}": "holds card.img",
    "printf xyz | dd of=/dev/sda bs=1 seek=5000000 conv=notrunc,fsync 2>&1": "3 bytes copied",
    f"{_FLASH} verify {_IMAGE} /dev/sda": "differs from card.img at byte 500000",
    _WRITE: "holds card.img",
}


def blank_card(path: Path) -> Path:
    """Make a card that holds nothing."""
    with path.open("wb") as file:
        file.truncate(_CARD_MIB * _MIB)
    return path


def use_card(guest: Guest) -> tuple[str, list[str]]:
    """Write it in the guest; return the SHA-256 of what it should hold, and what went wrong."""
    fill = f"dd if=/dev/urandom of={_IMAGE} bs=1M count={_IMAGE_MIB} 2>/dev/null"
    digest = guest.shell(f"{fill}; sha256sum {_IMAGE} | cut -d' ' -f1")
    wrong = []
    for command, part in _EXPECTED.items():
        if part not in (said := guest.shell(command, _TIMEOUT_S)):
            wrong.append(f"{command}: {said!r} instead of {part!r}")
    return digest, wrong


def card_digest(card: Path) -> str:
    """Return the SHA-256 of as much of the card as the image has."""
    with card.open("rb") as file:
        return hashlib.sha256(file.read(_IMAGE_MIB * _MIB)).hexdigest()
