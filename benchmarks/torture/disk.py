"""The disk of a node: small, and full for a while."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

_BALLAST = "ballast"
_CHUNK_BYTES = 65_536


class Disk(Protocol):
    """Where the node keeps its state."""

    @property
    def directory(self) -> Path:
        """The directory for the state."""

    def fill(self, node: int | None) -> None:
        """Leave no room; ``node`` is its process. To be called again for a new process."""

    def clear(self, node: int | None) -> None:
        """Give the room back."""


class SmallDisk:
    """A file system of its own, in memory; needs the right to mount."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def fill(self, node: int | None) -> None:
        """Write until nothing is left."""
        del node
        with (
            contextlib.suppress(OSError),
            (self.directory / _BALLAST).open("ab", buffering=0) as file,
        ):
            size_bytes = _CHUNK_BYTES
            while size_bytes:
                try:
                    file.write(bytes(size_bytes))
                except OSError:
                    size_bytes //= 2

    def clear(self, node: int | None) -> None:
        """Delete what was written."""
        del node
        (self.directory / _BALLAST).unlink(missing_ok=True)


class LimitedProcess:
    """Where nothing may be mounted: the node's files may not grow (``RLIMIT_FSIZE``)."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def fill(self, node: int | None) -> None:
        """Let no file of the node grow beyond the smallest one there is."""
        sizes = [each.stat().st_size for each in self.directory.glob("*") if each.is_file()]
        self._limit(node, min(sizes, default=0))

    def clear(self, node: int | None) -> None:
        """Take the limit away."""
        self._limit(node, resource.RLIM_INFINITY)

    def _limit(self, node: int | None, size_bytes: int) -> None:
        if node is not None:
            with contextlib.suppress(ProcessLookupError):
                limits = (size_bytes, resource.RLIM_INFINITY)
                resource.prlimit(node, resource.RLIMIT_FSIZE, limits)


@contextlib.contextmanager
def small_disk(size_mb: int) -> Iterator[Disk]:
    """Give a disk of this size, or the best that this user can have."""
    with tempfile.TemporaryDirectory(prefix="edge-torture-") as name:
        directory = Path(name) / "state"
        directory.mkdir()
        if os.geteuid() == 0 and _mount(directory, size_mb):
            try:
                yield SmallDisk(directory)
            finally:
                subprocess.run(["umount", str(directory)], check=True)
        else:
            yield LimitedProcess(directory)


def used_bytes(directory: Path) -> int:
    """Return what the node's state takes."""
    total = 0
    for path in directory.glob("**/*"):
        with contextlib.suppress(OSError):
            if path.name != _BALLAST and path.is_file():
                total += path.stat().st_size
    return total


def _mount(directory: Path, size_mb: int) -> bool:
    options = f"size={size_mb}m,mode=0700"
    command = ["mount", "-t", "tmpfs", "-o", options, "edge-torture", str(directory)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
