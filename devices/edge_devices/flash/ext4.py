"""Looks up files of an ext4 volume inside an image (layout: the kernel's filesystems/ext4)."""

from __future__ import annotations

import posixpath
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from edge_devices.flash.errors import ImageError

_HEAD = 1024  # where the superblock begins, and its size
_MAGIC = 0xEF53
_ROOT_INODE = 2
_IS_64BIT = 0x80
_HAS_EXTENTS = 0x80000
_EXTENT_MAGIC = 0xF30A
_INLINE_LINK = 60
_LONGEST_EXTENT = 0x8000  # longer ones are reserved but not written: zeros
_MOST_LINKS = 16


@dataclass(frozen=True)
class _Inode:
    mode: int
    size: int
    flags: int
    blocks: bytes


class Ext4Volume:
    """An ext4 volume that begins at ``offset`` of an image; paths are absolute.

    Raises:
        ImageError: there is no ext4 here.
    """

    def __init__(self, image: BinaryIO, offset: int) -> None:
        self._image, self._offset = image, offset
        image.seek(offset + _HEAD)
        head = image.read(_HEAD)
        if len(head) < _HEAD or struct.unpack_from("<H", head, 0x38)[0] != _MAGIC:
            raise ImageError("the second partition is no ext4 volume")
        (first_block,) = struct.unpack_from("<I", head, 0x14)
        self._block = 1024 << struct.unpack_from("<I", head, 0x18)[0]
        (self._per_group,) = struct.unpack_from("<I", head, 0x28)
        (self._inode_bytes,) = struct.unpack_from("<H", head, 0x58)
        self._is_64bit = bool(struct.unpack_from("<I", head, 0x60)[0] & _IS_64BIT)
        self._group_bytes = struct.unpack_from("<H", head, 0xFE)[0] if self._is_64bit else 32
        self._groups = offset + (first_block + 1) * self._block

    def exists(self, path: str) -> bool:
        """Whether there is anything of this name; links are followed."""
        return self._lookup(path) is not None

    def read(self, path: str) -> bytes:
        """Return the content of a file.

        Raises:
            FileNotFoundError: there is no such file.
        """
        inode = self._lookup(path)
        if inode is None or not stat.S_ISREG(inode.mode):
            raise FileNotFoundError(f"{path} is not in the image")
        return self._content(inode)

    def link(self, path: str) -> str | None:
        """Return where a symbolic link points, None if it is none or not there."""
        inode = self._lookup(path, follow=False)
        return None if inode is None or not stat.S_ISLNK(inode.mode) else self._target(inode)

    def _lookup(self, path: str, *, follow: bool = True) -> _Inode | None:
        for _ in range(_MOST_LINKS):
            inode, rest = self._inode(_ROOT_INODE), posixpath.normpath(path).strip("/").split("/")
            for number, name in enumerate(rest):
                found = self._entry(inode, name)
                if found is None:
                    return None
                inode = self._inode(found)
                is_last = number == len(rest) - 1
                if stat.S_ISLNK(inode.mode) and (follow or not is_last):
                    parent = "/" + "/".join(rest[:number])
                    path = posixpath.join(parent, self._target(inode), *rest[number + 1 :])
                    break
            else:
                return inode
        return None

    def _entry(self, directory: _Inode, name: str) -> int | None:
        if not stat.S_ISDIR(directory.mode):
            return None
        content, at, wanted = self._content(directory), 0, name.encode()
        while at + 8 <= len(content):
            number, length, name_length = struct.unpack_from("<IHB", content, at)
            if number and content[at + 8 : at + 8 + name_length] == wanted:
                return int(number)
            at += max(length, 8)
        return None

    def _inode(self, number: int) -> _Inode:
        group, index = divmod(number - 1, self._per_group)
        entry = self._read(self._groups + group * self._group_bytes, self._group_bytes)
        (table,) = struct.unpack_from("<I", entry, 8)
        if self._is_64bit:
            table |= struct.unpack_from("<I", entry, 0x28)[0] << 32
        raw = self._read(self._offset + table * self._block + index * self._inode_bytes, 128)
        (mode, size, flags) = (
            struct.unpack_from("<H", raw)[0],
            struct.unpack_from("<I", raw, 4)[0] | struct.unpack_from("<I", raw, 0x6C)[0] << 32,
            struct.unpack_from("<I", raw, 0x20)[0],
        )
        return _Inode(mode, size, flags, raw[0x28:0x64])

    def _target(self, inode: _Inode) -> str:
        if inode.size < _INLINE_LINK and not inode.flags & _HAS_EXTENTS:
            return inode.blocks[: inode.size].decode()
        return self._content(inode).decode()

    def _content(self, inode: _Inode) -> bytes:
        if not inode.flags & _HAS_EXTENTS:
            raise ImageError("the second partition is no ext4 volume with extents")
        content = bytearray(inode.size)
        for begin, count, start in self._extents(inode.blocks):
            at = begin * self._block
            piece = self._read(self._offset + start * self._block, count * self._block)
            content[at : at + len(piece)] = piece[: max(0, inode.size - at)]
        return bytes(content)

    def _extents(self, node: bytes) -> Iterator[tuple[int, int, int]]:
        """Yield the first block in the file, how many, and the first block on the volume."""
        magic, count, _, depth = struct.unpack_from("<HHHH", node)
        if magic != _EXTENT_MAGIC:
            raise ImageError("the second partition is broken: an extent is no extent")
        for number in range(count):
            at = 12 + number * 12
            if depth:
                _, low, high = struct.unpack_from("<IIH", node, at)
                yield from self._extents(
                    self._read(self._offset + (high << 32 | low) * self._block, self._block)
                )
            else:
                begin, length, high, low = struct.unpack_from("<IHHI", node, at)
                if length <= _LONGEST_EXTENT:
                    yield begin, length, high << 32 | low

    def _read(self, at: int, size: int) -> bytes:
        self._image.seek(at)
        return self._image.read(size)
