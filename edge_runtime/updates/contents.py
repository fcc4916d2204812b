"""What a release is made of: its files as one stream, the chunks of that, and how to test it."""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath
from typing import Any

import msgspec

from edge_runtime.errors import UpdateError

FORMAT = 1
MOST_BYTES = 16 * 1024 * 1024
_DIGITS = 64


class FileEntry(msgspec.Struct, frozen=True, array_like=True):
    """A file; the files in this order, one after the other, are the stream that is cut."""

    path: str
    size_bytes: int
    sha256: str
    is_executable: bool = False


class Chunk(msgspec.Struct, frozen=True, array_like=True):
    """A piece of the stream by its SHA-256; ``packed_bytes`` is its size in the repository."""

    sha256: str
    size_bytes: int
    packed_bytes: int

    @property
    def path(self) -> str:
        """Where it lies in the repository."""
        return f"chunks/{self.sha256[:2]}/{self.sha256}"


class Golden(msgspec.Struct, frozen=True):
    """A text with what its answer has to hold: each key of ``expect`` is one of the result."""

    text: str
    task: str = "ask"
    expect: dict[str, Any] = {}


class Limits(msgspec.Struct, frozen=True, omit_defaults=True):
    """The most that the publisher allows on a device; None: as the device says."""

    p95_ms: float | None = None
    rss_mb: float | None = None


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """One file of the repository, named by its own SHA-256, which the signed index holds."""

    format: int
    files: list[FileEntry]
    chunks: list[Chunk]
    golden: list[Golden] = []
    limits: Limits = Limits()

    @property
    def size_bytes(self) -> int:
        """The size of all files."""
        return sum(file.size_bytes for file in self.files)


def contents_path(sha256: str) -> str:
    """Return where contents lie in the repository."""
    return f"contents/{sha256}.json"


def read_contents(raw: bytes, sha256: str) -> Contents:
    """Read contents that have to have this hash.

    Raises:
        UpdateError: they have not, cannot be read, are of a newer format, or a path leaves the
            directory.
    """
    where = contents_path(sha256)
    if hashlib.sha256(raw).hexdigest() != sha256:
        raise UpdateError(f"{where} is not what the index says; it is refused")
    try:
        found = msgspec.json.decode(raw, type=Contents)
    except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
        raise UpdateError(f"{where}: {exc}") from exc
    if found.format != FORMAT:
        raise UpdateError(
            f"{where}: format {found.format} is not {FORMAT}, which this runtime reads; update "
            "edge-runtime first"
        )
    for file in found.files:
        path = PurePosixPath(file.path)
        if not file.path or path.is_absolute() or ".." in path.parts or "\0" in file.path:
            raise UpdateError(f"{where}: file {file.path!r} is outside the release")
    digests = [*(file.sha256 for file in found.files), *(each.sha256 for each in found.chunks)]
    if not all(len(d) == _DIGITS and set(d) <= set("0123456789abcdef") for d in digests):
        raise UpdateError(f"{where} has a hash that is no SHA-256")
    paths = [file.path for file in found.files]
    sizes = [
        *(file.size_bytes for file in found.files),
        *(each.size_bytes for each in found.chunks),
    ]
    if len(set(paths)) != len(paths) or min(sizes, default=0) < 0:
        raise UpdateError(f"{where} names a file twice, or has a size below 0")
    if sum(chunk.size_bytes for chunk in found.chunks) != found.size_bytes:
        raise UpdateError(f"{where}: its chunks are not as long as its files")
    return found
