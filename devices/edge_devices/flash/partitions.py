"""The partition table of an image: MBR, as Raspberry Pi OS has it."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from edge_devices.flash.errors import ImageError

SECTOR = 512
FAT32, LINUX = 0x0C, 0x83

_TABLE_AT = 446
_DISK_ID_AT = 440
_SIGNATURE = b"\x55\xaa"
_ENTRY = struct.Struct("<B3sB3sII")
_ENTRIES = 4
_NO_CHS = b"\xfe\xff\xff"  # cylinders, heads and sectors: too far for them


@dataclass(frozen=True)
class Partition:
    """One of the four; ``number`` counts from 1, ``offset`` and ``size`` are bytes."""

    number: int
    kind: int
    offset: int
    size: int


def read_partitions(image: BinaryIO) -> list[Partition]:
    """Return the partitions of an image or disk.

    Raises:
        ImageError: it has no partition table of this kind.
    """
    image.seek(0)
    sector = image.read(SECTOR)
    if len(sector) < SECTOR or sector[-2:] != _SIGNATURE:
        raise ImageError("there is no partition table: not the image of a whole disk")
    found = []
    for number in range(_ENTRIES):
        _, _, kind, _, start, count = _ENTRY.unpack_from(sector, _TABLE_AT + number * _ENTRY.size)
        if kind and count:
            found.append(Partition(number + 1, kind, start * SECTOR, count * SECTOR))
    return found


def write_partitions(image: BinaryIO, partitions: Sequence[Partition], disk_id: int) -> None:
    """Write the table; ``disk_id`` is the first half of every PARTUUID."""
    table = bytearray(SECTOR)
    struct.pack_into("<I", table, _DISK_ID_AT, disk_id)
    for each in partitions:
        entry = (0, _NO_CHS, each.kind, _NO_CHS, each.offset // SECTOR, each.size // SECTOR)
        _ENTRY.pack_into(table, _TABLE_AT + (each.number - 1) * _ENTRY.size, *entry)
    table[-2:] = _SIGNATURE
    image.seek(0)
    image.write(table)
