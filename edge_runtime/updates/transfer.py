"""From a repository to a directory on this device: only the chunks that it does not have.

What was fetched is kept, chunk by chunk, so that a transfer that was cut goes on where it was. A
directory has its final name only when every byte in it is what the contents say and on the disk.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from edge_devices.durable import remove, sync, write_file
from edge_runtime.errors import UpdateError
from edge_runtime.updates.chunking import MOST_BYTES
from edge_runtime.updates.contents import Chunk, Contents, FileEntry
from edge_runtime.updates.local_chunks import LocalChunks
from edge_runtime.updates.pace import Pacer
from edge_runtime.updates.source import Source

_OVERHEAD_BYTES = 1024  # of zlib, on what cannot be made smaller
_FILE_MODE, _PROGRAM_MODE, _DIRECTORY_MODE = 0o644, 0o755, 0o755


class Transfer:
    """One release on its way; ``kept`` is where fetched chunks wait.

    ``have`` are directories whose chunks need not be fetched. OSError from any method: the disk is
    full or cannot be written.
    """

    def __init__(self, contents: Contents, kept: Path, have: Iterable[Path]) -> None:
        self._contents = contents
        self._kept = kept
        wanted = {chunk.sha256 for chunk in contents.chunks}
        self._local = LocalChunks(have, wanted)
        self._missing = {
            chunk.sha256: chunk
            for chunk in contents.chunks
            if chunk.sha256 not in self._local and not (kept / chunk.sha256).is_file()
        }

    @property
    def missing_bytes(self) -> int:
        """What has to be fetched yet."""
        return sum(chunk.packed_bytes for chunk in self._missing.values())

    @property
    def disk_bytes(self) -> int:
        """What the disk needs for what is fetched, and for the files made of it."""
        return self.missing_bytes + self._contents.size_bytes

    def fetch(
        self, source: Source, pacer: Pacer, progress: Callable[[float], None] = lambda _: None
    ) -> int:
        """Fetch what is missing; return how many bytes came. ``progress`` gets shares of 1.

        Raises:
            UnavailableError: the source is gone; what came stays for the next time.
            UpdateError: the source gives something else than the contents say.
        """
        self._kept.mkdir(parents=True, exist_ok=True, mode=0o700)
        wanted = {chunk.sha256 for chunk in self._contents.chunks}
        for path in self._kept.iterdir():
            if path.name not in wanted:  # of another release, or half a write
                remove(path)
        total = self.missing_bytes
        came = 0
        for chunk in list(self._missing.values()):
            came += self._fetch_one(chunk, source, pacer)
            progress(came / max(total, 1))
        return came

    def _fetch_one(self, chunk: Chunk, source: Source, pacer: Pacer) -> int:
        packed = source.read(chunk.path, MOST_BYTES + _OVERHEAD_BYTES)
        pacer.passed(len(packed))
        if _unpacked(packed, chunk) is None:
            raise UpdateError(
                f"{chunk.path} is not what the contents say; the repository is damaged, or "
                "somebody changed it on the way"
            )
        write_file(self._kept / chunk.sha256, packed)
        del self._missing[chunk.sha256]
        return len(packed)

    def assemble(self, directory: Path) -> None:
        """Make the files of the release in a directory of this name, which must not exist.

        Raises:
            UpdateError: a file is not what the contents say, or a chunk is gone.
        """
        work = directory.with_name(f"{directory.name}.part")
        remove(work)
        work.mkdir(mode=_DIRECTORY_MODE)
        pieces = _Pieces(self._chunks())
        for file in self._contents.files:
            _write(work, file, pieces)
        for path in [*(each for each in work.rglob("*") if each.is_dir()), work]:
            path.chmod(_DIRECTORY_MODE)
            sync(path)
        work.rename(directory)
        sync(directory.parent)

    def clear(self) -> None:
        """Delete what was fetched."""
        remove(self._kept)

    def _chunks(self) -> Iterator[bytes]:
        for chunk in self._contents.chunks:
            content = self._local.read(chunk.sha256)
            if content is None:
                path = self._kept / chunk.sha256
                content = _unpacked(path.read_bytes(), chunk) if path.is_file() else None
                if content is None:
                    remove(path)
                    raise UpdateError(f"chunk {chunk.sha256[:12]} is gone or damaged; try again")
            yield content


class _Pieces:
    """A stream of chunks that is read in other lengths."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def take(self, size_bytes: int) -> Iterator[memoryview]:
        """Yield the next bytes, in pieces."""
        while size_bytes:
            if not self._rest:
                self._rest = memoryview(next(self._chunks))
            piece = self._rest[:size_bytes]
            self._rest = self._rest[len(piece) :]
            size_bytes -= len(piece)
            yield piece


def _write(work: Path, entry: FileEntry, pieces: _Pieces) -> None:
    path = work / entry.path
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with path.open("xb") as file:
        for piece in pieces.take(entry.size_bytes):
            digest.update(piece)
            file.write(piece)
    if digest.hexdigest() != entry.sha256:
        raise UpdateError(f"{entry.path} is not what the contents say; the repository is damaged")
    path.chmod(_PROGRAM_MODE if entry.is_executable else _FILE_MODE)
    sync(path)


def _unpacked(packed: bytes, chunk: Chunk) -> bytes | None:
    """Return a chunk, None if it is another; memory stays within its size, whatever is packed."""
    unpacking = zlib.decompressobj()
    try:
        content = unpacking.decompress(packed, min(chunk.size_bytes, MOST_BYTES) + 1)
    except zlib.error:
        return None
    return content if hashlib.sha256(content).hexdigest() == chunk.sha256 else None
