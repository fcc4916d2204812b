"""Archives of files that are unpacked on the board below ``/``, as root."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterable
from pathlib import Path

from edge_devices.services.plan import File

# of all files: the same input makes the same image, and compiled modules name the time of theirs
TIME = 1_767_225_600
_LEVEL = 6  # more takes far longer and saves a hundredth


def archive_files(files: Iterable[File]) -> bytes:
    """Return a tar archive of these files, with their modes, all owned by root."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        _add_files(archive, files)
    return buffer.getvalue()


def archive_tree(root: Path, files: Iterable[File], trees: dict[Path, Path]) -> bytes:
    """Return a compressed archive of all below ``root``, of files, and of further directories.

    ``trees`` maps where a directory lies on the board to where it is here; links in these are
    followed, as in the cache of the hub. The same input gives the same bytes.
    """
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=_LEVEL, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in sorted(root.rglob("*")):
            _add(archive, path, str(path.relative_to(root)))
        for target, directory in trees.items():
            _add_followed(archive, directory, target)
        _add_files(archive, files)
    return buffer.getvalue()


def _add_followed(archive: tarfile.TarFile, directory: Path, target: Path) -> None:
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            name = target.relative_to("/") / path.relative_to(directory)
            _add(archive, path.resolve(), str(name))


def _add(archive: tarfile.TarFile, path: Path, name: str) -> None:
    entry = archive.gettarinfo(path, name)
    _as_root(entry)
    if entry.isreg():
        with path.open("rb") as content:
            archive.addfile(entry, content)
    elif entry.isdir() or entry.issym():
        archive.addfile(entry)


def _add_files(archive: tarfile.TarFile, files: Iterable[File]) -> None:
    for file in files:
        entry = tarfile.TarInfo(str(file.path.relative_to("/")))
        entry.mode, entry.mtime = file.mode, TIME
        if file.target is not None:
            entry.type, entry.linkname = tarfile.SYMTYPE, file.target
            archive.addfile(entry)
            continue
        content = file.text.encode()
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))


def _as_root(entry: tarfile.TarInfo) -> None:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    # readable for the service's own user, whatever the umask here is
    entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
    entry.mtime = TIME
