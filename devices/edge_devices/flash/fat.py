"""Reads and writes files of a FAT32 volume inside an image: no mount, no root, no other program."""

from __future__ import annotations

import array
import struct
import sys
from collections.abc import Iterator
from typing import BinaryIO

from edge_devices.flash import fat_names
from edge_devices.flash.errors import ImageError
from edge_devices.flash.fat_names import Entry
from edge_devices.flash.partitions import SECTOR

_MASK = 0x0FFFFFFF
_END = 0x0FFFFFF8
_FREE = 0
_FIRST = 2  # the first two numbers of the table stand for no cluster
_INFO_SIGNATURES = (b"RRaA", b"rrAa")


class FatVolume:
    """A FAT32 volume that begins at ``offset`` of an image, which is open for reading and writing.

    Paths are relative, with ``/``; letter case does not count, as FAT has it. Changes are in the
    image after ``flush``.

    Raises:
        ImageError: there is no FAT32 here.
    """

    def __init__(self, image: BinaryIO, offset: int) -> None:
        self._image, self._offset = image, offset
        image.seek(offset)
        boot = image.read(SECTOR)
        if len(boot) < SECTOR or boot[82:90] != b"FAT32   " or boot[510:] != b"\x55\xaa":
            raise ImageError("the boot partition is no FAT32 volume")
        sector, per_cluster, reserved, tables = struct.unpack_from("<HBHB", boot, 11)
        sectors, table_sectors = struct.unpack_from("<II", boot, 32)
        self._root: int
        self._root, info = struct.unpack_from("<IH", boot, 44)
        self._cluster_bytes: int = sector * per_cluster
        self._tables = [
            offset + (reserved + number * table_sectors) * sector for number in range(tables)
        ]
        self._info = offset + info * sector
        first_data = reserved + tables * table_sectors
        self._data = offset + first_data * sector
        clusters = (sectors - first_data) // per_cluster
        image.seek(self._tables[0])
        self._table: array.array[int] = array.array("I")
        self._table.frombytes(image.read((clusters + _FIRST) * 4))
        if sys.byteorder == "big":
            self._table.byteswap()
        self._next = _FIRST

    @property
    def free_bytes(self) -> int:
        """How much room is left, in whole clusters."""
        return self._cluster_bytes * sum(
            1 for value in self._table[_FIRST:] if value & _MASK == _FREE
        )

    def names(self, path: str = "") -> list[str]:
        """Return the names in a directory.

        Raises:
            FileNotFoundError: there is no such directory.
        """
        return [entry.name for entry in self._entries(self._directory(path))]

    def exists(self, path: str) -> bool:
        """Whether there is a file or directory of this name."""
        parent, _, name = path.rpartition("/")
        try:
            return self._find(self._directory(parent), name) is not None
        except FileNotFoundError:
            return False

    def read(self, path: str) -> bytes:
        """Return the content of a file.

        Raises:
            FileNotFoundError: there is no such file.
        """
        parent, _, name = path.rpartition("/")
        entry = self._find(self._directory(parent), name)
        if entry is None or entry.is_directory:
            raise FileNotFoundError(f"{path} is not on the boot partition")
        content = b"".join(self._read_cluster(each) for each in self._chain(entry.cluster))
        return content[: entry.size]

    def write(self, path: str, content: bytes) -> None:
        """Write a file in place of the one of this name; directories that are missing are made.

        Raises:
            ImageError: the volume is full.
        """
        parent, _, name = path.rpartition("/")
        directory = self._directory(parent, make=True)
        old = self._find(directory, name)
        if old is not None:
            if old.is_directory:
                raise ImageError(f"{path} is a directory on the boot partition")
            self._release(old.cluster)
        cluster = self._store(content, path)
        if old is None:
            self._add(directory, name, is_directory=False, cluster=cluster, size=len(content))
            return
        listing = self._listing(directory)
        entry = fat_names.place(listing[old.at : old.at + fat_names.SIZE], cluster, len(content))
        self._write_at(directory, old.at, entry)

    def flush(self) -> None:
        """Write the tables, and how much is free."""
        table = self._table[:]
        if sys.byteorder == "big":
            table.byteswap()
        for at in self._tables:
            self._image.seek(at)
            self._image.write(table.tobytes())
        self._image.seek(self._info)
        info = bytearray(self._image.read(SECTOR))
        if (bytes(info[:4]), bytes(info[484:488])) == _INFO_SIGNATURES:
            free = sum(1 for value in self._table[_FIRST:] if value & _MASK == _FREE)
            struct.pack_into("<II", info, 488, free, 0xFFFFFFFF)
            self._image.seek(self._info)
            self._image.write(info)
        self._image.flush()

    def _directory(self, path: str, *, make: bool = False) -> int:
        """Return the first cluster of a directory."""
        cluster = self._root
        for name in filter(None, path.split("/")):
            entry = self._find(cluster, name)
            if entry is None and make:
                cluster = self._make_directory(cluster, name)
                continue
            if entry is None or not entry.is_directory:
                raise FileNotFoundError(f"{path} is no directory on the boot partition")
            cluster = entry.cluster
        return cluster

    def _make_directory(self, parent: int, name: str) -> int:
        cluster = self._store(bytes(self._cluster_bytes), name)
        # the root counts as 0 in "..": the specification says so
        above = 0 if parent == self._root else parent
        dots = fat_names.short_entry(b".".ljust(11), True, cluster, 0)  # noqa: FBT003
        dots += fat_names.short_entry(b"..".ljust(11), True, above, 0)  # noqa: FBT003
        self._write_at(cluster, 0, dots)
        self._add(parent, name, is_directory=True, cluster=cluster, size=0)
        return cluster

    def _find(self, directory: int, name: str) -> Entry | None:
        wanted = name.casefold()
        return next((e for e in self._entries(directory) if e.name.casefold() == wanted), None)

    def _entries(self, directory: int) -> Iterator[Entry]:
        return fat_names.read_entries(self._listing(directory))

    def _listing(self, directory: int) -> bytes:
        return b"".join(self._read_cluster(each) for each in self._chain(directory))

    def _add(
        self, directory: int, name: str, *, is_directory: bool, cluster: int, size: int
    ) -> None:
        taken = {entry.short for entry in self._entries(directory)}
        new = fat_names.make_entries(
            name, taken, is_directory=is_directory, cluster=cluster, size=size
        )
        count = len(new) // fat_names.SIZE
        while (at := fat_names.free_run(self._listing(directory), count)) is None:
            more = self._store(bytes(self._cluster_bytes), name)
            self._table[list(self._chain(directory))[-1]] = more
        self._write_at(directory, at, new)

    def _write_at(self, directory: int, at: int, content: bytes) -> None:
        clusters = list(self._chain(directory))
        listing = bytearray(self._listing(directory))
        listing[at : at + len(content)] = content
        for number, cluster in enumerate(clusters):
            begin = number * self._cluster_bytes
            self._write_cluster(cluster, bytes(listing[begin : begin + self._cluster_bytes]))

    def _store(self, content: bytes, name: str) -> int:
        """Write content into free clusters; return the first, 0 for none."""
        count = -(-len(content) // self._cluster_bytes)
        clusters = self._take(count, name)
        for number, cluster in enumerate(clusters):
            begin = number * self._cluster_bytes
            piece = content[begin : begin + self._cluster_bytes]
            self._write_cluster(cluster, piece.ljust(self._cluster_bytes, b"\0"))
            self._table[cluster] = clusters[number + 1] if number + 1 < count else _MASK
        return clusters[0] if clusters else 0

    def _take(self, count: int, name: str) -> list[int]:
        found: list[int] = []
        for each in range(self._next, len(self._table)):
            if len(found) == count:
                break
            if self._table[each] & _MASK == _FREE:
                found.append(each)
        if len(found) < count:
            raise ImageError(
                f"the boot partition is full: {name} needs {count * self._cluster_bytes / 1e6:.0f}"
                f" MB, {self.free_bytes / 1e6:.0f} MB are free; give fewer or smaller bundles"
            )
        self._next = found[-1] + 1 if found else self._next
        return found

    def _release(self, cluster: int) -> None:
        for each in list(self._chain(cluster)):
            self._table[each] = _FREE
        self._next = _FIRST

    def _chain(self, cluster: int) -> Iterator[int]:
        steps = 0
        while _FIRST <= cluster < min(_END, len(self._table)):
            yield cluster
            cluster = self._table[cluster] & _MASK
            steps += 1
            if steps > len(self._table):
                raise ImageError("the boot partition is broken: a file goes round in a circle")

    def _read_cluster(self, cluster: int) -> bytes:
        self._image.seek(self._data + (cluster - _FIRST) * self._cluster_bytes)
        return self._image.read(self._cluster_bytes)

    def _write_cluster(self, cluster: int, content: bytes) -> None:
        self._image.seek(self._data + (cluster - _FIRST) * self._cluster_bytes)
        self._image.write(content)
