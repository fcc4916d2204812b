"""Hashes: nothing in a bundle is used before it is known to be what the manifest says."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

import msgspec

from edge_runtime.bundles.manifest import Manifest
from edge_runtime.errors import BundleError, TamperedBundleError

_CHUNK_BYTES = 1 << 20


class HashCache:
    """SHA-256 by path, trusted while inode, size, mtime_ns and ctime_ns are the same.

    Kept in one JSON file of mode 0600; a cache that cannot be read or written is no error.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known: dict[str, tuple[list[int], str]] = {}
        self._changed = False
        if path is not None:
            with contextlib.suppress(OSError, msgspec.MsgspecError):
                self._known = msgspec.json.decode(
                    path.read_bytes(), type=dict[str, tuple[list[int], str]]
                )

    def sha256(self, path: Path) -> str:
        """Return the hex digest of a file.

        Raises:
            OSError: the file cannot be read.
        """
        stat = path.stat()
        state = [stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]
        known = self._known.get(str(path))
        if known is not None and known[0] == state:
            return known[1]
        digest = sha256(path)
        self._known[str(path)] = (state, digest)
        self._changed = True
        return digest

    def save(self) -> None:
        """Write what was learnt."""
        if self._path is None or not self._changed:
            return
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            temporary = self._path.with_suffix(f".{os.getpid()}")
            temporary.touch(mode=0o600)
            temporary.write_bytes(msgspec.json.encode(self._known))
            temporary.replace(self._path)


def sha256(path: Path) -> str:
    """Return the hex digest of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def verify_files(directory: Path, manifest: Manifest, cache: HashCache) -> None:
    """Check size and hash of every file that the manifest lists.

    Raises:
        BundleError: a file is missing, or a link leads out of the bundle.
        TamperedBundleError: a file differs.
    """
    root = directory.resolve()
    listed = {file.path for file in manifest.files}
    for name in manifest.graph.files:
        if name not in listed:
            raise BundleError(f"{directory}: the manifest has no hash for {name}")
    for file in manifest.files:
        path = directory / file.path
        if not path.resolve().is_relative_to(root):
            raise BundleError(f"{path} is a link that leaves the bundle")
        try:
            size_bytes = path.stat().st_size
            same = size_bytes == file.size_bytes and cache.sha256(path) == file.sha256
        except OSError as exc:
            raise BundleError(f"{path}: {exc.strerror}; copy the bundle again") from exc
        if not same:
            raise TamperedBundleError(
                f"{path} is not the file that the manifest describes (size or SHA-256 differs); "
                "copy the bundle again from a source that you trust"
            )
    cache.save()
