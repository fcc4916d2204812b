"""Makes an empty FAT32 volume (Microsoft's FAT32 File System Specification 1.03)."""

from __future__ import annotations

import struct
from typing import BinaryIO

from edge_devices.flash.errors import ImageError
from edge_devices.flash.partitions import SECTOR

_RESERVED = 32
_TABLES = 2
_LEAST_CLUSTERS = 65_525  # fewer are FAT16
_MEDIA = 0xF8
_INFO, _BACKUP = 1, 6


def format_fat32(image: BinaryIO, offset: int, size: int, label: str) -> None:
    """Format ``size`` bytes at ``offset`` of an image that is all zeros there.

    Raises:
        ImageError: it is too small.
    """
    sectors = size // SECTOR
    per_cluster = next((n for n in (8, 4, 2, 1) if sectors // n > _LEAST_CLUSTERS + 2048), None)
    if per_cluster is None:
        raise ImageError(f"{size / 1e6:.0f} MB are too few for FAT32: at least 35 MB")
    table_sectors = -(-(sectors // per_cluster + 2) * 4 // SECTOR)
    name = label.upper().ljust(11).encode("ascii")[:11]
    boot = bytearray(SECTOR)
    boot[:11] = b"\xeb\x58\x90mkfs.fat"[:11]
    struct.pack_into("<HBHBHHBHHHII", boot, 11, SECTOR, per_cluster, _RESERVED, _TABLES, 0, 0,
                     _MEDIA, 0, 63, 255, offset // SECTOR, sectors)  # fmt: skip
    struct.pack_into("<IHHIHH", boot, 36, table_sectors, 0, 0, 2, _INFO, _BACKUP)
    boot[64:67] = b"\x80\0\x29"
    struct.pack_into("<I", boot, 67, offset & 0xFFFFFFFF)
    boot[71:82] = name
    boot[82:90] = b"FAT32   "
    boot[510:] = b"\x55\xaa"
    info = bytearray(SECTOR)
    info[:4], info[484:488], info[510:] = b"RRaA", b"rrAa", b"\x55\xaa"
    clusters = (sectors - _RESERVED - _TABLES * table_sectors) // per_cluster
    struct.pack_into("<II", info, 488, clusters - 1, 0xFFFFFFFF)
    for at in (0, _BACKUP):
        _write(image, offset + at * SECTOR, bytes(boot) + bytes(info))
    # the media type, the end mark, and the root directory of one cluster
    table = struct.pack("<III", 0x0FFFFF00 | _MEDIA, 0x0FFFFFFF, 0x0FFFFFFF)
    for number in range(_TABLES):
        _write(image, offset + (_RESERVED + number * table_sectors) * SECTOR, table)
    root = offset + (_RESERVED + _TABLES * table_sectors) * SECTOR
    _write(image, root, (name + bytes([0x08])).ljust(32, b"\0"))


def _write(image: BinaryIO, at: int, content: bytes) -> None:
    image.seek(at)
    image.write(content)
