"""The chunks that a device has already: its bundles, cut as the repository cuts them."""

from __future__ import annotations

import bisect
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from edge_runtime.updates.chunking import chunks

_BLOCK_BYTES = 1 << 20


class LocalChunks:
    """Finds ``wanted`` chunks in directories that nobody changes; each is read once to cut it.

    Where a file is not what it was, ``read`` finds nothing: the hash decides, not the place.
    """

    def __init__(self, directories: Iterable[Path], wanted: set[str]) -> None:
        self._places: dict[str, tuple[_Stream, int, int]] = {}
        for directory in dict.fromkeys(each.resolve() for each in directories):
            stream = _Stream(directory)
            begin = 0
            for chunk in chunks(stream.blocks()):
                digest = hashlib.sha256(chunk).hexdigest()
                if digest in wanted:
                    self._places.setdefault(digest, (stream, begin, len(chunk)))
                begin += len(chunk)

    def __contains__(self, sha256: str) -> bool:
        """Whether a chunk was found."""
        return sha256 in self._places

    def read(self, sha256: str) -> bytes | None:
        """Return a chunk, None where it is not (any more)."""
        if sha256 not in self._places:
            return None
        stream, begin, size_bytes = self._places[sha256]
        content = stream.piece(begin, size_bytes)
        return content if hashlib.sha256(content).hexdigest() == sha256 else None


class _Stream:
    """The files of a directory one after the other, links left out."""

    def __init__(self, directory: Path) -> None:
        found = (path for path in directory.rglob("*") if path.is_file() and not path.is_symlink())
        self._files = sorted(found, key=lambda path: path.relative_to(directory).as_posix())
        self._begins: list[int] = []

    def blocks(self) -> Iterator[bytes]:
        """Yield everything, and take note of where each file begins."""
        self._begins = []
        begin = 0
        for path in self._files:
            self._begins.append(begin)
            try:
                with path.open("rb") as file:
                    while block := file.read(_BLOCK_BYTES):
                        yield block
                        begin += len(block)
            except OSError:
                continue

    def piece(self, begin: int, size_bytes: int) -> bytes:
        """Return a part, across the ends of files; less where they have become shorter."""
        content = b""
        number = bisect.bisect_right(self._begins, begin) - 1
        while len(content) < size_bytes and number < len(self._files):
            offset = begin + len(content) - self._begins[number]
            try:
                with self._files[number].open("rb") as file:
                    file.seek(offset)
                    content += file.read(size_bytes - len(content))
            except OSError:
                break
            number += 1
        return content
