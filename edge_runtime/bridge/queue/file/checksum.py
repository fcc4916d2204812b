"""What tells a row that the disk has changed: SQLite does not notice a flipped bit in a value."""

from __future__ import annotations

import zlib


def crc(*parts: bytes) -> int:
    """Return the CRC-32 of the parts, each with its length."""
    value = 0
    for part in parts:
        value = zlib.crc32(part, zlib.crc32(len(part).to_bytes(4, "big"), value))
    return value
