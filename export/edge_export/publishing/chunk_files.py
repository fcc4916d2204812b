"""Files on a workstation as the contents of a release, and its chunks in the repository."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edge_runtime.bundles.verify import sha256
from edge_runtime.errors import BundleError
from edge_runtime.updates.chunking import chunks
from edge_runtime.updates.contents import (
    FORMAT,
    Chunk,
    Contents,
    FileEntry,
    Golden,
    Limits,
    contents_path,
)

_BLOCK_BYTES = 1 << 20
_COMPRESSION = 9
_EXECUTABLE = 0o100


@dataclass(frozen=True)
class Stored:
    """What was written: the contents' hash and size; how many bytes of chunks were new."""

    sha256: str
    contents_bytes: int
    size_bytes: int
    packed_bytes: int
    new_bytes: int


def store_contents(
    repository: Path,
    directory: Path,
    names: Sequence[str],
    golden: Sequence[Golden],
    limits: Limits,
) -> Stored:
    """Write the chunks of some files of a directory, then the contents that list them.

    Whoever reads the repository meanwhile sees the releases as they were.

    Raises:
        BundleError: a file changes while it is read, or is no plain file.
        OSError: the repository cannot be written.
    """
    ordered = sorted(names)
    files = [_entry(directory, name) for name in ordered]
    listed: list[Chunk] = []
    new_bytes = 0
    for content in chunks(_stream(directory, ordered)):
        packed = zlib.compress(content, _COMPRESSION)
        chunk = Chunk(hashlib.sha256(content).hexdigest(), len(content), len(packed))
        path = repository / chunk.path
        if path.is_file():
            chunk = msgspec.structs.replace(chunk, packed_bytes=path.stat().st_size)
        else:
            put(path, packed)
            new_bytes += len(packed)
        listed.append(chunk)
    if sum(chunk.size_bytes for chunk in listed) != sum(file.size_bytes for file in files):
        raise BundleError(f"{directory} changed while it was read; publish it again")
    contents = Contents(
        format=FORMAT, files=files, chunks=listed, golden=list(golden), limits=limits
    )
    raw = msgspec.json.encode(contents)
    digest = hashlib.sha256(raw).hexdigest()
    put(repository / contents_path(digest), raw)
    packed_bytes = sum({chunk.sha256: chunk.packed_bytes for chunk in listed}.values())
    return Stored(digest, len(raw), contents.size_bytes, packed_bytes, new_bytes)


def put(path: Path, content: bytes) -> None:
    """Write a file as a whole, readable by the web server; raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with new.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def _entry(directory: Path, name: str) -> FileEntry:
    path = directory / name
    if path.is_symlink() or not path.is_file():
        raise BundleError(f"{path} is no plain file, so it cannot be published")
    stat = path.stat()
    return FileEntry(name, stat.st_size, sha256(path), bool(stat.st_mode & _EXECUTABLE))


def _stream(directory: Path, names: Sequence[str]) -> Iterator[bytes]:
    for name in names:
        with (directory / name).open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                yield block
