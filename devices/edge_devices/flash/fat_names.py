"""Directory entries of FAT: long names in Unicode, and the short ones behind them.

Microsoft's FAT32 File System Specification 1.03, "FAT Directory Structure" and "Long Directory
Entries".
"""

from __future__ import annotations

import re
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass

SIZE = 32
DIRECTORY, VOLUME, LONG_NAME = 0x10, 0x08, 0x0F

_SHORT = struct.Struct("<11sBBBHHHHHHHI")
_DELETED, _END = 0xE5, 0x00
_LAST_LONG = 0x40
_UNITS = 13  # UTF-16 units in one long entry
_LOWER_STEM, _LOWER_SUFFIX = 0x08, 0x10
_PLAIN = re.compile(r"[A-Z0-9_-]{1,8}(\.[A-Z0-9_-]{1,3})?", re.ASCII)
_CREATED = (2026 - 1980) << 9 | 1 << 5 | 1  # fixed, so that the same input makes the same image


@dataclass(frozen=True)
class Entry:
    """A file or directory; ``at`` is the offset of its short entry in the directory's bytes."""

    name: str
    short: bytes
    is_directory: bool
    cluster: int
    size: int
    at: int


def read_entries(directory: bytes) -> Iterator[Entry]:
    """Yield what a directory holds, without the volume's label and without ``.`` and ``..``."""
    parts: list[bytes] = []
    for at in range(0, len(directory), SIZE):
        entry = directory[at : at + SIZE]
        if entry[0] == _END:
            return
        if entry[0] == _DELETED:
            parts = []
        elif entry[11] == LONG_NAME:
            parts.insert(0, entry[1:11] + entry[14:26] + entry[28:32])
        else:
            fields = _SHORT.unpack(entry)
            short, attributes, case = fields[:3]
            if not attributes & VOLUME and short[:1] != b".":
                long = b"".join(parts).decode("utf-16-le", "replace").split("\0", 1)[0]
                name = long or _of_short(short, case)
                cluster = fields[7] << 16 | fields[10]
                yield Entry(name, short, bool(attributes & DIRECTORY), cluster, fields[11], at)
            parts = []


def make_entries(
    name: str, taken: Collection[bytes], *, is_directory: bool, cluster: int, size: int
) -> bytes:
    """Return the entries of a new file; ``taken`` are the short names that its directory has."""
    short = _short_for(name, taken)
    return _long_entries(name, short) + short_entry(short, is_directory, cluster, size)


def short_entry(short: bytes, is_directory: bool, cluster: int, size: int) -> bytes:  # noqa: FBT001 - fields in their order
    """Return the entry that says where the content is."""
    attributes = DIRECTORY if is_directory else 0x20
    high, low = cluster >> 16, cluster & 0xFFFF
    return _SHORT.pack(short, attributes, 0, 0, 0, _CREATED, _CREATED, high, 0, _CREATED, low, size)


def place(entry: bytes, cluster: int, size: int) -> bytes:
    """Return a short entry that is otherwise unchanged with new content."""
    fields = list(_SHORT.unpack(entry))
    fields[7], fields[10], fields[11] = cluster >> 16, cluster & 0xFFFF, size
    return _SHORT.pack(*fields)


def free_run(directory: bytes, count: int) -> int | None:
    """Return the offset of the first run of that many free entries, None if there is none."""
    run = 0
    for at in range(0, len(directory), SIZE):
        run = run + 1 if directory[at] in {_DELETED, _END} else 0
        if run == count:
            return at - (count - 1) * SIZE
    return None


def _of_short(short: bytes, case: int) -> str:
    stem, suffix = short[:8].decode("ascii", "replace"), short[8:].decode("ascii", "replace")
    stem = stem.rstrip().lower() if case & _LOWER_STEM else stem.rstrip()
    suffix = suffix.rstrip().lower() if case & _LOWER_SUFFIX else suffix.rstrip()
    return f"{stem}.{suffix}" if suffix else stem


def _short_for(name: str, taken: Collection[bytes]) -> bytes:
    upper = name.upper()
    stem, _, suffix = upper.rpartition(".") if "." in upper else (upper, "", "")
    plain = stem.ljust(8).encode("ascii", "replace") + suffix.ljust(3).encode("ascii", "replace")
    if _PLAIN.fullmatch(upper) and plain not in taken:
        return plain
    clean = re.sub(r"[^A-Z0-9_-]", "", stem) or "X"
    tail = re.sub(r"[^A-Z0-9_-]", "", suffix)[:3].ljust(3)
    number = 1
    while True:
        mark = f"~{number}"
        short = f"{(clean[: 8 - len(mark)] + mark).ljust(8)}{tail}".encode("ascii")
        if short not in taken:
            return short
        number += 1


def _long_entries(name: str, short: bytes) -> bytes:
    units = name.encode("utf-16-le")
    if len(units) % (2 * _UNITS):
        units += b"\0\0"
    units += b"\xff" * (-len(units) % (2 * _UNITS))
    check = 0
    for byte in short:
        check = ((check & 1) << 7) + (check >> 1) + byte & 0xFF
    pieces = [units[at : at + 2 * _UNITS] for at in range(0, len(units), 2 * _UNITS)]
    entries: list[bytes] = []
    for number, piece in enumerate(pieces, start=1):
        order = number | (_LAST_LONG if number == len(pieces) else 0)
        head = bytes([order]) + piece[:10] + bytes([LONG_NAME, 0, check])
        entries.insert(0, head + piece[10:22] + b"\0\0" + piece[22:])
    return b"".join(entries)
